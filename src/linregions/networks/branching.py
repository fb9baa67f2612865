"""What a network does that is a graph: values, patterns and local maps in the order of the user. Checks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import Graph
from linregions.networks.graph_maps import GraphMaps
from linregions.networks.local_maps import ActivationRegion
from linregions.networks.numbering import Numbering

# How many numbers the widest tensor of a block of points may hold.
_BLOCK_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False)
class Branching:
    """A graph that was checked."""

    graph: Graph

    def __getstate__(self) -> dict[str, Any]:
        return {"graph": self.graph}  # what is kept besides can be made anew, where it is sent

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.graph.n_in

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.graph.n_out

    @cached_property
    def numbering(self) -> Numbering:
        """Numbers of neurons and switches."""
        return Numbering(self.graph)

    @cached_property
    def maps(self) -> GraphMaps:
        """What makes local maps."""
        return GraphMaps(self.graph, self.numbering)

    @property
    def neuron_offsets(self) -> tuple[int, ...]:
        """Number of neurons before each group of them, and of all."""
        return self.numbering.offsets

    def _blocks(self, n: int) -> Iterator[slice]:
        widest = max(step.layout.n_units for step in self.graph.steps)
        size = max(1, _BLOCK_NUMBERS // widest)
        return (slice(begin, min(begin + size, n)) for begin in range(0, n, size))

    def __call__(self, points: FloatArray) -> FloatArray:
        """Evaluate at points of shape (..., n_in)."""
        flat = points.reshape(-1, self.n_in)
        result = np.empty((len(flat), self.n_out))
        for block in self._blocks(len(flat)):
            result[block] = self.graph(flat[block])
        return result.reshape(*points.shape[:-1], self.n_out)

    def pre_activations(self, points: FloatArray) -> list[FloatArray]:
        """Return the pre-activation of every step but the last in the order of the user, each (..., units)."""
        flat = points.reshape(-1, self.n_in)
        result = [np.empty((len(flat), step.layout.n_units)) for step in self.graph.steps[:-1]]
        for block in self._blocks(len(flat)):
            for own, step, sums in zip(result, self.graph.steps[:-1], self.graph.run(flat[block]), strict=False):
                own[block, step.layout.order] = sums
        return [own.reshape(*points.shape[:-1], own.shape[1]) for own in result]

    def patterns(self, points: FloatArray) -> npt.NDArray[np.uint8]:
        """Return the piece of every neuron at points of shape (..., n_in)."""
        flat = points.reshape(-1, self.n_in)
        patterns = np.empty((len(flat), self.numbering.n_neurons), dtype=np.uint8)
        for block in self._blocks(len(flat)):
            patterns[block] = self.numbering.at(flat[block])
        return patterns.reshape(*points.shape[:-1], self.numbering.n_neurons)

    def affine_maps(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the affine map at each point of shape (N, n_in)."""
        return self.maps.affine_maps(points)

    def region(self, point: FloatArray) -> ActivationRegion:
        """Return the activation region of a point of shape (n_in,)."""
        return self.maps.region(point)

    def __str__(self) -> str:
        shapes = ["x".join(map(str, shape)) or "1" for shape in (self.graph.input_shape, self.graph.output_shape)]
        names = {
            step.activation.name
            for k, step in enumerate(self.graph.steps)
            if step.activation.n_breakpoints and k not in self.numbering.comparing
        } | ({"max"} if self.graph.maxima.size.size else set())
        return (
            f"{shapes[0]} -> {shapes[1]}, {len(self.graph.steps)} steps, {self.numbering.n_neurons} neurons, "
            f"activation {', '.join(sorted(names)) or 'none'}"
        )
