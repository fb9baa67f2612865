"""Coordinates of a box or polytope: from the centre of its box, in units of powers of two; its corners there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box

# How far off a corner of a polytope may be, which is exact but for the subtraction of the centre.
_ROUNDING = 2.0**-50


class Start(NamedTuple):
    """The domain itself as a cell: a slot for each side that is a facet."""

    place: FloatArray  # (n, d)
    error: FloatArray  # (n,)
    slots: npt.NDArray[np.uint64]  # (n,)
    sides: npt.NDArray[np.int64]  # (slots,): side of each slot
    zeros: list[npt.NDArray[np.int64]]  # sides that each corner lies on, those that only touch included


@dataclass(frozen=True, eq=False)
class BoxFrame:
    """The frame of a domain: x = center + scale * x'."""

    center: FloatArray  # (d,)
    scale: FloatArray  # (d,): powers of two
    sides: FloatArray  # (n_sides, d + 1): constants and outward normals of the sides
    corners: FloatArray  # (n, d): of a polytope, in these coordinates; of a box none
    incidence: npt.NDArray[np.bool_]  # (n, n_sides): sides that each of these lies on, those that only touch included

    @classmethod
    def of(cls, domain: Box | Polytope) -> BoxFrame:
        """Return the frame in which the half sides of the box are from 1/2 to 1."""
        box = domain.box if isinstance(domain, Polytope) else domain
        center = box.center
        half = np.maximum(box.high - center, center - box.low)
        scale = np.ldexp(1.0, np.frexp(half)[1])
        d = center.size
        sides = np.zeros((2 * d, d + 1))
        for i in range(d):
            sides[2 * i, [0, i + 1]] = (box.low[i] - center[i]) / scale[i], -1.0
            sides[2 * i + 1, [0, i + 1]] = (center[i] - box.high[i]) / scale[i], 1.0
        if not isinstance(domain, Polytope):
            return cls(center, scale, sides, np.zeros((0, d)), np.zeros((0, 2 * d), dtype=np.bool_))
        constants = affine_at(domain.normals, -domain.offsets, center)
        own = np.column_stack([constants, domain.normals * scale])
        own = np.ldexp(own, -np.frexp(np.abs(own).max(axis=1))[1][:, None])
        corners = (domain.vertices - center) / scale
        return cls(center, scale, np.vstack([sides, own]), corners, domain.incidence)

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return int(self.center.size)

    def start(self) -> Start:
        """Return the domain as a cell."""
        return self._start_of_polytope() if self.corners.size else self._start_of_box()

    def _start_of_box(self) -> Start:
        d = self.d
        is_high = np.arange(1 << d)[:, None] >> np.arange(d) & 1
        place = np.where(is_high, -self.sides[1::2, 0], self.sides[::2, 0])
        zeros = 2 * np.arange(d) + is_high
        return Start(place, np.zeros(1 << d), _bits(zeros), np.arange(2 * d), list(zeros))

    def _start_of_polytope(self) -> Start:
        on = self.incidence
        # A facet has corners that no other side has all of; of sides that coincide the first.
        shared = on.T.astype(np.int64) @ on
        sizes = on.sum(axis=0)
        inside = shared == sizes[:, None]  # the corners of side s are on side t
        same = inside & inside.T
        numbers = np.arange(sizes.size)
        hidden = inside & ~(same & (numbers[:, None] <= numbers))
        facets = np.flatnonzero((sizes >= self.d) & ~hidden.any(axis=1))
        slots = np.zeros(self.corners.shape[0], dtype=np.uint64)
        for k, side in enumerate(facets.tolist()):
            slots |= on[:, side].astype(np.uint64) << np.uint64(k)
        error = np.full(self.corners.shape[0], _ROUNDING)
        return Start(self.corners, error, slots, facets, [np.flatnonzero(row) for row in on])


def _bits(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return words with the bits of each row of numbers."""
    return np.asarray(np.bitwise_or.reduce(np.uint64(1) << numbers.astype(np.uint64), axis=1))


def affine_at(weight: FloatArray, bias: FloatArray, point: FloatArray) -> FloatArray:
    """Return weight @ point + bias, each rounded once."""
    at = [Fraction(x) for x in point.tolist()]
    rows = zip(weight.tolist(), bias.tolist(), strict=True)
    return np.array(
        [_rounded(sum((Fraction(w) * x for w, x in zip(own, at, strict=True)), Fraction(b))) for own, b in rows]
    )


def _rounded(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf
