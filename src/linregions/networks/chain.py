"""What a network does whose layers stand one after the other. Checks nothing; `Network` does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY, PiecewiseLinear
from linregions.networks.affine import AffineLayer
from linregions.networks.graph import INPUT, Graph, Layout, Step, Term
from linregions.networks.graph_maps import GraphMaps
from linregions.networks.local_maps import ActivationRegion, affine_maps_at, region_at
from linregions.networks.numbering import Numbering


@dataclass(frozen=True, eq=False)
class Chain:
    """Affine layers, with an activation after each but the last."""

    layers: tuple[AffineLayer, ...]
    activations: tuple[PiecewiseLinear, ...]

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.layers[0].weight.shape[1])

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.layers[-1].weight.shape[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of units in the input, every hidden layer and the output."""
        return (self.n_in, *(int(layer.weight.shape[0]) for layer in self.layers))

    @cached_property
    def neuron_offsets(self) -> tuple[int, ...]:
        """Number of neurons before each hidden layer, and at the end the number of all."""
        offsets = [0]
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            offsets.append(offsets[-1] + (layer.weight.shape[0] if activation.n_breakpoints else 0))
        return tuple(offsets)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Evaluate at points of shape (..., n_in)."""
        values = points
        for layer, activation in zip(self.layers, (*self.activations, None), strict=True):
            values = layer(values)
            if activation is not None:
                values = activation(values)
        return values

    def pre_activations(self, points: FloatArray) -> list[FloatArray]:
        """Return the pre-activation of every hidden layer, each of shape (..., width)."""
        values, result = points, []
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            result.append(layer(values))
            values = activation(result[-1])
        return result

    def patterns(self, points: FloatArray) -> npt.NDArray[np.uint8]:
        """Return the piece of every neuron at points of shape (..., n_in)."""
        pieces = [
            activation.pieces(values)
            for values, activation in zip(self.pre_activations(points), self.activations, strict=True)
            if activation.n_breakpoints
        ]
        if not pieces:
            return np.zeros((*points.shape[:-1], 0), dtype=np.uint8)
        return np.concatenate(pieces, axis=-1)

    def affine_maps(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the affine map at each point of shape (N, n_in)."""
        values = [z.reshape(len(points), -1) for z in self.pre_activations(points)]
        return affine_maps_at(self.layers, self.activations, values, len(points))

    def region(self, point: FloatArray) -> ActivationRegion:
        """Return the activation region of a point of shape (n_in,)."""
        return region_at(self.layers, self.activations, point, self.pre_activations(point))

    @property
    def numbering(self) -> Numbering:
        """Numbers of neurons and switches."""
        return Numbering(self.graph)

    @property
    def maps(self) -> GraphMaps:
        """What makes local maps of the graph."""
        return GraphMaps(self.graph, self.numbering)

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers, "activations": self.activations}  # the graph can be made anew

    def __str__(self) -> str:
        names = sorted({activation.name for activation in self.activations})
        n_neurons = self.neuron_offsets[-1]
        return f"{' -> '.join(map(str, self.widths))}, {n_neurons} neurons, activation {', '.join(names) or 'none'}"

    @cached_property
    def graph(self) -> Graph:
        """The same as a graph, each layer one site."""
        steps, one = [], np.array([0], dtype=np.int64)
        offsets = np.array([0, 1], dtype=np.int64)
        for k, (layer, activation) in enumerate(zip(self.layers, (*self.activations, IDENTITY), strict=True)):
            blocks = np.ascontiguousarray(layer.weight.T)[None]
            blocks.flags.writeable = False
            term = Term(k - 1 if k else INPUT, offsets, one, one, blocks)
            steps.append(Step((term,), layer.bias, _one_site(layer.bias.size), activation, f"layer {k}"))
        return Graph(_one_site(self.n_in), tuple(steps), (self.n_in,), (self.n_out,))


def _one_site(n_units: int) -> Layout:
    return Layout(1, n_units, np.arange(n_units, dtype=np.int64))


def chain_of(graph: Graph) -> list[tuple[FloatArray, FloatArray]] | None:
    """Return weights and biases of a graph whose steps stand one after the other, one site each, or None.

    They are in the order of the user. The input may have any sites.
    """
    if graph.maxima.size.size:
        return None
    before, layers = graph.input_layout, []
    for k, step in enumerate(graph.steps):
        if step.layout.n_sites > 1 or len(step.terms) != 1 or step.terms[0].source != (k - 1 if k else INPUT):
            return None
        term = step.terms[0]
        if np.unique(term.site).size != term.site.size:  # their sum would be rounded
            return None
        weight, bias = np.zeros((step.layout.n_units, before.n_units)), np.empty(step.layout.n_units)
        for site, block in zip(term.site.tolist(), term.block.tolist(), strict=True):
            inputs = before.order[site * before.n_channels : (site + 1) * before.n_channels]
            weight[np.ix_(step.layout.order, inputs)] = term.blocks[block].T
        bias[step.layout.order] = step.bias
        layers.append((weight, bias))
        before = step.layout
    return layers
