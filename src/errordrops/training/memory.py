"""Out of memory, of a GPU or of the machine: how torch says it."""

WORDS = ("out of memory", "can't allocate memory", "not enough memory")  # CUDA and MPS; Linux and macOS; Windows


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(w in str(error) for w in WORDS))
