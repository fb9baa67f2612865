"""Domains: segments, rays, lines, polygonal paths and windows in a plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from linregions._validation import (
    FloatArray,
    as_float_array,
    as_points,
    as_positive,
    as_rows,
    as_vector,
    frozen,
)
from linregions.errors import InvalidValueError


def _same_size(first: FloatArray, second: FloatArray, names: str, who: str) -> None:
    if first.shape != second.shape:
        raise InvalidValueError(
            f"`{names}` have {first.size} and {second.size} coordinates, but {who} needs the same number. "
            f"Give both in the input space of the network{_two_points(who)}."
        )


def _two_points(who: str) -> str:
    """Return a hint for those who meant the line through two points; nothing where no direction is taken."""
    return f"; for two points there is `{who}.through(a, b)`" if who in {"Ray", "Line"} else ""


def _direction(value: npt.ArrayLike, who: str) -> FloatArray:
    direction = as_vector(value, "direction", who)
    if not np.any(direction):
        raise InvalidValueError(
            f"`direction` is zero in all {direction.size} coordinates, but {who} needs a direction. "
            f"Give a non-zero vector{_two_points(who)}."
        )
    return direction


@dataclass(frozen=True, eq=False)
class Segment:
    """The segment from `a` to `b`; ``point(t) = a + t (b - a)`` with t in [0, 1].

    Parameters
    ----------
    a, b : array_like, shape (n_in,)
        Two different points of the input space, `b` no direction; images are flattened.

    Raises
    ------
    InvalidValueError
        If the points coincide, differ in size, or hold NaN or infinity.
    """

    a: FloatArray
    b: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", as_vector(self.a, "a", "Segment"))
        object.__setattr__(self, "b", as_vector(self.b, "b", "Segment"))
        _same_size(self.a, self.b, "a, b", "Segment")
        if np.array_equal(self.a, self.b):
            raise InvalidValueError(
                "`a` and `b` are the same point, but Segment needs two different ones. Move one of them."
            )

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.a.size)

    def point(self, t: npt.ArrayLike) -> FloatArray:
        """Return the points at parameters `t`, shape (..., n_in)."""
        s = np.asarray(t, dtype=np.float64)[..., None]
        return np.asarray(self.a + s * (self.b - self.a))


@dataclass(frozen=True, eq=False)
class Ray:
    """The half-line from a point; ``point(t) = point + t direction`` with t >= 0.

    Parameters
    ----------
    point : array_like, shape (n_in,)
        Where the ray starts; kept as `origin`. Images are flattened.
    direction : array_like, shape (n_in,)
        Any non-zero vector; t counts multiples of it. No second point: for that there is `through`.

    Raises
    ------
    InvalidValueError
        If the direction is zero, sizes differ, or a number is NaN or infinite.
    """

    origin: FloatArray
    direction: FloatArray

    def __init__(self, point: npt.ArrayLike, direction: npt.ArrayLike) -> None:
        who = type(self).__name__
        object.__setattr__(self, "origin", as_vector(point, "point", who))
        object.__setattr__(self, "direction", _direction(direction, who))
        _same_size(self.origin, self.direction, "point, direction", who)

    @classmethod
    def through(cls, a: npt.ArrayLike, b: npt.ArrayLike) -> Self:
        """Return the ray that starts at a point, or the whole line, through a second one.

        Parameters
        ----------
        a, b : array_like, shape (n_in,)
            Two different points of the input space: `a` at t = 0 and, but for rounding, `b` at t = 1.

        Raises
        ------
        InvalidValueError
            If the points coincide, differ in size, or hold NaN or infinity.

        Examples
        --------
        >>> import linregions as lr
        >>> lr.Line.through([1.0, 2.0], [4.0, 2.0]).direction.tolist()
        [3.0, 0.0]
        """
        who = f"{cls.__name__}.through"
        first, second = as_vector(a, "a", who), as_vector(b, "b", who)
        _same_size(first, second, "a, b", who)
        if np.array_equal(first, second):
            raise InvalidValueError(
                f"`a` and `b` are the same point, but {who} needs two different ones. Move one of them."
            )
        return cls(first, second - first)

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.origin.size)

    def point(self, t: npt.ArrayLike) -> FloatArray:
        """Return the points at parameters `t`, shape (..., n_in)."""
        s = np.asarray(t, dtype=np.float64)[..., None]
        return np.asarray(self.origin + s * self.direction)


class Line(Ray):
    """The whole line through a point, unbounded both ways; ``point(t) = point + t direction``, any t.

    Parameters
    ----------
    point : array_like, shape (n_in,)
        Any point of the line; kept as `origin`. Images are flattened.
    direction : array_like, shape (n_in,)
        Any non-zero vector; t counts multiples of it. No second point: for that there is `through`.

    Raises
    ------
    InvalidValueError
        If the direction is zero, sizes differ, or a number is NaN or infinite.
    """


@dataclass(frozen=True, eq=False)
class Path:
    """A polygonal curve through m points; the integer part of t is the leg, its fraction the place on it.

    Parameters
    ----------
    points : array_like, shape (m, n_in)
        At least two points; neighbours differ. Repeat the first at the end for a closed curve. Images are flattened.

    Raises
    ------
    InvalidValueError
        If there are fewer than two points, two neighbours coincide, or a number is NaN or infinite.
    """

    points: FloatArray

    def __post_init__(self) -> None:
        points = frozen(as_rows(self.points, "points", "Path"))
        object.__setattr__(self, "points", points)
        if points.shape[0] < 2 or points.shape[1] == 0:
            raise InvalidValueError(
                f"`points` has shape {points.shape}, but Path needs at least two points. Give shape (m, n_in)."
            )
        same = np.flatnonzero(np.all(points[1:] == points[:-1], axis=1))
        if same.size:
            raise InvalidValueError(
                f"`points` {int(same[0])} and {int(same[0]) + 1} are the same, but Path needs legs of positive "
                "length. Drop repeated points."
            )

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.points.shape[1])

    def point(self, t: npt.ArrayLike) -> FloatArray:
        """Return the points at parameters `t` in [0, m - 1], shape (..., n_in)."""
        s = np.asarray(t, dtype=np.float64)
        leg = np.clip(np.floor(s).astype(np.intp), 0, self.points.shape[0] - 2)
        start, end = self.points[leg], self.points[leg + 1]
        return np.asarray(start + (s - leg)[..., None] * (end - start))


def power_of_two(size: float) -> float:
    """Return the least power of two above a size, as far as there is one; infinity above the largest."""
    return float(np.ldexp(1.0, max(int(np.frexp(size)[1]), -1021)))


def _in_its_box(polygon: FloatArray) -> tuple[FloatArray, tuple[float, float]]:
    """Return corners in units of powers of two, about the polygon's width and height, and these units."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    scale = power_of_two(high[0] / 2 - low[0] / 2), power_of_two(high[1] / 2 - low[1] / 2)
    return polygon / np.array(scale), scale


@dataclass(frozen=True, eq=False)
class PlaneWindow:
    """A convex polygon in a plane of the input space; ``point(u, v) = origin + u basis[0] + v basis[1]``.

    Parameters
    ----------
    origin : array_like, shape (n_in,)
        The point with plane coordinates (0, 0).
    basis : array_like, shape (2, n_in)
        Two independent vectors; they need not be orthonormal.
    polygon : array_like, shape (m, 2)
        Corners in plane coordinates: convex, counter-clockwise, m >= 3.

    Raises
    ------
    InvalidValueError
        If the basis is dependent, the polygon not strictly convex and counter-clockwise, sizes differ, or a
        number is NaN or infinite.

    Notes
    -----
    Lengths and areas that partitions report are Euclidean, in the units of the input space, also when the
    basis is not orthonormal; `vertices` are plane coordinates.
    """

    origin: FloatArray
    basis: FloatArray
    polygon: FloatArray

    def __post_init__(self) -> None:
        who = "PlaneWindow"
        object.__setattr__(self, "origin", as_vector(self.origin, "origin", who))
        basis = frozen(as_rows(self.basis, "basis", who))
        if basis.shape != (2, self.origin.size):
            raise InvalidValueError(
                f"`basis` has shape {basis.shape}, but {who} needs two vectors of the origin's "
                f"{self.origin.size} coordinates. Give shape (2, {self.origin.size})."
            )
        object.__setattr__(self, "basis", basis)
        largest = np.abs(basis).max(axis=1)
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(basis / np.where(largest > 0, largest, 1.0)[:, None], axis=1) * largest
        if (
            basis.shape[1] < 2
            or np.any(lengths == 0)
            or np.linalg.svd(basis / largest[:, None] / (lengths / largest)[:, None], compute_uv=False)[1] < 1e-10
        ):
            raise InvalidValueError(
                f"`basis` holds two dependent vectors (lengths {lengths[0]:g} and {lengths[1]:g}), but {who} needs "
                "them to span a plane. Choose another second vector."
            )
        polygon = frozen(as_float_array(self.polygon, "polygon", who, ndim=2))
        if polygon.shape[0] < 3 or polygon.shape[1] != 2:
            raise InvalidValueError(
                f"`polygon` has shape {polygon.shape}, but {who} needs at least three corners (u, v). "
                "Give shape (m, 2) with m >= 3."
            )
        corners, scale = _in_its_box(polygon)
        if not np.all(np.isfinite(scale)):
            raise InvalidValueError(
                f"`polygon` reaches from {polygon.min():g} to {polygon.max():g}, but {who} needs the difference of two "
                "corners to be a finite number. Give smaller coordinates, and a longer basis for them."
            )
        sides = np.roll(corners, -1, axis=0) - corners
        after = np.roll(sides, -1, axis=0)
        turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
        scale = np.linalg.norm(sides, axis=1) * np.linalg.norm(after, axis=1)
        bad = np.flatnonzero(~(turns > 1e-12 * scale))
        angles = np.arctan2(turns, np.sum(sides * after, axis=1))
        if bad.size:
            corner = (int(bad[0]) + 1) % polygon.shape[0]
            raise InvalidValueError(
                f"`polygon` does not turn left at corner {corner} ({polygon[corner, 0]:g}, {polygon[corner, 1]:g}), "
                f"but {who} needs a strictly convex polygon, counter-clockwise. Reverse the order if it runs "
                "clockwise, and drop corners that are repeated or lie on a side."
            )
        if angles.sum() > 3 * np.pi:
            raise InvalidValueError(
                f"`polygon` winds round more than once, but {who} needs a simple convex polygon. "
                "List each corner once, counter-clockwise."
            )
        object.__setattr__(self, "polygon", polygon)

    @classmethod
    def square(cls, origin: npt.ArrayLike, basis: npt.ArrayLike, half: float) -> PlaneWindow:
        """Return the square ``|u| <= half, |v| <= half``.

        Parameters
        ----------
        origin : array_like, shape (n_in,)
            Its centre.
        basis : array_like, shape (2, n_in)
            Usually orthonormal (otherwise the window is a parallelogram).
        half : float
            Half the side, in units of the basis vectors.
        """
        h = as_positive(half, "half", "PlaneWindow.square")
        corners = np.array([[-h, -h], [h, -h], [h, h], [-h, h]])
        return cls(origin, basis, corners)  # type: ignore[arg-type]  # converted and checked there

    @classmethod
    def through(cls, x0: npt.ArrayLike, x1: npt.ArrayLike, x2: npt.ArrayLike, scale: float = 1.5) -> PlaneWindow:
        """Return the square in the plane through three points, centred at their circumcentre.

        Parameters
        ----------
        x0, x1, x2 : array_like, shape (n_in,)
            Three points that are not collinear.
        scale : float
            Half the side of the square, in circumradii. The paper gives only the centre.

        Raises
        ------
        InvalidValueError
            If the points are collinear or coincide.

        References
        ----------
        Hanin & Rolnick (2019), section 3.3.
        """
        who = "PlaneWindow.through"
        points = [as_vector(value, name, who) for value, name in ((x0, "x0"), (x1, "x1"), (x2, "x2"))]
        for name, point in zip(("x0, x1", "x0, x2"), points[1:], strict=True):
            _same_size(points[0], point, name, who)
        factor = as_positive(scale, "scale", who)
        a, b = points[1] - points[0], points[2] - points[0]
        length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
        first = a / length_a if length_a else a
        rest = b - (b @ first) * first
        rest -= (rest @ first) * first  # once more: orthogonal to the last bit even for nearly collinear points
        height = float(np.linalg.norm(rest))
        if not length_a or not length_b or height <= 1e-10 * length_b:
            raise InvalidValueError(
                f"`x0, x1, x2` lie on one line (distances {length_a:g} and {length_b:g} from x0, height "
                f"{height:g}), but {who} needs three points that span a plane. Choose other examples."
            )
        basis = np.stack([first, rest / height])
        u = length_a / 2
        along = float(b @ first)
        v = (along * along + height * height - along * length_a) / (2 * height)
        radius = float(np.hypot(u, v))
        return cls.square(points[0] + u * basis[0] + v * basis[1], basis, factor * radius)

    @classmethod
    def of_inputs(cls, low: npt.ArrayLike, high: npt.ArrayLike) -> PlaneWindow:
        """Return the box ``low <= x <= high`` of a network with two inputs.

        Parameters
        ----------
        low, high : array_like, shape (2,), or float
            Opposite corners, ``low < high`` in both coordinates; a number stands for both.
        """
        who = "PlaneWindow.of_inputs"
        lower, upper = _pair(low, "low", who), _pair(high, "high", who)
        if lower.shape != (2,) or upper.shape != (2,):
            raise InvalidValueError(
                f"`low, high` have {lower.size} and {upper.size} coordinates, but {who} needs two each. "
                "For more inputs, choose a plane with `PlaneWindow(origin, basis, polygon)`."
            )
        if not np.all(lower < upper):
            raise InvalidValueError(
                f"`low` is {lower.tolist()} and `high` {upper.tolist()}, but {who} needs low < high in both "
                "coordinates. Swap them."
            )
        corners = np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])
        return cls(np.zeros(2), np.eye(2), corners)

    @property
    def n_in(self) -> int:
        """Number of coordinates of the input space."""
        return int(self.origin.size)

    @cached_property
    def triangle(self) -> FloatArray:
        """Upper triangle that turns plane coordinates to orthonormal ones, shape (2, 2); see `orthonormal`."""
        # The Gram matrix would cancel for a skew basis.
        found = np.linalg.qr(self.basis.T)[1]
        return frozen(found * np.where(np.diagonal(found) < 0, -1.0, 1.0)[:, None])

    def orthonormal(self, steps: FloatArray) -> FloatArray:
        """Turn plane coordinates to orthonormal ones of the plane, shape (..., 2), in units of the input space."""
        return np.asarray(steps @ self.triangle.T)

    @cached_property
    def area_factor(self) -> float:
        """Euclidean area of the unit square of plane coordinates."""
        return abs(float(self.triangle[0, 0]) * float(self.triangle[1, 1]))

    @cached_property
    def area(self) -> float:
        """Euclidean area of the window, in squared units of the input space."""
        corners, scale = _in_its_box(self.polygon)
        u, v = (corners - corners[0]).T
        return 0.5 * float(np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v)) * scale[0] * scale[1] * self.area_factor

    def point(self, u: npt.ArrayLike, v: npt.ArrayLike | None = None) -> FloatArray:
        """Return points of the input space, shape (..., n_in).

        Parameters
        ----------
        u, v : array_like
            Plane coordinates; or one array of shape (..., 2).
        """
        if v is None:
            pairs = np.asarray(u, dtype=np.float64)
            if pairs.ndim == 0 or pairs.shape[-1] != 2:
                raise InvalidValueError(
                    f"`u` has shape {pairs.shape}, but PlaneWindow.point needs a last axis of two coordinates when `v` "
                    "is left out. Give both u and v, or an array of shape (..., 2)."
                )
        else:
            pairs = np.stack(np.broadcast_arrays(np.asarray(u, float), np.asarray(v, float)), axis=-1)
        return np.asarray(self.origin + pairs @ self.basis)

    def coordinates(self, x: npt.ArrayLike) -> FloatArray:
        """Return plane coordinates of the orthogonal projection of points, shape (..., 2).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
        """
        who = "PlaneWindow.coordinates"
        points = as_points(x, "x", who, self.n_in)
        orthonormal, triangle = np.linalg.qr(self.basis.T)
        projected = (points - self.origin) @ orthonormal
        return np.asarray(np.linalg.solve(triangle, projected[..., None])[..., 0])


def _pair(value: npt.ArrayLike, name: str, who: str) -> FloatArray:
    """Return a corner of a rectangle, given as one number for both coordinates or as two."""
    corner = as_float_array(value, name, who)
    return np.full(2, corner) if corner.ndim == 0 else as_vector(corner, name, who)


LineDomain = Segment | Ray | Line | Path
