"""Branches that are decided, functions of the file's own, sparse weights, constants in every form."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr

pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import (
    FLOAT,
    by_runtime,
    helper,
    model_of,
    numpy_helper,
    onnx,
    saved,
)

node = helper.make_node
POINTS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def inner(nodes, output, weights=None):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    return helper.make_graph(nodes, "inner", [], [helper.make_tensor_value_info(output, FLOAT, None)], tensors)


def equal(model, tmp_path, points=POINTS):
    pytest.importorskip("onnxruntime")
    network = lr.from_onnx(saved(model, tmp_path))
    np.testing.assert_allclose(network(points), by_runtime(model, points), rtol=1e-5, atol=1e-6)
    return network


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("decided", ["a weight", "a constant", "the shape of an activation"])
def test_branches(decided, holds, tmp_path):
    condition = {
        "a weight": [],
        "a constant": [node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(holds)))],
        "the shape of an activation": [
            node("Shape", ["z"], ["s"]),
            node("Size", ["s"], ["n"]),
            node("Equal", ["n", "axes"], ["c"]),
        ],
    }[decided]
    # Both branches have names that the graph around them has, and one captures what is made and given outside.
    then = inner([node("Mul", ["z", "w"], ["a"]), node("Relu", ["a"], ["z2"])], "z2", {"w": np.float32([1, -2, 3])})
    otherwise = inner([node("Abs", ["z"], ["a"]), node("Sub", ["a", "outer"], ["w"])], "w")
    model = model_of(
        [
            node("Add", ["x", "outer"], ["z"], name="first"),
            *condition,
            node("If", ["c"], ["a"], then_branch=then, else_branch=otherwise),
            node("Neg", ["a"], ["y"]),
        ],
        {"x": [1, 3]}, ["y"],
        {"outer": np.float32([0.5, 0, -0.5]), "axes": np.array(2 if holds else 3)}
        | ({"c": np.array(holds)} if decided == "a weight" else {}),
    )  # fmt: skip
    assert equal(model, tmp_path).n_neurons == 3


def test_branches_in_branches(tmp_path):
    deepest = inner([node("Relu", ["p"], ["q"])], "q")
    other = inner([node("Neg", ["p"], ["q"])], "q")
    nodes = [node("Add", ["x", "x"], ["p"]), node("If", ["no"], ["r"], then_branch=other, else_branch=deepest)]
    outer = inner(nodes, "r")
    model = model_of(
        [node("If", ["yes"], ["y"], then_branch=outer, else_branch=inner([node("Neg", ["x"], ["p"])], "p"))],
        {"x": [1, 3]}, ["y"], {"yes": np.array(True), "no": np.array(False)},
    )  # fmt: skip
    network = equal(model, tmp_path)
    np.testing.assert_array_equal(network([1.0, -1.0, 2.0]), [2.0, 0.0, 4.0])


def test_functions(tmp_path):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    double = helper.make_function("own", "Double", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], opsets)
    leaky = node("LeakyRelu", ["t"], ["b"])
    leaky.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    shown = helper.make_function(
        "own", "Both", ["a"], ["b"], [node("Double", ["a"], ["t"], domain="own"), leaky], opsets, ["slope"]
    )
    model = model_of(
        [
            node("Both", ["x"], ["t"], domain="own", slope=0.25),
            node("Both", ["t"], ["y"], domain="own", slope=0.5),
        ],
        {"x": [1, 3]}, ["y"],
    )  # fmt: skip
    model.opset_import.append(opsets[1])
    model.functions.extend([double, shown])
    assert equal(model, tmp_path).n_neurons == 6


@pytest.mark.parametrize("places", [[1, 5], [[0, 1], [1, 2]]])
def test_sparse_weights(places, tmp_path):
    values = numpy_helper.from_array(np.float32([2.0, -3.0]), "w")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array(places)), [2, 3])
    model = model_of([node("Gemm", ["x", "w"], ["z"], transB=1), node("Relu", ["z"], ["y"])], {"x": [1, 3]}, ["y"])
    model.graph.sparse_initializer.append(sparse)
    dense = np.array([[0, 2, 0], [0, 0, -3]])
    network = lr.from_onnx(saved(model, tmp_path))
    np.testing.assert_array_equal(network(POINTS), np.maximum(POINTS.astype(np.float64) @ dense.T, 0))


CONSTANTS = {
    "value": numpy_helper.from_array(np.float32([0.5, -1, 2])),
    "value_float": 0.5,
    "value_floats": [0.5, -1.0, 2.0],
    "sparse_value": helper.make_sparse_tensor(
        numpy_helper.from_array(np.float32([0.5, 2])), numpy_helper.from_array(np.array([0, 2])), [3]
    ),
}


@pytest.mark.parametrize("form", CONSTANTS)
def test_constants(form, tmp_path):
    model = model_of(
        [
            node("Constant", [], ["c"], **{form: CONSTANTS[form]}),
            node("Add", ["x", "c"], ["z"]),
            node("Relu", ["z"], ["y"]),
        ],
        {"x": [1, 3]},
        ["y"],
    )
    expected = {"value_float": np.array(0.5), "sparse_value": np.array([0.5, 0, 2])}.get(form, np.array([0.5, -1, 2]))
    network = lr.from_onnx(saved(model, tmp_path))
    np.testing.assert_array_equal(network(POINTS), np.maximum(POINTS.astype(np.float64) + expected, 0))


@pytest.mark.parametrize(("form", "value"), [("value_int", 3), ("value_ints", [1, 3])])
def test_constants_of_integers(form, value, tmp_path):
    shape = [node("Constant", [], ["c"], **{form: value})]
    if form == "value_int":
        shape += [node("Unsqueeze", ["c", "zero"], ["s"])]
    model = model_of(
        [*shape, node("Reshape", ["x", "s" if form == "value_int" else "c"], ["z"]), node("Relu", ["z"], ["y"])],
        {"x": [1, 3]}, ["y"], {"zero": np.array([0])},
    )  # fmt: skip
    assert lr.from_onnx(saved(model, tmp_path)).n_neurons == 3
