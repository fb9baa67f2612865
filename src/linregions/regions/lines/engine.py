"""A chunk of lines, taken through the layers by compiled kernels: restrict, then layer by layer sign, cut, activate."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import OfOneType
from linregions._support.validation import FloatArray
from linregions.domains.windows import LineDomain
from linregions.errors import NumericalError
from linregions.networks.kernels import dense
from linregions.networks.kernels.open_paths import mark_linear_boundaries
from linregions.regions.lines import stages
from linregions.regions.lines.kernels import cuts as line_cuts
from linregions.regions.lines.kernels import decisions as lines
from linregions.regions.lines.kernels import products as line_products
from linregions.regions.lines.kernels.breakpoints import gather_breakpoints
from linregions.regions.lines.kernels.decisions import FILLED, Breakpoints, Points, Switches, Tally
from linregions.regions.lines.plan import Plan, Source

# All layers, rows and stages are made of arrays of the same types, in `plan` and `stages`.
decide_rows, cut_rows = OfOneType(lines.decide_rows), OfOneType(line_cuts.cut_rows)
multiply_listed = OfOneType(dense.multiply_listed)
multiply_or_interpolate = OfOneType(line_products.multiply_or_interpolate)


class Proof(NamedTuple):
    """What the proof of some lines took, (L,) each."""

    asked: npt.NDArray[np.int64]  # decisions that integers were asked for
    mended: npt.NDArray[np.int64]  # those of them where floats are wrong


@dataclass(frozen=True, eq=False)
class Chunk:
    """Partitions of L lines: their K breakpoints line after line, and what switches at each of them."""

    first_patterns: npt.NDArray[np.uint8]  # (L, n_neurons)
    offsets: npt.NDArray[np.int64]  # (L + 1,) first breakpoint of each line
    breakpoints: FloatArray  # (K,)
    switch_offsets: npt.NDArray[np.int64]  # (K + 1,) first switch of each breakpoint
    own_offsets: npt.NDArray[np.int64]  # (K + L,) the same for each line, from its own first switch to its own last
    switches: Switches
    tally: Tally
    proof: Proof | None = None  # where every decision is proved

    def linear_boundaries(self, plan: Any) -> npt.NDArray[np.bool_]:
        """Return for each breakpoint whether a good neuron switches there."""
        out = np.empty(self.breakpoints.size, dtype=np.bool_)
        _, neuron, _, direction = self.switches
        mark_linear_boundaries(
            plan.paths, self.first_patterns, self.offsets, self.switch_offsets, neuron, direction, out
        )
        return out


class Stopped(Exception):
    """Another thread failed or was interrupted."""


class LineWorker:
    """The stages of one thread, through which its lines stream; used again and again, since fresh pages are dear."""

    def __init__(self, plan: Plan, n_rows: int, stop: threading.Event) -> None:
        self.plan, self.n_rows, self.stop = plan, n_rows, stop
        self._stages = [stages.make_stage(layer, k == 0, n_rows) for k, layer in enumerate(plan.layers)]
        inputs = [0, *(layer.bias.size for layer in plan.layers[:-1]), 0]
        self._rows = [stages.make_rows(n_rows, n) for n in inputs]
        self._rows[-1] = stages.make_rows(stages.LAST_ROWS * n_rows, 0)
        self._made = np.zeros(8, dtype=np.int64)  # state of the last rows, which no stage takes
        self._switches = stages.make_switches(stages.room_for_switches(plan))
        self._counts = np.zeros(2, dtype=np.int64)  # switches, names
        self._points, self._n_points = stages.make_points(0), 0
        self._source = Source(plan, n_rows) if plan.layers else None

    @property
    def grown_bytes(self) -> int:
        """Bytes that it has come to take beyond `worker_bytes`, for the breakpoints of a chunk."""
        usual = 17 * stages.room_for_switches(self.plan)
        return sum(array.nbytes for array in (*self._points, *self._switches)) - usual

    @np.errstate(over="ignore", invalid="ignore")  # then `_check_finite` tells
    def work(self, domains: Sequence[LineDomain]) -> Chunk:
        """Partition a chunk of lines."""
        plan, n_lines = self.plan, len(domains)
        self._base = np.zeros((n_lines, plan.network.n_neurons), dtype=np.uint8)
        snapped, merged, undecided = np.zeros((3, n_lines), np.int64)
        self._tally = Tally(snapped=snapped, merged=merged, margin=np.full(n_lines, np.inf), undecided=undecided)
        source = self._source
        if source is None:
            nothing, switches = np.zeros(n_lines + 1, dtype=np.int64), stages.make_switches(0)
            return Chunk(self._base, nothing, np.zeros(0), nothing[:1], nothing[:-1], switches, self._tally)
        for stage in self._stages:
            stage.state[:] = 0
        self._made[:] = 0
        self._n_points = 0
        source.begin(domains)
        self._counts[:] = 0, source.t.size
        start, stage, rows = 0, self._stages[0], self._rows[0]
        while start < source.t.size:
            filled = int(stage.state[FILLED])
            n = min(rows.t.size - lines.RESERVED - filled, source.t.size - start, source.block)
            own, new = slice(start, start + n), slice(filled, filled + n)
            source.restrict(start, start + n, stage.z[new], stage.magnitudes[new])
            for name in ("t", "w", "uncertainty", "doubt", "noise", "grain", "norm", "steep", "line"):
                getattr(rows, name)[new] = getattr(source, name)[own]
            rows.ends[new] = -1
            rows.names[new] = np.arange(start, start + n)
            stage.state[FILLED] += n
            start += n
            if start == source.t.size or int(stage.state[FILLED]) == rows.t.size - lines.RESERVED:
                self._advance(start == source.t.size)
        self._take_points()
        return self._gather(n_lines)

    def _advance(self, last: bool) -> None:
        """Take all rows of the first stage through it, and on through the others as soon as there are enough of them.

        Later stages go first, whose rows need room for what comes; `waiting` holds the stages that are to go on then,
        and whether no row follows theirs. (Not by recursion, of which a thousand layers are too many.)
        """
        waiting = [(0, last)]
        self._begin(0, last)
        while waiting:
            if self.stop.is_set():
                raise Stopped
            k, last = waiting[-1]
            ends = k + 1 == len(self.plan.layers)
            code = self._cut(k, last)
            if code == line_cuts.DONE:
                waiting.pop()
            if code == line_cuts.SWITCHES_ARE_FULL:
                self._make_room_for_switches()
            elif ends and code == line_cuts.STAGE_IS_FULL:
                self._take_points()
            elif not ends and (code == line_cuts.STAGE_IS_FULL or last):
                waiting.append((k + 1, last and code == line_cuts.DONE))
                self._begin(*waiting[-1])

    def _begin(self, k: int, last: bool) -> None:
        """Multiply the new rows of stage k and decide them."""
        plan, layer, stage, rows = self.plan, self.plan.layers[k], self._stages[k], self._rows[k]
        done, filled = int(stage.state[lines.MULTIPLIED]), int(stage.state[FILLED])
        # Bounds every pre-activation. (Not of each row: a maximum hands on what is no number.)
        _check_finite(rows.norm[done:filled].max(initial=0.0) * plan.largest[k])
        if k:
            if layer.most_kinks:
                multiply_or_interpolate(layer, rows, stage)
            else:
                new = np.arange(done, filled)
                multiply_listed(stage.h, new, layer.transposed, stage.active, stage.packed, stage.z)
        decide_rows(layer, rows, stage, plan.relative, last, self._tally)

    def _cut(self, k: int, last: bool) -> int:
        """Cut the decided rows of stage k; see `cut_rows` for what is returned."""
        ends = k + 1 == len(self.plan.layers)
        h_next, state_next = (stages.NONE, self._made) if ends else (self._stages[k + 1].h, self._stages[k + 1].state)
        stage = self.plan.layers[k], self._rows[k], self._stages[k], self.plan.relative, self._tally
        after = h_next, self._rows[k + 1], state_next
        return int(cut_rows(*stage, self._base, *after, self._switches, self._counts, last))

    def _make_room_for_switches(self) -> None:
        n = int(self._counts[lines.N_SWITCHES])
        self._switches = Switches._make(_with_room(column, n, 2 * column.size) for column in self._switches)

    def _take_points(self) -> None:
        """Keep the points that all layers have seen, and make room for others."""
        n, rows, kept = int(self._made[FILLED]), self._rows[-1], self._n_points
        t, names, line = self._points
        t, names, line = (_with_room(x, kept, kept + n) for x in (t, names, line))
        t[kept : kept + n], names[kept : kept + n], line[kept : kept + n] = rows.t[:n], rows.names[:n], rows.line[:n]
        self._points, self._n_points = Points(t=t, names=names, line=line), kept + n
        self._made[FILLED] = 0

    def _gather(self, n_lines: int) -> Chunk:
        n_switches = int(self._counts[lines.N_SWITCHES])
        found = Switches._make(column[:n_switches] for column in self._switches)
        points = Points._make(column[: self._n_points] for column in self._points)
        _check_finite(points.t.max(initial=0.0))
        _check_finite(points.t.min(initial=0.0))
        count = np.bincount(found.name, minlength=int(self._counts[lines.N_NAMES]))
        n_places = int(np.count_nonzero(count))
        made = Breakpoints(
            offsets=np.empty(n_lines + 1, dtype=np.int64),
            places=np.empty(n_places),
            switch_offsets=np.empty(n_places + 1, dtype=np.int64),
            own_offsets=np.empty(n_places + n_lines, dtype=np.int64),
            switches=Switches(
                name=np.empty(0, np.int64),
                neuron=np.empty_like(found.neuron),
                breakpoint=np.empty_like(found.breakpoint),
                direction=np.empty_like(found.direction),
            ),
        )
        gather_breakpoints(points, count, found, made)
        return Chunk(self._base, *made, self._tally)


def _with_room(array: npt.NDArray[Any], filled: int, size: int) -> npt.NDArray[Any]:
    """Return an array with room for so many numbers, the first of them kept."""
    if array.size >= size:
        return array
    larger = np.empty(max(size, 2 * array.size), array.dtype)
    larger[:filled] = array[:filled]
    return larger


def _check_finite(bound: float) -> None:
    if not math.isfinite(bound):
        raise NumericalError(
            "`network` overflows along `domain` (values or places beyond 1e308), but an exact count needs finite "
            "numbers. Scale the weights or the direction."
        )
