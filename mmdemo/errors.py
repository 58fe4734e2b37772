"""The errors that this package raises on purpose."""


class MmdemoError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(MmdemoError, ValueError):
    """Something handed in cannot be taken: one sentence on what was wrong and what is accepted."""


class MissingError(InputError):
    """What was asked for is not here: a checkpoint, a data set."""
