"""A network at a point: its affine map there, and the half-spaces of the activation region of the point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_points, require
from linregions.errors import NumericalError
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.affine import AffineLayer

IntArray = npt.NDArray[np.int32]
# A gradient this small beside the terms that it adds up is none: rounding alone explains it, as when two equal
# neurons cancel. The same number as for distances.
ROUNDING = 2.0**-42
# How many numbers the gradients of a block of points may hold.
_BLOCK_NUMBERS = 1 << 20
# How far a linear program must get beyond a half-space that bounds the region, relative to its distance. Its own
# tolerance is a tenth of that.
_BEYOND = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class ActivationRegion:
    """The activation region of a point: the half-spaces ``normals @ y <= bounds`` of the input space.

    Made by `Network.region`. Every array is read-only.

    Parameters
    ----------
    point : ndarray of float64, shape (n_in,)
        A point of the region.
    normals : ndarray of float64, shape (m, n_in)
        The matrix A of ``A y <= b``: gradients of neurons, with the sign that makes them point outwards.
    bounds : ndarray of float64, shape (m,)
        The vector b.
    neurons : ndarray of int32, shape (m,)
        Flat number of the neuron that switches where ``normals[k] @ y == bounds[k]`` (`Network.locate_neuron`).
    breakpoints : ndarray of int32, shape (m,)
        Which breakpoint of that neuron's activation it is, from 0; for a window of a maximum, which of its comparisons.
    pattern : ndarray of uint8, shape (n_neurons,)
        Linear piece of every neuron in the region.
    matrix : ndarray of float64, shape (n_out, n_in)
    vector : ndarray of float64, shape (n_out,)
        The network in the region: ``matrix @ y + vector``.

    Notes
    -----
    Half-spaces of different neurons may coincide, and many may be redundant; `reduced` keeps those that bound the
    region. In directions in which no half-space holds it, the region is unbounded.
    """

    point: FloatArray
    normals: FloatArray
    bounds: FloatArray
    neurons: IntArray
    breakpoints: IntArray
    pattern: npt.NDArray[np.uint8]
    matrix: FloatArray
    vector: FloatArray

    def contains(self, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which points are in the region or on its border, `point` always; rounding decides for neither side.

        Parameters
        ----------
        x : array_like, shape (..., n_in)

        Returns
        -------
        ndarray of bool, shape (...)
        """
        points = as_points(x, "x", "ActivationRegion.contains", self.point.size)
        rounding = (self.point.size + 2) * np.finfo(np.float64).eps
        slack = rounding * (np.abs(points) @ np.abs(self.normals).T + np.abs(self.bounds))
        return np.asarray(np.all(points @ self.normals.T <= self.bounds + slack, axis=-1))

    @property
    def distances(self) -> FloatArray:
        """Euclidean distance of `point` to the hyperplane of each half-space, shape (m,)."""
        return np.asarray((self.bounds - self.normals @ self.point) / _lengths(self.normals))

    def reduced(self) -> ActivationRegion:
        """Return the same region with only the half-spaces that bound it.

        Returns
        -------
        ActivationRegion
            Of half-spaces that coincide, the one of the lowest neuron.

        Raises
        ------
        MissingDependencyError
            If scipy is not installed (``pip install 'linregions[lp]'``).

        Notes
        -----
        A linear program in float64 for each half-space that is not the first to be met along its own normal from
        `point`. A facet is kept where the region would reach beyond it without it, by at least a millionth of its
        distance from `point`: smaller ones are lost.
        """
        optimize = require("scipy", "lp", "ActivationRegion.reduced", lambda: __import__("scipy.optimize").optimize)
        keep = _facets(optimize, self.normals, self.bounds, self.point)
        return ActivationRegion(
            self.point,
            _read_only(self.normals[keep]),
            _read_only(self.bounds[keep]),
            _read_only(self.neurons[keep]),
            _read_only(self.breakpoints[keep]),
            self.pattern,
            self.matrix,
            self.vector,
        )

    def __repr__(self) -> str:
        return f"ActivationRegion({self.bounds.size} half-spaces in {self.point.size} inputs)"


@np.errstate(over="ignore", invalid="ignore")  # told as an error
def affine_maps_at(
    layers: Sequence[AffineLayer],
    activations: Sequence[PiecewiseLinear],
    pre_activations: Sequence[FloatArray],
    n: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the affine map of a network on the linear piece of each of n points.

    `pre_activations` has a (n, width) for each hidden layer. Returns matrices (n, n_out, n_in) and vectors (n, n_out).
    The outputs go backwards through the layers, since there are mostly fewer outputs than inputs. Each point has a
    product of its own, so that its bits do not depend on the others.
    """
    n_out, n_in = layers[-1].weight.shape[0], layers[0].weight.shape[1]
    matrices, vectors = np.empty((n, n_out, n_in)), np.empty((n, n_out))
    widest = max(layer.weight.shape[1] for layer in layers)
    step = max(1, _BLOCK_NUMBERS // (widest * n_out))
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        rows = np.broadcast_to(layers[-1].weight, (block.stop - start, *layers[-1].weight.shape))
        constant = np.broadcast_to(layers[-1].bias, rows.shape[:2])
        for layer, activation, z in zip(
            reversed(layers[:-1]), reversed(activations), reversed(pre_activations), strict=True
        ):
            slopes, intercepts = on_pieces(activation, activation.pieces(z[block]))
            constant = constant + np.einsum("nou,nu->no", rows, intercepts)
            rows = rows * slopes[:, None, :]
            constant = constant + rows @ layer.bias
            rows = rows @ layer.weight
        matrices[block], vectors[block] = rows, constant
    check_maps(matrices, vectors)
    return matrices, vectors


@np.errstate(over="ignore", invalid="ignore")
def region_at(
    layers: Sequence[AffineLayer],
    activations: Sequence[PiecewiseLinear],
    point: FloatArray,
    pre_activations: Sequence[FloatArray],
) -> ActivationRegion:
    """Return the activation region of one point, with its pre-activations (width,) of each hidden layer."""
    found = HalfSpaces(point)
    pattern = [np.zeros(0, dtype=np.uint8)]
    first_neuron = 0
    slopes = np.ones(point.size)
    # Gradients of the units of a layer, and the absolute terms that they add up.
    gradients, terms = np.eye(point.size), np.eye(point.size)
    for layer, activation, z in zip(layers[:-1], activations, pre_activations, strict=True):
        gradients = layer.weight @ (slopes[:, None] * gradients)
        terms = np.abs(layer.weight) @ (np.abs(slopes)[:, None] * terms)
        pieces = activation.pieces(z)
        slopes = on_pieces(activation, pieces)[0]
        if activation.n_breakpoints:
            pattern.append(pieces)
            most = terms.max(axis=1)
            check_gradients(most)
            varies = np.abs(gradients).max(axis=1) > ROUNDING * most
            found.add_units(activation, gradients, z, varies, first_neuron + np.arange(z.size))
            first_neuron += z.size
    matrices, vectors = affine_maps_at(layers, activations, [z[None] for z in pre_activations], 1)
    return found.region(np.concatenate(pattern), matrices[0], vectors[0])


class HalfSpaces:
    """Half-spaces of the region of a point, as they are found."""

    def __init__(self, point: FloatArray) -> None:
        self._point = point
        self._normals, self._slacks = [np.zeros((0, point.size))], [np.zeros(0)]
        self._neurons, self._breakpoints = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]

    def add(
        self, normals: FloatArray, slacks: FloatArray, neurons: npt.NDArray[Any], breakpoints: npt.NDArray[Any]
    ) -> None:
        """Add some, with their distances from the point in units of their normals' lengths."""
        self._normals.append(normals)
        self._slacks.append(slacks)
        self._neurons.append(neurons)
        self._breakpoints.append(breakpoints)

    def add_units(
        self,
        activation: PiecewiseLinear,
        gradients: FloatArray,
        z: FloatArray,
        varies: npt.NDArray[np.bool_],
        neurons: npt.NDArray[Any],
    ) -> None:
        """Add those of units whose pre-activations z vary, with their gradients (units, n_in)."""
        points, pieces = np.asarray(activation.breakpoints), activation.pieces(z).astype(np.int32)
        # The breakpoint below the piece, which the unit must stay above, and the one above.
        for shift, sign in ((-1, -1.0), (0, 1.0)):
            which = pieces + shift
            units = np.flatnonzero(varies & (which >= 0) & (which < points.size))
            slacks = np.abs(points[which[units]] - z[units])
            self.add(sign * gradients[units], slacks, neurons[units], which[units])

    def region(self, pattern: npt.NDArray[np.uint8], matrix: FloatArray, vector: FloatArray) -> ActivationRegion:
        """Return the region, with its pattern and the affine map of the network there."""
        numbers = np.concatenate(self._neurons).astype(np.int32)
        levels = np.concatenate(self._breakpoints).astype(np.int32)
        order = np.lexsort([levels, numbers])
        rows = np.concatenate(self._normals)[order]
        return ActivationRegion(
            _read_only(np.array(self._point)),
            _read_only(rows),
            # The gaps of the point itself, so that it satisfies what it defines whatever was rounded.
            _read_only(rows @ self._point + np.concatenate(self._slacks)[order]),
            _read_only(numbers[order]),
            _read_only(levels[order]),
            _read_only(pattern),
            _read_only(matrix),
            _read_only(vector),
        )


def check_maps(*arrays: FloatArray) -> None:
    """Raise where affine maps are not finite."""
    if not all(np.all(np.isfinite(array)) for array in arrays):
        raise NumericalError(
            "`x` has a point at which the affine map of the network overflows, but affine_map needs finite numbers. "
            "Scale the weights down."
        )


def check_gradients(most: FloatArray) -> None:
    """Raise where terms of gradients are not finite."""
    if not np.all(np.isfinite(most)):
        raise NumericalError(
            "`x` has a point at which gradients of the network overflow, but region needs finite numbers. "
            "Scale the weights down."
        )


def on_pieces(activation: PiecewiseLinear, pieces: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return slopes and intercepts of pieces."""
    return activation.table.slopes[pieces], activation.intercepts[pieces]


def _lengths(rows: FloatArray) -> FloatArray:
    """Return the Euclidean lengths of rows that are not zero, whose squares may overflow or underflow."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    return np.asarray(np.linalg.norm(rows / largest[:, None], axis=1) * largest)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _facets(optimize: Any, normals: FloatArray, bounds: FloatArray, point: FloatArray) -> npt.NDArray[np.intp]:
    """Return which half-spaces are needed, in order."""
    m = bounds.size
    if m < 2:
        return np.arange(m)
    lengths = _lengths(normals)
    units, gaps = normals / lengths[:, None], (bounds - normals @ point) / lengths
    if units.shape[1] > m:  # only what the normals span matters
        units = np.asarray(np.linalg.qr(units.T, mode="r")).T
    needed = _first_met(units, gaps)
    kept = np.ones(m, dtype=bool)
    # From the last on, so that of equal ones the first stays.
    for k in np.flatnonzero(~needed)[::-1]:
        others = kept.copy()
        others[k] = False
        # The point is the origin and the distance of half-space k the unit; it is moved outwards by one, so that the
        # program is bounded.
        unit = gaps[k] if gaps[k] > 0 else float(gaps.max()) or 1.0
        own = gaps[k] / unit
        found = optimize.linprog(
            -units[k],
            A_ub=np.vstack([units[others], units[k]]),
            b_ub=np.append(gaps[others] / unit, own + 1.0),
            bounds=(None, None),
            method="highs",
        )
        if found.status == 0 and -found.fun <= own + _BEYOND:
            kept[k] = False
    return np.flatnonzero(kept)


def _first_met(units: FloatArray, gaps: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which half-spaces are clearly the first whose border is met from the origin along their own normal."""
    approach = units @ units.T
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(approach > 0, gaps[None, :] / approach, np.inf)
    np.fill_diagonal(far, np.inf)
    return np.asarray((gaps > 0) & (far.min(axis=1) > gaps * (1.0 + 1e-6)))
