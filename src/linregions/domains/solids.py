"""Solid domains of the input space: boxes and balls, their points, chords and plane sections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_positive, as_vector
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError

# Corners of a section that are nearer than this, in its sizes, are one: rounding alone would decide the turn there.
_SAME_CORNER = 1e-12
# Sides of the window that is drawn round a disc: its area exceeds that of the disc by 1.3 %.
_SIDES_ROUND_DISC = 16


@dataclass(frozen=True, eq=False)
class PlaneSection:
    """A plane's section through a solid: a window that covers it, its area, and a disc where it is one."""

    window: PlaneWindow  # with an orthonormal basis; the section itself, or a polygon round the disc
    area: float  # Euclidean
    disc: tuple[FloatArray, float] | None = None  # centre in plane coordinates and radius; None where the section is
    # the window

    def holds(self, points: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell which points of the window, shape (P, 2), are in the section."""
        if self.disc is None:
            return np.ones(points.shape[0], dtype=bool)
        center, radius = self.disc
        return np.asarray(np.hypot(*(points - center).T) < radius)

    def lengths_inside(self, starts: FloatArray, ends: FloatArray) -> FloatArray:
        """Return the length that segments of the window, shape (E, 2) each, have in the section."""
        steps = ends - starts
        lengths = np.hypot(*steps.T)
        if self.disc is None:
            return np.asarray(lengths)
        center, radius = self.disc
        units = np.divide(steps, lengths[:, None], out=np.zeros_like(steps), where=lengths[:, None] > 0)
        offsets = starts - center
        along = -np.sum(offsets * units, axis=1)  # where the line is nearest to the centre
        height = offsets[:, 0] * units[:, 1] - offsets[:, 1] * units[:, 0]
        half = np.sqrt(np.maximum(radius * radius - height * height, 0.0))
        return np.asarray(np.maximum(np.minimum(along + half, lengths) - np.maximum(along - half, 0.0), 0.0))


@dataclass(frozen=True, eq=False)
class Box:
    """The box ``low <= x <= high``.

    Parameters
    ----------
    low, high : array_like, shape (n_in,)
        Opposite corners, ``low < high`` in every coordinate, in units of the input space.

    Raises
    ------
    InvalidValueError
        If the box is unbounded, reversed or flat, sizes differ, or a number is NaN.

    Examples
    --------
    >>> import linregions as lr
    >>> lr.Box([0.0, 0.0, -1.0], [1.0, 1.0, 1.0]).n_in
    3
    """

    low: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, as_vector(getattr(self, name), name, "Box"))
        if self.low.shape != self.high.shape or self.low.size == 0:
            raise InvalidValueError(
                f"`low, high` have {self.low.size} and {self.high.size} coordinates, but Box needs the same number, "
                "at least one. Give both in the input space of the network."
            )
        bad = np.flatnonzero(~(self.low < self.high))
        if bad.size:
            k = int(bad[0])
            raise InvalidValueError(
                f"`low` is {self.low[k]:g} and `high` {self.high[k]:g} in coordinate {k}, but Box needs low < high in "
                "each. Swap them, or leave a coordinate out that does not vary."
            )

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.low.size)

    def uniform_points(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n points, uniformly, shape (n, n_in)."""
        return np.asarray(self.low + (self.high - self.low) * rng.random((n, self.n_in)))

    def chord_ends(self, points: FloatArray, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return parameters t where the lines ``point + t direction`` enter and leave, (n,) each."""
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (self.low - points) / directions, (self.high - points) / directions
        parallel = directions == 0
        first[parallel], second[parallel] = -np.inf, np.inf
        return np.minimum(first, second).max(axis=1), np.maximum(first, second).min(axis=1)

    def section(self, point: FloatArray, basis: FloatArray) -> PlaneSection | None:
        """Return the section by the plane through an inner point; None if rounding leaves no polygon."""
        polygon = without_double_corners(_polygon_of_half_planes(*self._half_planes(point, basis)))
        if polygon.shape[0] < 3:
            return None
        window = PlaneWindow(point, basis, polygon)
        return PlaneSection(window, window.area)

    def enlarged(self, share: float) -> Box:
        """Return the box with the same centre and sides longer by a share of them."""
        border = 0.5 * share * (self.high - self.low)
        return Box(self.low - border, self.high + border)

    def part_of(self, section: PlaneSection) -> PlaneSection | None:
        """Return what the section of a larger box has in this box; None if there is nothing."""
        point, basis = section.window.origin, section.window.basis
        polygon = section.window.polygon
        for normal, room in zip(*self._half_planes(point, basis), strict=True):
            polygon = cut_polygon(polygon, normal, room)
        polygon = without_double_corners(polygon)
        if polygon.shape[0] < 3:
            return None
        window = PlaneWindow(point, basis, polygon)
        return PlaneSection(window, window.area)

    def _half_planes(self, point: FloatArray, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return normals (2 n_in, 2) and bounds of the half-planes whose intersection is the section."""
        return np.concatenate([basis.T, -basis.T]), np.concatenate([self.high - point, point - self.low])

    def whole(self) -> PlaneSection | None:
        """Return the box itself as a section, for two coordinates."""
        return PlaneSection(PlaneWindow.of_inputs(self.low, self.high), float(np.prod(self.high - self.low)))

    @property
    def center(self) -> FloatArray:
        """The middle, shape (n_in,)."""
        return np.asarray(self.low + (self.high - self.low) / 2)


@dataclass(frozen=True, eq=False)
class Ball:
    """The ball of all points within `radius` of `center`.

    Parameters
    ----------
    center : array_like, shape (n_in,)
    radius : float
        In units of the input space.

    Raises
    ------
    InvalidValueError
        If there is no coordinate, the radius is not positive, or a number is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> import linregions as lr
    >>> lr.Ball(np.zeros(784), 5.0).n_in
    784
    """

    center: FloatArray
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", as_vector(self.center, "center", "Ball"))
        object.__setattr__(self, "radius", as_positive(self.radius, "radius", "Ball"))

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.center.size)

    def uniform_points(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n points, uniformly, shape (n, n_in)."""
        # n_in coordinates of a uniform point on the sphere in two dimensions more (Archimedes for n_in = 1).
        sphere = rng.standard_normal((n, self.n_in + 2))
        sphere /= np.linalg.norm(sphere, axis=1)[:, None]
        return np.asarray(self.center + self.radius * sphere[:, : self.n_in])

    def chord_ends(self, points: FloatArray, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return parameters t where the lines ``point + t direction`` enter and leave, (n,) each."""
        offsets = points - self.center
        squares = np.sum(directions * directions, axis=1)
        middle = -np.sum(offsets * directions, axis=1) / squares
        nearest = offsets + middle[:, None] * directions
        half = np.sqrt(np.maximum(self.radius**2 - np.sum(nearest * nearest, axis=1), 0.0) / squares)
        return middle - half, middle + half

    def section(self, point: FloatArray, basis: FloatArray) -> PlaneSection | None:
        """Return the section by the plane through an inner point; None if rounding leaves no disc."""
        offset = self.center - point
        center = basis @ offset
        away = offset - center @ basis
        square = self.radius**2 - float(away @ away)
        if square <= 0.0:
            return None
        radius = float(np.sqrt(square))
        angles = 2 * np.pi * np.arange(_SIDES_ROUND_DISC) / _SIDES_ROUND_DISC
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (radius / np.cos(np.pi / _SIDES_ROUND_DISC))
        return PlaneSection(PlaneWindow(point, basis, center + corners), float(np.pi * square), (center, radius))

    def whole(self) -> PlaneSection | None:
        """Return the disc itself as a section, for two coordinates."""
        return self.section(self.center, np.eye(2))


Solid = Box | Ball


def _polygon_of_half_planes(normals: FloatArray, room: FloatArray) -> FloatArray:
    """Return the corners, counter-clockwise, of the bounded set ``normals @ p <= room`` that holds the origin inside.

    Walks along its border: from a point of one side to where the first other half-plane ends it. So a step costs one
    look at all half-planes, and there are few steps, since a random section has few sides however many could cut it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(normals[:, 0] > 0, room / normals[:, 0], np.inf)
    side = first = int(np.argmin(reach))
    place = np.array([reach[first], 0.0])
    corners: list[FloatArray] = []
    while len(corners) <= room.size:
        along = np.array([-normals[side, 1], normals[side, 0]])
        approach = normals @ along
        approach[side] = 0.0
        slack = np.maximum(room - normals @ place, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(approach > 0, slack / approach, np.inf)
        side = int(np.argmin(steps))
        place = place + steps[side] * along
        corners.append(place)
        if side == first:
            break
    return np.array(corners)


def cut_polygon(polygon: FloatArray, normal: FloatArray, room: float) -> FloatArray:
    """Return the part of a convex polygon with ``normal @ p <= room``, in order."""
    inside = room - polygon @ normal
    after, inside_after = np.roll(polygon, -1, axis=0), np.roll(inside, -1)
    crossed = (inside > 0) != (inside_after > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = inside / (inside - inside_after)
    crossings = polygon + np.where(crossed, share, 0.0)[:, None] * (after - polygon)
    both = np.stack([polygon, crossings], axis=1).reshape(-1, 2)
    return np.asarray(both[np.stack([inside > 0, crossed], axis=1).ravel()])


def without_double_corners(polygon: FloatArray) -> FloatArray:
    """Return a polygon without corners that rounding alone tells apart."""
    gaps = np.linalg.norm(polygon - np.roll(polygon, 1, axis=0), axis=1)
    return np.asarray(polygon[gaps > _SAME_CORNER * np.abs(polygon).max(initial=0.0)])
