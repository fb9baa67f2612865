"""The numbers of a graph's neurons, as users see them, and of its switches, as engines do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import Graph, IndexArray, Step, with_absolute_weights
from linregions.networks.maxima import Tournament

NONE = -1
# Entries of a maximum that are this close, relative to what they are made of, tie: a thousand roundings explain it.
TIE = 2.0**-42


class LayerSwitches(NamedTuple):
    """A step's switches: unit k of n, with T breakpoints each, has ``first + k T`` and T - 1 after it."""

    first: int
    n_units: int
    n_breakpoints: int

    @property
    def own(self) -> slice:
        """Numbers of all."""
        return slice(self.first, self.first + self.n_units * self.n_breakpoints)


class Group(NamedTuple):
    """Neurons with numbers one after the other: the units of a step, or windows."""

    first: int
    size: int
    step: int  # NONE for windows
    windows: IndexArray
    name: str  # where they stand in the user's network


@dataclass(frozen=True, eq=False)
class Numbering:
    """Which neurons a graph has.

    Neurons are numbered step by step: the units of every step that has breakpoints and compares nothing, in the order
    of the user's tensor, and the windows that follow the step. Units of a comparing step that compare nothing, which
    fill its layout, are constant and no neurons.
    """

    graph: Graph

    @cached_property
    def tournament(self) -> Tournament:
        """The comparisons."""
        return Tournament.of(self.graph.maxima)

    @cached_property
    def comparing(self) -> frozenset[int]:
        """Steps that compare."""
        return frozenset(np.unique(self.graph.maxima.step).tolist())

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All neurons, step by step."""
        groups: list[Group] = []
        first, none = 0, np.zeros(0, dtype=np.int64)
        after = self.graph.maxima.after
        places = np.argsort(after, kind="stable")
        names = dict(zip(np.unique(after).tolist(), self.graph.maxima.names, strict=False))
        for k in range(NONE, len(self.graph.steps)):
            if k != NONE and self.graph.steps[k].activation.n_breakpoints and k not in self.comparing:
                groups.append(Group(first, self.graph.steps[k].layout.n_units, k, none, self.graph.steps[k].name))
                first += groups[-1].size
            low, high = np.searchsorted(after[places], [k, k + 1])
            if high > low:
                groups.append(Group(first, int(high - low), NONE, places[low:high], names.get(k, "")))
                first += groups[-1].size
        return tuple(groups)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Number of neurons before each group, and of all."""
        return (*(group.first for group in self.groups), self.n_neurons)

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self.groups[-1].first + self.groups[-1].size if self.groups else 0

    @cached_property
    def window_neuron(self) -> IndexArray:
        """Neuron of each window, shape (W,)."""
        neuron = np.zeros(self.graph.maxima.size.size, dtype=np.int64)
        for group in self.groups:
            if group.step == NONE:
                neuron[group.windows] = np.arange(group.first, group.first + group.size)
        return neuron

    @cached_property
    def unit_neuron(self) -> tuple[IndexArray, ...]:
        """Neuron of each unit of each step, NONE where there is none; of a comparison that of its window."""
        neurons = [np.full(step.layout.n_units, NONE, dtype=np.int64) for step in self.graph.steps]
        for group in self.groups:
            if group.step != NONE:
                neurons[group.step][:] = group.first + self.graph.steps[group.step].layout.order
        maxima = self.graph.maxima
        for k in self.comparing:
            who = np.flatnonzero(maxima.step == k)
            neurons[k][maxima.unit[who]] = self.window_neuron[maxima.window[who]]
        return tuple(neurons)

    @cached_property
    def fillers(self) -> list[tuple[int, IndexArray, npt.NDArray[np.uint8]]]:
        """Step, units and pieces of the constants that only fill the layout of a comparing step."""
        found = []
        for k in self.comparing:
            units = np.flatnonzero(self.unit_neuron[k] == NONE)
            found.append((k, units, (self.graph.steps[k].bias[units] > 0).astype(np.uint8)))
        return found

    @cached_property
    def layout(self) -> tuple[LayerSwitches, ...]:
        """Switches of every step but the last: step by step, in a step by unit of its layout, then by breakpoint."""
        layout, first = [], 0
        for step in self.graph.steps[:-1]:
            layout.append(LayerSwitches(first, step.layout.n_units, step.activation.n_breakpoints))
            first = layout[-1].own.stop
        return tuple(layout)

    @property
    def n_switches(self) -> int:
        """Number of switches."""
        return self.layout[-1].own.stop if self.layout else 0

    @cached_property
    def comparison_switch(self) -> IndexArray:
        """Switch of each comparison, shape (C,)."""
        first = np.array([layer.first for layer in self.layout] or [0], dtype=np.int64)
        return np.asarray(first[self.graph.maxima.step] + self.graph.maxima.unit)

    @cached_property
    def switch_comparison(self) -> IndexArray:
        """Comparison that each switch is, NONE where it is none, shape (switches,)."""
        comparison = np.full(self.n_switches, NONE, dtype=np.int64)
        comparison[self.comparison_switch] = np.arange(self.comparison_switch.size)
        return comparison

    @cached_property
    def tables(self) -> tuple[IndexArray, IndexArray]:
        """Neuron and breakpoint of every switch; of a comparison its number among those of its window."""
        neuron, breakpoint = np.full((2, self.n_switches), NONE, dtype=np.int64)
        for own, layer in zip(self.unit_neuron, self.layout, strict=False):
            if layer.n_breakpoints:
                neuron[layer.own] = np.repeat(own, layer.n_breakpoints)
                breakpoint[layer.own] = np.tile(np.arange(layer.n_breakpoints), layer.n_units)
        breakpoint[neuron == NONE] = NONE
        breakpoint[self.comparison_switch] = self.tournament.number
        return neuron, breakpoint

    @cached_property
    def _absolute(self) -> dict[int, Step]:
        return {k: with_absolute_weights(self.graph.steps[k]) for k in self.comparing}

    def at(self, points: FloatArray) -> npt.NDArray[np.uint8]:
        """Return patterns, shape (n, n_neurons), at n points.

        Entries of a maximum that differ by no more than rounding explains are equal, so that the lowest wins: where two
        are one function, sums in another order would say now this one and now that one.
        """
        patterns = np.empty((len(points), self.n_neurons), dtype=np.uint8)
        maxima = self.graph.maxima
        bits = np.empty((len(points), maxima.step.size), dtype=np.uint8)
        found = self.graph.run_sized(points, self._absolute)
        for k, (step, (z, sizes)) in enumerate(zip(self.graph.steps, found, strict=True)):
            if sizes is not None:
                who = np.flatnonzero(maxima.step == k)
                units = maxima.unit[who]
                bits[:, who] = z[:, units] > TIE * sizes[:, units]
            elif step.activation.n_breakpoints:
                patterns[:, self.unit_neuron[k]] = step.activation.pieces(z)
        if self.window_neuron.size:
            patterns[:, self.window_neuron] = self.tournament.winners(bits)
        return patterns

    def unpacked(self, bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return patterns, shape (F, n_neurons), from the bits of all switches, shape (F, switches)."""
        patterns = np.empty((bits.shape[0], self.n_neurons), dtype=np.uint8)
        for group in self.groups:
            if group.step != NONE:
                layer, own = self.layout[group.step], self.unit_neuron[group.step]
                pieces = bits[:, layer.own]
                if layer.n_breakpoints > 1:
                    pieces = pieces.reshape(-1, layer.n_units, layer.n_breakpoints).sum(axis=2, dtype=np.uint8)
                patterns[:, own] = pieces
        if self.window_neuron.size:
            patterns[:, self.window_neuron] = self.tournament.winners(bits[:, self.comparison_switch])
        return patterns

    def pieces(self, patterns: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
        """Return the piece of every unit of every step, each of shape (F, units), from patterns.

        Comparisons that do not matter are on their lower piece.
        """
        return self._pieces(patterns, self.tournament.bits(patterns[:, self.window_neuron]))

    def pieces_of_bits(self, bits: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
        """Return the same from the bits of all switches, shape (F, switches)."""
        return self._pieces(self.unpacked(bits), bits[:, self.comparison_switch])

    def _pieces(self, patterns: npt.NDArray[np.uint8], compared: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
        maxima, blocks = self.graph.maxima, []
        for k, step in enumerate(self.graph.steps):
            pieces = np.zeros((patterns.shape[0], step.layout.n_units), dtype=np.uint8)
            if k in self.comparing:
                who = np.flatnonzero(maxima.step == k)
                pieces[:, maxima.unit[who]] = compared[:, who]
                for _, units, piece in (filler for filler in self.fillers if filler[0] == k):
                    pieces[:, units] = piece
            elif step.activation.n_breakpoints:
                pieces = patterns[:, self.unit_neuron[k]]
            blocks.append(pieces)
        return blocks

    def packed(self, patterns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return bits of all switches, padded to whole words, from patterns."""
        bits = np.zeros((patterns.shape[0], -(-self.n_switches // 64) * 64), dtype=np.uint8)
        for group in self.groups:
            if group.step != NONE:
                layer, own = self.layout[group.step], self.unit_neuron[group.step]
                above = patterns[:, own][:, :, None] > np.arange(layer.n_breakpoints, dtype=np.uint8)
                bits[:, layer.own] = above.reshape(patterns.shape[0], layer.own.stop - layer.first)
        for k, units, piece in self.fillers:
            bits[:, self.layout[k].first + units] = piece
        if self.comparison_switch.size:
            bits[:, self.comparison_switch] = self.tournament.bits(patterns[:, self.window_neuron])
        return bits
