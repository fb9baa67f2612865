"""Distances of points to the nearest switch of a graph, a few points at a time, in one or more threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.aligned import aligned_zeros
from linregions._support.validation import FloatArray
from linregions.errors import NumericalError
from linregions.measures.distances.graph_plan import CHANCE, DIRECTIONS, FIRST_DIRECTIONS, POINTS, GraphPlan
from linregions.regions.drive import Work


class Effort(NamedTuple):
    """How long a proof is tried."""

    most_left: int = 40  # candidates that bounds may leave for one
    first: int = 4  # how many are examined before bounds are looked at


#: What is taken where nothing else is asked for.
USUAL = Effort()


class GraphSpace:
    """What one thread uses; after `measure`, what is known of some points."""

    def __init__(
        self, plan: GraphPlan, who: str, stopped: threading.Event | None = None, effort: Effort = USUAL
    ) -> None:
        from linregions.measures.distances.kernels.graph_rows import CHANNELS, SITES, Rows
        from linregions.measures.distances.kernels.graph_search import Backward, Found

        self.plan, self.who, self.stopped, self.effort = plan, who, stopped, effort
        slots, numbers, units, sites = plan.room
        most = max(POINTS, DIRECTIONS - FIRST_DIRECTIONS)
        self.rows = Rows(
            aligned_zeros((numbers * most,)),
            aligned_zeros((slots, numbers * most)),
            np.zeros((slots, units), dtype=np.int64),
            np.zeros((slots, sites), dtype=np.int64),
            np.zeros(4, dtype=np.int64),
            np.zeros(plan.most_joined, dtype=np.int64),
            aligned_zeros((4, plan.most_joined)),
            np.zeros((2, int(plan.taps.shape[CHANNELS].max()))),
        )
        n, m, shape = plan.n_units, plan.n_candidates, plan.taps.shape
        widest = int(shape[CHANNELS].max())
        self.values, self.slopes, self.bounds = (np.zeros((POINTS, n)) for _ in range(3))
        self.squares, self.most = np.zeros(n), np.ones(n)
        self.along = np.zeros((max(1, plan.candidates.compared.size), DIRECTIONS))
        self.found = Found(np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(max(m, 4), dtype=np.int64))
        self.backward = Backward(
            np.zeros(n),
            np.zeros(n),
            np.zeros(int(shape[SITES].sum()), dtype=np.bool_),
            np.zeros(widest),
            np.zeros((4, plan.candidates.most), dtype=np.int64),
            aligned_zeros((4 * plan.n_padded,)),
            aligned_zeros((4, widest)),
            np.zeros((4, widest)),
            np.zeros(widest, dtype=np.int64),
            np.zeros(4, dtype=np.int64),
            np.zeros((4, 3, plan.candidates.most), dtype=np.int64),
            np.zeros(4, dtype=np.int64),
            np.zeros(4),
            np.zeros(DIRECTIONS),
            np.ones((2, 1)),
        )
        self.gradient = np.zeros(plan.input_order.size)
        self.distances, self.neurons = np.full(POINTS, np.inf), np.full(POINTS, -1, dtype=np.int64)
        self.which, self.chances = np.full(POINTS, -1, dtype=np.int64), np.zeros(POINTS)

    def measure(self, points: npt.NDArray[Any], start: int) -> None:
        """Set distances, neurons and chances of some points, of which `start` is the number of the first."""
        from linregions.measures.distances.kernels.graph_rows import find_bounds, find_values

        taps, n = self.plan.taps, len(points)
        inputs = np.ascontiguousarray(points[:, self.plan.input_order], dtype=np.float64)
        if not find_values(taps, inputs, n, self.rows, POINTS, self.values, self.slopes):
            raise NumericalError(
                f"`points` {start} to {start + n - 1} make the network overflow, but {self.who} needs finite values. "
                "Scale the points or the weights down."
            )
        find_bounds(taps, n, self.rows, POINTS, self.slopes, self.bounds)
        for r in range(n):
            if self.stopped is not None and self.stopped.is_set():
                raise CancelledError
            self._search(r, start + r)

    def _search(self, r: int, number: int) -> None:
        """Find the nearest switch of one point."""
        from linregions.measures.distances.kernels import graph_search as kernels

        plan = self.plan
        at = self.values[r], self.slopes[r], self.bounds[r]
        kernels.set_gaps(plan.taps, plan.candidates, at[0], at[2], self.found, self.backward)
        self.squares[:], self.most[:] = 0.0, 1.0
        self.found.guess[:] = self.found.bound  # bounds alone often prove, in place of a look along directions
        few, most = self.effort.first, self.effort.most_left
        search = plan.taps, plan.candidates, *at, self.found, self.backward, few, most, self.gradient
        outcome = kernels.search_bounds(*search)
        if outcome == kernels.LEFT:
            self._look(r, 0)
            outcome = kernels.search_bounds(*search)
        self.chances[r] = 0.0
        if outcome == kernels.LEFT:
            self._look(r, 1)
            outcome = kernels.search_guesses(
                plan.taps, plan.candidates, *at, self.found, self.backward, plan.factor, self.gradient
            )
            self.chances[r] = CHANCE if outcome == kernels.LEFT else 0.0
        if outcome == kernels.OVERFLOW:
            raise NumericalError(
                f"`points` {number} has a neuron whose gradient overflows, but {self.who} needs finite ones. "
                "Scale the weights down."
            )
        self.which[r] = kernels.nearest_of(plan.candidates, self.found)
        some = self.which[r] >= 0
        self.distances[r] = self.found.exact[self.which[r]] if some else np.inf
        self.neurons[r] = plan.candidates.neuron[self.which[r]] if some else -1

    def _look(self, r: int, look: int) -> None:
        """Guess distances along the random directions of the first or second look."""
        from linregions.measures.distances.kernels.graph_rows import add_squares
        from linregions.measures.distances.kernels.graph_search import set_guesses

        plan = self.plan
        n = DIRECTIONS - FIRST_DIRECTIONS if look else FIRST_DIRECTIONS
        along = self.along[:, FIRST_DIRECTIONS:] if look else self.along[:, :FIRST_DIRECTIONS]
        add_squares(
            plan.taps,
            plan.given[look],
            n,
            self.rows,
            self.slopes[r],
            self.most,
            self.squares,
            plan.compared,
            along,
        )
        total = DIRECTIONS if look else FIRST_DIRECTIONS
        at = plan.taps, plan.candidates, self.values[r], self.squares, self.most
        set_guesses(*at, total, self.along, self.found, self.backward)

    def nearest_points(self, points: npt.NDArray[Any]) -> FloatArray:
        """Return where the nearest neurons of the points measured switch, NaN where there is none."""
        from linregions.measures.distances.kernels.graph_search import gradient_of

        plan = self.plan
        result = np.full(points.shape, np.nan)
        for r in np.flatnonzero(self.which[: len(points)] >= 0):
            height = gradient_of(
                plan.taps,
                plan.candidates,
                self.values[r],
                self.slopes[r],
                self.bounds[r],
                int(self.which[r]),
                self.backward,
                self.gradient,
            )
            step = np.empty(self.gradient.size)
            step[plan.input_order] = self.gradient
            largest = np.abs(step).max()
            step /= largest
            step /= np.linalg.norm(step)
            result[r] = points[r] - np.copysign(self.distances[r], height) * step
        return result


class GraphDistanceWork(Work):
    """Points a few at a time, as work to be driven; each chunk is handed to `take`, in the thread that measured it."""

    title, unit = "distances", "point"

    def __init__(
        self,
        plan: GraphPlan,
        points: npt.NDArray[Any],
        who: str,
        take: Callable[[GraphSpace, slice], None],
        effort: Effort = USUAL,
    ) -> None:
        self.plan, self.points, self.who, self.take, self.effort = plan, points, who, take, effort
        self.tasks = range(0, len(points), POINTS)
        self.stopped, self.local = threading.Event(), threading.local()

    def share(self, task: int) -> int:
        """Return the number of points."""
        return min(POINTS, len(self.points) - task)

    def run(self, task: int) -> None:
        """Measure a chunk in the buffers of this thread."""
        if not hasattr(self.local, "space"):
            self.local.space = GraphSpace(self.plan, self.who, self.stopped, self.effort)
        space, chunk = self.local.space, slice(task, task + self.share(task))
        space.measure(self.points[chunk], task)
        self.take(space, chunk)
