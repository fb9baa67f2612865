"""What stands in for smooth activations where that was asked for, the same for modules and for files."""

from __future__ import annotations

from linregions.networks.activations import PiecewiseLinear
from linregions.networks.smooth import Smooth
from linregions.networks.surrogates import ActivationSurrogate, interpolated


class StandIns:
    """Piecewise-linear functions for the smooth activations that were named.

    Parameters
    ----------
    wanted : set of str
        Names of activations.
    pieces : int
    low, high : float
        As in `interpolated`.
    """

    def __init__(self, wanted: set[str], pieces: int, low: float, high: float) -> None:
        self.wanted = frozenset(wanted)
        self._pieces, self._limits = pieces, (low, high)
        self._made: dict[str, ActivationSurrogate] = {}
        #: By what they replace: what each is a function of, and the function.
        self.replaced: dict[str, tuple[str, PiecewiseLinear]] = {}
        #: Names of activations that were met and replaced.
        self.used: set[str] = set()

    @property
    def made(self) -> list[ActivationSurrogate]:
        """What was made, in the order in which activations were met."""
        return list(self._made.values())

    def replace(self, what: str, root: str, name: str, smooth: Smooth) -> PiecewiseLinear:
        """Return what stands in for an activation named `name`, which makes `what` of `root`."""
        if smooth.key not in self._made:
            self._made[smooth.key] = interpolated(smooth, self._pieces, *self._limits)
        function = self._made[smooth.key].function
        self.used.add(name)
        self.replaced[what] = (root, function)
        return function
