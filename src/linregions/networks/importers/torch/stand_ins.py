"""Which operator is which smooth activation, and what stands in for it where that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from linregions.networks import smooth
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.smooth import Smooth
from linregions.networks.surrogates import ActivationSurrogate, interpolated

#: The activation's name, and its formula from the operator's arguments by name (None: it has no asymptotes).
_OPERATORS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Smooth | None]]] = {
    "aten.gelu.default": ("gelu", lambda a: smooth.gelu(a["approximate"])),
    "aten.silu.default": ("silu", lambda a: smooth.silu()),
    "aten.mish.default": ("mish", lambda a: smooth.mish()),
    "aten.sigmoid.default": ("sigmoid", lambda a: smooth.sigmoid()),
    "aten.log_sigmoid.default": ("log_sigmoid", lambda a: smooth.log_sigmoid()),
    "aten.tanh.default": ("tanh", lambda a: smooth.tanh()),
    "aten.erf.default": ("erf", lambda a: smooth.erf()),
    "aten.hardswish.default": ("hardswish", lambda a: smooth.hardswish()),
    "aten.selu.default": ("selu", lambda a: smooth.selu()),
    "aten.celu.default": ("celu", lambda a: smooth.celu(float(a["alpha"]))),
    "aten.elu.default": ("elu", lambda a: smooth.elu(float(a["alpha"]), float(a["scale"]), float(a["input_scale"]))),
    "aten.softplus.default": ("softplus", lambda a: smooth.softplus(float(a["beta"]), float(a["threshold"]))),
}


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
        self._wanted, self._pieces, self._limits = wanted, pieces, (low, high)
        self._made: dict[tuple[Any, ...], ActivationSurrogate] = {}
        #: What each node was replaced by.
        self.replaced: dict[str, PiecewiseLinear] = {}
        #: Names of activations that were met and replaced.
        self.used: set[str] = set()

    @property
    def made(self) -> list[ActivationSurrogate]:
        """What was made, in the order in which activations were met."""
        return list(self._made.values())

    def of(self, operator: str, arguments: Mapping[str, Any], node: str) -> PiecewiseLinear | None:
        """Return what stands in for an operator of a node, or None where it has to be itself."""
        name, formula = _OPERATORS.get(operator, ("", None))
        if formula is None or name not in self._wanted:
            return None
        constants = {key: given for key, given in arguments.items() if isinstance(given, float | int | str)}
        key = (operator, *sorted(constants.items()))
        if key not in self._made:
            function = formula(constants)
            if function is None:
                return None
            self._made[key] = interpolated(function, self._pieces, *self._limits)
        self.used.add(name)
        self.replaced[node] = self._made[key].function
        return self.replaced[node]
