"""Errors that the user can mend. Their message is all that is shown: what is wrong, where, and what to do."""


class UserError(Exception):
    """What is wrong is the input, not the program."""
