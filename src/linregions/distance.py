"""Distance of points to the nearest boundary of an activation region (sec. 2.2)."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from linregions._compilation import announce_compilation
from linregions._threads import one_blas_thread
from linregions._validation import FloatArray, as_float_array, as_integer, as_points, as_threads, shape_of_points
from linregions.activations import PiecewiseLinear
from linregions.errors import InvalidValueError, MemoryLimitError, NumericalError
from linregions.importers import as_network
from linregions.network import Network

if TYPE_CHECKING:
    from linregions.kernels.distance import Bounds

_WHO = "boundary_distance"
_ROUNDING = 2.0**-42  # relative: what sums of thousands of terms stay below, and what makes two distances a tie
# How many coordinates are checked at a time, and how many multiplications one call may take without looking up.
_BLOCK_NUMBERS, _CALL_PRODUCTS = 1 << 18, 2e8
IntArray = npt.NDArray[np.int32]


@overload
def boundary_distance(
    net: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[False] = False,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> FloatArray: ...


@overload
def boundary_distance(
    net: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[True],
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> tuple[FloatArray, IntArray]: ...


def boundary_distance(
    net: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: bool = False,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> FloatArray | tuple[FloatArray, IntArray]:
    r"""Measure the Euclidean distance of each point to the nearest place where a neuron switches.

    Parameters
    ----------
    net : Network
        Or a PyTorch module or an MLP of scikit-learn, which is converted.
    points : array_like, shape (..., n_in)
        One point or many, in the units of the input space; images are flattened. An array of any number type that is
        contiguous, or mapped from a file, is read block by block and not copied.
    return_neurons : bool
        Whether to return also which neuron switches there.
    threads : int
        Number of threads, -1 for all cores; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.
    memory_limit : int or None
        How many bytes to work with, the network, the points and the result apart; None takes what is fastest. The
        result does not depend on it.

    Returns
    -------
    distances : ndarray of float64, shape (...)
        In the units of the input space; inf where no neuron can switch. Zero on a boundary.
    neurons : ndarray of int32, shape (...)
        Only with `return_neurons`: flat number of the nearest neuron (see `Network.locate_neuron`), the
        lowest one of those that tie within a relative 2**-42; -1 where there is none.

    Raises
    ------
    InvalidValueError
        If there are no points, their last axis is not `n_in`, a number is NaN or infinite, or `threads` < 1.
    MemoryLimitError
        If a single point does not fit into `memory_limit`; the message says what would fit.
    InvalidTypeError
        If `net` is no Network.
    NumericalError
        If the values of the network overflow at a point.

    Notes
    -----
    The distance is :math:`\min_z |z(x) - \xi| / \|\nabla z(x)\|` over all neurons and all breakpoints
    :math:`\xi` of their activations, where the gradient is that of the linear piece which `Network.patterns`
    reports. Since the region around x is an intersection of half-spaces, this is the distance to the region's
    border, switches of neurons that are not good included.

    Cost: one forward pass, one product of squares per layer, and a gradient for the few neurons that
    ``|z - xi| / (norms of the matrices)`` cannot rule out; the first layer enters gradients only by the factor R
    of ``W0 = R Q``. In deep networks (from about eight layers) the bounds are loose, and a point costs about a
    whole Jacobian. Memory beyond the points and the result does not grow with the number of points. A point's
    distance does not depend on the other points, on threads or memory, to the last bit.

    A gradient that rounding alone explains counts as zero, as when two equal neurons cancel.

    References
    ----------
    Hanin & Rolnick (2019), section 2.2, the formula before Theorem 2.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[3.0, 4.0], [0.0, 1.0]], [-5.0, 2.0]), ([[1.0, 1.0]], [0.0])])
    >>> distances, neurons = lr.boundary_distance(net, [[0.0, 0.0], [0.0, -3.0]], return_neurons=True)
    >>> distances.tolist(), neurons.tolist()
    ([1.0, 1.0], [0, 1])
    """
    net = as_network(net, "net", _WHO)
    inputs = _checked(points, net.n_in)
    if inputs.size == 0:
        raise InvalidValueError(
            f"`points` has shape {inputs.shape} and holds no point, but {_WHO} needs at least one. "
            "Give at least one point."
        )
    workers = as_threads(threads, "threads", _WHO)
    limit = None if memory_limit is None else as_integer(memory_limit, "memory_limit", _WHO, 1)
    announce_compilation()
    shape, flat = inputs.shape[:-1], inputs.reshape(-1, net.n_in)
    distances, neurons = np.full(flat.shape[0], np.inf), np.full(flat.shape[0], -1, dtype=np.int32)
    if net.n_neurons:
        with one_blas_thread():
            plan = _Plan.of(net)
            workers, size = plan.shares(workers, limit)
            _measure(plan, flat, workers, size, progress, distances, neurons)
    if return_neurons:
        return distances.reshape(shape), neurons.reshape(shape)
    return distances.reshape(shape)


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


@dataclass(frozen=True, eq=False)
class _Plan:
    """What all points share: scaled weights, their norms and the factor R of the first layer.

    Row k of every hidden layer is scaled by a power of two to entries of about 1, and the column of the next
    layer back; so gradients neither overflow nor underflow, and ratios ``|z| / ||grad z||`` stay what they are
    to the last bit.
    """

    net: Network
    neurons: npt.NDArray[np.int32]  # flat number of every hidden unit, -1 for units that never switch
    units: npt.NDArray[np.int64]
    switching: npt.NDArray[np.bool_]
    scales: FloatArray
    transposed: tuple[FloatArray, ...]  # weights of the hidden layers
    squared: tuple[FloatArray, ...]  # transposed squares of the scaled weights of hidden layers 1, 2, ...
    bounds: Bounds
    cost: FloatArray  # multiplications for a gradient in each layer
    patience: float  # those of a whole Jacobian

    @classmethod
    def of(cls, net: Network) -> _Plan:
        from linregions.kernels.distance import Bounds, as_one_buffer

        hidden = net.layers[:-1]
        widths = np.array(net.widths[:-1], dtype=np.int64)
        units = np.concatenate([[0], np.cumsum(widths[1:])]).astype(np.int64)
        switching = np.array([activation.n_breakpoints > 0 for activation in net.activations])
        neurons = np.full(units[-1], -1, dtype=np.int32)
        neurons[np.repeat(switching, widths[1:])] = np.arange(net.n_neurons)
        scaled: list[FloatArray] = []
        exponents: list[npt.NDArray[np.int64]] = [np.zeros(net.n_in, dtype=np.int64)]
        for layer in hidden:
            mantissas, powers = np.frexp(layer.weight)
            powers = np.where(mantissas == 0, -10_000, powers - exponents[-1])
            # A row of zeros needs no scale; beyond 2**1000 the scale itself would overflow.
            largest = powers.max(axis=1)
            exponent = np.clip(np.where(largest == -10_000, 0, -largest), -1000, 1000)
            scaled.append(np.ldexp(mantissas, powers + exponent[:, None]))
            exponents.append(exponent)
        factor = np.ascontiguousarray(np.asarray(np.linalg.qr(scaled[0].T, mode="r")).T)
        steepest = np.array([max(abs(slope) for slope in activation.slopes) for activation in net.activations])
        with np.errstate(over="ignore"):  # an infinite bound rules nothing out
            spectral = np.array([np.linalg.norm(matrix, 2) for matrix in [factor, *scaled[1:]]])
            frobenius = np.array([np.linalg.norm(matrix) for matrix in scaled])
            tail = np.cumprod(spectral * np.concatenate([[1.0], steepest[:-1]]))
            squared = tuple(np.ascontiguousarray((matrix * matrix).T) for matrix in scaled[1:])
        weights, starts = as_one_buffer(scaled)
        rank = int(min(widths[:2]))
        cost, patience = np.zeros(len(hidden)), 0.0
        cost[0] = 0.5 * widths[1] * rank
        for k in range(1, len(hidden)):
            cost[k] = cost[k - 1] + widths[k] * widths[k + 1]
            patience += float(widths[k] * widths[k + 1] * rank)
        return cls(
            net=net,
            neurons=neurons,
            units=units,
            switching=switching,
            scales=np.ldexp(1.0, np.concatenate(exponents[1:])),
            transposed=tuple(np.ascontiguousarray(layer.weight.T) for layer in hidden),
            squared=squared,
            bounds=Bounds(
                widths=widths,
                units=units,
                switching=switching,
                weights=weights,
                starts=starts,
                first_norms=np.linalg.norm(scaled[0], axis=1),
                factor=factor.ravel(),
                tail=tail,
                spectral=spectral,
                frobenius=frobenius,
                tolerance=_ROUNDING,
            ),
            cost=cost,
            patience=patience,
        )

    @property
    def chunk(self) -> int:
        """Points that are best worked at a time: about 4 MB."""
        return int(np.clip(2**22 // (32 * self.units[-1]), 32, 1024))

    def worker_bytes(self, size: int) -> int:
        """Return what one thread takes for chunks of `size` points."""
        widest, n_units = int(self.bounds.widths.max()), int(self.units[-1])
        jacobian = 2 * widest * int(min(self.bounds.widths[:2])) + 2 * n_units if len(self.transposed) > 2 else 0
        return 8 * (size * (3 * n_units + 2 * widest + 1) + 7 * widest + 5 * n_units + 4 + jacobian)

    def shares(self, threads: int, limit: int | None) -> tuple[int, int]:
        """Return how many threads there may be, and how many points each takes at a time."""
        if limit is None:
            return threads, self.chunk
        matrices = (*self.transposed, *self.squared, self.bounds.weights, self.bounds.factor)
        held = sum(matrix.nbytes for matrix in matrices)
        least = held + self.worker_bytes(1)
        if limit < least:
            raise MemoryLimitError(
                f"`memory_limit` is {limit} bytes, but {_WHO} needs {least} to take one point after the other through "
                f"{self.units[-1]} units. Raise it to that at least."
            )
        threads = max(1, min(threads, (limit - held) // self.worker_bytes(min(self.chunk, 32))))
        share, each = (limit - held) // threads, self.worker_bytes(2) - self.worker_bytes(1)
        return threads, int(min(self.chunk, 1 + (share - self.worker_bytes(1)) // each))


@cache
def _pieces(activation: PiecewiseLinear) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    knots, heights = activation.knots
    return np.array(activation.breakpoints, dtype=np.float64), np.array(activation.slopes), knots, heights


def _measure(
    plan: _Plan,
    points: npt.NDArray[Any],
    threads: int,
    size: int,
    progress: bool,
    distances: FloatArray,
    neurons: IntArray,
) -> None:
    """Fill `distances` and `neurons`, chunk by chunk."""
    from tqdm import tqdm

    starts = deque(range(0, points.shape[0], size))
    threads = min(threads, len(starts))
    size = min(size, points.shape[0])
    with tqdm(total=points.shape[0], desc="distances", unit="point", disable=not progress) as bar:
        if threads == 1:
            _work(plan, points, starts, size, distances, neurons, bar)
            return
        with ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(_work, plan, points, starts, size, distances, neurons, bar) for _ in range(threads)]
            try:
                for worker in workers:
                    worker.result()
            finally:
                starts.clear()  # after an error or Ctrl-C the other threads need not go on


def _work(
    plan: _Plan,
    points: npt.NDArray[Any],
    starts: deque[int],
    size: int,
    distances: FloatArray,
    neurons: IntArray,
    bar: Any,
) -> None:
    """Take chunks from `starts` until none is left; one workspace for all of them."""
    from linregions.kernels.dense import multiply_rows
    from linregions.kernels.distance import Scratch, activate, nearest_switches, square

    net, units, bounds = plan.net, plan.units, plan.bounds
    widths = [int(width) for width in bounds.widths]
    widest, n_units = max(widths), int(units[-1])
    values, spare = (np.empty((size, widest)) for _ in range(2))
    slopes, gaps, squares = (np.zeros((size, n_units)) for _ in range(3))
    found = np.empty(size, dtype=np.int32)
    deep = len(widths) > 3
    n_jacobian, n_norms = (widest * min(widths[:2]), n_units) if deep else (0, 0)
    scratch = Scratch(
        active=np.empty(widest + 4, dtype=np.int64),
        row=np.empty(widest),
        new=np.empty(widest),
        careful=np.empty((4, widest)),
        first=np.empty(widths[1] if plan.switching[0] else 0),
        found=np.empty(n_units),
        found_at=np.empty(n_units, dtype=np.int64),
        bound=np.empty(n_units),
        candidate=np.empty(n_units, dtype=np.int64),
        jacobian=np.empty(n_jacobian),
        new_jacobian=np.empty(n_jacobian),
        norms=np.empty(n_norms),
        noise=np.empty(n_norms),
    )
    # Points of one call: so few that it can be stopped between two calls.
    step = int(np.clip(_CALL_PRODUCTS // max(plan.patience, 1.0), 1, size))
    while True:
        try:
            start = starts.popleft()
        except IndexError:
            return
        m = min(size, points.shape[0] - start)
        values[:m, : net.n_in] = points[start : start + m]
        for k, (layer, activation) in enumerate(zip(net.layers[:-1], net.activations, strict=True)):
            n, own = widths[k + 1], slice(units[k], units[k + 1])
            multiply_rows(values, 0, 0, m, plan.transposed[k], scratch.active, spare, 0)
            pieces = _pieces(activation)
            if not activate(spare[:m], n, layer.bias, *pieces, plan.scales[own], slopes, gaps, units[k]):
                raise NumericalError(
                    f"`points` {start} to {start + m - 1} make layer {k} of the network overflow, but {_WHO} needs "
                    "finite values. Scale the points or the weights down."
                )
            values, spare = spare, values
            if k:
                square(slopes, units[k - 1], widths[k], spare[:m])
                multiply_rows(spare, 0, 0, m, plan.squared[k - 1], scratch.active, squares, units[k])
        out = slice(start, start + m)
        for low in range(0, m, step):
            high = min(low + step, m)
            nearest_switches(
                gaps, slopes, squares, low, high, bounds, scratch, plan.cost, plan.patience, distances[out], found
            )
        neurons[out] = np.where(found[:m] < 0, -1, plan.neurons[found[:m]])
        bar.update(m)
