"""A small CNN and a small ResNet, to be trained as the paper trains fully connected networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import RELU
from linregions.networks.importers.operators import conv, max_pool
from linregions.networks.importers.values import Builder, Value
from linregions.networks.network import Network

Kind = Literal["cnn", "resnet"]
#: Of biases at initialisation, as everywhere in the paper.
_BIAS_DEVIATION = 1e-3


@dataclass(frozen=True)
class Convolutional:
    """A network of one of two kinds, for small grey or coloured images.

    ``"cnn"``: 3 w channels by 5 x 5 convolution of stride 2, ReLU, max pooling 2 x 2, 5 w channels by 3 x 3
    convolution, ReLU, a dense layer. ``"resnet"``: 2 w channels by 3 x 3 convolution of stride 2, ReLU, and two
    residual blocks of 3 w channels, the first of stride 2 with a 1 x 1 convolution in its skip, a dense layer. Zeros
    around an image keep its size. On images of 28 x 28 both have 980 w neurons, windows of the pooling included.

    Parameters
    ----------
    kind : {"cnn", "resnet"}
    width : int
        The w above.
    image : tuple of int
        Channels, height and width of an image.
    n_classes : int
    """

    kind: Kind
    width: int
    image: tuple[int, int, int]
    n_classes: int

    @property
    def block(self) -> int:
        """Small: images and channels should stay in a cache."""
        return 256

    @property
    def label(self) -> str:
        """Kind and width."""
        return f"{self.kind}-{self.width}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that there is."""
        return {"network": self.kind, "width": self.width, "image": list(self.image), "classes": self.n_classes}

    @property
    def layers(self) -> tuple[int, ...]:
        """How many neurons there are in each layer, windows of the pooling as a layer of their own."""
        half, quarter = self._places
        if self.kind == "cnn":
            return 3 * self.width * half, 3 * self.width * quarter, 5 * self.width * quarter
        return 2 * self.width * half, *[3 * self.width * quarter] * 4

    @property
    def _places(self) -> tuple[int, int]:
        """How many places there are in an image of half and of quarter size."""
        half = [(size + 1) // 2 for size in self.image[1:]]
        quarter = [size // 2 if self.kind == "cnn" else (size + 1) // 2 for size in half]
        return math.prod(half), math.prod(quarter)

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        """Of the weights, in the order in which `_run` takes them."""
        w, before, last = self.width, self.image[0], (self.n_classes, self.layers[-1])
        if self.kind == "cnn":
            return [(3 * w, before, 5, 5), (5 * w, 3 * w, 3, 3), last]
        first = [(3 * w, 2 * w, 3, 3), (3 * w, 3 * w, 3, 3), (3 * w, 2 * w, 1, 1)]
        return [(2 * w, before, 3, 3), *first, *[(3 * w, 3 * w, 3, 3)] * 2, last]

    def _run(self, ops: _Operators, image: Any, parameters: Sequence[Any]) -> Any:
        """Evaluate with some kind of operators: the one place that says how layers are connected."""
        layer = list(zip(parameters[::2], parameters[1::2], strict=True))
        if self.kind == "cnn":
            x = ops.pool(ops.relu(ops.conv(image, *layer[0], 2)))
            return ops.dense(ops.relu(ops.conv(x, *layer[1], 1)), *layer[2])
        x = ops.relu(ops.conv(image, *layer[0], 2))
        inner = ops.conv(ops.relu(ops.conv(x, *layer[1], 2)), *layer[2], 1)
        x = ops.relu(ops.add(inner, ops.conv(x, *layer[3], 2)))
        inner = ops.conv(ops.relu(ops.conv(x, *layer[4], 1)), *layer[5], 1)
        return ops.dense(ops.relu(ops.add(inner, x)), *layer[6])

    def initial(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw normal weights of variance 2 / fan-in and normal biases of variance 1e-6, the paper's."""
        drawn: list[FloatArray] = []
        for shape in self._shapes:
            drawn.append(rng.normal(size=shape) * math.sqrt(2.0 / math.prod(shape[1:])))
            drawn.append(rng.normal(size=shape[0]) * _BIAS_DEVIATION)
        return drawn

    def forward(self, torch: Any, parameters: Sequence[Any], rows: Any) -> Any:
        """Return the logits."""
        return self._run(_Torch(torch.nn.functional), rows.reshape(-1, *self.image), parameters)

    def network(self, parameters: Sequence[FloatArray]) -> Network:
        """Return the network, in which convolutions stay convolutions."""
        builder = Builder([self.image], "Convolutional")
        (image,) = builder.inputs()
        return Network.from_graph(builder.finish(self._run(_Records(builder), image, parameters)))


class _Operators(Protocol):
    """What the networks are made of."""

    def conv(self, x: Any, weight: Any, bias: Any, stride: int) -> Any:
        """Convolve, with half a kernel of zeros around."""

    def pool(self, x: Any) -> Any:
        """Take the largest of each 2 x 2 pixels."""

    def relu(self, x: Any) -> Any:
        """Cut at zero."""

    def add(self, x: Any, y: Any) -> Any:
        """Add."""

    def dense(self, x: Any, weight: Any, bias: Any) -> Any:
        """Map all pixels and channels."""


@dataclass(frozen=True)
class _Torch:
    """Batches of tensors."""

    functional: Any  # torch.nn.functional

    def conv(self, x: Any, weight: Any, bias: Any, stride: int) -> Any:
        return self.functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def pool(self, x: Any) -> Any:
        return self.functional.max_pool2d(x, 2)

    def relu(self, x: Any) -> Any:
        return self.functional.relu(x)

    def add(self, x: Any, y: Any) -> Any:
        return x + y

    def dense(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.functional.linear(x.flatten(1), weight, bias)


@dataclass(frozen=True)
class _Records:
    """Values of a graph in the making."""

    builder: Builder

    def conv(self, x: Value, weight: FloatArray, bias: FloatArray, stride: int) -> Value:
        around = (weight.shape[-1] // 2,) * 2
        return conv(self.builder, x, weight, bias, (stride, stride), (around, around), (1, 1))

    def pool(self, x: Value) -> Value:
        return max_pool(self.builder, x, (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))

    def relu(self, x: Value) -> Value:
        return self.builder.activation(x, RELU)

    def add(self, x: Value, y: Value) -> Value:
        return self.builder.add(x, y)

    def dense(self, x: Value, weight: FloatArray, bias: FloatArray) -> Value:
        return self.builder.linear(self.builder.reshape(x, (x.n_units,)), weight, (len(weight),), bias)
