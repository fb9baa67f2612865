"""A box as work to be driven: nodes of the first layer's tree, each walked in the buffers of one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from linregions._support.limits import Exceeded
from linregions._support.remote import SMALL
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.engine.nodes import Node, contradiction, cut_to_nodes, put_node
from linregions.regions.boxes.engine.plan import make_plan
from linregions.regions.boxes.engine.workbench import grown, make_bench, make_output
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.kernels import bench as B
from linregions.regions.boxes.kernels.bench import Bench, Plan
from linregions.regions.boxes.kernels.walk import walk
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.drive import Work, drive
from linregions.regions.options import Options
from linregions.regions.tolerances import is_certifying_advised

# Nodes between two looks at whether to stop: a few milliseconds.
_STEPS = 1 << 13
# A contradiction is answered with a narrower band, then a wider one, before giving up.
_OTHER_BANDS = (1.0, 1.0 / 16.0, 16.0)


@dataclass(frozen=True)
class BoxJob:
    """A box to be worked, and how: all that a worker anywhere needs to know."""

    network: Network
    domain: Box | Polytope
    relative: float
    sink: BoxSink
    limit: int | None  # bytes of buffers in each thread

    def prepare(self) -> Callable[[Node], Worked]:
        """Return what works on a node."""
        frame = BoxFrame.of(self.domain)
        return BoxWork(self, make_plan(self.network, frame, self.relative), frame, []).run


class Worked(NamedTuple):
    """What a worker returns of a node."""

    digested: list[Any]
    n_cells: int
    snapped: int
    undecided: int
    margin: float
    euler: int
    fit: int


class Walker:
    """The buffers of a thread."""

    def __init__(self, plan: Plan, frame: BoxFrame, emits: bool, limit: int | None, stopped: threading.Event) -> None:
        self.plan, self.emits, self.limit, self.stopped = plan, emits, limit, stopped
        self.bench: Bench = make_bench(plan, frame.d, emits)
        words = self.bench.pattern.shape[1]
        self.out = make_output(frame.d, words) if emits else make_output(frame.d, 0, 1, 1, 1)

    def batches(self, node: Node) -> Iterator[CellBatch]:
        """Yield the cells of a node, views of the buffers that hold until the next ones."""
        self.bench = put_node(self.plan, self.bench, node)
        out = self.out
        out.filled[:] = 0
        while True:
            if self.stopped.is_set():
                raise CancelledError
            status = walk(self.plan, self.bench, out, self.emits, _STEPS)
            if status == B.GROW:
                self._grow()
            elif status in (B.CROWDED, B.INCONSISTENT):
                raise contradiction()
            elif status == B.FULL or (status == B.DONE and out.filled[0]):
                yield self._batch()
                out.filled[:] = 0
            if status == B.DONE:
                return

    def _grow(self) -> None:
        if self.limit is not None:
            taken = sum(array.nbytes for array in (*self.bench, *self.out))
            if 2 * taken > self.limit:
                raise Exceeded(2 * taken)
        self.bench = grown(self.bench)

    def _batch(self) -> CellBatch:
        cells, rows, labels = self.out.filled.tolist()
        out = self.out
        return CellBatch(
            out.cell_offsets[: cells + 1],
            out.points[:rows],
            out.slots[:rows],
            out.vertex_keys[:rows],
            out.tight[:rows],
            out.slot_offsets[: cells + 1],
            out.slot_labels[:labels],
            out.slot_signs[:labels],
            out.cell_keys[:cells],
            out.pattern_words[:cells],
        )


class BoxWork(Work):
    """Nodes as work to be driven; see `linregions.regions.drive.Work`."""

    title, unit = "box", "of its volume"
    small = SMALL

    def __init__(self, job: BoxJob, plan: Plan, frame: BoxFrame, tasks: list[Node]) -> None:
        self.job, self.plan, self.frame, self.tasks = job, plan, frame, tasks
        self.stopped, self.local = threading.Event(), threading.local()
        self.n_cells, self.snapped, self.undecided, self.margin, self.euler = 0, 0, 0, np.inf, 0
        self.is_simple, self.fit = True, 0

    def share(self, task: Node) -> float:
        """Return the part of the work that a node is."""
        return 1.0 / len(self.tasks)

    def run(self, task: Node) -> Worked:
        """Walk a node in the buffers of this thread."""
        sink = self.job.sink
        if not hasattr(self.local, "walker"):
            self.local.walker = Walker(self.plan, self.frame, sink.needs_cells, self.job.limit, self.stopped)
        walker: Walker = self.local.walker
        digested = [sink.digest(batch) for batch in walker.batches(task)]
        counts = walker.bench.counts
        return Worked(
            digested,
            int(counts[B.CELLS]),
            int(counts[B.SNAPPED]),
            int(counts[B.UNDECIDED]),
            float(walker.bench.margin[0]),
            int(counts[B.EULER]),
            int(walker.bench.fit[0]),
        )

    def add(self, n_cells: int, snapped: int, undecided: int, margin: float, euler: int, fit: int) -> None:
        """Add to the sums."""
        self.n_cells += n_cells
        self.snapped += snapped
        self.undecided += undecided
        self.margin = min(self.margin, margin)
        self.euler += euler
        self.fit = (self.fit + fit) % (1 << 64)

    def note(self) -> str:
        """Return what was found so far."""
        return f"{self.n_cells:,} cells"

    def recipe(self) -> BoxJob:
        """Return what other processes need."""
        return self.job

    def summary(self, retries: int) -> BoxSummary:
        """Return what all cells are together."""
        undecided = self.undecided + retries
        return BoxSummary(
            self.n_cells,
            {
                "undecided": undecided,
                "snapped_signs": self.snapped,
                "smallest_margin": self.margin,
                "certify_advised": is_certifying_advised(undecided, self.margin),
                "relative_tolerance": self.job.relative,
            },
            self.is_simple and self.snapped == 0,
            self.euler,
            self.fit == 0,
        )


def run_box(network: Network, domain: Box | Polytope, sink: BoxSink, options: Options) -> Any:
    """Find all cells of a box and return what the sink makes of them.

    Raises NumericalError if signs contradict one another in all of three bands, and Exceeded if the buffers do not fit
    in the limit of one thread.
    """
    limit = None if options.memory_limit is None else options.memory_limit // options.threads
    for attempt, factor in enumerate(_OTHER_BANDS):
        job = BoxJob(network, domain, factor * options.tolerances.relative, sink, limit)
        try:
            return _attempt(job, options, attempt)
        except NumericalError:
            if attempt == len(_OTHER_BANDS) - 1:
                raise
    raise AssertionError


def _attempt(job: BoxJob, options: Options, attempt: int) -> Any:
    frame = BoxFrame.of(job.domain)
    plan = make_plan(job.network, frame, job.relative)
    sink = job.sink
    sink.begin(job.network, job.domain, job.relative)
    nodes, bench = cut_to_nodes(plan, frame, sink.needs_cells)
    work = BoxWork(job, plan, frame, nodes)
    work.stopped = options.stopped or work.stopped
    counts = bench.counts
    work.add(0, int(counts[B.SNAPPED]), int(counts[B.UNDECIDED]), float(bench.margin[0]), 0, 0)
    start = frame.start()
    work.is_simple = all(zeros.size == frame.d for zeros in start.zeros)
    for worked in drive(work, options):
        work.add(*worked[1:])
        for digested in worked.digested:
            sink.collect(digested)
    return sink.finish(work.summary(attempt))
