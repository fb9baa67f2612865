"""Continuous piecewise-linear activations: breakpoints, slopes and one anchored value (eq. 11)."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array
from linregions.errors import InvalidTypeError, InvalidValueError


class Pieces(NamedTuple):
    """An activation as arrays: piece j is ``slopes[j] * (t - knots[j]) + heights[j]``."""

    breakpoints: FloatArray  # (T,)
    slopes: FloatArray  # (T + 1,)
    knots: FloatArray  # (T + 1,)
    heights: FloatArray  # (T + 1,)

    def at(self, t: FloatArray, piece: npt.NDArray[Any]) -> FloatArray:
        """Evaluate at `t`, each on the piece given."""
        return np.asarray(self.slopes[piece] * (t - self.knots[piece]) + self.heights[piece])


@dataclass(frozen=True)
class PiecewiseLinear:
    r"""Describe a continuous piecewise-linear activation with T breakpoints.

    On the piece ``xi_j <= t <= xi_{j+1}`` the activation is ``q_j t + p_j`` (eq. 11 of the paper, with
    ``xi_0 = -inf`` and ``xi_{T+1} = inf``). The intercepts ``p_j`` follow from continuity and `anchor`.

    Parameters
    ----------
    breakpoints : sequence of float, shape (T,)
        Strictly increasing positions ``xi_1 < ... < xi_T``; may be empty.
    slopes : sequence of float, shape (T + 1,)
        Slopes ``q_0, ..., q_T``; neighbours differ, otherwise the breakpoint between them is none.
    anchor : (float, float)
        A point ``(t, value)`` on the graph.
    name : str, optional
        What to call it in messages and files.

    Raises
    ------
    InvalidValueError
        If the breakpoints do not increase, the number of slopes is not T + 1, neighbouring slopes are
        equal, or a number is not finite.

    References
    ----------
    Hanin & Rolnick (2019), Appendix A, eq. (11).

    Examples
    --------
    >>> from linregions import PiecewiseLinear
    >>> tent = PiecewiseLinear([0.0, 0.5, 1.0], [0.0, 2.0, -2.0, 0.0], anchor=(0.0, 0.0))
    >>> tent([-1.0, 0.25, 0.5, 2.0])
    array([0. , 0.5, 1. , 0. ])
    """

    breakpoints: tuple[float, ...]
    slopes: tuple[float, ...]
    anchor: tuple[float, float] = (0.0, 0.0)
    name: str = field(default="custom", compare=False)

    def __post_init__(self) -> None:
        who = "PiecewiseLinear"
        points = as_float_array(self.breakpoints, "breakpoints", who, ndim=1)
        slopes = as_float_array(self.slopes, "slopes", who, ndim=1)
        anchor = as_float_array(self.anchor, "anchor", who, ndim=1)
        if anchor.shape != (2,):
            raise InvalidValueError(
                f"`anchor` has shape {anchor.shape}, but {who} needs a pair (t, value). "
                "Give one point of the graph, e.g. `anchor=(0.0, 0.0)`."
            )
        if slopes.size != points.size + 1:
            raise InvalidValueError(
                f"`slopes` has {slopes.size} entries for {points.size} breakpoints, but {who} needs one more "
                "slope than breakpoints. Give the slope left of the first breakpoint, between each two, and "
                "right of the last."
            )
        if points.size > 255:
            raise InvalidValueError(
                f"`breakpoints` has {points.size} entries, but {who} needs at most 255, since patterns hold pieces as "
                "bytes. Merge pieces that hardly differ."
            )
        if np.any(points[1:] <= points[:-1]):
            raise InvalidValueError(
                f"`breakpoints` are {points.tolist()}, but {who} needs them strictly increasing. "
                "Sort them and drop repeated ones."
            )
        equal = np.flatnonzero(slopes[1:] == slopes[:-1])
        if equal.size:
            raise InvalidValueError(
                f"`slopes` {int(equal[0])} and {int(equal[0]) + 1} are both {slopes[equal[0]]:g}, but {who} "
                "needs neighbouring slopes to differ. Drop the breakpoint between them."
            )
        object.__setattr__(self, "breakpoints", tuple(points.tolist()))
        object.__setattr__(self, "slopes", tuple(slopes.tolist()))
        object.__setattr__(self, "anchor", (float(anchor[0]), float(anchor[1])))

    @property
    def n_breakpoints(self) -> int:
        """Number T of breakpoints."""
        return len(self.breakpoints)

    @property
    def knots(self) -> tuple[FloatArray, FloatArray]:
        """One point ``(t_j, phi(t_j))`` on each piece, shape (T + 1,) each, exact wherever possible.

        Piece ``j`` evaluates as ``q_j * (t - t_j) + phi(t_j)``. The first piece shares its knot with the
        second (the first breakpoint); without breakpoints the knot is the anchor.
        """
        if not self.breakpoints:
            return np.array([self.anchor[0]]), np.array([self.anchor[1]])
        points, slopes = self.breakpoints, self.slopes
        t, value = self.anchor
        piece = int(np.searchsorted(points, t, side="left"))
        values = [0.0] * len(points)
        left_t, left_value = t, value
        for j in range(piece - 1, -1, -1):  # leftwards: breakpoint j is the left end of piece j + 1
            left_value += slopes[j + 1] * (points[j] - left_t)
            left_t, values[j] = points[j], left_value
        right_t, right_value = t, value
        for j in range(piece, len(points)):  # rightwards: breakpoint j is the right end of piece j
            right_value += slopes[j] * (points[j] - right_t)
            right_t, values[j] = points[j], right_value
        return np.array([points[0], *points]), np.array([values[0], *values])

    @cached_property
    def table(self) -> Pieces:
        """The pieces as arrays, which are not to be changed."""
        return Pieces(np.array(self.breakpoints, dtype=np.float64), np.array(self.slopes), *self.knots)

    @property
    def intercepts(self) -> FloatArray:
        """Intercepts ``p_0, ..., p_T`` of the pieces ``q_j t + p_j``, shape (T + 1,)."""
        return self.table.heights - self.table.slopes * self.table.knots

    def pieces(self, t: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return the index of the linear piece at each `t`: the number of breakpoints strictly below it.

        Parameters
        ----------
        t : array_like of float, any shape

        Returns
        -------
        ndarray of uint8, same shape
        """
        values = np.asarray(t, dtype=np.float64)
        count = np.zeros(values.shape, dtype=np.uint8)
        for point in self.breakpoints:
            count += values > point
        return count

    def __call__(self, t: npt.ArrayLike) -> FloatArray:
        """Evaluate the activation at `t` (any shape), in float64."""
        values = np.asarray(t, dtype=np.float64)
        if self.breakpoints == (0.0,) and self.slopes == (0.0, 1.0) and self.anchor[1] == self.anchor[0] == 0.0:
            return np.maximum(values, 0.0)
        return self.table.at(values, self.pieces(values))

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain lists and strings, for JSON."""
        return {
            "name": self.name,
            "breakpoints": list(self.breakpoints),
            "slopes": list(self.slopes),
            "anchor": list(self.anchor),
        }


def leaky_relu(slope: float) -> PiecewiseLinear:
    """Return the leaky ReLU with the given slope left of zero.

    Parameters
    ----------
    slope : float
        Any finite slope except 1 (which would be the identity); 0 gives ReLU, -1 the absolute value.

    Raises
    ------
    InvalidValueError
        If `slope` is 1 or not finite.

    Examples
    --------
    >>> import linregions as lr
    >>> lr.leaky_relu(0.1)([-1.0, 2.0])
    array([-0.1,  2. ])
    """
    number = float(as_float_array(slope, "slope", "leaky_relu", ndim=0))
    if number == 1.0:
        raise InvalidValueError(
            "`slope` is 1, but leaky_relu needs another slope than that right of zero. Use `linregions.IDENTITY`."
        )
    return PiecewiseLinear((0.0,), (number, 1.0), (0.0, 0.0), name=f"leaky_relu({number:g})")


def as_activation(value: Any, name: str, who: str) -> PiecewiseLinear:
    """Return an activation given as itself or by its name, or raise."""
    if isinstance(value, PiecewiseLinear):
        return value
    if not isinstance(value, str):
        raise InvalidTypeError(
            f"`{name}` holds {value!r} ({type(value).__name__}), but {who} needs PiecewiseLinear or its name. "
            "Use e.g. `linregions.RELU` or build a `linregions.PiecewiseLinear`."
        )
    head, bracket, slope = value.partition("(")
    word = re.sub(r"[\s_-]", "", head).lower()  # as HardTanh, hard-tanh or hardtanh
    if word == "leakyrelu":
        with contextlib.suppress(ValueError):
            return leaky_relu(float(slope.removesuffix(")")) if bracket else 0.01)
    for known in (RELU, ABS, HARD_TANH, RELU6, HARD_SIGMOID, IDENTITY):
        if not bracket and word == known.name.replace("_", ""):
            return known
    raise InvalidValueError(
        f"`{name}` is {value!r}, but {who} needs 'relu', 'abs', 'hard_tanh', 'relu6', 'hard_sigmoid', 'identity', "
        "'leaky_relu' (slope 0.01) or, with another slope, e.g. 'leaky_relu(0.2)'. Choose one of these, or build a "
        "`linregions.PiecewiseLinear`."
    )


RELU = PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), name="relu")
ABS = PiecewiseLinear((0.0,), (-1.0, 1.0), (0.0, 0.0), name="abs")
HARD_TANH = PiecewiseLinear((-1.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0), name="hard_tanh")
RELU6 = PiecewiseLinear((0.0, 6.0), (0.0, 1.0, 0.0), (0.0, 0.0), name="relu6")
# Anchored where it is zero, so that it is exactly zero there although 1/6 is no float.
HARD_SIGMOID = PiecewiseLinear((-3.0, 3.0), (0.0, 1.0 / 6.0, 0.0), (-3.0, 0.0), name="hard_sigmoid")
IDENTITY = PiecewiseLinear((), (1.0,), (0.0, 0.0), name="identity")
