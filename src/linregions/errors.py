"""The errors that linregions raises, each also a ``ValueError`` or a ``TypeError``, and what it warns of."""


class LinRegionsError(Exception):
    """Base of every error that linregions raises on purpose."""


class InvalidValueError(LinRegionsError, ValueError):
    """An argument has the right type but a value that cannot be used."""


class InvalidTypeError(LinRegionsError, TypeError):
    """An argument has a type that cannot be used."""


class UnsupportedModuleError(LinRegionsError, TypeError):
    """A foreign model holds a layer or operation that is not piecewise linear or not known."""


class FileFormatError(LinRegionsError, ValueError):
    """A file is truncated, foreign or damaged."""


class MissingDependencyError(LinRegionsError, ImportError, ValueError):
    """An optional package is needed for what was asked."""


class NumericalError(LinRegionsError, ValueError):
    """Rounding made the signs of a network contradict one another, so no trustworthy count exists."""


class MemoryLimitError(InvalidValueError):
    """What was asked for does not fit in the memory that was allowed.

    Parameters
    ----------
    message : str
    needed : int, optional
        Bytes that are enough, as far as this is known.
    """

    def __init__(self, message: str, needed: int | None = None) -> None:
        super().__init__(message)
        self.needed = needed


class UndecidedWarning(UserWarning):
    """Some decisions that a count rests on are so close that float64 cannot tell them from ties."""


class UnprovedWarning(UserWarning):
    """Some distances hold up to a chance of failure that the result tells, and are not proved."""


class FewPointsWarning(UserWarning):
    """So few random points carry an estimate that its standard error cannot be trusted."""


class UncachedKernelsWarning(UserWarning):
    """No folder takes compiled kernels, so that every process compiles them anew."""


class UncheckedFileWarning(UserWarning):
    """A file of an earlier version has no checksum, so that damage to a number in it cannot be told."""
