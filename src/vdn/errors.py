"""The exceptions `vdn` raises: each is a `VdnError` and the builtin a caller would catch."""

__all__ = [
    "ClusterError",
    "ConfigError",
    "ExistsError",
    "FileError",
    "InputError",
    "MissingExtraError",
    "NoPictureError",
    "PredictionError",
    "TooLargeError",
    "VdnError",
]


class VdnError(Exception):
    """Anything `vdn` refuses; the text says what, its value, and the way out.

    Examples
    --------
    >>> issubclass(InputError, VdnError) and issubclass(InputError, ValueError)
    True
    """


class InputError(VdnError, ValueError):
    """An argument or an array that cannot be used as it is."""


class FileError(VdnError, OSError):
    """A file that cannot be read or written."""


class PredictionError(VdnError, ArithmeticError):
    """A prediction that cannot be right: values that are not finite, noise beyond the range."""


class ExistsError(FileError, FileExistsError):
    """A file that is not replaced, for nobody asked for it."""


class ConfigError(VdnError, ValueError):
    """A training or evaluation configuration with an unknown key or a wrong value."""


class TooLargeError(FileError):
    """What is in a file takes more memory, decoded, than it may."""


class NoPictureError(FileError):
    """A file found in a folder, of no format there is."""


class MissingExtraError(VdnError, ImportError):
    """A feature whose optional dependencies are not installed."""


class ClusterError(VdnError, ConnectionError):
    """A cluster that does not answer, is lost, or cannot do what it is asked."""
