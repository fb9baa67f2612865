"""What can be trained: parameters as arrays, how torch evaluates them, and the network that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.network import Network
from linregions.networks.random import random_network


class Model(Protocol):
    """A kind of network, without its parameters."""

    @property
    def block(self) -> int:
        """How many examples it evaluates at once; on it depend the last bits of a loss."""

    @property
    def label(self) -> str:
        """What a progress bar and a folder call it."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What a training of it is recognised by."""

    def initial(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw its parameters."""

    def forward(self, torch: Any, parameters: Sequence[Any], rows: Any) -> Any:
        """Return the logits of examples, float32 of shape (N, n_in), for parameters that are tensors."""

    def network(self, parameters: Sequence[FloatArray]) -> Network:
        """Return the network with these parameters."""


@dataclass(frozen=True)
class Dense:
    """A chain of dense layers, weights and biases in turn, at the paper's initialisation."""

    widths: tuple[int, ...]  # of the input, each hidden layer and the output
    activation: PiecewiseLinear = RELU

    @property
    def block(self) -> int:
        """Large: one product of matrices for each layer."""
        return 8192

    @property
    def label(self) -> str:
        """The widths."""
        return "-".join(map(str, self.widths))

    @property
    def settings(self) -> Mapping[str, Any]:
        """Widths and activation."""
        return {"widths": list(self.widths), "activation": self.activation.to_dict()}

    def initial(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw parameters as `random_network` does."""
        layers = random_network(self.widths, rng, activation=self.activation).layers
        return [array for layer in layers for array in (layer.weight, layer.bias)]

    def forward(self, torch: Any, parameters: Sequence[Any], rows: Any) -> Any:
        """Return the logits."""
        last = len(parameters) - 2
        for k in range(0, len(parameters), 2):
            rows = torch.nn.functional.linear(rows, parameters[k], parameters[k + 1])
            if k < last:
                rows = _activate(torch, self.activation, rows)
        return rows

    def network(self, parameters: Sequence[FloatArray]) -> Network:
        """Return the chain."""
        return Network.from_layers(zip(parameters[::2], parameters[1::2], strict=True), self.activation)


def _activate(torch: Any, activation: PiecewiseLinear, x: Any) -> Any:
    """Apply a piecewise-linear activation to a tensor: its first piece plus one hinge for each breakpoint."""
    if activation == RELU:
        return torch.relu(x)
    knots, heights = activation.knots
    slopes = activation.slopes
    value = slopes[0] * (x - float(knots[0])) + float(heights[0])
    for point, jump in zip(activation.breakpoints, np.diff(slopes), strict=True):
        value = value + float(jump) * torch.relu(x - point)
    return value
