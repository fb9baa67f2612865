"""Convolutions, pools, batch normalisation and resizing, as ONNX writes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from linregions._support.files import brief
from linregions.networks.importers import operators
from linregions.networks.importers.onnx.arithmetic import Rule
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.resizing import resize, upsample
from linregions.networks.importers.onnx.rules import (
    RuleError,
    finite,
    integer_of,
    integers_of,
    label,
    misfit,
    number_of,
    room,
    variable,
)
from linregions.networks.importers.values import Builder, Value
from linregions.networks.importers.windows import n_windows

_Pairs = list[tuple[int, int]]
# Larger strides, kernels and paddings are of no network, but of files made to take all memory.
_LARGEST = 1 << 20


class _Window:
    """Kernel, stride, padding and dilation along each axis of space, and the output's sizes."""

    def __init__(self, node: Node, space: tuple[int, ...], kernel: tuple[int, ...]) -> None:
        n = len(space)
        if not 1 <= n <= 3 or len(kernel) != n:
            raise RuleError(
                f"has a window with {len(kernel)} axes on {n} axes of space",
                "one, two or three, with a batch axis and channels before",
                "Reshape its input.",
            )
        self.kernel = kernel
        self.stride = integers_of(node, "strides", [1] * n, n)
        self.dilation = integers_of(node, "dilations", [1] * n, n)
        pads = integers_of(node, "pads", [0] * (2 * n), 2 * n)
        self.ceil = bool(node.attributes.get("ceil_mode", 0))
        every = [*kernel, *self.stride, *self.dilation]
        if min(every) < 1 or min(pads) < 0 or max(*every, *pads) > _LARGEST:
            raise misfit(f"has a kernel, stride, padding or dilation of {brief([*every, *pads])}")
        self.padding: _Pairs = list(zip(pads[:n], pads[n:], strict=True))
        self.auto = node.attributes.get("auto_pad", "NOTSET")
        if self.auto in ("SAME_UPPER", "SAME_LOWER"):
            self.padding = [self._same(*axis) for axis in zip(space, kernel, self.stride, self.dilation, strict=True)]
        elif self.auto == "VALID":
            self.padding = [(0, 0)] * n
        elif self.auto != "NOTSET":
            raise misfit(f"has auto_pad = {brief(self.auto)!r}")

    def _same(self, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
        whole = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
        less, more = whole // 2, whole - whole // 2
        return (less, more) if self.auto == "SAME_UPPER" else (more, less)

    def counts(self, space: tuple[int, ...]) -> list[int]:
        """Return how many windows fit along each axis."""
        found = [
            n_windows(size, self.kernel[a], self.stride[a], self.padding[a], self.dilation[a], self.ceil)
            for a, size in enumerate(space)
        ]
        if min(found) < 1:
            raise misfit(f"has no room for a window of {self.kernel} in {space}")
        room((*found, *self.kernel))
        return found


def _weights(inputs: list[Any], least: int) -> list[Any]:
    if not isinstance(inputs[0], Value) or any(isinstance(entry, Value) for entry in inputs[1:]):
        raise variable("its weights")
    weights = [None if entry is None else finite(entry, "weights") for entry in inputs[1:]]
    if len(weights) < least or any(entry is None for entry in weights[:least]):
        raise misfit("has too few inputs")
    return weights


def _space_of(value: Value) -> tuple[int, ...]:
    if len(value.shape) < 3 or math.prod(value.shape) == 0:
        raise misfit(f"is applied to the shape {value.shape}")
    return value.shape[2:]


def _conv(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    value = inputs[0]
    weight, bias = (*_weights(inputs, 1), None)[:2]
    transposed = node.op == "ConvTranspose"
    groups = integer_of(node, "group", 1)
    space = _space_of(value)
    outward, inward = weight.shape[:2]
    if transposed:
        inward, outward = outward, inward * groups
    else:
        inward = inward * groups
    if groups < 1 or weight.ndim != len(value.shape) or inward != value.shape[1] or outward % groups or inward % groups:
        raise misfit(f"has {groups} groups and weights of the shape {weight.shape} for an input of {value.shape}")
    if bias is not None and bias.shape != (outward,):
        raise misfit(f"has a bias of the shape {bias.shape} for {outward} channels")
    if node.attributes.get("kernel_shape", list(weight.shape[2:])) != list(weight.shape[2:]):
        raise misfit(f"has kernel_shape = {brief(node.attributes['kernel_shape'])} for weights of {weight.shape}")
    window = _Window(node, space, weight.shape[2:])
    more = [0] * len(space)
    if transposed:
        more = _transposed_padding(node, window, space)
    else:
        window.counts(space)

    made = operators.conv(
        builder, value, weight, bias, window.stride, window.padding, window.dilation, groups, transposed, more,
        label(node),
    )  # fmt: skip
    return [made]


def _transposed_padding(node: Node, window: _Window, space: tuple[int, ...]) -> list[int]:
    """Set the padding of a transposed convolution; return what its output has beyond that."""
    n = len(space)
    more = integers_of(node, "output_padding", [0] * n, n)
    full = [(space[a] - 1) * window.stride[a] + window.dilation[a] * (window.kernel[a] - 1) + 1 for a in range(n)]
    wanted = node.attributes.get("output_shape")
    if wanted is not None:
        wanted = integers_of(node, "output_shape", [], len(wanted) if isinstance(wanted, list) else n)[-n:]
    elif window.auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [space[a] * window.stride[a] for a in range(n)]
    if wanted is not None:
        if len(wanted) != n or min(wanted) < 1:
            raise misfit(f"has output_shape = {brief(wanted)}")
        pairs = []
        for a in range(n):
            whole = full[a] + more[a] - wanted[a]
            if whole < 0:
                more[a], whole = more[a] - whole, 0
            less, rest = whole // 2, whole - whole // 2
            pairs.append((less, rest) if window.auto == "SAME_UPPER" else (rest, less))
        window.padding = pairs
    size = [full[a] - sum(window.padding[a]) + more[a] for a in range(n)]
    if min(more) < 0 or max(more) > _LARGEST or min(size) < 1:
        raise misfit(f"makes an output of {size}")
    room((*size, *window.kernel))
    return more


def _pool(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    value = inputs[0]
    space = _space_of(value)
    kernel = node.attributes.get("kernel_shape")
    kernel = tuple(integers_of(node, "kernel_shape", [], len(kernel) if isinstance(kernel, list) else 0))
    window = _Window(node, space, kernel)
    counts, name = window.counts(space), label(node)

    if node.op == "MaxPool":
        made = operators.max_pool(
            builder, value, kernel, window.stride, window.padding, window.dilation, window.ceil, counts, name
        )
    else:
        made = operators.average_pool(
            builder, value, kernel, window.stride, window.padding, window.dilation, window.ceil,
            bool(node.attributes.get("count_include_pad", 0)), None, counts, name,
        )  # fmt: skip
    return [made]


def _batch_norm(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    value = inputs[0]
    scale, bias, mean, variance = _weights(inputs, 4)[:4]
    if node.attributes.get("training_mode", 0) or (node.opset < 14 and any(node.outputs[1:])):
        raise RuleError(
            "is in training mode",
            "its running statistics",
            "Export the model in evaluation mode: call `module.eval()` first.",
        )
    if node.opset < 9 and not node.attributes.get("spatial", 1):
        raise RuleError("normalises every pixel on its own (spatial = 0)", "spatial = 1", "Export for a newer opset.")
    channels = value.shape[1] if len(value.shape) > 1 else -1
    if any(entry.shape != (channels,) for entry in (scale, bias, mean, variance)):
        raise misfit(f"has statistics of the shape {mean.shape} for an input of {value.shape}")
    epsilon = number_of(node, "epsilon", 1e-5)
    if not np.all(variance + epsilon > 0):
        raise misfit(f"has the variance {float(variance.min()):g}")
    return [operators.batch_norm(builder, value, mean, variance, scale, bias, epsilon, 1, label(node))]


LAYERS: dict[str, Rule] = {
    "Conv": _conv,
    "ConvTranspose": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Resize": resize,
    "Upsample": upsample,
}
