"""Convex polytopes of few coordinates: half-spaces inside a box, and the corners that they leave."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array, frozen, require
from linregions.domains.solids import Box
from linregions.errors import InvalidTypeError, InvalidValueError

#: Boxes and polytopes are cut into cells up to here.
MOST_INPUTS = 5
# What serves in more dimensions, or where there is nothing to cut, in every message.
ELSEWHERE = "Take lines, planes (`Segment`, `PlaneWindow`) or densities (`boundary_density`)"
# How near a half-space, relative to the terms of its inequality, a corner may be to lie on it.
_BAND = 2.0**-42


@dataclass(frozen=True, eq=False)
class Polytope:
    """The convex polytope ``normals @ x <= offsets`` inside a box.

    Parameters
    ----------
    normals : array_like, shape (m, n_in)
        Of any length but zero, pointing outwards.
    offsets : array_like, shape (m,)
        In units of the normals.
    within : Box, optional
        What else bounds it. Without one, the half-spaces must bound the polytope themselves.

    Raises
    ------
    InvalidValueError
        If the polytope is empty, flat or unbounded, has more than 5 coordinates, or a normal is zero.
    InvalidTypeError
        If `within` is no box.
    MissingDependencyError
        If `within` is left out and scipy, which finds a box, is not installed (``pip install 'linregions[lp]'``).

    Notes
    -----
    Sides of the domain are numbered ``2 i`` and ``2 i + 1`` for the low and the high side of the box in coordinate i,
    then half-space by half-space.

    Examples
    --------
    >>> import linregions as lr
    >>> triangle = lr.Polytope([[1.0, 1.0]], [1.0], within=lr.Box([0.0, 0.0], [2.0, 2.0]))
    >>> sorted(triangle.vertices.tolist())
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """

    normals: FloatArray
    offsets: FloatArray
    within: Box | None = None

    def __post_init__(self) -> None:
        who = "Polytope"
        normals = as_float_array(self.normals, "normals", who, ndim=2)
        offsets = as_float_array(self.offsets, "offsets", who, ndim=1)
        if offsets.size != normals.shape[0]:
            raise InvalidValueError(
                f"`offsets` has {offsets.size} numbers, but {who} needs one for each of the {normals.shape[0]} rows "
                "of `normals`. Give as many."
            )
        check_dimension(normals.shape[1], "normals", who)
        zero = np.flatnonzero(~normals.any(axis=1))
        if zero.size:
            raise InvalidValueError(
                f"`normals` is zero in row {zero[0]}, but {who} needs a direction in each. Leave the row out."
            )
        if self.within is not None and not isinstance(self.within, Box):
            raise InvalidTypeError(
                f"`within` is {type(self.within).__name__}, but {who} needs a Box. Give `Box(low, high)`."
            )
        object.__setattr__(self, "normals", frozen(normals))
        object.__setattr__(self, "offsets", frozen(offsets))
        within = _bounding_box(normals, offsets) if self.within is None else self.within
        if within.n_in != self.n_in:
            raise InvalidValueError(
                f"`within` has {within.n_in} coordinates, but {who} needs the {self.n_in} of `normals`. Give a box of "
                "the same space."
            )
        object.__setattr__(self, "within", within)
        _ = self.vertices  # refuses what is empty or flat

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.normals.shape[1])

    @property
    def box(self) -> Box:
        """The box that holds it."""
        assert self.within is not None  # set by __post_init__
        return self.within

    @cached_property
    def _corners(self) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        return _corners(self.normals, self.offsets, self.box)

    @property
    def vertices(self) -> FloatArray:
        """Corners, shape (V, n_in)."""
        return self._corners[0]

    @property
    def incidence(self) -> npt.NDArray[np.bool_]:
        """Whether a corner lies on a side, exactly, touching ones included, shape (V, sides)."""
        return self._corners[1]

    def contains(self, points: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell which points, shape (n, n_in), are in the polytope, but for rounding."""
        slack = _BAND * (np.abs(points) @ np.abs(self.normals).T + np.abs(self.offsets))
        inside = np.all(points @ self.normals.T <= self.offsets + slack, axis=1)
        room = _BAND * np.maximum(np.abs(self.box.low), np.abs(self.box.high))
        inside &= np.all((points >= self.box.low - room) & (points <= self.box.high + room), axis=1)
        return np.asarray(inside)


def check_dimension(n_in: int, name: str, who: str) -> None:
    """Raise unless there are 1 to 5 coordinates."""
    if not 1 <= n_in <= MOST_INPUTS:
        raise InvalidValueError(
            f"`{name}` has {n_in} coordinates, but {who} needs 1 to {MOST_INPUTS}: cells of more are too many. "
            f"{ELSEWHERE} there."
        )


def _bounding_box(normals: FloatArray, offsets: FloatArray) -> Box:
    """Return a box round the half-spaces, by linear programs, or raise where there is none."""
    optimize = require("scipy", "lp", "Polytope without `within`", lambda: __import__("scipy.optimize").optimize)
    ends = np.empty((2, normals.shape[1]))
    for i in range(normals.shape[1]):
        for row, sign in enumerate((1.0, -1.0)):
            goal = np.zeros(normals.shape[1])
            goal[i] = sign
            found = optimize.linprog(goal, normals, offsets, bounds=(None, None), method="highs")
            if found.status == 2:
                raise _empty("are met by no point")
            if not found.success:  # 3, or 4 where the solver cannot tell
                raise InvalidValueError(
                    f"`normals` leave coordinate {i} unbounded, but Polytope needs a bounded one. Give `within`, a "
                    f"Box that holds what matters; for what has no bounds there are lines. {ELSEWHERE} else."
                )
            ends[row, i] = sign * found.fun
    span = ends[1] - ends[0]
    if not (span > 0).all():
        raise _empty("leave a set without inner points")
    return Box(ends[0] - span / 8, ends[1] + span / 8)  # its own sides touch nothing


def _empty(found: str) -> InvalidValueError:
    return InvalidValueError(
        f"`normals, offsets` {found}, but Polytope needs one with inner points, neither empty nor flat. Check the "
        f"signs (normals @ x <= offsets); for a set in a plane or on a line there are those domains. {ELSEWHERE}."
    )


def _corners(normals: FloatArray, offsets: FloatArray, box: Box) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the corners that half-spaces leave of a box, one after the other, and on which sides each corner is.

    A corner is a point with a set of sides, as a bit mask; two corners span an edge if no third has all their common
    sides. All signs are those of exact arithmetic: whether a half-space touches a corner or cuts it off by a last bit.
    """
    d = box.n_in
    ends = [(Fraction(low), Fraction(high)) for low, high in zip(box.low.tolist(), box.high.tolist(), strict=True)]
    corners = [
        ([ends[i][k >> i & 1] for i in range(d)], sum(1 << (2 * i + (k >> i & 1)) for i in range(d)))
        for k in range(1 << d)
    ]
    for k, (normal, offset) in enumerate(zip(normals.tolist(), offsets.tolist(), strict=True)):
        row = [Fraction(number) for number in normal]
        inside = [Fraction(offset) - sum(a * x for a, x in zip(row, point, strict=True)) for point, _ in corners]
        if not any(each > 0 for each in inside):
            raise _empty("leave a set without inner points" if 0 in inside else "are met by no point")
        new = 1 << (2 * d + k)
        kept = [
            (point, sides | (0 if gap else new))
            for (point, sides), gap in zip(corners, inside, strict=True)
            if gap >= 0
        ]
        for i, j in product(range(len(corners)), repeat=2):
            if not inside[i] > 0 > inside[j]:
                continue
            common = corners[i][1] & corners[j][1]
            if common.bit_count() < d - 1 or any(
                sides & common == common for m, (_, sides) in enumerate(corners) if m not in (i, j)
            ):
                continue
            share = inside[i] / (inside[i] - inside[j])
            point = [a + share * (b - a) for a, b in zip(corners[i][0], corners[j][0], strict=True)]
            kept.append((point, common | new))
        corners = kept
    points = np.array([[float(x) for x in point] for point, _ in corners])
    spread = points - points.mean(axis=0)
    size = np.linalg.svd(spread / np.maximum(np.abs(spread).max(axis=0), np.finfo(float).tiny), compute_uv=False)
    if points.shape[0] <= d or not (np.ptp(points, axis=0) > 0).all() or size[-1] <= _BAND * size[0]:
        raise _empty("leave a set without inner points")
    n_sides = 2 * d + offsets.size
    return frozen(points), frozen(np.array([[sides >> s & 1 for s in range(n_sides)] for _, sides in corners], bool))
