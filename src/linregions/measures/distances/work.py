"""Distances of points, chunk by chunk, in one or more threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.aligned_arrays import aligned_zeros
from linregions._support.validation import FloatArray
from linregions.errors import NumericalError
from linregions.measures.distances.plan import Plan
from linregions.networks.activations import PiecewiseLinear

# How many multiplications one call may take without looking up.
_CALL_PRODUCTS = 2e8


@cache
def _pieces(activation: PiecewiseLinear) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    knots, heights = activation.knots
    return np.array(activation.breakpoints, dtype=np.float64), np.array(activation.slopes), knots, heights


class Workspace:
    """What one thread uses for chunk after chunk; after `measure`, what is known of the chunk's points."""

    def __init__(self, plan: Plan, size: int, who: str) -> None:
        from linregions.measures.distances.kernels.switches import Scratch

        widths, n_units, depth = plan.widths, plan.n_units, len(plan.biases)
        widest, block = max(widths), plan.block(size)
        self.plan, self.size, self.who = plan, size, who
        self.values, self.spare = (aligned_zeros(size, widest) for _ in range(2))
        self.slopes, self.gaps, self.squares = (aligned_zeros(size, n_units) for _ in range(3))
        self.errors, self.noise = np.empty(size), np.zeros((size, depth))
        self.distances, self.nearest = np.empty(size), np.empty(size, dtype=np.int32)
        self.jacobians, self.new_jacobians = (aligned_zeros(block * plan.rank, max(widths[1:])) for _ in range(2))
        self.scratch = Scratch(
            active=np.empty(widest + 4, dtype=np.int64),
            row=aligned_zeros(widest),
            new=aligned_zeros(widest),
            careful=np.empty((4, widest)),
            first=np.empty(widths[1] if plan.bounds.switching[0] else 0),
            found=np.empty(n_units),
            found_at=np.empty(n_units, dtype=np.int64),
            bound=np.empty(n_units),
            candidate=np.empty(n_units, dtype=np.int64),
        )

    def evaluate(self, points: npt.NDArray[Any], start: int) -> None:
        """Set slopes and gaps at some points, of which `start` is the number of the first in messages."""
        from linregions.measures.distances.kernels.switches import activate, square
        from linregions.networks.kernels.dense import multiply_rows

        plan, units, widths, m = self.plan, self.plan.bounds.units, self.plan.widths, points.shape[0]
        self.values[:m, : widths[0]] = points
        for k, (bias, activation) in enumerate(zip(plan.biases, plan.activations, strict=True)):
            n, own = widths[k + 1], slice(units[k], units[k + 1])
            multiply_rows(self.values, 0, 0, m, plan.transposed[k], self.scratch.active, self.spare, 0)
            pieces = _pieces(activation)
            if not activate(self.spare[:m], n, bias, *pieces, plan.scales[own], self.slopes, self.gaps, units[k]):
                raise NumericalError(
                    f"`points` {start} to {start + m - 1} make layer {k} of the network overflow, but {self.who} needs "
                    "finite values. Scale the points or the weights down."
                )
            self.values, self.spare = self.spare, self.values
            if k and not plan.whole:
                square(self.slopes, units[k - 1], widths[k], self.spare[:m])
                multiply_rows(self.spare, 0, 0, m, plan.squared[k - 1], self.scratch.active, self.squares, units[k])

    def measure(self, m: int) -> None:
        """Set distances and nearest units of m points."""
        if self.plan.whole:
            self.carry(np.arange(m))
            return
        self.prune(m)
        self.carry(np.flatnonzero(self.nearest[:m] == -2))

    def prune(self, m: int) -> tuple[float, int]:
        """Set them where bounds spare enough gradients; return the work, and for how many points this was given up."""
        from linregions.measures.distances.kernels.switches import nearest_switches

        plan, work = self.plan, 0.0
        # Points of one call: so few that it can be stopped between two calls.
        step = int(np.clip(_CALL_PRODUCTS // max(plan.patience, 1.0), 1, self.size))
        for low in range(0, m, step):
            work += nearest_switches(
                self.gaps, self.slopes, self.squares, low, min(low + step, m), plan.bounds, self.scratch,
                plan.cost, plan.patience, self.distances, self.nearest,
            )  # fmt: skip
        return work, int(np.count_nonzero(self.nearest[:m] == -2))

    def carry(self, points: npt.NDArray[np.int64]) -> None:
        """Set distances and nearest units of points by their whole Jacobians."""
        from linregions.measures.distances.kernels.jacobians import (
            end_layer,
            multiply_jacobians,
            nearest_by_jacobians,
            start_jacobians,
        )

        plan, net, rank = self.plan, self.plan.bounds, self.plan.rank
        block = self.plan.block(self.size)
        for start in range(0, points.size, max(1, block)):
            chosen = points[start : start + block]
            old, new = self.jacobians, self.new_jacobians
            start_jacobians(chosen, plan.factor, self.slopes, net.row_norms, self.squares, old)
            for layer, weights in enumerate(plan.scaled, 1):
                first = int(net.units[layer - 1])
                multiply_jacobians(chosen, rank, self.slopes, first, old, weights, self.scratch.active, new)
                end_layer(layer, chosen, rank, self.slopes, new, net, self.errors, self.noise, self.squares)
                old, new = new, old
            nearest_by_jacobians(
                chosen, self.gaps, self.slopes, self.squares, self.noise, net, self.scratch.careful,
                self.scratch.bound, self.scratch.found, self.distances, self.nearest,
            )  # fmt: skip


def work_through(
    plan: Plan,
    points: npt.NDArray[Any],
    threads: int,
    size: int,
    progress: bool,
    who: str,
    take: Callable[[Workspace, slice], None],
) -> None:
    """Measure all points, chunk by chunk, and hand each chunk to `take`, in the thread that measured it."""
    from tqdm import tqdm

    starts = deque(range(0, points.shape[0], size))
    threads = min(threads, len(starts))
    size = min(size, points.shape[0])

    def work(bar: Any) -> None:
        space = Workspace(plan, size, who)  # one for all chunks of a thread
        while True:
            try:
                start = starts.popleft()
            except IndexError:
                return
            chunk = slice(start, min(start + size, points.shape[0]))
            space.evaluate(points[chunk], start)
            space.measure(chunk.stop - chunk.start)
            take(space, chunk)
            bar.update(chunk.stop - chunk.start)

    with tqdm(total=points.shape[0], desc="distances", unit="point", disable=not progress) as bar:
        if threads == 1:
            work(bar)
            return
        with ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(work, bar) for _ in range(threads)]
            try:
                for worker in workers:
                    worker.result()
            finally:
                starts.clear()  # after an error or Ctrl-C the other threads need not go on
