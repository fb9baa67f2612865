"""Bounded domains, and flat sections of them of as many dimensions as neurons switch together.

Where a domain has more dimensions than k, its integral is that over a uniformly random k-flat through a uniformly
random point, times vol(K) / vol_k(section): any function is met fairly, since the flats of one direction fill space.
``||J||`` is replaced by ``|det J U| / c`` for the orthonormal frame U of the flat, whose mean over directions is
``||J||`` with ``c = E |det U_k|`` (Cauchy and Crofton): a flat nearly tangent to a boundary stays in the spike of the
density longer by just the factor that ``|det J U|`` is smaller, so that no section counts for more than its crossings.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.sections import mean_crossing_factor, random_directions, random_frames
from linregions.domains.solids import Box
from linregions.domains.windows import PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError


@dataclass(frozen=True, eq=False)
class Flat:
    """A convex part of a flat: ``x = origin + y @ frame`` for y in the polygon, interval or box `corners`."""

    origin: FloatArray  # (n_in,)
    frame: FloatArray  # (k, n_in), orthonormal
    # (2, 1) or (m, 2): ends of an interval, or corners of a polygon, counter-clockwise; (2, k): low and high of a box
    corners: FloatArray
    # What an integral over this part counts for: vol(K) / (vol_k(part) c), 1 where it is all of the domain.
    weight: float = 1.0

    def simplices(self) -> FloatArray:
        """Return intervals, triangles or simplices that make up the part, shape (n, k + 1, k)."""
        k = self.corners.shape[1]
        if k == 1:
            return self.corners[None]
        if k > 2:  # along each order of the axes from the low corner to the high one
            low, high = self.corners
            steps = np.eye(k)[list(itertools.permutations(range(k)))]
            paths = np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(steps, axis=1)], axis=1)
            return np.asarray(low + paths * (high - low))
        fan = np.arange(1, len(self.corners) - 1)
        return np.asarray(self.corners[np.stack([np.zeros_like(fan), fan, fan + 1], axis=1)])

    def domain(self) -> Segment | PlaneWindow:
        """Return the part, of one or two dimensions, as a domain that can be partitioned."""
        if self.corners.shape[1] == 1:
            ends = self.origin + self.corners @ self.frame
            return Segment(ends[0], ends[1])
        return PlaneWindow(self.origin, self.frame, self.corners)


@dataclass(frozen=True, eq=False)
class Bounded:
    """A bounded domain K: a part of a flat of dimension 1 or 2, or a box of more dimensions."""

    dimension: int
    volume: float  # of as many dimensions
    flat: Flat | None = None  # the domain itself, if it has at most two dimensions
    box: Box | None = None  # otherwise

    def section(self, k: int, rng: np.random.Generator) -> Flat:
        """Return the domain, or a random section of it of `k` dimensions (k = 1 or 2, or that of the domain)."""
        if self.flat is None:
            assert self.box is not None
            if self.dimension == k:
                return Flat(np.zeros(k), np.eye(k), np.stack([self.box.low, self.box.high]))
            origin, frame, corners = _box_section(self.box, k, rng)
        elif self.dimension == k:
            return self.flat
        else:
            triangles = self.flat.simplices()
            sizes = simplex_volumes(triangles)
            point = rng.dirichlet(np.ones(3)) @ triangles[rng.choice(len(sizes), p=sizes / sizes.sum())]
            direction = random_directions(1, 2, rng)
            sides = np.roll(self.flat.corners, -1, axis=0) - self.flat.corners
            outward = np.stack([sides[:, 1], -sides[:, 0]], axis=1)
            with np.errstate(divide="ignore"):
                ends = np.sum(outward * (self.flat.corners - point), axis=1) / (outward @ direction[0])
            corners = np.array([[ends[ends <= 0].max()], [ends[ends > 0].min()]])
            origin, frame = self.flat.origin + point @ self.flat.frame, direction @ self.flat.frame
        size = float(simplex_volumes(Flat(origin, frame, corners).simplices()).sum())
        return Flat(origin, frame, corners, self.volume / (size * mean_crossing_factor(self.dimension, k)))


def _box_section(box: Box, k: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return origin, frame and corners of a random section of a box."""
    while True:
        point = box.uniform_points(1, rng)
        frame = random_frames(1, k, box.n_in, rng)[0]
        if k == 1:
            ends = np.stack(box.chord_ends(point, frame))
            if ends[0] < ends[1]:
                return point[0], frame, ends
        elif (found := box.section(point[0], frame)) is not None:  # None where rounding leaves nothing of a corner
            return point[0], frame, found.window.polygon


def bounded_domain(domain: Any, n_in: int, k: int, who: str) -> Bounded:
    """Check a domain of the theory: a Segment, a PlaneWindow, a Box or a pair (low, high) of its corners."""
    if isinstance(domain, Ray):
        raise InvalidValueError(
            f"`domain` is an unbounded {type(domain).__name__}, but {who} needs a bounded domain. Cut it to a Segment."
        )
    if isinstance(domain, Segment):
        step = domain.b - domain.a
        length = float(np.linalg.norm(step))
        flat = Flat(domain.a, step[None] / length, np.array([[0.0], [length]]))
        found = Bounded(1, length, flat)
    elif isinstance(domain, PlaneWindow):
        orthonormal, triangle = np.linalg.qr(domain.basis.T)
        corners = domain.polygon @ triangle.T
        if np.linalg.det(triangle) < 0:  # keep the corners counter-clockwise
            orthonormal, corners = orthonormal * [1.0, -1.0], corners * [1.0, -1.0]
        found = Bounded(2, domain.area, Flat(domain.origin, orthonormal.T, corners))
    else:
        found = _box(domain, who)
    size = found.flat.origin.size if found.flat is not None else found.dimension
    if size != n_in:
        raise InvalidValueError(
            f"`domain` lives in {size} dimensions, but {who} needs the networks' {n_in} inputs. "
            "Give points of the networks' input space."
        )
    if found.dimension < k:
        raise InvalidValueError(
            f"`k` is {k} and the domain has {found.dimension} dimension(s), but {who} needs at least k dimensions for "
            "k neurons to switch at one point. Give a larger domain or a smaller k."
        )
    return found


def _box(domain: Any, who: str) -> Bounded:
    if isinstance(domain, Sequence) and not isinstance(domain, str) and len(domain) == 2:
        domain = Box(*domain)
    if not isinstance(domain, Box):
        raise InvalidTypeError(
            f"`domain` is {type(domain).__name__}, but {who} needs a Segment, a Path, a PlaneWindow, a Box or a pair "
            "(low, high) of its corners. Give e.g. `Box([0.0, 0.0], [1.0, 1.0])`."
        )
    volume = float(np.prod(domain.high - domain.low))
    if domain.n_in == 1:
        return Bounded(1, volume, Flat(domain.low, np.eye(1), np.array([[0.0], domain.high - domain.low])))
    if domain.n_in == 2:
        window = PlaneWindow.of_inputs(domain.low, domain.high)
        return Bounded(2, volume, Flat(np.zeros(2), np.eye(2), window.polygon))
    return Bounded(domain.n_in, volume, None, domain)


def simplex_volumes(simplices: FloatArray) -> FloatArray:
    """Return the volume of each simplex, shape (..., k + 1, k) -> (...)."""
    edges = simplices[..., 1:, :] - simplices[..., :1, :]
    return np.asarray(np.abs(np.linalg.det(edges)) / math.factorial(simplices.shape[-1]))
