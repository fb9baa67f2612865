"""Distance of points to the nearest boundary of an activation region (sec. 2.2)."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from linregions._compilation import announce_compilation
from linregions._threads import one_blas_thread
from linregions._validation import FloatArray, as_float_array, as_integer
from linregions.activations import PiecewiseLinear
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError
from linregions.network import Network

_WHO = "boundary_distance"
_ROUNDING = 2.0**-42  # relative: what sums of thousands of terms stay below, and what makes two distances a tie
IntArray = npt.NDArray[np.int32]


@overload
def boundary_distance(
    net: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: Literal[False] = False,
    threads: int = 1,
    progress: bool = False,
) -> FloatArray: ...


@overload
def boundary_distance(
    net: Network, points: npt.ArrayLike, *, return_neurons: Literal[True], threads: int = 1, progress: bool = False
) -> tuple[FloatArray, IntArray]: ...


def boundary_distance(
    net: Network,
    points: npt.ArrayLike,
    *,
    return_neurons: bool = False,
    threads: int = 1,
    progress: bool = False,
) -> FloatArray | tuple[FloatArray, IntArray]:
    r"""Measure the Euclidean distance of each point to the nearest place where a neuron switches.

    Parameters
    ----------
    net : Network
    points : array_like, shape (..., n_in)
        One point or many, in the units of the input space.
    return_neurons : bool
        Whether to return also which neuron switches there.
    threads : int
        Number of threads; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.

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
    whole Jacobian. Memory beyond the points and the result does not grow with the number of points.

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
    if not isinstance(net, Network):
        raise InvalidTypeError(
            f"`net` is {type(net).__name__}, but {_WHO} needs a Network. "
            "Convert it with `Network.from_layers` or `from_torch`."
        )
    inputs = as_float_array(points, "points", _WHO)
    if inputs.ndim == 0 or inputs.shape[-1] != net.n_in:
        raise InvalidValueError(
            f"`points` has shape {inputs.shape}, but {_WHO} needs a last axis of {net.n_in} inputs. "
            f"Reshape it to (..., {net.n_in})."
        )
    if inputs.size == 0:
        raise InvalidValueError(
            f"`points` has shape {inputs.shape} and holds no point, but {_WHO} needs at least one. "
            "Give at least one point."
        )
    workers = as_integer(threads, "threads", _WHO, 1)
    announce_compilation()
    shape, flat = inputs.shape[:-1], inputs.reshape(-1, net.n_in)
    distances, neurons = np.full(flat.shape[0], np.inf), np.full(flat.shape[0], -1, dtype=np.int32)
    if net.n_neurons:
        with one_blas_thread():
            _measure(_Plan.of(net), flat, workers, progress, distances, neurons)
    if return_neurons:
        return distances.reshape(shape), neurons.reshape(shape)
    return distances.reshape(shape)


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
    squared: tuple[FloatArray, ...]  # transposed squares of the scaled weights of hidden layers 1, 2, ...
    arrays: tuple[Any, ...]  # further arguments of the kernel, in its order

    @classmethod
    def of(cls, net: Network) -> _Plan:
        from linregions.kernels.distance import as_one_buffer

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
        return cls(
            net=net,
            neurons=neurons,
            units=units,
            switching=switching,
            scales=np.ldexp(1.0, np.concatenate(exponents[1:])),
            squared=squared,
            arrays=(
                widths,
                units,
                switching,
                weights,
                starts,
                np.linalg.norm(scaled[0], axis=1),
                factor.ravel(),
                tail,
                spectral,
                frobenius,
                _ROUNDING,
            ),
        )

    @property
    def chunk(self) -> int:
        """Points worked at a time: about 4 MB, and the same for any number of threads."""
        return int(np.clip(2**22 // (32 * self.units[-1]), 32, 1024))


@cache
def _pieces(activation: PiecewiseLinear) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    knots, heights = activation.knots
    return np.array(activation.breakpoints, dtype=np.float64), np.array(activation.slopes), knots, heights


def _measure(
    plan: _Plan, points: FloatArray, threads: int, progress: bool, distances: FloatArray, neurons: IntArray
) -> None:
    """Fill `distances` and `neurons`, chunk by chunk."""
    from tqdm import tqdm

    starts = deque(range(0, points.shape[0], plan.chunk))
    with (
        tqdm(total=points.shape[0], desc="distances", unit="point", disable=not progress) as bar,
        ThreadPoolExecutor(threads) as pool,
    ):
        if threads == 1:
            _work(plan, points, starts, distances, neurons, bar)
            return
        workers = [pool.submit(_work, plan, points, starts, distances, neurons, bar) for _ in range(threads)]
        for worker in workers:
            worker.result()


def _work(
    plan: _Plan, points: FloatArray, starts: deque[int], distances: FloatArray, neurons: IntArray, bar: Any
) -> None:
    """Take chunks from `starts` until none is left; one workspace for all of them."""
    from linregions.kernels.distance import activate, nearest_switches

    net, units = plan.net, plan.units
    size = min(plan.chunk, points.shape[0])
    values, slopes, gaps, squares = (np.zeros((size, units[-1])) for _ in range(4))
    found = np.empty(size, dtype=np.int32)
    while True:
        try:
            start = starts.popleft()
        except IndexError:
            return
        inputs = points[start : start + size]
        m = inputs.shape[0]
        for k, (layer, activation) in enumerate(zip(net.layers[:-1], net.activations, strict=True)):
            own = slice(units[k], units[k + 1])
            z = values[:m, own]
            with np.errstate(over="ignore", invalid="ignore"):
                np.matmul(inputs, layer.weight.T, out=z)
                z += layer.bias
                if not np.isfinite(z).all():
                    starts.clear()  # the other threads need not go on
                    raise NumericalError(
                        f"`points` {start} to {start + m - 1} make layer {k} of the network overflow, but {_WHO} needs "
                        "finite values. Scale the points or the weights down."
                    )
            if k:
                below = slopes[:m, units[k - 1] : units[k]]
                with np.errstate(over="ignore", invalid="ignore"):
                    np.matmul(below * below, plan.squared[k - 1], out=squares[:m, own])
            activate(z, *_pieces(activation), plan.scales[own], slopes[:m, own], gaps[:m, own])
            inputs = z
        out = slice(start, start + m)
        nearest_switches(gaps[:m], slopes[:m], squares[:m], *plan.arrays, distances[out], found[:m])
        neurons[out] = np.where(found[:m] < 0, -1, plan.neurons[found[:m]])
        bar.update(m)
