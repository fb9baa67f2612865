"""What finished stretches say of lines: breakpoints, and what switches there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import IndexArray
from linregions.networks.network import Network
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.rows import Stretch

Pieces = npt.NDArray[np.uint8]
# A breakpoint that is not known to so many parts of itself is found exactly.
_SHARP = 2.0**-16
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


class Gathering:
    """Takes finished stretches, one after the other along the lines."""

    def __init__(self, network: Network, n_lines: int) -> None:
        self._network = network
        self.first_patterns = np.zeros((n_lines, network.n_neurons), dtype=np.uint8)
        self._found: list[Found] = []
        self._line, self._pattern = -1, self.first_patterns[:0]  # of the last interval so far

    def take(self, stretch: Stretch, court: Court, continues: bool) -> None:
        """Take a stretch that has seen all steps; whether its last line goes on in the next one."""
        (places,) = np.nonzero(~stretch.is_last)
        size = max(1, _BLOCK_NUMBERS // max(1, self._network.n_neurons))
        for begin in range(0, places.size, size):
            self._take(stretch, places[begin : begin + size], court, continues or begin + size < places.size)

    def _take(self, stretch: Stretch, places: IndexArray, court: Court, continues: bool) -> None:
        patterns, lines = self._patterns(stretch, places), stretch.points.line[stretch.order[places]]
        goes_on = bool(lines[0] == self._line)
        if goes_on:
            patterns, lines = np.concatenate([self._pattern, patterns]), np.append(self._line, lines)
            places = np.append(places[0], places)
        begins = np.append(not goes_on, lines[1:] != lines[:-1])
        self.first_patterns[lines[begins]] = patterns[begins]
        changes = patterns[1:] != patterns[:-1]
        changes[begins[1:]] = False
        row, neuron = np.nonzero(changes)
        old, new = patterns[row, neuron].astype(np.int64), patterns[row + 1, neuron].astype(np.int64)
        # One piece after the other, where a maximum passes several by.
        count = np.abs(new - old)
        step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        at, switches = np.unique(np.repeat(row, count), return_counts=True)
        self._found.append(
            Found(
                lines[at],
                self._places(stretch, places[at + 1], court, goes_on, continues),
                switches,
                np.repeat(neuron, count).astype(np.int32),
                (np.repeat(np.minimum(old, new), count) + step).astype(np.int32),
                np.repeat(np.where(new > old, 1, -1), count).astype(np.int8),
            )
        )
        self._line, self._pattern = int(lines[-1]), patterns[-1:]

    def _patterns(self, stretch: Stretch, places: IndexArray) -> Pieces:
        """Return the patterns of some intervals."""
        network = self._network
        blocks = [past.bits[past.at[places]] for past in stretch.past]
        if not network.is_chain:
            return network.numbering.unpacked(np.concatenate([*blocks, np.zeros((places.size, 0), np.uint8)], axis=1))
        pieces = [
            block
            if activation.n_breakpoints == 1
            else block.reshape(places.size, -1, activation.n_breakpoints).sum(axis=2, dtype=np.uint8)
            for block, activation in zip(blocks, network.activations, strict=False)
            if activation.n_breakpoints
        ]
        return np.concatenate([np.zeros((places.size, 0), np.uint8), *pieces], axis=1)

    @staticmethod
    def _places(stretch: Stretch, where: IndexArray, court: Court, goes_on: bool, continues: bool) -> FloatArray:
        """Return breakpoints as floats: those of which little is known, or that seem out of order, rounded from exact.

        Two that no float parts are the same float.
        """
        number = stretch.order[where]
        points = stretch.points
        t, blur, line = points.t[number], points.blur[number], points.line[number]
        is_exact = np.zeros(t.size, dtype=np.bool_)
        vague = ~(blur <= _SHARP * np.abs(t))
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
