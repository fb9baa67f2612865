"""Graphs of several nodes: constants folded, comparisons, several inputs and outputs, normalisation, refusals."""

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, UnsupportedModuleError

onnx = pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import by_runtime, helper, model_of, saved  # noqa: E402

node = helper.make_node


def constant(name: str, value: Any, kind: Any = np.int64) -> Any:
    return node("Constant", [], [name], value=onnx.numpy_helper.from_array(np.asarray(value, dtype=kind), name))


def imported(tmp_path: Any, model: Any, **options: Any) -> Any:
    return lr.from_onnx(saved(model, tmp_path), **options)


def assert_same(network: Any, model: Any, scale: float = 2.0) -> None:
    points = (scale * np.random.default_rng(0).normal(size=(20, network.n_in))).astype(np.float32)
    np.testing.assert_allclose(network(points), by_runtime(model, points), rtol=1e-4, atol=1e-5)


# ---- shapes that are computed ---------------------------------------------------------------------------------------


def test_a_flatten_of_shape_gather_unsqueeze_concat_reshape(tmp_path):
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Shape", ["r"], ["s"]),
        constant("zero", 0),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n"], ["n1"], axes=[0]),
        constant("rest", [-1]),
        node("Concat", ["n1", "rest"], ["shape"], axis=0),
        node("Reshape", ["r", "shape"], ["y"]),
    ]
    model = model_of(nodes, {"x": ["N", 2, 3]}, ["y"], opset=11)
    network = imported(tmp_path, model)
    assert network.graph.input_shape == (2, 3)
    assert network.graph.output_shape == (6,)
    assert_same(network, model)


def test_sizes_are_computed_in_integers_and_real_numbers(tmp_path):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "two", "four"], ["hw"]),
        node("Cast", ["hw"], ["f"], to=1),
        node("Mul", ["f", "factor"], ["g"]),
        node("Floor", ["g"], ["h"]),
        node("Cast", ["h"], ["i"], to=7),
        node("Div", ["i", "three"], ["third"]),
        node("Slice", ["s", "none", "two"], ["nc"]),
        node("Concat", ["nc", "i"], ["sizes"], axis=0),
        node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear"),
        node("ConstantOfShape", ["third"], ["ones"], value=onnx.numpy_helper.from_array(np.ones(1, np.float32))),
        node("ReduceSum", ["ones"], ["count"], keepdims=0),
        node("Range", ["start", "end", "step"], ["steps"]),
        node("Add", ["y", "count"], ["w"]),
        node("Add", ["w", "steps"], ["z"]),
    ]
    weights = {
        "none": np.array([0]), "two": np.array([2]), "four": np.array([4]), "three": np.array([3]),
        "factor": np.array([1.5], np.float32), "start": np.float32(0.5), "end": np.float32(3.1),
        "step": np.float32(0.5),
    }  # fmt: skip
    model = model_of(nodes, {"x": [1, 2, 4, 4]}, ["z"], weights, opset=13)
    assert_same(imported(tmp_path, model), model)


def test_updates_of_slices(tmp_path):
    """In-place code comes as ScatterND and ScatterElements."""
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Slice", ["r", "zero", "two"], ["part"]),
        node("Mul", ["part", "minus"], ["negative"]),
        node("ScatterND", ["r", "rows", "negative"], ["s"]),
        node("ScatterElements", ["s", "elements", "values"], ["y"], axis=1),
    ]
    weights = {
        "zero": np.array([0]), "two": np.array([2]), "minus": np.float32(-3), "rows": np.array([[3], [1]]),
        "elements": np.array([[2, 0], [1, 1]])[:, :1], "values": np.array([[5.0], [7.0]], np.float32),
    }  # fmt: skip
    model = model_of(nodes, {"x": [4, 3]}, ["y"], weights, opset=13)
    assert_same(imported(tmp_path, model), model)


# ---- choices --------------------------------------------------------------------------------------------------------


def choices() -> dict[str, list[Any]]:
    half, tenth, zero, one = (constant(n, v, np.float32) for n, v in (("h", 0.5), ("t", 0.1), ("o", 0), ("e", 1)))
    return {
        "leaky": [zero, tenth, node("Greater", ["x", "o"], ["c"]), node("Mul", ["x", "t"], ["s"]),
                  node("Where", ["c", "x", "s"], ["y"])],
        "leaky the other way": [zero, tenth, node("LessOrEqual", ["x", "o"], ["c"]), node("Mul", ["x", "t"], ["s"]),
                                node("Where", ["c", "s", "x"], ["y"])],
        "at its own level": [half, node("GreaterOrEqual", ["x", "h"], ["c"]), node("Where", ["c", "x", "h"], ["y"])],
        "a mask": [zero, node("Greater", ["x", "o"], ["c"]), node("Cast", ["c"], ["f"], to=1),
                   node("Mul", ["x", "f"], ["y"])],
        "one minus a mask": [zero, one, node("Greater", ["x", "o"], ["c"]), node("Cast", ["c"], ["f"], to=1),
                             node("Sub", ["e", "f"], ["g"]), node("Mul", ["g", "x"], ["y"])],
        "sign times itself": [node("Sign", ["x"], ["s"]), node("Mul", ["s", "x"], ["y"])],
        "not": [zero, node("Less", ["x", "o"], ["c"]), node("Not", ["c"], ["d"]),
                node("Where", ["d", "x", "o"], ["y"])],
        "the larger of two": [node("Neg", ["x"], ["n"]), node("Mul", ["n", "h"], ["m"]), half,
                              node("Greater", ["x", "m"], ["c"]), node("Where", ["c", "x", "m"], ["y"])],
    }  # fmt: skip


@pytest.mark.parametrize("name", choices())
def test_choices_by_the_value_itself(name, tmp_path):
    model = model_of(choices()[name], {"x": [2, 3]}, ["y"], opset=16)
    network = imported(tmp_path, model)
    assert network.n_neurons == 6
    assert_same(network, model)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([constant("h", 0.5, np.float32), constant("o", 0, np.float32), node("Greater", ["x", "h"], ["c"]),
          node("Where", ["c", "x", "o"], ["y"])], r"node 3 \(Where\) jumps where its condition changes"),
        ([node("Sign", ["x"], ["y"])], r"output 'y' is a comparison or a sign, which jumps"),
        ([node("Sign", ["x"], ["s"]), node("Relu", ["s"], ["y"])], r"node 1 \(Relu\) jumps"),
        ([node("Sign", ["x"], ["s"]), node("Add", ["s", "x"], ["y"])], r"node 1 \(Add\) jumps"),
        ([node("Floor", ["x"], ["y"])], r"node 0 \(Floor\) jumps, but from_onnx needs continuous operators"),
    ],
)  # fmt: skip
def test_what_jumps_is_refused(nodes, message, tmp_path):
    with pytest.raises(UnsupportedModuleError, match=message):
        imported(tmp_path, model_of(nodes, {"x": [2, 3]}, ["y"], opset=16))


# ---- inputs and outputs ---------------------------------------------------------------------------------------------


def test_several_inputs_and_outputs_are_concatenated(tmp_path):
    nodes = [
        node("Add", ["a", "b"], ["s"]),
        node("Relu", ["s"], ["first"]),
        node("Flatten", ["b"], ["second"]),
    ]
    model = model_of(nodes, {"a": [2, 3], "b": [1, 3], "unused": [4]}, ["first", "second", "a"])
    network = imported(tmp_path, model)
    assert (network.n_in, network.n_out) == (6 + 3 + 4, 6 + 3 + 6)
    x = np.arange(13.0) - 6
    s = x[:6].reshape(2, 3) + x[6:9]
    np.testing.assert_allclose(network(x), np.concatenate([np.maximum(s, 0).ravel(), x[6:9], x[:6]]))


def test_sizes_that_the_file_leaves_open_are_asked_for(tmp_path):
    model = model_of(
        [node("GlobalAveragePool", ["x"], ["p"]), node("Relu", ["p"], ["y"])], {"x": ["N", 2, "H", "W"]}, ["y"]
    )
    with pytest.raises(
        InvalidValueError,
        match=r"the input 'x' has the shape \(1, 2, \?, \?\), but from_onnx needs all sizes but the batch's. Give e.g. "
        r"`input_shapes=\{'x': \(1, 2, 32, 32\)\}`",
    ):
        imported(tmp_path, model)
    network = imported(tmp_path, model, input_shapes={"x": (1, 2, 3, 4)})
    assert (network.n_in, network.n_out) == (24, 2)
    with pytest.raises(
        InvalidValueError, match=r"`input_shapes` gives \(1, 3, 3, 4\) for 'x', but .* needs sizes that"
    ):
        imported(tmp_path, model, input_shapes={"x": (1, 3, 3, 4)})
    with pytest.raises(InvalidValueError, match=r"`input_shapes` names 'z', but from_onnx needs names of inputs"):
        imported(tmp_path, model, input_shapes={"z": (1,)})


def test_a_batch_may_be_named_unknown_or_one(tmp_path):
    for size in ("N", None, 1):
        model = model_of([node("Relu", ["x"], ["y"])], {"x": [size, 3]}, ["y"])
        assert imported(tmp_path, model).graph.input_shape == (3,)


def test_normalisation_of_raw_inputs(tmp_path):
    weight = np.random.default_rng(0).normal(size=(4, 3, 2, 2)).astype(np.float32)
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["y"])]
    path = saved(model_of(nodes, {"x": ["N", 3, 4, 4]}, ["y"], {"w": weight}), tmp_path)
    plain = lr.from_onnx(path)
    mean, deviation = np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.3, 0.25])
    network = lr.from_onnx(path, scale=1 / (255 * deviation), shift=-mean / deviation)
    raw = np.random.default_rng(1).uniform(0, 255, size=(5, 3, 4, 4))
    normal = (raw / 255 - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(network(raw), plain(normal), rtol=1e-12, atol=1e-12)
    for scale in (1 / 255, np.full((3, 4, 4), 1 / 255), np.full((3, 1, 1), 1 / 255)):
        np.testing.assert_allclose(lr.from_onnx(path, scale=scale)(raw), plain(raw / 255), rtol=1e-12, atol=1e-12)
    with pytest.raises(InvalidValueError, match=r"`scale` has a zero, but from_onnx needs factors other than zero"):
        lr.from_onnx(path, scale=0.0)
    with pytest.raises(
        InvalidValueError, match=r"`shift` has shape \(5,\), but from_onnx needs a number, one a channel"
    ):
        lr.from_onnx(path, shift=np.ones(5))
    square = saved(model_of([node("Relu", ["x"], ["y"])], {"x": [1, 3, 2, 3]}, ["y"]), tmp_path)
    with pytest.raises(InvalidValueError, match=r"`scale` has shape \(3,\), which fits the first and the last axis"):
        lr.from_onnx(square, scale=[1.0, 2.0, 3.0])


# ---- what is left out, and what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "name"), [("Softmax", "softmax"), ("LogSoftmax", "softmax"), ("Sigmoid", "sigmoid"),
                                            ("ArgMax", "argmax")])  # fmt: skip
def test_the_last_function_is_left_out_on_request(last, name, tmp_path):
    nodes = [node("Relu", ["x"], ["r"]), node(last, ["r"], ["p"]), node("Identity", ["p"], ["y"])]
    path = saved(model_of(nodes, {"x": [1, 3]}, ["y"]), tmp_path)
    network = lr.from_onnx(path, drop_last=name)
    np.testing.assert_array_equal(network([-1.0, 2.0, 3.0]), [0, 2, 3])
    other = next(word for word in ("softmax", "sigmoid") if word != name)
    with pytest.raises(InvalidValueError, match=rf"`drop_last` is '{other}', but the model ends with Identity, and"):
        lr.from_onnx(path, drop_last=other)
    with pytest.raises(InvalidValueError, match=r"`drop_last` is 'gelu', but from_onnx needs one of 'softmax', 'sigm"):
        lr.from_onnx(path, drop_last="gelu")
    short = saved(model_of(nodes[:2], {"x": [1, 3]}, ["p"]), tmp_path)
    with pytest.raises(
        UnsupportedModuleError, match=rf'node 1 \({last}\) is not piecewise linear.*`drop_last="{name}"`'
    ):
        lr.from_onnx(short)


REFUSED = {
    "Tanh": ({}, r'is not piecewise linear, .* `linregions.approximate\(path, activation="tanh"\)`'),
    "Sigmoid": ({}, r'is not piecewise linear, .* `linregions.approximate\(path, activation="sigmoid"\)`'),
    "Gelu": ({}, r'is not piecewise linear, .* `linregions.approximate\(path, activation="gelu"\)`'),
    "HardSwish": ({}, r'is not piecewise linear, .* `linregions.approximate\(path, activation="hardswish"\)`'),
    "Elu": ({}, r'is not piecewise linear, .* `linregions.approximate\(path, activation="elu"\)`'),
    "Sqrt": ({}, "is not piecewise linear, .* give the part of the model before it"),
    "Softmax": ({}, "is not piecewise linear, .* Give the part of the model before it"),
    "LRN": ({"size": 3}, "divides by a statistic of its own input, .* batch normalisation"),
    "LpNormalization": ({}, "divides by a statistic of its own input, .* batch normalisation"),
    "ThresholdedRelu": ({"alpha": 0.5}, "is ThresholdedRelu with alpha 0.5, which jumps there"),
    "Shrink": ({"lambd": 0.5}, "is Shrink with lambd 0.5 and bias 0, which jumps"),
    "ArgMax": ({}, "jumps, but from_onnx needs continuous operators"),
    "Round": ({}, "jumps, but from_onnx needs continuous operators"),
    "RandomNormalLike": ({}, r"is random, but .* `module.eval\(\)`"),
    "NonZero": ({}, "jumps, but from_onnx needs continuous operators"),
    "Frobnicate": ({}, "has no rule here, but from_onnx needs operators that it knows"),
}


@pytest.mark.parametrize("op", REFUSED)
def test_what_is_not_piecewise_linear_is_refused_with_a_remedy(op, tmp_path):
    attributes, message = REFUSED[op]
    nodes = [node(op, ["x"], ["s"], name="here", **attributes), node("Relu", ["s"], ["y"])]
    with pytest.raises(UnsupportedModuleError, match=rf"where node 0 \({op} 'here'\) {message}"):
        imported(tmp_path, model_of(nodes, {"x": [1, 3, 2, 2]}, ["y"], opset=20))


@pytest.mark.parametrize("op", ["Mul", "MatMul", "Div", "Pow"])
def test_products_of_activations_are_refused(op, tmp_path):
    model = model_of([node(op, ["x", "x"], ["y"])], {"x": [3, 3]}, ["y"])
    with pytest.raises(UnsupportedModuleError, match=r"node 0 \(.*\) (combines two activations|raises activations)"):
        imported(tmp_path, model)


def test_training_mode_is_refused(tmp_path):
    weights = {name: np.ones(2, np.float32) for name in "sbmv"}
    nodes = [node("BatchNormalization", ["x", *"sbmv"], ["y", "a", "b1"], training_mode=1)]
    with pytest.raises(UnsupportedModuleError, match=r"is in training mode, but .* call `module.eval\(\)` first"):
        imported(tmp_path, model_of(nodes, {"x": [1, 2, 3]}, ["y"], weights, opset=15))


def test_a_network_that_differs_from_the_file_is_an_error(tmp_path, monkeypatch):
    from linregions.networks.importers.onnx import walk

    right = walk.RULES["Relu"]
    monkeypatch.setitem(walk.RULES, "Relu", lambda b, n, i: [b.add(right(b, n, i)[0], np.float64(1e-6))])
    with pytest.raises(InvalidValueError, match=r"`path` gives other outputs than the network made of it at 22 of 22"):
        imported(tmp_path, model_of([node("Relu", ["x"], ["y"])], {"x": [3]}, ["y"]))
