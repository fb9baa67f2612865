"""Distances of points, chunk by chunk, in one or more threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.aligned import aligned_zeros
from linregions.errors import NumericalError
from linregions.measures.distances.plan import Plan
from linregions.regions.drive import Work

# How many multiplications one call may take without looking up.
_CALL_PRODUCTS = 2e8


class Workspace:
    """What one thread uses for chunk after chunk; after `measure`, what is known of the chunk's points."""

    def __init__(self, plan: Plan, size: int, who: str, stopped: threading.Event | None = None) -> None:
        from linregions.measures.distances.kernels.switches import AtPoints, Scratch

        widths, n_units, depth = plan.widths, plan.n_units, len(plan.biases)
        widest, block = max(widths), plan.block(size)
        self.plan, self.size, self.who, self.stopped = plan, size, who, stopped
        self.values, self.spare = (aligned_zeros((size, widest)) for _ in range(2))
        self.at = AtPoints(
            slopes=aligned_zeros((size, n_units)),
            gaps=aligned_zeros((size, n_units)),
            squares=aligned_zeros((size, n_units)),
            errors=np.empty(size),
            noise=np.zeros((size, depth)),
            distances=np.empty(size),
            nearest=np.empty(size, dtype=np.int32),
        )
        self.jacobians, self.new_jacobians = (aligned_zeros((block * plan.rank, max(widths[1:]))) for _ in range(2))
        self.scratch = Scratch(
            active=np.empty(widest + 4, dtype=np.int64),
            row=aligned_zeros((widest,)),
            new=aligned_zeros((widest,)),
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
            if not activate(self.spare[:m], n, bias, activation.table, plan.scales[own], self.at, units[k]):
                raise NumericalError(
                    f"`points` {start} to {start + m - 1} make layer {k} of the network overflow, but {self.who} needs "
                    "finite values. Scale the points or the weights down."
                )
            self.values, self.spare = self.spare, self.values
            if k and not plan.whole:
                square(self.at.slopes, units[k - 1], widths[k], self.spare[:m])
                multiply_rows(self.spare, 0, 0, m, plan.squared[k - 1], self.scratch.active, self.at.squares, units[k])

    def _go_on(self) -> None:
        if self.stopped is not None and self.stopped.is_set():
            raise CancelledError

    def measure(self, m: int) -> None:
        """Set distances and nearest units of m points."""
        from linregions.measures.distances.kernels.switches import GIVEN_UP

        if self.plan.whole:
            self.carry(np.arange(m))
            return
        self.prune(m)
        self.carry(np.flatnonzero(self.at.nearest[:m] == GIVEN_UP))

    def prune(self, m: int) -> tuple[float, int]:
        """Set them where bounds spare enough gradients; return the work, and for how many points this was given up."""
        from linregions.measures.distances.kernels.switches import GIVEN_UP, nearest_switches

        plan, work = self.plan, 0.0
        # Points of one call: so few that it can be stopped between two calls.
        step = int(np.clip(_CALL_PRODUCTS // max(plan.patience, 1.0), 1, self.size))
        for low in range(0, m, step):
            self._go_on()
            high = min(low + step, m)
            work += nearest_switches(self.at, low, high, plan.bounds, self.scratch, plan.cost, plan.patience)
        return work, int(np.count_nonzero(self.at.nearest[:m] == GIVEN_UP))

    def carry(self, points: npt.NDArray[np.int64]) -> None:
        """Set distances and nearest units of points by their whole Jacobians."""
        from linregions.measures.distances.kernels import jacobians

        plan, bounds, rank = self.plan, self.plan.bounds, self.plan.rank
        block, active = self.plan.block(self.size), self.scratch.active
        for start in range(0, points.size, max(1, block)):
            self._go_on()
            chosen = points[start : start + block]
            old, new = self.jacobians, self.new_jacobians
            jacobians.start_jacobians(chosen, plan.factor, self.at, bounds.row_norms, old)
            for layer, weights in enumerate(plan.scaled, 1):
                first = int(bounds.units[layer - 1])
                jacobians.multiply_jacobians(chosen, rank, self.at.slopes, first, old, weights, active, new)
                jacobians.end_layer(layer, chosen, rank, self.at, new, bounds)
                old, new = new, old
            jacobians.nearest_by_jacobians(chosen, self.at, bounds, self.scratch)


class DistanceWork(Work):
    """Points in chunks of `size`, as work; each goes to ``take(workspace, slice)`` in the thread that measured it."""

    title, unit = "distances", "point"

    def __init__(
        self, plan: Plan, points: npt.NDArray[Any], size: int, who: str, take: Callable[[Workspace, slice], None]
    ) -> None:
        self.plan, self.points, self.size, self.who, self.take = plan, points, min(size, len(points)), who, take
        self.tasks = range(0, len(points), self.size)
        self.stopped, self.local = threading.Event(), threading.local()

    def share(self, task: int) -> int:
        """Return the number of points."""
        return min(self.size, len(self.points) - task)

    def run(self, task: int) -> None:
        """Measure a chunk in the buffers of this thread."""
        if not hasattr(self.local, "space"):
            self.local.space = Workspace(self.plan, self.size, self.who, self.stopped)
        space, chunk = self.local.space, slice(task, task + self.share(task))
        space.evaluate(self.points[chunk], task)
        space.measure(self.share(task))
        self.take(space, chunk)
