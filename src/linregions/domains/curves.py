"""Domains of one dimension: segments, rays, lines and polygonal paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Shown
from linregions._support.validation import FloatArray, as_rows, as_vector, frozen
from linregions.errors import InvalidValueError


def same_size(first: FloatArray, second: FloatArray, names: str, who: str) -> None:
    """Raise if two vectors differ in their number of coordinates."""
    if first.shape != second.shape:
        raise InvalidValueError(
            f"`{names}` have {first.size} and {second.size} coordinates, but {who} needs the same number. "
            f"Give both in the input space of the network{_two_points(who)}."
        )


def _two_different(a: FloatArray, b: FloatArray, who: str) -> None:
    same_size(a, b, "a, b", who)
    if np.array_equal(a, b):
        raise InvalidValueError(
            f"`a` and `b` are the same point, but {who} needs two different ones. Move one of them."
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


@dataclass(frozen=True, eq=False, repr=False)
class Segment(Shown):
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
        _two_different(self.a, self.b, "Segment")

    @property
    def n_in(self) -> int:
        """Number of coordinates."""
        return int(self.a.size)

    def point(self, t: npt.ArrayLike) -> FloatArray:
        """Return the points at parameters `t`, shape (..., n_in)."""
        s = np.asarray(t, dtype=np.float64)[..., None]
        return np.asarray(self.a + s * (self.b - self.a))


@dataclass(frozen=True, eq=False, repr=False)
class Ray(Shown):
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
        same_size(self.origin, self.direction, "point, direction", who)

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
        _two_different(first, second, who)
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


@dataclass(frozen=True, eq=False, repr=False)
class Path(Shown):
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


LineDomain = Segment | Ray | Line | Path
