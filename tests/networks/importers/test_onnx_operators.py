"""Each operator alone, in the versions in which it changed, against onnx's reference and onnxruntime."""

from typing import Any

import numpy as np
import pytest

import linregions as lr

onnx = pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import (  # noqa: E402
    NEWEST,
    by_reference,
    by_runtime,
    helper,
    model_of,
    saved,
    sizes_of,
)

CASES: dict[str, Any] = {}


def numbers(*shape: int) -> np.ndarray:
    rng = np.random.default_rng([len(CASES), *shape])
    return rng.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return np.abs(numbers(*shape)) + np.float32(0.3)


def whole(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def case(
    name: str,
    op: str,
    shapes: Any,
    *constants: Any,
    opsets: tuple[int, ...] = (NEWEST,),
    first: bool = False,
    outputs: int = 1,
    runtime: bool = True,
    reference: bool = True,
    **attributes: Any,
) -> None:
    """Note a node of inputs x0, x1, ... and constants after them, or before them if `first`; None leaves one out."""
    shapes = [shapes] if isinstance(shapes, tuple) else shapes
    for opset in opsets:
        key = f"{name}, opset {opset}"
        assert key not in CASES
        CASES[key] = (op, shapes, constants, opset, first, outputs, runtime, reference, attributes)


def build(key: str) -> Any:
    op, shapes, constants, opset, first, outputs, _, _, attributes = CASES[key]
    inputs = {f"x{k}": list(shape) for k, shape in enumerate(shapes)}
    weights = {f"c{k}": array for k, array in enumerate(constants) if array is not None}
    fixed = [f"c{k}" if array is not None else "" for k, array in enumerate(constants)]
    names = [*fixed, *inputs] if first else [*inputs, *fixed]
    made = [f"y{k}" for k in range(outputs)]
    return model_of([helper.make_node(op, names, made, **attributes)], inputs, made, weights, opset)


SQUARE = (1, 3, 7, 6)
FLAT = (2, 3, 4)

# Sums and multiples
for op in ("Add", "Sub", "Mul", "Div"):
    case(f"{op} a constant", op, FLAT, positive(3, 4), opsets=(7, 13, 14))
    case(f"{op} a larger constant", op, (3, 1), positive(2, 1, 4))
for op in ("Add", "Sub", "Mul"):
    case(f"{op} to a constant", op, FLAT, numbers(4), first=True)
for op in ("Add", "Sub"):
    case(f"{op} two", op, [FLAT, (3, 1)], opsets=(7, 13))
case("Add an input to itself", "Add", [(3,), (3,)])
case("Sum of three", "Sum", [FLAT, FLAT, (4,)], opsets=(8, 13))
case("Sum with a constant", "Sum", [FLAT, (4,)], numbers(3, 1))
case("Sum of one", "Sum", FLAT)
case("Mean of three", "Mean", [FLAT, FLAT, (4,)], opsets=(8, 13))
case("Neg", "Neg", FLAT, opsets=(7, 13))
case("Pow of one", "Pow", FLAT, np.float32(1.0), opsets=(7, 13))
case("Where", "Where", [FLAT, (4,)], np.array([True, False, True, True]), first=True, opsets=(9, 16))
case("Cast", "Cast", FLAT, opsets=(9, 13), to=1)
case("Identity", "Identity", FLAT, opsets=(7, 13))

# Activations
case("Relu", "Relu", FLAT, opsets=(7, 13, 14))
case("LeakyRelu", "LeakyRelu", FLAT, opsets=(7, 16), alpha=0.1)
case("LeakyRelu as it comes", "LeakyRelu", FLAT)
case("LeakyRelu of slope 1", "LeakyRelu", FLAT, alpha=1.0)
case("LeakyRelu downwards", "LeakyRelu", FLAT, alpha=-1.5)
case("PRelu by channel", "PRelu", SQUARE, numbers(3, 1, 1), opsets=(7, 9, 16))
case("PRelu of one slope", "PRelu", FLAT, np.array([0.2], dtype=np.float32))
case("PRelu by entry", "PRelu", FLAT, numbers(2, 3, 4))
case("Abs", "Abs", FLAT, opsets=(7, 13))
case("HardSigmoid", "HardSigmoid", FLAT)
case("HardSigmoid of its own", "HardSigmoid", FLAT, alpha=0.7, beta=0.2)
case("HardSigmoid downwards", "HardSigmoid", FLAT, alpha=-0.7, beta=0.2)
case("ThresholdedRelu at zero", "ThresholdedRelu", FLAT, alpha=0.0)
case("Shrink, soft", "Shrink", FLAT, opsets=(9,), lambd=0.4, bias=0.4)
case("Clip by attributes", "Clip", FLAT, opsets=(7, 10), min=-0.5, max=0.7)
case("Clip by attributes, from below", "Clip", FLAT, opsets=(7,), min=-0.5)
case("Clip", "Clip", FLAT, np.float32(-0.5), np.float32(0.7), opsets=(11, 12, 13))
case("Clip from above", "Clip", FLAT, None, np.float32(0.7), opsets=(11, 13))
case("Clip from below", "Clip", FLAT, np.float32(0.0))
case("Clip to 6", "Clip", FLAT, np.float32(0.0), np.float32(6.0))
case("Clip nothing", "Clip", FLAT)
case("Clip the wrong way round", "Clip", FLAT, np.float32(0.5), np.float32(-0.5))

# Maxima
for op in ("Max", "Min"):
    case(f"{op} of two", op, [FLAT, (3, 1)], opsets=(8, 12, 13))
    case(f"{op} of five", op, [FLAT, FLAT, (4,), FLAT, (3, 1)])
    case(f"{op} with a constant", op, FLAT, np.float32(0.3))
    case(f"{op} with constants", op, FLAT, numbers(3, 4), numbers(1))
    case(f"{op} of three and a constant", op, [FLAT, FLAT, FLAT], numbers(4))
    case(f"{op} of one", op, FLAT)
    case(f"Reduce{op} over an axis", f"Reduce{op}", FLAT, opsets=(11, 13), axes=[-1])
    case(f"Reduce{op} over all", f"Reduce{op}", FLAT, opsets=(11, 18), keepdims=0)
    case(f"Reduce{op} over two axes", f"Reduce{op}", FLAT, whole(0, 2), opsets=(18, 20), keepdims=0)
    case(f"Reduce{op} over none", f"Reduce{op}", FLAT, opsets=(18,), noop_with_empty_axes=1)
case("MaxPool", "MaxPool", SQUARE, opsets=(7, 8, 10, 11, 12), kernel_shape=[2, 2], strides=[2, 2])
case("MaxPool, overlapping, padded", "MaxPool", SQUARE, kernel_shape=[3, 3], strides=[2, 1], pads=[1, 0, 1, 2])
case("MaxPool, dilated", "MaxPool", SQUARE, opsets=(10, 12), kernel_shape=[2, 3], dilations=[3, 2])
case("MaxPool, ceil", "MaxPool", SQUARE, opsets=(10, 11, 12), kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1)
case(
    "MaxPool, ceil, padded",
    "MaxPool",
    (1, 2, 6, 6),
    kernel_shape=[2, 2],
    strides=[2, 3],
    pads=[1, 1, 1, 1],
    ceil_mode=1,
)
case("MaxPool, same above", "MaxPool", SQUARE, kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER")
case(
    "MaxPool, same below",
    "MaxPool",
    SQUARE,
    kernel_shape=[3, 2],
    strides=[2, 2],
    auto_pad="SAME_LOWER",
    reference=False,
)
case("MaxPool, valid", "MaxPool", SQUARE, kernel_shape=[3, 2], strides=[2, 2], auto_pad="VALID")
case("MaxPool along a line", "MaxPool", (1, 2, 9), kernel_shape=[3], strides=[2])
case("MaxPool in space", "MaxPool", (1, 2, 4, 3, 5), kernel_shape=[2, 2, 2], strides=[1, 1, 2])
case("MaxPool of a batch of two", "MaxPool", (2, 2, 4, 4), kernel_shape=[2, 2], strides=[2, 2])
case("GlobalMaxPool", "GlobalMaxPool", SQUARE, opsets=(7, 13))

# Means and sums
case("AveragePool", "AveragePool", SQUARE, opsets=(7, 10, 11, 19), kernel_shape=[2, 2], strides=[2, 2])
case(
    "AveragePool, padded",
    "AveragePool",
    SQUARE,
    opsets=(7, 11, 19),
    kernel_shape=[3, 3],
    strides=[2, 1],
    pads=[1, 0, 1, 2],
)
case("AveragePool, padding counted", "AveragePool", SQUARE, opsets=(7, 11, 19),
     kernel_shape=[3, 3], strides=[2, 1], pads=[1, 0, 1, 2], count_include_pad=1)  # fmt: skip
case("AveragePool, ceil", "AveragePool", SQUARE, opsets=(11, 19), kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1)
case(
    "AveragePool, ceil, padded",
    "AveragePool",
    (1, 2, 6, 6),
    opsets=(11, 19),
    kernel_shape=[3, 3],
    strides=[2, 2],
    pads=[1, 1, 1, 1],
    ceil_mode=1,
)
case(
    "AveragePool, ceil, padding counted",
    "AveragePool",
    (1, 2, 6, 6),
    opsets=(11, 19),
    kernel_shape=[3, 3],
    strides=[2, 2],
    pads=[1, 1, 1, 1],
    ceil_mode=1,
    count_include_pad=1,
)
case("AveragePool, dilated", "AveragePool", SQUARE, opsets=(19,), kernel_shape=[2, 2], dilations=[3, 2])
for side in ("UPPER", "LOWER"):
    case(
        f"AveragePool, same {side.lower()}",
        "AveragePool",
        SQUARE,
        kernel_shape=[3, 2],
        strides=[2, 2],
        auto_pad=f"SAME_{side}",
    )
case("AveragePool, valid", "AveragePool", SQUARE, kernel_shape=[3, 2], strides=[2, 2], auto_pad="VALID")
case("AveragePool along a line", "AveragePool", (1, 2, 9), kernel_shape=[3], strides=[2])
case("AveragePool in space", "AveragePool", (1, 2, 4, 3, 5), kernel_shape=[2, 2, 2], strides=[1, 1, 2])
case("GlobalAveragePool", "GlobalAveragePool", SQUARE, opsets=(7, 13))
for op in ("Sum", "Mean"):
    case(f"Reduce{op} over an axis", f"Reduce{op}", FLAT, opsets=(11,), axes=[-1])
    case(f"Reduce{op} over all", f"Reduce{op}", FLAT, opsets=(11, 13, 18), keepdims=0)
case("ReduceSum over two axes", "ReduceSum", FLAT, whole(0, -1), opsets=(13, 18), keepdims=0)
case("ReduceMean over two axes", "ReduceMean", FLAT, whole(0, -1), opsets=(18,), keepdims=1)
case("ReduceMean over two axes by attribute", "ReduceMean", FLAT, opsets=(13,), axes=[0, 1], keepdims=0)
case("ReduceL1", "ReduceL1", FLAT, opsets=(11, 13), axes=[1])
case("CumSum", "CumSum", FLAT, np.array(1, dtype=np.int64), opsets=(11, 14))
case("CumSum, backwards, without itself", "CumSum", FLAT, np.array(-1, dtype=np.int64), reverse=1, exclusive=1)

# Layers
case("Gemm", "Gemm", (1, 5), numbers(5, 4), numbers(4), opsets=(7, 9, 11, 13))
case("Gemm, all its attributes", "Gemm", (5, 2), numbers(4, 5), numbers(2, 1), transA=1, transB=1, alpha=0.5, beta=2.0)
case("Gemm without bias", "Gemm", (3, 5), numbers(5, 4), opsets=(11, 13))
case("Gemm with the weights first", "Gemm", (5, 3), numbers(4, 5), first=True, alpha=2.0)
case("MatMul", "MatMul", (1, 5), numbers(5, 4), opsets=(7, 9, 13))
case("MatMul of tokens", "MatMul", (1, 6, 5), numbers(5, 4))
case("MatMul of a vector", "MatMul", (5,), numbers(5, 4))
case("MatMul of batches", "MatMul", (2, 3, 4), numbers(2, 4, 5))
case("MatMul, broadcast", "MatMul", (2, 1, 3, 4), numbers(5, 4, 2))
case("MatMul, constant first", "MatMul", (4, 3), numbers(2, 4), first=True)
case("MatMul, constant first, of tokens", "MatMul", (1, 4, 3), numbers(2, 4), first=True)
case("MatMul, a vector first", "MatMul", (4, 3), numbers(4), first=True)
case("MatMul to a number", "MatMul", (4,), numbers(4))
case("Einsum", "Einsum", (2, 3, 4), numbers(4, 5), opsets=(12,), equation="btd,de->bte")
case("Einsum with dots", "Einsum", (2, 3, 4), numbers(5, 4), opsets=(12,), equation="...d,ed->...e")
case("Einsum that sums", "Einsum", (2, 3, 4), opsets=(12,), equation="abc->b")
case("Einsum of a diagonal", "Einsum", (3, 3), opsets=(12,), equation="ii->i")
case("Einsum without an arrow", "Einsum", (2, 3), numbers(3, 2), opsets=(12,), equation="ab,bc")
case("Einsum of three", "Einsum", (2, 3), numbers(3, 4), numbers(4), opsets=(12,), equation="ab,bc,c->ac")
case("Conv", "Conv", SQUARE, numbers(4, 3, 3, 3), numbers(4), opsets=(7, 11), kernel_shape=[3, 3])
case("Conv, strided, padded", "Conv", SQUARE, numbers(4, 3, 3, 2), strides=[2, 1], pads=[1, 0, 2, 1])
case("Conv, dilated, in groups", "Conv", (1, 4, 7, 6), numbers(6, 2, 2, 2), numbers(6), dilations=[2, 3], group=2)
case("Conv by channel", "Conv", SQUARE, numbers(3, 1, 2, 2), group=3)
for side in ("UPPER", "LOWER"):
    case(f"Conv, same {side.lower()}", "Conv", SQUARE, numbers(4, 3, 2, 3), strides=[2, 2], auto_pad=f"SAME_{side}")
case("Conv, valid", "Conv", SQUARE, numbers(4, 3, 2, 3), strides=[2, 2], auto_pad="VALID")
case("Conv along a line", "Conv", (1, 2, 9), numbers(3, 2, 4), strides=[2])
case("Conv in space", "Conv", (1, 2, 4, 3, 5), numbers(3, 2, 2, 2, 2), pads=[1, 0, 0, 0, 1, 1])
case("Conv of a batch of two", "Conv", (2, 3, 4, 4), numbers(4, 3, 3, 3), numbers(4))
case("ConvTranspose", "ConvTranspose", (1, 3, 3, 4), numbers(3, 2, 3, 3), numbers(2), opsets=(7, 11))
case(
    "ConvTranspose, strided, padded",
    "ConvTranspose",
    (1, 3, 3, 4),
    numbers(3, 2, 3, 2),
    strides=[2, 3],
    pads=[1, 0, 0, 1],
)
case(
    "ConvTranspose, with more output",
    "ConvTranspose",
    (1, 3, 3, 4),
    numbers(3, 2, 3, 3),
    strides=[2, 3],
    output_padding=[1, 2],
    pads=[1, 1, 1, 1],
)
case(
    "ConvTranspose, dilated, in groups",
    "ConvTranspose",
    (1, 4, 3, 4),
    numbers(4, 3, 2, 2),
    dilations=[2, 3],
    group=2,
    reference=False,
)
case(
    "ConvTranspose to a shape",
    "ConvTranspose",
    (1, 3, 3, 4),
    numbers(3, 2, 3, 3),
    strides=[2, 3],
    output_shape=[6, 12],
    reference=False,
)
for side in ("UPPER", "LOWER"):
    case(
        f"ConvTranspose, same {side.lower()}",
        "ConvTranspose",
        (1, 3, 3, 4),
        numbers(3, 2, 3, 3),
        strides=[2, 2],
        auto_pad=f"SAME_{side}",
    )
case("ConvTranspose along a line", "ConvTranspose", (1, 2, 5), numbers(2, 3, 4), strides=[2])
case(
    "BatchNormalization",
    "BatchNormalization",
    SQUARE,
    numbers(3),
    numbers(3),
    numbers(3),
    positive(3),
    opsets=(7, 9),
    epsilon=0.01,
    reference=False,
)
case(
    "BatchNormalization", "BatchNormalization", SQUARE, numbers(3), numbers(3), numbers(3), positive(3), opsets=(14, 15)
)
case("BatchNormalization of vectors", "BatchNormalization", (1, 3), numbers(3), numbers(3), numbers(3), positive(3))
case("Dropout", "Dropout", FLAT, opsets=(7, 10), ratio=0.3)
case("Dropout as inputs", "Dropout", FLAT, np.float32(0.3), np.array(False), opsets=(12, 13))

# Views
case("Reshape", "Reshape", FLAT, whole(4, 0, -1), opsets=(7, 13, 14))
case("Reshape, zeros taken literally", "Reshape", FLAT, whole(3, -1, 2), opsets=(14,), allowzero=1)
case("Flatten", "Flatten", FLAT, opsets=(7, 9, 11, 13))
case("Flatten from another axis", "Flatten", FLAT, axis=-1)
case("Flatten from the first", "Flatten", FLAT, axis=0)
case("Squeeze by attribute", "Squeeze", (1, 3, 1, 2), opsets=(7, 11), axes=[2])
case("Squeeze", "Squeeze", (1, 3, 1, 2), whole(0, -2), opsets=(13, NEWEST))
case("Squeeze all", "Squeeze", (1, 3, 1, 2), opsets=(11, 13))
case("Unsqueeze by attribute", "Unsqueeze", (3, 2), opsets=(7, 11), axes=[0, 2])
case("Unsqueeze", "Unsqueeze", (3, 2), whole(-1, 1), opsets=(13, NEWEST))
case("Transpose", "Transpose", FLAT, opsets=(7, 13), perm=[2, 0, 1])
case("Transpose, reversed", "Transpose", FLAT)
case("Slice by attributes", "Slice", FLAT, opsets=(7, 9), starts=[1, -3], ends=[2, 2**31 - 1], axes=[1, 2])
case("Slice", "Slice", FLAT, whole(1, -3), whole(2**60, -1), whole(1, 2), opsets=(10, 11, 13))
case("Slice, all axes", "Slice", FLAT, whole(0, 1, 1), whole(1, 9, 3))
case("Slice backwards", "Slice", FLAT, whole(-1, 3), whole(-(2**60), 0), whole(1, -1), whole(-1, -2), opsets=(10, 13))
case("Split by attribute", "Split", (2, 6), opsets=(7, 11), axis=1, split=[2, 4], outputs=2)
case("Split evenly", "Split", (2, 6), opsets=(7, 13), axis=-1, outputs=3)
case("Split", "Split", (2, 6), whole(1, 2, 3), opsets=(13, 18), axis=1, outputs=3)
case("Split unevenly", "Split", (2, 7), opsets=(18,), axis=1, num_outputs=3, outputs=3)
case("Gather", "Gather", FLAT, whole(2, 0, -1), opsets=(7, 11, 13), axis=1)
case("Gather of two axes", "Gather", FLAT, np.array([[0, 3], [1, 1]], dtype=np.int64), axis=2)
case("Gather one", "Gather", FLAT, np.array(1, dtype=np.int64))
case("GatherElements", "GatherElements", (3, 2), np.array([[1, 2], [0, 0]], dtype=np.int64), opsets=(11, 13))
case("GatherND", "GatherND", FLAT, np.array([[0, 1], [1, 2]], dtype=np.int64), opsets=(11, 13))
case("GatherND of batches", "GatherND", FLAT, np.array([[1], [2]], dtype=np.int64), opsets=(12,), batch_dims=1)
case("Concat", "Concat", [FLAT, (2, 1, 4)], opsets=(7, 11, 13), axis=1)
case("Concat with a constant", "Concat", FLAT, numbers(2, 3, 2), axis=-1)
case("Expand", "Expand", (3, 1), whole(2, 1, 4), opsets=(8, 13))
case("Tile", "Tile", (3, 2), whole(2, 3), opsets=(7, 13))
case("Compress", "Compress", (3, 4), np.array([True, False, True]), opsets=(9, 11), axis=0)
case("Compress flat", "Compress", (3, 4), np.array([True, False, True]))
case("DepthToSpace", "DepthToSpace", (1, 8, 2, 3), opsets=(7, 11, 13), blocksize=2)
case("DepthToSpace, by columns", "DepthToSpace", (1, 8, 2, 3), opsets=(11, 13), blocksize=2, mode="CRD")
case("SpaceToDepth", "SpaceToDepth", (1, 2, 4, 6), opsets=(7, 13), blocksize=2)
case("Trilu, upper", "Trilu", (2, 3, 4), opsets=(14,))
case("Trilu, lower, shifted", "Trilu", (3, 4), np.array(-1, dtype=np.int64), opsets=(14,), upper=0)
case("Pad by attribute", "Pad", (2, 3), opsets=(7, 10), pads=[1, 0, 0, 2], value=0.5)
case("Pad", "Pad", (2, 3), whole(1, 0, 0, 2), np.float32(0.5), opsets=(11, 13, 18))
case("Pad with zeros, and cut", "Pad", (4, 3), whole(1, -1, -2, 2), reference=False)
case("Pad some axes", "Pad", (2, 3, 4), whole(1, 2), None, whole(-1), opsets=(18,))
for mode in ("reflect", "edge"):
    case(f"Pad, {mode}", "Pad", (3, 4), whole(1, 2, 2, 1), opsets=(11, 18), mode=mode)
case("Pad, wrap", "Pad", (3, 4), whole(1, 2, 2, 1), opsets=(19,), mode="wrap")

# Resizing
ROI = np.zeros(0, dtype=np.float32)
TWICE = np.array([1, 1, 2, 3], dtype=np.float32)
case(
    "Upsample by attribute",
    "Upsample",
    SQUARE,
    opsets=(7,),
    scales=[1.0, 1.0, 2.0, 3.0],
    mode="nearest",
    reference=False,
)
case("Upsample", "Upsample", SQUARE, TWICE, opsets=(9,), mode="nearest", reference=False)
case("Upsample, linear", "Upsample", SQUARE, TWICE, opsets=(9,), mode="linear", reference=False)
case("Resize of old, nearest", "Resize", SQUARE, TWICE, opsets=(10,), mode="nearest", reference=False)
case("Resize of old, linear", "Resize", SQUARE, TWICE, opsets=(10,), mode="linear", reference=False)
for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
    for mode in ("nearest", "linear", "cubic"):
        case(f"Resize, {mode}, {coordinates}", "Resize", SQUARE, ROI, TWICE, opsets=(11, 13, 18),
             mode=mode, coordinate_transformation_mode=coordinates)  # fmt: skip
    case(f"Resize to sizes, {coordinates}", "Resize", (1, 2, 5, 5), ROI, ROI, whole(1, 2, 3, 8), opsets=(11, 19),
         mode="linear", coordinate_transformation_mode=coordinates)  # fmt: skip
for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    case(f"Resize, {rounding}", "Resize", (1, 2, 5, 5), ROI, ROI, whole(1, 2, 10, 3), opsets=(11, 13),
         mode="nearest", nearest_mode=rounding)  # fmt: skip
case("Resize, symmetric", "Resize", (1, 1, 5, 5), None, np.array([1, 1, 1.3, 0.7], dtype=np.float32), opsets=(19,),
     mode="linear", coordinate_transformation_mode="half_pixel_symmetric")  # fmt: skip
case("Resize, cubic, inside only", "Resize", SQUARE, None, TWICE, mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
case(
    "Resize some axes",
    "Resize",
    SQUARE,
    None,
    np.array([2.0, 1.5], dtype=np.float32),
    opsets=(18,),
    axes=[2, 3],
    mode="linear",
)


@pytest.mark.parametrize("key", CASES)
def test_operator(key, tmp_path):
    _, _, _, opset, _, _, runtime, reference, _ = CASES[key]
    model = build(key)
    network = lr.from_onnx(saved(model, tmp_path))
    rng = np.random.default_rng(1)
    points = 2.0 * rng.normal(size=(12, sum(int(np.prod(shape)) for shape in sizes_of(model)))).astype(np.float32)
    assert network.n_in == points.shape[1]
    ours = network(points)
    assert np.ptp(ours, axis=0).max() > 0 or "wrong way round" in key
    if reference:
        np.testing.assert_allclose(ours, by_reference(model, points), rtol=1e-4, atol=1e-5)
    if runtime:
        pytest.importorskip("onnxruntime")
        np.testing.assert_allclose(ours, by_runtime(model, points), rtol=1e-4, atol=1e-5)
    assert opset <= NEWEST
