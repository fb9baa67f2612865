"""What finished stretches say of lines: breakpoints, and what switches there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import IndexArray
from linregions.networks.network import Network
from linregions.regions.lines.certified.decide import changes_between
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.rows import Bits, Stretch

BoolArray = npt.NDArray[np.bool_]
# A breakpoint is found exactly unless it is known to such a part of itself, or of the longer region beside it.
_SHARP = 2.0**-12
# How many pieces of neurons a block of intervals may hold.
_BLOCK_NUMBERS = 1 << 22


class Found(NamedTuple):
    """Breakpoints of some lines in order, and switches in the order of these, then of neurons."""

    line: IndexArray  # (K,)
    t: FloatArray  # (K,)
    switches: IndexArray  # (K,) how many at each
    neuron: npt.NDArray[np.int32]  # (S,)
    breakpoint: npt.NDArray[np.int32]  # (S,)
    direction: npt.NDArray[np.int8]  # (S,)


class _Changes(NamedTuple):
    """What changes from one interval to the next: in order of the first, and of neurons."""

    row: IndexArray  # (S,) which interval comes before
    neuron: IndexArray
    breakpoint: IndexArray
    direction: IndexArray


class Gathering:
    """Takes finished stretches, one after the other along the lines."""

    def __init__(self, network: Network, n_lines: int) -> None:
        self._network = network
        self.first_patterns = np.zeros((n_lines, network.n_neurons), dtype=np.uint8)
        self._found: list[Found] = []
        self._line, self._bits = -1, list[Bits]()  # of the last interval so far, step by step

    def take(self, stretch: Stretch, court: Court, continues: bool) -> None:
        """Take a stretch that has seen all steps; whether its last line goes on in the next one."""
        (places,) = np.nonzero(~stretch.is_last)
        size = max(1, _BLOCK_NUMBERS // max(1, self._network.n_neurons))
        for begin in range(0, places.size, size):
            self._take(stretch, places[begin : begin + size], court, continues or begin + size < places.size)

    def _take(self, stretch: Stretch, places: IndexArray, court: Court, continues: bool) -> None:
        lines = stretch.points.line[stretch.order[places]]
        goes_on = bool(lines[0] == self._line)
        begins = np.append(not goes_on, lines[1:] != lines[:-1])
        self.first_patterns[lines[begins]] = self._patterns(
            [past.bits[past.at[places[begins]]] for past in stretch.past], int(begins.sum())
        )
        find = self._switches if self._network.is_chain else self._pieces
        found = find(stretch, places, begins)
        first = np.flatnonzero(np.diff(found.row, prepend=-2))  # rows are in order
        switches = np.diff(np.append(first, found.row.size))
        where = places[found.row[first] + 1]
        self._found.append(
            Found(
                stretch.points.line[stretch.order[where]],
                self._places(stretch, where, court, goes_on, continues),
                switches,
                found.neuron.astype(np.int32),
                found.breakpoint.astype(np.int32),
                found.direction.astype(np.int8),
            )
        )
        self._line, self._bits = int(lines[-1]), [past.bits[past.at[places[-1:]]] for past in stretch.past]

    def _switches(self, stretch: Stretch, places: IndexArray, begins: BoolArray) -> _Changes:
        """Return which switches change; the interval before the first one is -1."""
        network, rows, switches, neurons, rises = self._network, [], [], [], []
        for k, (past, activation) in enumerate(zip(stretch.past, network.activations, strict=False)):
            if not activation.n_breakpoints:
                continue
            at = past.at[places]
            (pairs,) = np.nonzero((at[1:] != at[:-1]) & ~begins[1:])
            left, right = past.bits[at[pairs]], past.bits[at[pairs + 1]]
            if not begins[0]:
                left, right = np.concatenate([self._bits[k], left]), np.concatenate([past.bits[at[:1]], right])
                pairs = np.append(-1, pairs)
            row, switch = changes_between(left, right, np.zeros(pairs.size, dtype=np.uint8))
            rows.append(pairs[row])
            rises.append(right[row, switch])
            unit, breakpoint = np.divmod(switch, activation.n_breakpoints)
            neurons.append(network.neuron_offsets[k] + unit)
            switches.append(breakpoint)
        none = np.zeros(0, dtype=np.int64)
        row, neuron, breakpoint, rise = (np.concatenate([none, *x]) for x in (rows, neurons, switches, rises))
        order = np.argsort(row, kind="stable")
        return _Changes(row[order], neuron[order], breakpoint[order], 2 * rise[order] - 1)

    def _pieces(self, stretch: Stretch, places: IndexArray, begins: BoolArray) -> _Changes:
        """Return the same where maxima are among the neurons, from the pieces that all are on."""
        blocks = [past.bits[past.at[places]] for past in stretch.past]
        if not begins[0]:
            blocks = [np.concatenate(pair) for pair in zip(self._bits, blocks, strict=True)]
        patterns = self._patterns(blocks, places.size + (not begins[0]))
        changes = patterns[1:] != patterns[:-1]
        changes[begins[-changes.shape[0] :] if changes.shape[0] else []] = False
        row, neuron = np.nonzero(changes)
        old, new = patterns[row, neuron].astype(np.int64), patterns[row + 1, neuron].astype(np.int64)
        # One piece after the other, where a maximum passes several by.
        count = np.abs(new - old)
        step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        return _Changes(
            np.repeat(row - (not begins[0]), count),
            np.repeat(neuron, count),
            np.repeat(np.minimum(old, new), count) + step,
            np.repeat(np.where(new > old, 1, -1), count),
        )

    def _patterns(self, blocks: list[Bits], n: int) -> Bits:
        """Return the patterns of n intervals from the bits of each step."""
        network, none = self._network, np.zeros((n, 0), np.uint8)
        if not network.is_chain:
            return network.numbering.unpacked(np.concatenate([*blocks, none], axis=1))
        pieces = [
            block.reshape(n, block.shape[1] // activation.n_breakpoints, -1).sum(axis=2, dtype=np.uint8)
            if activation.n_breakpoints > 1
            else block
            for block, activation in zip(blocks, network.activations, strict=False)
            if activation.n_breakpoints
        ]
        return np.concatenate([none, *pieces], axis=1)

    @staticmethod
    def _places(stretch: Stretch, where: IndexArray, court: Court, goes_on: bool, continues: bool) -> FloatArray:
        """Return breakpoints as floats: those of which little is known, or that seem out of order, rounded from exact.

        Two that no float parts are the same float.
        """
        number = stretch.order[where]
        points = stretch.points
        t, blur, line = points.t[number], points.blur[number], points.line[number]
        is_exact = np.zeros(t.size, dtype=np.bool_)
        gap = np.abs(np.diff(t))
        beside = np.maximum(np.append(0.0, gap), np.append(gap, 0.0))[: t.size]
        vague = ~(blur <= _SHARP * np.maximum(np.abs(t), beside))
        # Others went before, or follow, that these are not compared with.
        vague[:1] |= goes_on
        vague[-1:] |= continues
        while True:
            for k in np.flatnonzero(vague & ~is_exact).tolist():
                t[k], is_exact[k] = court.t(stretch, int(where[k])), True
            behind = (line[1:] == line[:-1]) & ~(t[1:] > t[:-1])
            vague = np.append(behind, False) | np.append(False, behind) if t.size else vague
            if not (vague & ~is_exact).any():
                break
        return t

    def finish(self) -> Found:
        """Return all that was found."""
        if not self._found:
            none, few = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
            return Found(none, np.zeros(0), none, few, few.copy(), few.astype(np.int8))
        return Found(*(np.concatenate(column) for column in zip(*self._found, strict=True)))
