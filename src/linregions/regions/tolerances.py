"""Tolerances: how close to zero counts as zero. Passed explicitly, never global."""

from dataclasses import dataclass

from linregions.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How large rounding is assumed to be, relative to the magnitudes at hand.

    A pre-activation is the sum of terms ``T_i * phi_i``. Its sign at a point is decided as zero when its
    absolute value is at most ``relative`` times the sum of the terms' absolute values. Where a point is
    itself badly determined (the crossing of two nearly parallel lines), the band is widened by the change
    that the point's own uncertainty can cause. Nothing here is an absolute length.

    Parameters
    ----------
    relative : float
        Half-width of the band around zero, in units of the magnitudes at hand (dimensionless).
        The default, ``2**-42`` (2.3e-13), is 1,024 rounding units. Of thousands of degenerate networks all came out
        right from 256 units on; ordinary ones of 40,000 regions up to millions of units.

    Raises
    ------
    InvalidValueError
        If `relative` is not a positive number of at most 0.001.

    Notes
    -----
    ``diagnostics["smallest_margin"]`` of a partition tells how far the closest decision that was *not*
    taken as zero lies from the band, in multiples of it; a value near 1 means that the count may depend
    on the tolerance. ``diagnostics["certify_advised"]`` says whether it is below 128 or some decision lies within
    its band.
    """

    relative: float = 2.0**-42

    def __post_init__(self) -> None:
        if not isinstance(self.relative, (int, float)) or not 0.0 < self.relative <= 1e-3:  # NaN fails the comparison
            raise InvalidValueError(
                f"`relative` is {self.relative!r}, but Tolerances needs a positive number of at most 0.001. "
                "Give a few rounding units, e.g. `2.0**-42`."
            )


DEFAULT_TOLERANCES = Tolerances()

# In bands. Rigorous bounds by norms, as certifying has them, come to 2 of them in 2-64-64-64 at initialisation, 67 in
# 784-256-256-256 and 35 in six layers of 64, so that what is farther off is hardly in doubt; in ten layers to 1,900.
_FAR = 128.0


def is_certifying_advised(undecided: int, smallest_margin: float) -> bool:
    """Return whether some decision was so close that `certify=True` would have had something to settle."""
    return undecided > 0 or smallest_margin < _FAR
