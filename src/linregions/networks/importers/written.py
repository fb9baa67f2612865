"""Smooth activations that are written out, as ``x * sigmoid(x)`` is: recognised by what they are, never by a name.

Each value of a model is followed as a function of the values before it that it is made of entry by entry, by its
numbers at a few hundred places. What agrees everywhere with a known activation of one of them is that activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks import smooth
from linregions.networks.smooth import Smooth

#: Where functions are compared: close to zero, and far out along the asymptotes.
PLACES: FloatArray = np.concatenate([np.linspace(-12.0, 12.0, 193), [-30.0, -21.3, -15.1, 13.7, 18.9, 25.0]])
_ZERO, _ONE, _FAR = (int(np.flatnonzero(at == PLACES)[0]) for at in (0.0, 1.0, -30.0))
# What constants in single precision may change, relative to 1 + |x|; the two formulas of GELU differ by 4e-4.
_SAME = 1e-6
# How far back a value is followed: GELU by tanh takes nine operators.
_MOST_ROOTS = 16


class Trace(NamedTuple):
    """A value as a function of another, at `PLACES`."""

    numbers: FloatArray
    curved: bool  # whether it takes any operator that is not piecewise linear
    through: frozenset[str]  # values on the way, itself included


class Written(NamedTuple):
    """A value that is a smooth activation of another one."""

    root: str
    name: str  # as `approximate` takes it
    function: Smooth
    through: frozenset[str]


class Traces:
    """Values of a model by name, each made once, in order."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Trace]] = {}

    def enter(self, made: str, function: Callable[..., Any], operands: Sequence[str | float], curved: bool) -> None:
        """Say that a value is made entry by entry of others of its shape, by name, and of numbers."""
        known = {name: self._known(name) for name in operands if isinstance(name, str)}
        if not known:
            return
        roots = [root for root in next(iter(known.values())) if all(root in each for each in known.values())]
        traces = {}
        for root in roots[-_MOST_ROOTS:]:
            parts = [each[root] for each in known.values()]
            numbers = [known[name][root].numbers if isinstance(name, str) else name for name in operands]
            with np.errstate(all="ignore"):
                values = np.broadcast_to(np.asarray(function(*numbers), dtype=np.float64), PLACES.shape)
            bends = curved or any(part.curved for part in parts)
            traces[root] = Trace(values, bends, frozenset({made}).union(*(part.through for part in parts)))
        traces[made] = Trace(PLACES, False, frozenset())
        self._of[made] = traces

    def written(self, made: str, wanted: Iterable[str]) -> Written | None:
        """Return which activation of these names a value is, of the nearest one before it that fits, or None."""
        for root, trace in reversed(self._of.get(made, {}).items()):
            if not trace.curved:
                continue
            for name in wanted:
                for function in _candidates(name, trace.numbers):
                    if _is_same(trace.numbers, function):
                        return Written(root, name, function, trace.through)
        return None

    def all_written(self, wanted: Iterable[str]) -> dict[str, Written]:
        """Return all values that are activations of these names, those found first in order."""
        names = sorted(wanted)
        found = {made: self.written(made, names) for made in self._of}
        return {made: each for made, each in found.items() if each is not None}

    def _known(self, name: str) -> dict[str, Trace]:
        return self._of.setdefault(name, {name: Trace(PLACES, False, frozenset())})


def _is_same(numbers: FloatArray, function: Smooth) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(numbers - function(PLACES)) <= _SAME * (1.0 + np.abs(PLACES))))


def _candidates(name: str, numbers: FloatArray) -> Iterator[Smooth]:
    """Yield the activations of a name that it may be; a parameter is read from one of the numbers."""
    at_zero, at_one, far = (float(numbers[place]) for place in (_ZERO, _ONE, _FAR))
    made: list[Smooth | None] = []
    if name == "gelu":
        made = [smooth.gelu(), smooth.gelu("tanh")]
    elif name == "silu" and 0.5 < at_one < 1.0:
        made = [smooth.silu(_rounded(math.log(at_one / (1.0 - at_one))))]
    elif name == "softplus" and 0.0 < at_zero < math.inf:
        made = [smooth.softplus(_rounded(math.log(2.0) / at_zero), math.inf)]
    elif name in ("elu", "celu") and -math.inf < far < 0.0:
        made = [smooth.elu(_rounded(-far)) if name == "elu" else smooth.celu(_rounded(-far))]
    elif name in _PLAIN:
        made = [_PLAIN[name]()]
    yield from (each for each in made if each is not None)


def _rounded(parameter: float) -> float:
    """Return a parameter with as many digits as single precision has."""
    return float(f"{parameter:.7g}")


_PLAIN: dict[str, Callable[[], Smooth | None]] = {
    "mish": smooth.mish,
    "sigmoid": smooth.sigmoid,
    "log_sigmoid": smooth.log_sigmoid,
    "tanh": smooth.tanh,
    "erf": smooth.erf,
    "hardswish": smooth.hardswish,
    "selu": smooth.selu,
}
