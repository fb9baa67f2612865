"""Gradients of graphs modulo a prime, by values sent forward through the taps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.residues import product, reduced, residues
from linregions.networks.graph import INPUT, Step, parts_of
from linregions.networks.network import Network

# How many numbers the widest tensor of a block of patterns may hold.
_BLOCK_NUMBERS = 1 << 18


class GraphField:
    """A graph modulo a prime, with a direction of the inputs and a mixture of the outputs."""

    def __init__(
        self, network: Network, prime: int, direction: npt.NDArray[np.integer], mixture: npt.NDArray[np.integer]
    ) -> None:
        graph = network.graph
        self.prime, self._numbering, self._graph = prime, network.numbering, graph
        self._slopes = [residues(step.activation.slopes, prime) for step in graph.steps]
        self._blocks = [
            [residues(term.blocks, prime) if term.blocks.size else term.blocks for term in step.terms]
            for step in graph.steps
        ]
        self._mixture = residues(mixture, prime)[graph.steps[-1].layout.order]
        inputs = {INPUT: residues(direction, prime)[None, graph.input_layout.order]}
        # What reads the input is the same for all patterns.
        self._first = [self._sums(k, step, inputs, 1) for k, step in enumerate(graph.steps)]

    def of(self, patterns: npt.NDArray[np.uint8]) -> FloatArray:
        """Return the derivative of the mixture of outputs in the direction, for each pattern: from 0 to the prime."""
        widest = max(step.layout.n_units for step in self._graph.steps)
        size = max(1, _BLOCK_NUMBERS // widest)
        found = np.empty(patterns.shape[0])
        for begin in range(0, patterns.shape[0], size):
            found[begin : begin + size] = self._of_block(patterns[begin : begin + size]) % self.prime
        return found

    def _of_block(self, patterns: npt.NDArray[np.uint8]) -> FloatArray:
        graph, n = self._graph, patterns.shape[0]
        pieces = self._numbering.pieces(patterns)
        tensors: dict[int, FloatArray] = {}
        for k, step in enumerate(graph.steps):
            values = self._sums(k, step, tensors, n) + self._first[k]
            tensors[k] = reduced(reduced(values, self.prime) * self._slopes[k][pieces[k]], self.prime)
            for term in step.terms:
                if term.source != INPUT and graph.last_use[term.source] == k:
                    tensors.pop(term.source, None)
        return product(tensors[len(graph.steps) - 1], self._mixture[:, None], self.prime)[:, 0]

    def _sums(self, k: int, step: Step, tensors: dict[int, FloatArray], n: int) -> FloatArray:
        """Return the sums of a step's terms that read the tensors given."""
        sites, channels = step.layout.n_sites, step.layout.n_channels
        total = np.zeros((n, sites, channels))
        for term, blocks, parts in zip(step.terms, self._blocks[k], parts_of(step), strict=True):
            if term.source not in tensors:
                continue
            source = tensors[term.source].reshape(n, -1, blocks.shape[1])
            for part in parts:
                depth = part.site.shape[1] * source.shape[2]
                rows = source[:, part.site].reshape(-1, depth)
                made = product(rows, blocks[part.block].reshape(depth, channels), self.prime)
                total[:, part.out] += made.reshape(n, -1, channels)
        return reduced(total.reshape(n, sites * channels), self.prime)
