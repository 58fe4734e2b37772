"""The errors that this package raises on purpose."""


class MmdemoError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(MmdemoError, ValueError):
    """Something handed in cannot be taken. The message is one clear sentence: what was wrong, what is accepted."""
