"""A chunk of lines, taken through a graph cell by cell."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import OfOneType
from linregions._support.validation import FloatArray
from linregions.domains.windows import LineDomain
from linregions.errors import NumericalError
from linregions.networks.good import good_switches
from linregions.regions.lines.engine import Chunk, Stopped
from linregions.regions.lines.graph_plan import GraphLines, legs_of
from linregions.regions.lines.kernels import graph_cells
from linregions.regions.lines.kernels.decisions import Switches, Tally
from linregions.regions.lines.kernels.graph_records import (
    FULL,
    MARGIN,
    MERGED,
    N_CHANGES,
    N_PLACES,
    OK,
    OUT_OF_RANGE,
    REACHED,
    ROOM,
    SNAPPED,
    UNDECIDED,
    Output,
    cell_bytes,
    make_cell,
    make_output,
)

# All records are made of arrays of the same types.
run_line = OfOneType(graph_cells.run_line)
# Changes that a line has room for at first.
_CHANGES = 1 << 12


class GraphChunk(Chunk):
    """Partitions of lines through a graph."""

    def linear_boundaries(self, plan: Any) -> npt.NDArray[np.bool_]:
        """Return for each breakpoint whether a good neuron switches there."""
        switches, out = self.switches, np.zeros(self.breakpoints.size, dtype=np.bool_)
        for k, first in enumerate(self.first_patterns):
            start, stop = self.offsets[k : k + 2]
            offsets = self.switch_offsets[start : stop + 1]
            own = slice(int(offsets[0]), int(offsets[-1]))
            out[start:stop] = good_switches(
                plan.network, first, offsets - offsets[0], switches.neuron[own], switches.direction[own]
            )
        return out


@dataclass(frozen=True, eq=False)
class _Found:
    """What a line's legs have left."""

    place: FloatArray
    end: npt.NDArray[np.int64]
    neuron: npt.NDArray[np.int32]
    breakpoint: npt.NDArray[np.int32]
    direction: npt.NDArray[np.int8]


class GraphLineWorker:
    """The buffers of one thread."""

    def __init__(self, plan: GraphLines, n_rows: int, stop: threading.Event) -> None:
        self.plan, self.n_rows, self.stop, self._room = plan, n_rows, stop, n_rows
        self._output = make_output(_CHANGES)
        self._make_cell()

    @property
    def grown_bytes(self) -> int:
        """Bytes that it has come to take beyond those of the room that it was made with."""
        if self.plan.plan is None:
            return 0
        return cell_bytes(self.plan.plan, self._room) - cell_bytes(self.plan.plan, self.n_rows)

    def _make_cell(self) -> None:
        if self.plan.plan is not None:
            numbering = self.plan.network.numbering
            windows = numbering.window_neuron.size
            self._cell = make_cell(self.plan.plan, self._room, numbering.n_switches, windows)

    def work(self, domains: Sequence[LineDomain]) -> GraphChunk:
        """Partition a chunk of lines."""
        network, n = self.plan.network, len(domains)
        bits = np.zeros((n, network.numbering.n_switches), dtype=np.uint8)
        tally = np.zeros((n, 4))
        tally[:, MARGIN] = np.inf
        found = [self._follow(domain, bits[k], tally[k]) for k, domain in enumerate(domains)]
        return _chunk(network.numbering.unpacked(bits), found, tally)

    def _follow(self, domain: LineDomain, bits: npt.NDArray[np.uint8], tally: FloatArray) -> _Found:
        """Follow a line from one end to the other."""
        lines, plan = self.plan, self.plan.plan
        self._output.filled[:] = 0
        progress = self.progress = np.zeros(5)
        for leg in legs_of(domain) if plan is not None else ():
            with np.errstate(over="ignore", invalid="ignore"):
                rows = lines.rows(leg)
            if not np.isfinite(rows).all():
                raise _overflow()
            crossing, ends = lines.crossings(rows, leg), np.array([leg.low, leg.high])
            progress[REACHED] = leg.low
            while True:
                if self.stop.is_set():
                    raise Stopped
                self._cell.frame[2] = leg.offset
                status = run_line(plan, self._cell, rows, crossing, ends, progress, self._output, tally, bits)
                if status == OK:
                    break
                if status == OUT_OF_RANGE:
                    raise _overflow()
                if status == FULL:
                    self._output = _larger(self._output)
                elif status == ROOM:
                    now = self._cell.now
                    self._room *= 2
                    self._make_cell()
                    self._cell.now[:] = now
        places, changes = self._output.filled[N_PLACES], self._output.filled[N_CHANGES]
        out = self._output
        return _Found(
            out.place[:places].copy(),
            out.end[:places].copy(),
            out.neuron[:changes].copy(),
            out.breakpoint[:changes].copy(),
            out.direction[:changes].copy(),
        )


def _larger(out: Output) -> Output:
    """Return an output with twice the room, and the same in it."""
    made = make_output(2 * out.place.size)
    made.filled[:] = out.filled
    for name in ("place", "end", "neuron", "breakpoint", "direction"):
        old = getattr(out, name)
        getattr(made, name)[: old.size] = old
    return made


def _chunk(first_patterns: npt.NDArray[np.uint8], found: Sequence[_Found], tally: FloatArray) -> GraphChunk:
    """Put the lines of a chunk together; what changes in a place stands by neuron and breakpoint."""
    n_places, n_changes = [f.place.size for f in found], [f.neuron.size for f in found]
    offsets = np.concatenate([[0], np.cumsum(n_places)]).astype(np.int64)
    before = np.concatenate([[0], np.cumsum(n_changes)]).astype(np.int64)
    ends = [f.end + first for f, first in zip(found, before[:-1], strict=True)]
    switch_offsets = np.concatenate([np.zeros(1, dtype=np.int64), *ends])
    own = [np.concatenate([[0], f.end]).astype(np.int64) for f in found]
    neuron, breakpoint, direction = (
        np.concatenate([getattr(f, name) for f in found]) for name in ("neuron", "breakpoint", "direction")
    )
    name = np.repeat(np.arange(offsets[-1]), np.diff(switch_offsets))
    order = np.lexsort((breakpoint, neuron, name))
    return GraphChunk(
        first_patterns=first_patterns,
        offsets=offsets,
        breakpoints=np.concatenate([f.place for f in found]),
        switch_offsets=switch_offsets,
        own_offsets=np.concatenate(own),
        switches=Switches(name[:0], neuron[order], breakpoint[order], direction[order]),
        tally=Tally(
            snapped=tally[:, SNAPPED].astype(np.int64),
            merged=tally[:, MERGED].astype(np.int64),
            margin=tally[:, MARGIN].copy(),
            undecided=tally[:, UNDECIDED].astype(np.int64),
        ),
    )


def _overflow() -> NumericalError:
    return NumericalError(
        "`network` overflows along `domain` (values or places beyond 1e140), but an exact count needs finite numbers. "
        "Scale the weights or the direction."
    )
