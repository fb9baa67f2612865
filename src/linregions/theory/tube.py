"""Lemma 12: the volume of a tube around a piecewise-linear set, and the bound by the volumes of its pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from linregions._support.estimates import Estimate
from linregions._support.validation import FloatArray, as_choice, as_float_array, as_generator, as_integer, as_positive
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.regions.kinds import KINDS
from linregions.regions.planes.partition import PlanePartition

# Points are worked in a grid of so many cells a side, each with the segments near it alone.
_GRID = 24
_BLOCK_NUMBERS = 1 << 20


def unit_ball_volume(dimension: int) -> float:
    r"""Return the volume :math:`\omega_d` of the ball of radius 1 in d dimensions.

    Parameters
    ----------
    dimension : int
        At least 0.

    Returns
    -------
    float

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is no integer of at least 0.

    References
    ----------
    Hanin & Rolnick (2019), Lemma 12.

    Examples
    --------
    >>> [round(unit_ball_volume(d), 3) for d in range(4)]
    [1.0, 2.0, 3.142, 4.189]
    """
    d = as_integer(dimension, "dimension", "unit_ball_volume", 0)
    return float(math.pi ** (d / 2) / math.gamma(d / 2 + 1))


def tube_volume_bound(volumes: Sequence[float], epsilon: float) -> float:
    r"""Bound the volume of the tube of radius epsilon around a piecewise-linear set by those of its pieces.

    Parameters
    ----------
    volumes : sequence of float, shape (n + 1,)
        ``volumes[k]`` is the k-dimensional volume of the pieces of dimension k, for k = 0 (their number) up to the
        dimension n of the space: for lines in a plane ``[vertices, length, 0]``.
    epsilon : float
        Radius of the tube, in the unit of length.

    Returns
    -------
    float
        :math:`\sum_{k=0}^n \omega_{n-k} \epsilon^{n-k} \mathrm{vol}_k(S_k)`.

    Raises
    ------
    InvalidValueError
        If there is no volume, one is negative, or the radius is not positive.

    Notes
    -----
    The paper prints :math:`S_0 = \emptyset`, with which the bound is false: a segment of length L has a tube of
    area :math:`2 \epsilon L + \pi \epsilon^2`, and :math:`2 \epsilon L` would be the bound. :math:`S_0` must be the
    set of vertices, as the sum, which begins at k = 0, has it.

    For the boundary of a network, whose piece :math:`B_{N,k}` has dimension n - k, the same sum is
    :math:`\sum_k \omega_k \epsilon^k \mathrm{vol}_{n-k}(B_{N,k})`; the proof of Corollary 8 prints
    :math:`\omega_{n-k} \epsilon^{n-k}` beside :math:`\mathrm{vol}_{n-k}`, which has no unit of volume.

    References
    ----------
    Hanin & Rolnick (2019), Lemma 12.

    Examples
    --------
    >>> round(tube_volume_bound([2, 1.0, 0.0], 0.1), 6)  # a segment of length 1 in the plane
    0.262832
    """
    who = "tube_volume_bound"
    values = as_float_array(volumes, "volumes", who, ndim=1)
    radius = as_positive(epsilon, "epsilon", who)
    if not values.size:
        raise InvalidValueError(
            f"`volumes` is empty, but {who} needs one for each dimension from 0 on. Give e.g. `[vertices, length, 0]`."
        )
    if (values < 0).any():
        raise InvalidValueError(
            f"`volumes` are {values.tolist()}, but {who} needs numbers of at least 0. Give volumes without sign."
        )
    n = values.size - 1
    return float(sum(unit_ball_volume(n - k) * radius ** (n - k) * values[k] for k in range(n + 1)))


@dataclass(frozen=True, eq=False)
class BoundaryComplex:
    """The boundaries in a window as segments and vertices, in orthonormal coordinates of the plane.

    Parameters
    ----------
    segments : ndarray of float64, shape (E, 2, 2)
        Ends of every segment, in the unit of the input space.
    vertices : ndarray of float64, shape (V, 2)
        Where boundaries cross, bend, or end at the window's border.
    """

    segments: FloatArray
    vertices: FloatArray

    @property
    def length(self) -> float:
        """Length of all segments, in the unit of the input space."""
        return float(np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1).sum())

    @property
    def volumes(self) -> tuple[float, float, float]:
        """Volumes of the pieces of dimension 0, 1 and 2, as `tube_volume_bound` takes them."""
        return float(len(self.vertices)), self.length, 0.0


def boundary_complex(
    partition: PlanePartition, kind: Literal["activation", "linear", "gradient"] = "activation"
) -> BoundaryComplex:
    """Return the boundaries inside the window of a partition, without the window's border.

    Parameters
    ----------
    partition : PlanePartition
    kind : {"activation", "linear", "gradient"}
        All boundaries of activation regions, those where a good neuron switches, or those where the gradient jumps.

    Returns
    -------
    BoundaryComplex

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If `partition` is no plane partition, or the kind is unknown.

    Notes
    -----
    A vertex of the partition with exactly two boundaries that go straight on, as where a neuron that is not good
    crosses B_N, is no vertex of the complex.

    References
    ----------
    Hanin & Rolnick (2019), eqs. (4), (5) and Lemma 12.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> cross = boundary_complex(lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1])))
    >>> cross.volumes  # the crossing and four ends
    (5.0, 4.0, 0.0)
    """
    who = "boundary_complex"
    if not isinstance(partition, PlanePartition):
        raise InvalidTypeError(
            f"`partition` is {type(partition).__name__}, but {who} needs a PlanePartition. "
            "Make one with `linregions.partition` and a `PlaneWindow`."
        )
    kept = partition.is_boundary_of(as_choice(kind, "kind", who, KINDS))
    places = partition.vertices @ np.linalg.qr(partition.window.basis.T)[1].T
    edges = partition.edges[kept]
    degree = np.bincount(edges.ravel(), minlength=len(places))
    corner = degree > 0
    # The two neighbours of a vertex of degree two, and whether the way through it is straight.
    ends = np.concatenate([edges, edges[:, ::-1]])
    ends = ends[degree[ends[:, 0]] == 2]
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    before, after = places[ends[::2, 1]] - places[ends[::2, 0]], places[ends[1::2, 1]] - places[ends[1::2, 0]]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    straight = np.abs(cross) <= 1e-9 * np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    straight &= (before * after).sum(axis=1) < 0
    corner[ends[::2, 0][straight]] = False
    return BoundaryComplex(places[edges], places[corner])


def tube_volume(
    partition: PlanePartition,
    epsilon: float,
    rng: np.random.Generator | int,
    *,
    kind: Literal["activation", "linear", "gradient"] = "activation",
    samples: int = 100_000,
) -> tuple[Estimate, float]:
    r"""Measure the area of the tube around the boundaries of a partition, and the bound of Lemma 12.

    Parameters
    ----------
    partition : PlanePartition
    epsilon : float
        Radius of the tube, in the unit of the input space.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.
    kind : {"activation", "linear", "gradient"}
        All boundaries of activation regions, those where a good neuron switches, or those where the gradient jumps.
    samples : int
        Random points.

    Returns
    -------
    area : Estimate
        :math:`\mathrm{vol}_2(T_\epsilon(S))` for the boundaries S inside the closed window; the tube may leave it.
    bound : float
        :math:`2 \epsilon \cdot \mathrm{length} + \pi \epsilon^2 \cdot \#\mathrm{vertices}`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    Points are uniform in the rectangle around the window, widened by epsilon; one belongs to the tube if its
    distance to the nearest segment is at most epsilon. Cost grows with the number of points times that of the
    segments near each.

    References
    ----------
    Hanin & Rolnick (2019), Lemma 12.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> cross = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    >>> area, bound = tube_volume(cross, 0.1, 0, samples=10_000)
    >>> round(bound, 4), abs(area.z_score(0.8 - 0.04 + 0.02 * 3.14159)) < 4  # four caps; the middle counts once
    (0.9571, True)
    """
    who = "tube_volume"
    boundaries = boundary_complex(partition, kind)
    radius = as_positive(epsilon, "epsilon", who)
    generator = as_generator(rng, "rng", who)
    count = as_integer(samples, "samples", who, 2)
    corners = partition.window.polygon @ np.linalg.qr(partition.window.basis.T)[1].T
    low, high = corners.min(axis=0) - radius, corners.max(axis=0) + radius
    inside = _is_near(generator.uniform(low, high, size=(count, 2)), boundaries.segments, radius, low, high)
    area = float(np.prod(high - low))
    return Estimate.from_samples(area * inside, generator), tube_volume_bound(boundaries.volumes, radius)


def _is_near(points: FloatArray, segments: FloatArray, radius: float, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return 1.0 for each point within `radius` of a segment, else 0.0."""
    near = np.zeros(len(points))
    if not len(segments):
        return near
    left, right = segments.min(axis=1) - radius, segments.max(axis=1) + radius
    size = (high - low) / _GRID
    place = np.minimum((points - low) // size, _GRID - 1).astype(np.int64)
    cell = place[:, 0] * _GRID + place[:, 1]
    order = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[order], return_index=True)
    for number, members in zip(cells.tolist(), np.split(order, starts[1:]), strict=True):
        corner = low + size * divmod(number, _GRID)
        close = segments[((left <= corner + size) & (right >= corner)).all(axis=1)]
        block = max(1, _BLOCK_NUMBERS // max(len(close), 1))
        for begin in range(0, len(members) if len(close) else 0, block):
            chosen = members[begin : begin + block]
            near[chosen] = _squared_distances(points[chosen], close).min(axis=1) <= radius * radius
    return near


def _squared_distances(points: FloatArray, segments: FloatArray) -> FloatArray:
    """Return the squared distance of each point to each segment, shape (points, segments)."""
    start, step = segments[:, 0], segments[:, 1] - segments[:, 0]
    offset = points[:, None, :] - start
    squared = (step * step).sum(axis=1)
    along = np.einsum("psi,si->ps", offset, step) / np.where(squared > 0, squared, 1.0)
    offset -= np.clip(along, 0.0, 1.0)[..., None] * step
    return np.asarray(np.einsum("psi,psi->ps", offset, offset))
