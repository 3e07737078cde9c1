"""Errors that the user can mend. Their message is all that is shown: what is wrong, where, and what to do."""


class UserError(Exception):
    """What is wrong is the input, not the program."""


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # CUDA, MPS; Linux, macOS; Windows


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the machine, did not suffice."""
    said = isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    return said or isinstance(error, MemoryError)
