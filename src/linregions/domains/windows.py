"""Domains: segments, rays, lines, polygonal paths (from `linregions.domains.curves`) and windows in a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Shown
from linregions._support.validation import (
    FloatArray,
    as_float_array,
    as_integer,
    as_points,
    as_positive,
    as_rows,
    as_vector,
    frozen,
)
from linregions.domains.curves import Line, LineDomain, Path, Ray, Segment, same_size
from linregions.errors import InvalidTypeError, InvalidValueError

__all__ = ["Line", "LineDomain", "Path", "PlaneWindow", "Ray", "Segment"]


def power_of_two(size: float) -> float:
    """Return the least power of two above a size, as far as there is one; infinity above the largest."""
    power = max(int(np.frexp(size)[1]), -1021)
    return math.ldexp(1.0, power) if power < 1024 else math.inf


def lengths_of(vectors: FloatArray) -> FloatArray:
    """Return the Euclidean lengths of vectors, (..., n) -> (...), whose squares may overflow or vanish."""
    largest = np.abs(vectors).max(axis=-1, initial=0.0)
    scale = np.ldexp(1.0, np.minimum(np.frexp(largest)[1], 1023))
    return np.asarray(np.linalg.norm(vectors / scale[..., None], axis=-1) * scale)


def _in_its_box(polygon: FloatArray) -> tuple[FloatArray, tuple[float, float]]:
    """Return corners in units of powers of two, about the polygon's width and height, and these units."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    scale = power_of_two(high[0] / 2 - low[0] / 2), power_of_two(high[1] / 2 - low[1] / 2)
    return polygon / np.array(scale), scale


@dataclass(frozen=True, eq=False, repr=False)
class PlaneWindow(Shown):
    """A convex polygon in a plane of the input space; ``point(u, v) = origin + u basis[0] + v basis[1]``.

    Parameters
    ----------
    origin : array_like, shape (n_in,)
        The point with plane coordinates (0, 0).
    basis : array_like, shape (2, n_in)
        Two independent vectors; they need not be orthonormal.
    polygon : array_like, shape (m, 2)
        Corners in plane coordinates: convex, counter-clockwise, m >= 3.
    names : (str, str), optional
        What pictures call the two coordinates; by default the inputs that they are, if they are some.

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
    names: tuple[str, str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        who = "PlaneWindow"
        if self.names is not None:
            object.__setattr__(self, "names", _two_names(self.names, who))
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
            same_size(points[0], point, name, who)
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
        return cls(np.zeros(2), np.eye(2), _rectangle(low, high, "PlaneWindow.of_inputs"))

    @classmethod
    def of_features(
        cls,
        i: int,
        j: int,
        *,
        at: npt.ArrayLike,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        names: tuple[str, str] | None = None,
    ) -> PlaneWindow:
        """Return the window of two inputs of many, with the others fixed.

        Parameters
        ----------
        i, j : int
            Numbers of the two inputs, from 0; the first goes to the right in pictures.
        at : array_like, shape (n_in,)
            Where the other inputs are fixed; its own coordinates i and j do not matter. Images are flattened.
        low, high : array_like, shape (2,), or float
            Opposite corners, ``low < high`` in both inputs; a number stands for both.
        names : (str, str), optional
            What pictures call the two; by default ``"feature i"`` and ``"feature j"`` with their numbers.

        Returns
        -------
        PlaneWindow
            Its plane coordinates are the values of the two inputs.

        Raises
        ------
        InvalidValueError
            If there are no such inputs, they are the same one, or low < high does not hold.

        Examples
        --------
        >>> import linregions as lr
        >>> window = lr.PlaneWindow.of_features(0, 2, at=[5.0, 6.0, 7.0], low=-1, high=[1, 2])
        >>> window.point(0.5, 2.0).tolist()
        [0.5, 6.0, 2.0]
        """
        who = "PlaneWindow.of_features"
        origin = as_vector(at, "at", who).copy()
        chosen = [as_integer(value, name, who, 0) for value, name in ((i, "i"), (j, "j"))]
        for number, name in zip(chosen, "ij", strict=True):
            if number >= origin.size:
                raise InvalidValueError(
                    f"`{name}` is {number}, but {who} needs one below the number of inputs, {origin.size}. "
                    "Count inputs from 0."
                )
        if chosen[0] == chosen[1]:
            raise InvalidValueError(f"`i` and `j` are both {chosen[0]}, but {who} needs two inputs. Change one.")
        origin[chosen] = 0.0
        basis = np.zeros((2, origin.size))
        basis[[0, 1], chosen] = 1.0
        return cls(origin, basis, _rectangle(low, high, who), names=names)

    def _facts(self) -> dict[str, Any]:
        names = {} if self.axis_names is None else {"axes": ", ".join(self.axis_names)}
        return {"inputs": self.n_in, "corners": len(self.polygon), "area": self.area, **names}

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
    def features(self) -> tuple[int, int] | None:
        """Which two inputs the plane coordinates go along, in their positive directions; None if there are none."""
        found = [np.flatnonzero(vector) for vector in self.basis]
        if all(len(places) == 1 for places in found) and self.basis.sum() > 0 and np.all(self.basis >= 0):
            return int(found[0][0]), int(found[1][0])
        return None

    @property
    def axis_names(self) -> tuple[str, str] | None:
        """What pictures call the two coordinates: `names`, or the inputs that they are; None if there are none."""
        if self.names is not None or self.features is None:
            return self.names
        if self.n_in == 2:
            first, second = (f"$x_{number + 1}$" for number in self.features)
        else:
            first, second = (f"feature {number}" for number in self.features)
        return first, second

    def axes_coordinates(self, pairs: npt.ArrayLike) -> FloatArray:
        """Turn plane coordinates to those of pictures, shape (..., 2), in units of the input space.

        Lengths and angles are true in them: orthonormal coordinates about the origin, or the values of two inputs where
        the plane goes along these.

        Parameters
        ----------
        pairs : array_like, shape (..., 2)
        """
        values = np.asarray(pairs, dtype=np.float64)
        if self.features is not None:
            along = list(self.features)
            return np.asarray(self.origin[along] + values * self.basis[[0, 1], along])
        if np.allclose(self.triangle, np.eye(2), rtol=0, atol=1e-12):
            return values
        return self.orthonormal(values)

    def to_axes(self, points: npt.ArrayLike) -> FloatArray:
        """Return where points of the input space lie in pictures of this window, shape (..., 2).

        Those outside the plane are projected onto it.

        Parameters
        ----------
        points : array_like, shape (..., n_in)
            Images are flattened.

        Examples
        --------
        >>> import linregions as lr
        >>> window = lr.PlaneWindow([1.0, 1.0], [[2.0, 0.0], [2.0, 2.0]], [[0, 0], [1, 0], [0, 1]])
        >>> window.to_axes([[1.0, 1.0], [3.0, 2.0]]).round(12).tolist()
        [[0.0, 0.0], [2.0, 1.0]]
        """
        return self.axes_coordinates(self.coordinates(as_points(points, "points", "to_axes", self.n_in)))

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


def _two_names(value: object, who: str) -> tuple[str, str]:
    given = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if len(given) != 2 or not all(isinstance(name, str) for name in given):
        raise InvalidTypeError(
            f"`names` is {value!r}, but {who} needs two strings. Give e.g. `('petal length', 'petal width')`."
        )
    return str(given[0]), str(given[1])


def _rectangle(low: npt.ArrayLike, high: npt.ArrayLike, who: str) -> FloatArray:
    """Return the corners of a rectangle, counter-clockwise."""
    lower, upper = _pair(low, "low", who), _pair(high, "high", who)
    if lower.shape != (2,) or upper.shape != (2,):
        raise InvalidValueError(
            f"`low, high` have {lower.size} and {upper.size} coordinates, but {who} needs two each. "
            "For more inputs, choose two with `PlaneWindow.of_features`, or a plane with `PlaneWindow.through`."
        )
    if not np.all(lower < upper):
        raise InvalidValueError(
            f"`low` is {lower.tolist()} and `high` {upper.tolist()}, but {who} needs low < high in both "
            "coordinates. Swap them."
        )
    return np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])


def _pair(value: npt.ArrayLike, name: str, who: str) -> FloatArray:
    """Return a corner of a rectangle, given as one number for both coordinates or as two."""
    corner = as_float_array(value, name, who)
    return np.full(2, corner) if corner.ndim == 0 else as_vector(corner, name, who)
