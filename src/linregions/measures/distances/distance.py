"""Distance of points to the nearest boundary of an activation region (sec. 2.2)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from linregions._support.announcement import announce_compilation
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_choice, as_float_array, as_points, shape_of_points
from linregions.errors import InvalidValueError, UnprovedWarning
from linregions.measures.distances.choice import graph_plan_of, plan_of
from linregions.measures.distances.graph_plan import CHANCE, DIRECTIONS
from linregions.measures.distances.graph_work import USUAL, Effort, GraphDistanceWork, GraphSpace
from linregions.measures.distances.intervals import Intervals, nearest_in
from linregions.measures.distances.linear import LinearRegions
from linregions.measures.distances.linear_graph import GraphLinearRegions
from linregions.measures.distances.points import nearest_is_good, nearest_points
from linregions.measures.distances.work import DistanceWork, Workspace
from linregions.networks.good import good_neurons
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.drive import drive
from linregions.regions.options import Options

_WHO = "boundary_distance"
_BLOCK_NUMBERS = 1 << 18  # how many coordinates are checked at a time
IntArray = npt.NDArray[np.int32]


class _Given(TypedDict, total=False):
    kind: str
    threads: int
    progress: bool
    memory_limit: int | None


@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[False] = ...,
    return_points: Literal[False] = ...,
    **options: Unpack[_Given],
) -> FloatArray: ...
@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[True],
    return_points: Literal[False] = ...,
    **options: Unpack[_Given],
) -> tuple[FloatArray, IntArray]: ...
@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[False] = ...,
    return_points: Literal[True],
    **options: Unpack[_Given],
) -> tuple[FloatArray, FloatArray]: ...
@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[True],
    return_points: Literal[True],
    **options: Unpack[_Given],
) -> tuple[FloatArray, IntArray, FloatArray]: ...
@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: bool = ...,
    return_points: bool = ...,
    return_chances: Literal[True],
    **options: Unpack[_Given],
) -> tuple[Any, ...]: ...
@overload
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: bool = ...,
    return_points: bool = ...,
    return_chances: bool = ...,
    certify: Literal[True],
    **options: Unpack[_Given],
) -> tuple[Any, ...]: ...
def boundary_distance(
    network: Network,
    points: npt.ArrayLike,
    *,
    kind: str = "activation",
    return_neurons: bool = False,
    return_points: bool = False,
    return_chances: bool = False,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
    certify: bool = False,
) -> Any:
    r"""Measure the Euclidean distance of each point to the nearest place where a neuron switches.

    Parameters
    ----------
    network : Network
        Or a PyTorch module or an MLP of scikit-learn, which is converted.
    points : array_like, shape (..., n_in)
        One point or many, in the units of the input space; images are flattened. An array of any number type that is
        contiguous, or mapped from a file, is read block by block and not copied.
    kind : {"activation", "linear"}
        To where any neuron switches, or to where a good one does, which is the paper's B_N with probability 1 (see
        `partition`).
    return_neurons : bool
        Whether to return also which neuron switches there.
    return_points : bool
        Whether to return also the nearest point of the boundary.
    return_chances : bool
        Whether to return also with which chance a distance is too large.
    threads : int
        Number of threads, -1 for all cores; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.
    memory_limit : int or None
        How many bytes to work with, the network, the points and the result apart; None takes what is fastest. The
        result does not depend on it.
    certify : bool
        Whether to return also an interval that each distance is proved to lie in, for exactly the numbers given. Of
        ``kind="activation"``, and of networks without maxima. A point takes as long as all its Jacobians do.

    Returns
    -------
    distances : ndarray of float64, shape (...)
        In the units of the input space; inf where no neuron can switch. Zero on a boundary.
    neurons : ndarray of int32, shape (...)
        Only with `return_neurons`: flat number of the nearest neuron (see `Network.locate_neuron`), the
        lowest one of those that tie within a relative 2**-42; -1 where there is none.
    nearest : ndarray of float64, shape (..., n_in)
        Only with `return_points`, after the neurons if these are returned: where this neuron switches, at the
        distance told but for rounding; NaN where there is none.
    chances : ndarray of float64, shape (...)
        Only with `return_chances`, at the end: 0 where the distance is proved, and else with which chance a nearer
        neuron was passed over. Always 0 for chains of dense layers.
    intervals : ndarray of float64, shape (..., 2)
        Only with `certify`, at the very end: between what the distance is. Distances that rounding has led outside
        are moved to the nearer end. Both ends are 0 on a boundary.

    Raises
    ------
    InvalidValueError
        If there are no points, their last axis is not `n_in`, a number is NaN or infinite, or `threads` < 1.
    MemoryLimitError
        If a single point does not fit into `memory_limit`; the message says what would fit.
    InvalidTypeError
        If `network` is no Network.
    NumericalError
        If the values of the network overflow at a point, or more than 20,000 sides of activation regions lie between
        a point and the boundary of its linear region.

    Warns
    -----
    UnprovedWarning
        If the distances of some points are not proved, unless `return_chances` tells of which.

    Notes
    -----
    The distance is :math:`\min_z |z(x) - \xi| / \|\nabla z(x)\|` over all neurons and all breakpoints
    :math:`\xi` of their activations, where the gradient is that of the linear piece which `Network.patterns`
    reports. Since the region around x is an intersection of half-spaces, this is the distance to the region's
    border, switches of neurons that are not good included.

    With ``kind="linear"`` it is the distance to the places where a neuron switches that is good on one side of them at
    least: B_N with probability 1 (Proposition 9; good neurons that cancel exactly are places here, but not of B_N). If
    the nearest neuron is not good, the regions beyond are visited in the order of their distance, each entered by a
    side where no good neuron switches, until a side is met where one does; so the neuron need not be one whose formula
    above, at x, gives the distance. This takes milliseconds for a point, and far more where many regions lie between,
    as behind a layer that is closed for good.

    Cost: one forward pass, one product of squares per layer, and a gradient for the few neurons that
    ``|z - xi| / (norms of the matrices)`` cannot rule out; the first layer enters gradients only by the factor R
    of ``W0 = R Q``. In deep networks (from about seven layers) and with few inputs these bounds rule out too little,
    so whole Jacobians are carried forwards instead, ``min(n_in, width)`` rows each; which way is the cheaper one is
    tried out at sixteen fixed points at the first call for a network, and kept with its decompositions as long as the
    network lives. Memory beyond the points and the result does not grow with the number of points. A point's distance
    does not depend on the other points, on threads or memory, to the last bit.

    A gradient that rounding alone explains counts as zero, as when two equal neurons cancel.

    Of a graph, a window of a maximum switches where its winner meets another entry; entries that are the same function
    around the point do not. Where entries tie at the point itself, as in the blank margin of an image, the distance is
    0. Gradients are bounded by a pass of absolute weights, and by norms; random directions tell with which neurons to
    begin. Where bounds leave at most forty neurons, all of them are looked at, and the distance is proved. Otherwise
    those are which may be the nearest by 12 random directions, the same for all points: the square of a gradient's
    norm is estimated by a chi-square variable, so that the nearest neuron is passed over with the chance told.

    References
    ----------
    Hanin & Rolnick (2019), section 2.2, the formula before Theorem 2; eq. (4) and Proposition 9.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[3.0, 4.0], [0.0, 1.0]], [-5.0, 2.0]), ([[1.0, 1.0]], [0.0])])
    >>> distances, neurons = lr.boundary_distance(net, [[0.0, 0.0], [0.0, -3.0]], return_neurons=True)
    >>> distances.tolist(), neurons.tolist()
    ([1.0, 1.0], [0, 1])
    >>> lr.boundary_distance(net, [0.0, 0.0], return_points=True)[1].round(12)
    array([0.6, 0.8])
    """
    network = as_network(network, "network", _WHO)
    inputs = _checked(points, network.n_in)
    if inputs.size == 0:
        raise InvalidValueError(
            f"`points` has shape {inputs.shape} and holds no point, but {_WHO} needs at least one. "
            "Give at least one point."
        )
    wanted = as_choice(kind, "kind", _WHO, ("activation", "linear"))
    options = Options.checked(_WHO, threads=threads, progress=progress, memory_limit=memory_limit, certify=certify)
    if options.certify and wanted != "activation":
        raise InvalidValueError(
            f"`kind` is {wanted!r}, but {_WHO} with `certify=True` needs 'activation'. Leave `certify` out."
        )
    prover = Intervals(network, _WHO) if options.certify else None
    announce_compilation()
    shape, flat = inputs.shape[:-1], inputs.reshape(-1, network.n_in)
    found = distances_of(network, flat, wanted, options, with_points=return_points)
    intervals = np.empty((len(flat) if prover else 0, 2))
    if prover is not None:
        prover.of_all(flat, intervals)
        found.distances[:], found.chances[:] = nearest_in(found.distances, intervals), 0.0
    unproved = int(np.count_nonzero(found.chances))
    if unproved and not return_chances:
        warnings.warn(
            f"bounds prove {len(flat) - unproved:,} of {len(flat):,} distances; the others come from {DIRECTIONS} "
            f"random directions, and each is too large with a chance of {CHANCE:.0e}. `return_chances=True` tells "
            "which.",
            UnprovedWarning,
            stacklevel=2,
        )
    results: list[Any] = [found.distances.reshape(shape)]
    if return_neurons:
        results.append(found.neurons.reshape(shape))
    if return_points:
        results.append(found.nearest.reshape(*shape, network.n_in))
    if return_chances:
        results.append(found.chances.reshape(shape))
    if prover is not None:
        results.append(intervals.reshape(*shape, 2))
    return tuple(results) if len(results) > 1 else results[0]


@dataclass(frozen=True, eq=False)
class Distances:
    """What is told of all points."""

    distances: FloatArray
    neurons: IntArray
    nearest: FloatArray
    chances: FloatArray

    @classmethod
    def empty(cls, n: int, n_in: int, *, with_points: bool) -> Distances:
        """Return room for n points, of which nothing is near."""
        nearest = np.full((n if with_points else 0, n_in), np.nan)
        return cls(np.full(n, np.inf), np.full(n, -1, dtype=np.int32), nearest, np.zeros(n))


def distances_of(
    network: Network,
    flat: npt.NDArray[Any],
    kind: str,
    options: Options,
    *,
    with_points: bool,
    effort: Effort = USUAL,
) -> Distances:
    """Measure distances of points of shape (N, n_in); arguments are checked by `boundary_distance`."""
    found = Distances.empty(*flat.shape, with_points=with_points)
    if network.n_neurons:
        with one_blas_thread():
            if network.is_chain:
                _of_chain(network, flat, kind, options, found)
            else:
                _of_graph(network, flat, kind, options, found, effort)
    return found


def _of_chain(network: Network, flat: npt.NDArray[Any], kind: str, options: Options, result: Distances) -> None:
    """Measure distances of a chain of dense layers."""
    plan = plan_of(network)
    workers, size = plan.shares(options)
    regions = LinearRegions(network) if kind == "linear" else None

    def take(space: Workspace, chunk: slice) -> None:
        m = chunk.stop - chunk.start
        units = space.at.nearest[:m]
        result.distances[chunk] = space.at.distances[:m]
        result.neurons[chunk] = np.where(units < 0, -1, plan.neurons[units])
        if result.nearest.size:
            result.nearest[chunk] = nearest_points(space, flat[chunk])
        if regions is None:
            return
        for k in chunk.start + np.flatnonzero(~nearest_is_good(space, regions, m)):
            found = regions.found(flat[k].astype(np.float64), float(result.distances[k]), int(k), _WHO)
            result.distances[k], result.neurons[k] = found.distance, found.neuron
            if result.nearest.size:
                result.nearest[k] = found.point

    for _ in drive(DistanceWork(plan, flat, size, _WHO, take), options, workers):
        pass  # all is taken already


def _of_graph(
    network: Network, flat: npt.NDArray[Any], kind: str, options: Options, result: Distances, effort: Effort
) -> None:
    """Measure distances of a graph."""
    plan = graph_plan_of(network)
    regions = GraphLinearRegions(network) if kind == "linear" else None

    def take(space: GraphSpace, chunk: slice) -> None:
        m = chunk.stop - chunk.start
        result.distances[chunk], result.neurons[chunk] = space.distances[:m], space.neurons[:m]
        result.chances[chunk] = space.chances[:m]
        if result.nearest.size:
            result.nearest[chunk] = space.nearest_points(flat[chunk])
        if regions is None:
            return
        good = good_neurons(network, network.patterns(flat[chunk]))
        near = space.neurons[:m]
        for k in chunk.start + np.flatnonzero((near >= 0) & ~good[np.arange(m), np.maximum(near, 0)]):
            found = regions.found(flat[k].astype(np.float64), float(result.distances[k]), int(k), _WHO)
            result.distances[k], result.neurons[k], result.chances[k] = found.distance, found.neuron, 0.0
            if result.nearest.size:
                result.nearest[k] = found.point

    for _ in drive(GraphDistanceWork(plan, flat, _WHO, take, effort), options, plan.workers(options)):
        pass


def _checked(points: Any, n_in: int) -> npt.NDArray[Any]:
    """Return finite numbers; arrays that are contiguous already are checked block by block, and neither copied."""
    if not (isinstance(points, np.ndarray) and points.ndim > 1 and points.size and points.flags.c_contiguous):
        return as_points(points, "points", _WHO, n_in)
    shape = shape_of_points(points.shape, n_in)
    if shape is None:
        return as_points(points, "points", _WHO, n_in)  # says what is wrong
    whole: npt.NDArray[Any] = points.reshape(*shape, n_in)  # a view
    flat = whole.reshape(-1, n_in)
    step = max(1, _BLOCK_NUMBERS // flat.shape[1])
    try:
        for start in range(0, flat.shape[0], step):
            as_float_array(flat[start : start + step], "points", _WHO)
    except InvalidValueError:
        return as_float_array(points, "points", _WHO)  # says where
    return whole
