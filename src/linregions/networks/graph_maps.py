"""Graphs at a point: affine maps by rows sent backwards through the taps, and half-spaces of activation regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import INPUT, Graph, IndexArray, Layout, Step, Term, apply_terms, with_absolute_weights
from linregions.networks.local_maps import (
    ROUNDING,
    ActivationRegion,
    HalfSpaces,
    check_gradients,
    check_maps,
    on_pieces,
)
from linregions.networks.numbering import Numbering

# How many numbers the rows of the widest tensor may hold, for a block of points.
_BLOCK_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False)
class GraphMaps:
    """What makes local maps of a graph: its taps the other way round."""

    graph: Graph
    numbering: Numbering

    @cached_property
    def _backwards(self) -> dict[int, Step]:
        """For each tensor, a step that sums what its readers send back."""
        layouts = {INPUT: self.graph.input_layout} | {k: step.layout for k, step in enumerate(self.graph.steps)}
        terms: dict[int, list[Term]] = {number: [] for number in layouts}
        for k, step in enumerate(self.graph.steps):
            for term in step.terms:
                terms[term.source].append(turned(term, k, layouts[term.source]))
        return {number: Step(tuple(own), np.zeros(0), layouts[number]) for number, own in terms.items()}

    @cached_property
    def _first_source(self) -> list[int]:
        """For each step, the first tensor that it reads, or itself."""
        return [min((term.source for term in step.terms), default=k) for k, step in enumerate(self.graph.steps)]

    @np.errstate(over="ignore", invalid="ignore")
    def affine_maps(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the affine map at each point of shape (N, n_in): matrices (N, n_out, n_in), vectors (N, n_out).

        A block of points has common products: the last bits may depend on the other points.
        """
        graph, n = self.graph, len(points)
        matrices, vectors = np.empty((n, graph.n_out, graph.n_in)), np.empty((n, graph.n_out))
        size = max(1, _BLOCK_NUMBERS // (self._widest * graph.n_out))
        for begin in range(0, n, size):
            block = slice(begin, min(begin + size, n))
            pieces, values = [], np.zeros(block.stop - begin)
            for step, z in zip(graph.steps, graph.run(points[block]), strict=True):
                values += z.max(axis=1) - z.min(axis=1)  # a sum that overflowed is on no piece
                pieces.append(step.activation.pieces(z))
            check_maps(values)
            matrices[block], vectors[block] = self._maps_on(pieces, block.stop - begin)
            check_maps(matrices[block], vectors[block])
        return matrices, vectors

    def _maps_on(self, pieces: Sequence[npt.NDArray[np.uint8]], n: int) -> tuple[FloatArray, FloatArray]:
        """Return the affine maps where the units of every step are on some pieces, shape (n, units)."""
        constant = np.empty((n, self.graph.n_out))
        sent = self._sent_back(pieces, n, constant)
        rows = apply_terms(self._backwards[INPUT], sent, n * self.graph.n_out)
        return self._in_order(rows.reshape(n, self.graph.n_out, self.graph.n_in)), constant

    def mean_jacobian(self, patterns: npt.NDArray[np.uint8], shares: FloatArray) -> FloatArray:
        """Return the sum of the Jacobians on some patterns, each times its share, shape (n_out, n_in)."""
        n_out = self.graph.n_out
        total = np.zeros((n_out, self.graph.n_in))
        size = max(1, _BLOCK_NUMBERS // (self._widest * n_out))
        for begin in range(0, patterns.shape[0], size):
            block, n = slice(begin, begin + size), min(size, patterns.shape[0] - begin)
            sent = self._sent_back(self.numbering.pieces(patterns[block]), n, np.empty((n, n_out)))
            # The step to the input, often the largest, is the same for all.
            sums = {
                k: np.einsum("n,nou->ou", shares[block], rows.reshape(n, n_out, -1))
                for k, rows in sent.items()
                if self._first_source[k] == INPUT
            }
            total += apply_terms(self._backwards[INPUT], sums, n_out)
        return self._in_order(total)

    @property
    def _widest(self) -> int:
        return max(self.graph.n_in, *(step.layout.n_units for step in self.graph.steps))

    def _in_order(self, rows: FloatArray) -> FloatArray:
        """Return rows of the input in the order of the user."""
        result = np.empty(rows.shape)
        result[..., self.graph.input_layout.order] = rows
        return result

    def _sent_back(
        self, pieces: Sequence[npt.NDArray[np.uint8]], n: int, constant: FloatArray
    ) -> dict[int, FloatArray]:
        """Return the rows of all outputs at the sums of each step that reads the input, shape (n * n_out, units).

        Fills `constant`, shape (n, n_out), with what all biases and intercepts add to the outputs.
        """
        graph, n_out = self.graph, self.graph.n_out
        last = len(graph.steps) - 1
        outputs = np.zeros((n_out, n_out))
        outputs[graph.steps[last].layout.order, np.arange(n_out)] = 1.0
        sent: dict[int, FloatArray] = {last: np.tile(outputs, (n, 1))}
        constant[:] = outputs @ graph.steps[last].bias
        for k in range(last - 1, -1, -1):
            step, n_units = graph.steps[k], graph.steps[k].layout.n_units
            rows = apply_terms(self._backwards[k], sent, n * n_out).reshape(n, n_out, n_units)
            for reader in [reader for reader, first in enumerate(self._first_source) if first == k < reader]:
                sent.pop(reader, None)
            slopes, intercepts = on_pieces(step.activation, pieces[k])
            constant += np.einsum("nou,nu->no", rows, intercepts)
            rows = rows * slopes[:, None, :]
            constant += rows @ step.bias
            sent[k] = rows.reshape(n * n_out, n_units)
        return sent

    @np.errstate(over="ignore", invalid="ignore")
    def region(self, point: FloatArray) -> ActivationRegion:
        """Return the activation region of one point.

        A gradient that rounding alone explains, beside the terms that it adds up, is taken to be zero at once, so
        that terms are those of one step and not those of all before it, which would hide true gradients.
        """
        graph, maxima = self.graph, self.graph.maxima
        sums = graph.pre_activations(point[None])
        found = HalfSpaces(point)
        # Gradients of units, one input in a row.
        tensors: dict[int, FloatArray] = {INPUT: np.eye(point.size)[:, graph.input_layout.order]}
        compared = np.empty((point.size, maxima.step.size))
        heights, most_compared = np.empty((2, maxima.step.size))
        for k, step in enumerate(graph.steps[:-1]):
            gradients = apply_terms(step, tensors, point.size)
            terms = apply_terms(
                with_absolute_weights(step), {key: np.abs(own) for key, own in tensors.items()}, point.size
            )
            most = terms.max(axis=0)
            check_gradients(most)
            varies = np.abs(gradients).max(axis=0) > ROUNDING * most
            gradients[:, ~varies] = 0.0
            z = sums[k][0]
            if k in self.numbering.comparing:
                who = np.flatnonzero(maxima.step == k)
                compared[:, who], heights[who] = gradients[:, maxima.unit[who]], z[maxima.unit[who]]
                most_compared[who] = most[maxima.unit[who]]
            elif step.activation.n_breakpoints:
                found.add_units(step.activation, gradients.T, z, varies, self.numbering.unit_neuron[k])
            tensors[k] = gradients * on_pieces(step.activation, step.activation.pieces(z))[0]
            for term in step.terms:
                if term.source != INPUT and graph.last_use[term.source] == k:
                    tensors.pop(term.source, None)
        self._add_windows(found, compared, heights, most_compared)
        pattern = self.numbering.at(point[None])[0]
        matrices, vectors = self.affine_maps(point[None])
        return found.region(pattern, matrices[0], vectors[0])

    def _add_windows(self, found: HalfSpaces, gradients: FloatArray, heights: FloatArray, most: FloatArray) -> None:
        """Add, for each window, winner minus every other entry: sums of comparisons, from gradients (n_in, C)."""
        tournament = self.numbering.tournament
        normals, slacks, neurons, numbers = [], [], [], []
        for window, last in enumerate(tournament.last.tolist()):
            if last < 0:
                continue
            for lost in differences(tournament.earlier, tournament.entry, heights > 0, last).values():
                if not lost:
                    continue  # the winner
                which = np.array([c for c, _ in lost])
                signs = np.array([sign for _, sign in lost])
                normal = gradients[:, which] @ signs
                if np.abs(normal).max() > ROUNDING * most[which].sum():
                    normals.append(normal)
                    slacks.append(-float(heights[which] @ signs))
                    neurons.append(int(self.numbering.window_neuron[window]))
                    numbers.append(int(tournament.number[which[-1]]))
        if normals:
            found.add(np.array(normals), np.array(slacks), np.array(neurons), np.array(numbers))


def differences(
    earlier: IndexArray, entry: IndexArray, bits: npt.NDArray[np.bool_], comparison: int
) -> dict[int, list[tuple[int, float]]]:
    """Return, for each entry below a comparison, which comparisons with which sign sum to it minus the winner.

    The last of them is where it meets the winner.
    """
    sides = []
    for right in (0, 1):
        before = int(earlier[right, comparison])
        sides.append(differences(earlier, entry, bits, before) if before >= 0 else {int(entry[right, comparison]): []})
    wins = bool(bits[comparison])
    for lost in sides[0 if wins else 1].values():
        lost.append((comparison, -1.0 if wins else 1.0))
    return sides[0] | sides[1]


def turned(term: Term, reader: int, source: Layout) -> Term:
    """Return a term the other way round, as what a reader sends back to the sites of its source."""
    site = np.repeat(np.arange(term.offsets.size - 1), np.diff(term.offsets))
    order = np.argsort(term.site, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(term.site, minlength=source.n_sites))]).astype(np.int64)
    return Term(reader, offsets, site[order], term.block[order], term.blocks.transpose(0, 2, 1))
