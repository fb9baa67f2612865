"""Rules of affine operators: sums, products with constants, layers, convolutions, norms, averages, interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.importers import operators, products
from linregions.networks.importers.torch import refusals
from linregions.networks.importers.torch.registry import At, depends, rule
from linregions.networks.importers.values import Operand, Value
from linregions.networks.importers.windows import Pairs

# Images of more places are not sent one by one through an interpolation.
_PROBED = 4096


def product(at: At, left: Any, right: Any) -> Any:
    """Return a product of which at most one factor depends on the input."""
    if depends(left) and depends(right):
        return at.refuse(refusals.PRODUCT)
    varying, constant = (left, right) if depends(left) else (right, left)
    return at.builder.scale(at.value(varying), _numbers(at, constant), at.name)


def _numbers(at: At, argument: Any) -> FloatArray:
    if isinstance(argument, Value):  # a constant in the form of a value
        return argument.bias.reshape(argument.shape)
    return at.numbers(argument)


@rule("aten.add.Tensor", "aten.add.Scalar")
def _add(at: At, a: dict[str, Any]) -> Any:
    return at.builder.add(at.operand(a["self"]), _times(at, a["other"], a["alpha"]), at.name)


@rule("aten.sub.Tensor", "aten.sub.Scalar")
def _sub(at: At, a: dict[str, Any]) -> Any:
    return at.builder.add(at.operand(a["self"]), _times(at, a["other"], -a["alpha"]), at.name)


@rule("aten.rsub.Tensor", "aten.rsub.Scalar")
def _rsub(at: At, a: dict[str, Any]) -> Any:
    return at.builder.add(at.operand(a["other"]), _times(at, a["self"], -a["alpha"]), at.name)


def _times(at: At, argument: Any, factor: float) -> Operand:
    operand = at.operand(argument)
    if isinstance(operand, Value):
        return at.builder.scale(operand, float(factor))
    return operand * float(factor)


@rule("aten.neg.default")
def _neg(at: At, a: dict[str, Any]) -> Any:
    return at.builder.scale(at.value(a["self"]), -1.0)


@rule("aten.div.Tensor", "aten.div.Scalar")
def _div(at: At, a: dict[str, Any]) -> Any:
    if depends(a["other"]):
        return at.refuse(refusals.PRODUCT)
    divisor = _numbers(at, a["other"])
    if not divisor.all():
        return at.refuse(refusals.Kind("a division by zero", "Divide by numbers other than zero."))
    return at.builder.scale(at.value(a["self"]), 1.0 / divisor, at.name)


@rule("aten.div.Tensor_mode", "aten.div.Scalar_mode")
def _div_mode(at: At, a: dict[str, Any]) -> Any:
    return _div(at, a) if a["rounding_mode"] is None else at.refuse(refusals.JUMPS)


@rule("aten.addcmul.default")
def _addcmul(at: At, a: dict[str, Any]) -> Any:
    made = product(at, a["tensor1"], a["tensor2"])
    if not isinstance(made, Value):
        return made
    return at.builder.add(at.operand(a["self"]), at.builder.scale(made, float(a["value"])), at.name)


@rule("aten.lerp.Scalar", "aten.lerp.Tensor")
def _lerp(at: At, a: dict[str, Any]) -> Any:
    step = at.builder.subtract(at.operand(a["end"]), at.operand(a["self"]))
    made = product(at, step, a["weight"])
    return at.builder.add(at.operand(a["self"]), made, at.name) if isinstance(made, Value) else made


@rule("aten.pow.Tensor_Scalar")
def _pow(at: At, a: dict[str, Any]) -> Any:
    return at.value(a["self"]) if a["exponent"] == 1 else at.refuse(refusals.PRODUCT)


# ---------------------------------------------------------------------------------------------- matrices


@rule("aten.linear.default")
def _linear(at: At, a: dict[str, Any]) -> Any:
    if depends(a["weight"]) or depends(a["bias"]):
        return at.refuse(refusals.PRODUCT)
    bias = at.optional(a["bias"])
    return products.linear(at.builder, at.value(a["input"]), at.numbers(a["weight"]), bias, at.name)


@rule("aten.matmul.default", "aten.mm.default", "aten.bmm.default", "aten.mv.default", "aten.dot.default")
def _matmul(at: At, a: dict[str, Any]) -> Any:
    left, right = a["self"], next(a[name] for name in ("other", "mat2", "vec", "tensor") if name in a)
    return _product_of(at, left, right)


@rule("aten.addmm.default", "aten.baddbmm.default", "aten.addmv.default")
def _addmm(at: At, a: dict[str, Any]) -> Any:
    names = ("mat1", "mat2") if "mat1" in a else ("batch1", "batch2") if "batch1" in a else ("mat", "vec")
    made = _product_of(at, a[names[0]], a[names[1]])
    if not isinstance(made, Value):
        return made
    return at.builder.add(_times(at, a["self"], a["beta"]), at.builder.scale(made, float(a["alpha"])), at.name)


def _product_of(at: At, left: Any, right: Any) -> Any:
    if depends(left) and depends(right):
        return at.refuse(refusals.PRODUCT)
    sides = [side if depends(side) else _numbers(at, side) for side in (left, right)]
    return products.matmul(at.builder, sides[0], sides[1], at.name)


@rule("aten.einsum.default")
def _einsum(at: At, a: dict[str, Any]) -> Any:
    tensors = a["tensors"]
    varying = [i for i, tensor in enumerate(tensors) if depends(tensor)]
    if len(varying) > 1:
        return at.refuse(refusals.PRODUCT)
    shapes = [tensor.shape for tensor in tensors]
    inputs, result = _equation(a["equation"].replace(" ", ""), [len(shape) for shape in shapes])
    own = inputs[varying[0]]
    others = [
        (letters, tensor) for i, (letters, tensor) in enumerate(zip(inputs, tensors, strict=True)) if i not in varying
    ]
    kept = "".join(dict.fromkeys("".join(letters for letters, _ in others)))
    constant = np.ones(())
    if others:
        equation = ",".join(letters for letters, _ in others) + "->" + kept
        constant = np.einsum(equation, *(_numbers(at, tensor) for _, tensor in others))
    return products.einsum(at.builder, tensors[varying[0]], own, constant, kept, result, at.name)


def _equation(text: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, dots written out."""
    left, arrow, result = text.partition("->")
    inputs = left.split(",")
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in text]
    longest = max(
        (rank - len(part.replace("...", "")) for part, rank in zip(inputs, ranks, strict=True) if "..." in part),
        default=0,
    )
    dots = "".join(spare[:longest])
    filled = []
    for part, rank in zip(inputs, ranks, strict=True):
        n = rank - len(part.replace("...", ""))
        filled.append(part.replace("...", dots[longest - n :] if n else ""))
    if not arrow:
        letters = "".join(part.replace("...", "") for part in inputs)
        result = dots + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    return filled, result.replace("...", dots)


# ---------------------------------------------------------------------------------------------- convolutions


def spread(numbers: Any, n: int) -> list[int]:
    """Return a list of n integers, of one or of n."""
    listed = [numbers] if isinstance(numbers, int) else list(numbers)
    return listed * n if len(listed) == 1 else listed


@rule("aten.conv1d.default", "aten.conv2d.default", "aten.conv3d.default")
@rule("aten.conv1d.padding", "aten.conv2d.padding", "aten.conv3d.padding")
def _conv(at: At, a: dict[str, Any]) -> Any:
    n = len(a["weight"].shape) - 2
    dilation = spread(a["dilation"], n)
    if isinstance(a["padding"], str):
        total = [d * (k - 1) for d, k in zip(dilation, a["weight"].shape[2:], strict=True)]
        pairs = [(t // 2, t - t // 2) if a["padding"] == "same" else (0, 0) for t in total]
    else:
        pairs = [(p, p) for p in spread(a["padding"], n)]
    return _convolved(at, a, pairs, dilation, False, [0] * n)


@rule("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")
def _conv_transpose(at: At, a: dict[str, Any]) -> Any:
    n = len(a["weight"].shape) - 2
    pairs = [(p, p) for p in spread(a["padding"], n)]
    return _convolved(at, a, pairs, spread(a["dilation"], n), True, spread(a["output_padding"], n))


@rule("aten.convolution.default")
def _convolution(at: At, a: dict[str, Any]) -> Any:
    n = len(a["weight"].shape) - 2
    pairs = [(p, p) for p in spread(a["padding"], n)]
    more = spread(a["output_padding"], n)
    return _convolved(at, a, pairs, spread(a["dilation"], n), bool(a["transposed"]), more)


def _convolved(
    at: At, a: dict[str, Any], pairs: Pairs, dilation: Sequence[int], transposed: bool, more: Sequence[int]
) -> Any:
    if depends(a["weight"]) or depends(a["bias"]):
        return at.refuse(refusals.PRODUCT)
    weight = at.numbers(a["weight"])
    stride = spread(a["stride"], weight.ndim - 2)
    value, bias = at.value(a["input"]), at.optional(a["bias"])
    return operators.conv(
        at.builder, value, weight, bias, stride, pairs, dilation, a["groups"], transposed, more, at.name
    )


# ---------------------------------------------------------------------------------------------- norms and means


@rule("aten._native_batch_norm_legit_no_training.default")
def _batch_norm(at: At, a: dict[str, Any]) -> Any:
    made = operators.batch_norm(
        at.builder,
        at.value(a["input"]),
        at.numbers(a["running_mean"]),
        at.numbers(a["running_var"]),
        at.optional(a["weight"]),
        at.optional(a["bias"]),
        a["eps"],
        name=at.name,
    )
    return made, at.refuse(refusals.UNKNOWN), at.refuse(refusals.UNKNOWN)


@rule("aten.batch_norm.default", "aten.instance_norm.default")
def _norm(at: At, a: dict[str, Any]) -> Any:
    if a.get("training") or a.get("use_input_stats") or a["running_mean"] is None:
        return at.refuse(refusals.INSTANCE if "use_input_stats" in a else refusals.BATCH)
    return _batch_norm(at, a)[0]


@rule("aten.avg_pool1d.default", "aten.avg_pool2d.default", "aten.avg_pool3d.default")
def _avg_pool(at: At, a: dict[str, Any]) -> Any:
    value = at.value(a["self"])
    n = 1 if "divisor_override" not in a else 2 + (str(at.node.target) == "aten.avg_pool3d.default")
    kernel = spread(a["kernel_size"], n)
    return operators.average_pool(
        at.builder,
        value,
        kernel,
        spread(a["stride"], n) if a["stride"] else kernel,
        [(p, p) for p in spread(a["padding"], n)],
        ceil_mode=a["ceil_mode"],
        include_padding=a["count_include_pad"],
        divisor=a.get("divisor_override"),
        name=at.name,
    )


@rule("aten.adaptive_avg_pool1d.default", "aten.adaptive_avg_pool2d.default", "aten.adaptive_avg_pool3d.default")
@rule("aten._adaptive_avg_pool2d.default", "aten._adaptive_avg_pool3d.default")
def _adaptive_avg_pool(at: At, a: dict[str, Any]) -> Any:
    return operators.adaptive_average_pool(at.builder, at.value(a["self"]), list(a["output_size"]), at.name)


@rule("aten.mean.default", "aten.mean.dim", "aten.sum.default", "aten.sum.dim_IntList")
def _mean(at: At, a: dict[str, Any]) -> Any:
    mean = str(at.node.target).startswith("aten.mean")
    axes = spread(a.get("dim") or [], 1)
    return operators.reduce_sum(at.builder, at.value(a["self"]), axes, a.get("keepdim", False), mean, at.name)


@rule("aten.cumsum.default")
def _cumsum(at: At, a: dict[str, Any]) -> Any:
    value = at.value(a["self"])
    axis = a["dim"] % max(len(value.shape), 1)
    return operators.along(at.builder, value, {axis: np.tri(value.shape[axis])}, at.name)


@rule("aten.diff.default")
def _diff(at: At, a: dict[str, Any]) -> Any:
    if a["prepend"] is not None or a["append"] is not None:
        return at.refuse(refusals.UNKNOWN)
    value = at.value(a["self"])
    axis = a["dim"] % len(value.shape)
    return operators.along(at.builder, value, {axis: np.diff(np.eye(value.shape[axis]), n=a["n"], axis=0)}, at.name)


@rule("aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default")
@rule("aten.feature_alpha_dropout.default", "aten.native_dropout.default")
def _dropout(at: At, a: dict[str, Any]) -> Any:
    if a["train"] and a["p"] > 0:
        return at.refuse(refusals.RANDOM)
    return at.value(a["input"])


# ---------------------------------------------------------------------------------------------- interpolation


@rule("aten.upsample_linear1d.vec", "aten.upsample_bilinear2d.vec", "aten.upsample_trilinear3d.vec")
def _upsample_linear(at: At, a: dict[str, Any]) -> Any:
    value = at.value(a["input"])
    size = at.shapes[0][2:]
    scales = a["scale_factors"] or [None] * len(size)
    matrices = {
        axis + 2: operators.interpolation(value.shape[axis + 2], count, a["align_corners"], scale)
        for axis, (count, scale) in enumerate(zip(size, scales, strict=True))
    }
    return operators.along(at.builder, value, matrices, at.name)


@rule("aten.upsample_bicubic2d.vec")
def _upsample_probed(at: At, a: dict[str, Any]) -> Any:
    """Interpolate each place's unit image."""
    value = at.value(a["input"])
    height, width = value.shape[2:]
    if height * width > _PROBED:
        return at.refuse(refusals.UNKNOWN)
    images = at.torch.eye(height * width, dtype=at.torch.float64).reshape(-1, 1, height, width)
    rest = {name: argument for name, argument in a.items() if name != "input"}
    responses = at.node.target(images, **rest).numpy().reshape(height * width, -1).T
    channels = int(np.prod(value.shape[:2]))
    matrix = at.builder.matrices.kronecker([channels, responses])
    return at.builder.linear(value, matrix, at.shapes[0], name=at.name)
