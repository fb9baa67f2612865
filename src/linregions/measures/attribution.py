"""Integrated gradients, exactly: on the segment from a baseline a network has finitely many gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_integer, as_points
from linregions.domains.windows import Segment
from linregions.errors import InvalidValueError, NumericalError
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.lines.find import partition_lines
from linregions.regions.lines.partition import LinePartition
from linregions.regions.outputs import piece_slopes

# How many numbers a temporary array may hold, and how many segments are partitioned together.
_BLOCK_NUMBERS = 1 << 20
_BATCH = 64


def integrated_gradients(
    network: Network, baseline: npt.ArrayLike, x: npt.ArrayLike, *, output: int | None = None
) -> FloatArray:
    """Attribute the change of the outputs between a baseline and points to the inputs, exactly.

    Parameters
    ----------
    network : Network
        Or a module or estimator that `partition` takes.
    baseline : array_like, shape (n_in,) or (..., n_in)
        One for all points, or one for each.
    x : array_like, shape (..., n_in)
    output : int, optional
        Which output to attribute, from 0; all by default.

    Returns
    -------
    ndarray of float64, shape (..., n_out, n_in), or (..., n_in) for one output
        For input i, ``(x_i - baseline_i)`` times the mean of the partial derivative by input i on the segment from the
        baseline to x. Their sum is ``f(x) - f(baseline)`` (completeness).

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If shapes do not fit, a number is not finite, or there is no such output.
    NumericalError
        If values or gradients overflow; the message names the point.

    Notes
    -----
    The gradient is constant on each region that the segment passes, so the integral is a sum: of one gradient for each
    region, weighted by its share of the segment. No steps have to be chosen. Where a segment runs along a boundary,
    the gradient is that of the side where neurons on their breakpoint are not above it. The cost is that of
    partitioning the segments and of one backward pass for each region and output.

    References
    ----------
    Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep networks, ICML.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.random_network([3, 16, 16, 2], 0, bias_variance=0.1)
    >>> attributions = lr.integrated_gradients(net, [0.0, 0.0, 0.0], [1.0, -2.0, 0.5])
    >>> change = net([1.0, -2.0, 0.5]) - net([0.0, 0.0, 0.0])
    >>> attributions.shape, bool(abs(attributions.sum(axis=1) - change).max() < 1e-12)
    ((2, 3), True)
    """
    who = "integrated_gradients"
    network = as_network(network, "network", who)
    points, base = (as_points(v, name, who, network.n_in) for v, name in ((x, "x"), (baseline, "baseline")))
    if base.ndim > 1 and base.shape != points.shape:
        raise InvalidValueError(
            f"`baseline` has shape {base.shape} and `x` {points.shape}, but {who} needs one baseline for all points or "
            "one for each. Give shape (n_in,) or that of `x`."
        )
    rows = slice(None)
    if output is not None:
        number = as_integer(output, "output", who, 0)
        if number >= network.n_out:
            raise InvalidValueError(
                f"`output` is {number}, but {who} needs one below the number of outputs, {network.n_out}. "
                "Count outputs from 0."
            )
        rows = slice(number, number + 1)
    ends = points.reshape(-1, network.n_in)
    begins = np.broadcast_to(base, points.shape).reshape(-1, network.n_in)
    n_rows = len(range(network.n_out)[rows])
    result = np.zeros((ends.shape[0], n_rows, network.n_in))
    moved = np.flatnonzero(np.any(ends != begins, axis=1))
    for first in range(0, moved.size, _BATCH):
        chosen = moved[first : first + _BATCH]
        segments = [Segment(a, b) for a, b in zip(begins[chosen], ends[chosen], strict=True)]
        try:
            parts = partition_lines(network, segments)
        except NumericalError:
            for k, segment in zip(chosen.tolist(), segments, strict=True):
                try:
                    partition_lines(network, [segment])
                except NumericalError:
                    raise _overflow(k, points, begins[k], ends[k]) from None
            raise
        for k, part in zip(chosen.tolist(), parts, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                result[k] = _mean_gradient(part, rows) * (ends[k] - begins[k])
            if not np.all(np.isfinite(result[k])):
                raise _overflow(k, points, begins[k], ends[k])
    result = result.reshape(*points.shape[:-1], *result.shape[1:])
    return result if output is None else result[..., 0, :]


def _overflow(row: int, points: FloatArray, begin: FloatArray, end: FloatArray) -> NumericalError:
    """Return the error of a segment on which values or gradients are out of range, in the words of the caller."""
    name = f"x[{', '.join(map(str, np.unravel_index(row, points.shape[:-1])))}]" if points.ndim > 1 else "x"
    return NumericalError(
        f"`{name}` has coordinates up to {np.abs(end).max():.3g} and its `baseline` up to {np.abs(begin).max():.3g}, "
        "between which values or gradients of `network` overflow, but integrated_gradients needs finite ones. "
        "Give `x` and `baseline` of smaller numbers, or scale the network's weights."
    )


def _mean_gradient(part: LinePartition, outputs: slice) -> FloatArray:
    """Return the mean of the Jacobian of some outputs on a segment, shape (outputs, n_in)."""
    network = part.network
    shares = np.diff(part.intervals, axis=1)[:, 0]
    if not network.is_chain:
        return _mean_gradient_of_graph(part, shares)[outputs]
    backwards = network.layers[-1].weight[outputs]
    total: Any = np.zeros((backwards.shape[0], network.widths[1]))
    if len(network.layers) == 1:
        return backwards
    size = max(1, _BLOCK_NUMBERS // (backwards.shape[0] * max(network.widths[1:])))
    with one_blas_thread():
        for start, patterns in part._pattern_blocks(size):
            rows = np.broadcast_to(backwards, (patterns.shape[0], *backwards.shape))
            for k in range(len(network.layers) - 2, -1, -1):
                rows = rows * piece_slopes(network, k, patterns)[:, None, :]
                if k:
                    rows = rows @ network.layers[k].weight
            # The first layer, often the largest, is the same for all.
            total += np.einsum("r,roi->oi", shares[start : start + patterns.shape[0]], rows)
        return np.asarray(total @ network.layers[0].weight)


def _mean_gradient_of_graph(part: LinePartition, shares: FloatArray) -> FloatArray:
    network = part.network
    total = np.zeros((network.n_out, network.n_in))
    size = max(1, _BLOCK_NUMBERS // max(network.n_neurons, 1))
    with one_blas_thread():
        for start, patterns in part._pattern_blocks(size):
            total += network.maps.mean_jacobian(patterns, shares[start : start + patterns.shape[0]])
    return total
