"""The errors that this package raises on purpose."""


class MmdemoError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(MmdemoError, ValueError):
    """Something handed in cannot be taken: one sentence on what was wrong and what is accepted."""
