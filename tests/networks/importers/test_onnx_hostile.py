"""Damaged and hostile ONNX files: one clear error each, no file read outside the folder, bounded memory."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import (
    FileFormatError,
    InvalidValueError,
    MemoryLimitError,
    UnsupportedModuleError,
)
from tests.support.file_damage import flip

onnx = pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import FLOAT, helper, model_of, numpy_helper, saved  # noqa: E402

node = helper.make_node
RELU = node("Relu", ["x"], ["y"])


def peak() -> int:
    """Return the most memory that this process had so far, in kB; 0 where the system does not tell."""
    if os.name != "posix":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def refused(tmp_path: Path, model: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        lr.from_onnx(saved(model, tmp_path))


def layer(**changes: Any) -> Any:
    """A model of one dense layer, its weight changed."""
    model = model_of([node("Gemm", ["x", "w"], ["y"])], {"x": [1, 3]}, ["y"], {"w": np.eye(3, dtype=np.float32)})
    tensor = model.graph.initializer[0]
    for name, value in changes.items():
        tensor.ClearField(name)
        getattr(tensor, name).extend(value) if isinstance(value, list) else setattr(tensor, name, value)
    return model


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"no model at all", b"\x08\x08\x3a\xff\xff\xff\xff\x0f", b"\0" * 100]
)
def test_what_is_no_model(content, tmp_path):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"`path` is '.*a.onnx', which .*, but from_onnx needs"):
        lr.from_onnx(tmp_path / "a.onnx")


def test_places_without_a_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.onnx", "a\0b"):
        with pytest.raises(InvalidValueError, match=r"(a folder|where there is no file), but from_onnx needs an ONNX"):
            lr.from_onnx(path)


@pytest.mark.parametrize(("opset", "message"), [(6, r"opset 6, .* one of 7 to \d+. Convert it with `onnx.version_conv"),
                                                (999, r"opset 999, .*one of 7 to \d+. Upgrade onnx")])  # fmt: skip
def test_unknown_opsets(opset, message, tmp_path):
    refused(tmp_path, model_of([RELU], {"x": [3]}, ["y"], opset=opset), UnsupportedModuleError, message)


def test_no_opset(tmp_path):
    model = model_of([RELU], {"x": [3]}, ["y"])
    del model.opset_import[:]
    refused(tmp_path, model, FileFormatError, "which does not say the version of its operators")


def test_unknown_domains(tmp_path):
    fused = node("FusedConv", ["x"], ["y"], domain="com.microsoft")
    message = r"node 0 is 'FusedConv' of the domain 'com.microsoft', but .* without optimisations for one runtime"
    refused(tmp_path, model_of([fused], {"x": [3]}, ["y"]), UnsupportedModuleError, message)
    # One that is only mentioned, and one that no output needs, do no harm.
    model = model_of([RELU, node("FusedConv", ["x"], ["z"], domain="com.microsoft")], {"x": [3]}, ["y"])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert lr.from_onnx(saved(model, tmp_path)).n_in == 3


def test_functions_that_cannot_be_put_in_their_places(tmp_path):
    def function(name, *calls):
        nodes = [node(call, [f"v{k}"], [f"v{k + 1}"], domain="own") for k, call in enumerate(calls)]
        return helper.make_function("own", name, ["v0"], [f"v{len(calls)}"], nodes, model.opset_import)

    model = model_of([node("A", ["x"], ["y"], domain="own")], {"x": [3]}, ["y"])
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend([function("A", "B"), function("B", "A")])
    refused(
        tmp_path, model, UnsupportedModuleError, r"which defines functions of its own that call each other.*circles"
    )
    del model.functions[:]
    model.functions.extend([function(f"F{k}", *[f"F{k + 1}"] * 8) for k in range(12)])
    model.functions.append(helper.make_function("own", "F12", ["a"], ["b"], [node("Relu", ["a"], ["b"])],
                                                model.opset_import))  # fmt: skip
    model.graph.node[0].op_type = "F0"
    refused(tmp_path, model, MemoryLimitError, r"functions of its own that stand for more than 131,072 nodes")


def test_missing_weights_and_nodes(tmp_path):
    model = model_of([node("Add", ["x", "w"], ["y"])], {"x": [3]}, ["y"])
    refused(tmp_path, model, FileFormatError, "which has no weight or node that makes 'w', which node 0 reads")
    model = model_of([RELU], {"x": [3]}, ["z"])
    refused(tmp_path, model, FileFormatError, "which has the output 'z', which nothing makes")
    model = model_of([RELU], {"x": [3]}, [])
    refused(tmp_path, model, FileFormatError, "which holds no graph with an output")


def test_cycles_and_any_order(tmp_path):
    nodes = [node("Add", ["x", "c"], ["a"]), node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["c"])]
    refused(tmp_path, model_of(nodes, {"x": [3]}, ["c"]), FileFormatError, r"which has a cycle through node \d")
    refused(
        tmp_path, model_of([node("Relu", ["y"], ["y"])], {"x": [3]}, ["y"]), FileFormatError, "a cycle through node 0"
    )
    nodes = [node("Neg", ["b"], ["c"]), node("Relu", ["a"], ["b"]), node("Add", ["x", "x"], ["a"])]
    network = lr.from_onnx(saved(model_of(nodes, {"x": [1]}, ["c"]), tmp_path))
    np.testing.assert_array_equal(network([[-1.0], [2.0]]), [[0.0], [-4.0]])


def test_long_chains_need_no_recursion(tmp_path):
    nodes = [node("Identity", [f"v{k}"], [f"v{k + 1}"]) for k in range(5000)]
    assert lr.from_onnx(saved(model_of(nodes[::-1], {"v0": [2]}, ["v5000"]), tmp_path)).n_in == 2


def test_names_made_twice(tmp_path):
    twice = [RELU, node("Neg", ["x"], ["y"])]
    refused(tmp_path, model_of(twice, {"x": [3]}, ["y"]), FileFormatError, "which makes 'y' twice")
    refused(
        tmp_path, model_of([node("Neg", ["x"], ["x"])], {"x": [3]}, ["x"]), FileFormatError, "which makes 'x' twice"
    )
    model = layer()
    model.graph.initializer.append(model.graph.initializer[0])
    refused(tmp_path, model, FileFormatError, "which has two weights named 'w'")
    model = model_of([RELU], {"x": [3]}, ["y"])
    model.graph.input.append(model.graph.input[0])
    refused(tmp_path, model, FileFormatError, "which has two inputs of one name")


def branch(op, name="z"):
    return helper.make_graph([node(op, ["x"], [name])], "g", [], [helper.make_tensor_value_info(name, FLOAT, None)])


def test_branches_and_loops_that_are_not_decided(tmp_path):
    model = model_of(
        [
            node("ReduceSum", ["x"], ["s"]),
            node("Greater", ["s", "zero"], ["c"]),
            node("If", ["c"], ["y"], then_branch=branch("Relu"), else_branch=branch("Neg")),
        ],
        {"x": [3]}, ["y"], {"zero": np.float32(0)},
    )  # fmt: skip
    refused(tmp_path, model, UnsupportedModuleError, r"node 2 \(If\) takes its branch by activations, .*`torch.where`")
    loop = node("Loop", ["n", "", "x"], ["y"], body=branch("Relu"))
    model = model_of([loop], {"x": [3]}, ["y"], {"n": np.array(3)})
    refused(tmp_path, model, UnsupportedModuleError, r"node 0 \(Loop\) has the attribute 'body', a graph inside")
    both = branch("Relu")
    both.output.append(both.output[0])
    model = model_of([node("If", ["c"], ["y"], then_branch=both, else_branch=both)], {"x": [3]}, ["y"],
                     {"c": np.array(True)})  # fmt: skip
    refused(tmp_path, model, FileFormatError, r"has a branch of node 0 with other outputs than the node")
    short = node("If", ["c"], ["y"], then_branch=branch("Relu"))
    model = model_of([short], {"x": [3]}, ["y"], {"c": np.array(True)})
    refused(tmp_path, model, UnsupportedModuleError, r"node 0 \(If\) lacks a branch")


@pytest.mark.parametrize(
    ("dims", "places", "kind", "message"),
    [
        ([3], [3], FileFormatError, r"the weight 'w' is sparse, with places that do not fit the shape \(3,\)"),
        ([3], [-1], FileFormatError, r"places that do not fit"),
        ([3], [0, 1], FileFormatError, r"places that do not fit"),
        ([2, 2], [[2, 0]], FileFormatError, r"places that do not fit"),
        ([2**20, 2**8], [0], MemoryLimitError, r"the weight 'w' is sparse, of the shape .* with 1 numbers, but"),
        ([2**40, 2**40], [0], MemoryLimitError, r"the weight 'w' is sparse, of the shape .* with 1 numbers, but"),
    ],
)
def test_sparse_weights_that_do_not_fit(dims, places, kind, message, tmp_path):
    model = model_of([node("Add", ["x", "w"], ["y"])], {"x": [3]}, ["y"])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array(places)), [3])
    del sparse.dims[:]
    sparse.dims.extend(dims)
    model.graph.sparse_initializer.append(sparse)
    refused(tmp_path, model, kind, message)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"dims": [3, 4]}, FileFormatError, "weight 'w' holds 36 bytes, but from_onnx needs 48 for the shape"),
        ({"dims": [-3, -3]}, FileFormatError, r"weight 'w' has the shape \(-3, -3\), but"),
        ({"dims": [1] * 40}, FileFormatError, "weight 'w' has 40 axes, but from_onnx needs at most 32"),
        ({"dims": [2**40, 2**20]}, MemoryLimitError, "weight 'w' has the shape .* of at most 1,073,741,824 numbers"),
        ({"dims": [2**62, 2**62]}, MemoryLimitError, "of at most 1,073,741,824 numbers"),
        ({"data_type": 8}, UnsupportedModuleError, "weight 'w' has the type number 8, but"),
        ({"data_type": 99}, UnsupportedModuleError, "weight 'w' has the type number 99, but"),
        ({"raw_data": b""}, FileFormatError, "weight 'w' holds 0 bytes, but from_onnx needs 36"),
        (
            {"raw_data": np.full((3, 3), np.nan, np.float32).tobytes()},
            UnsupportedModuleError,
            "NaN or infinity in its ma",
        ),
        ({"dims": [9]}, UnsupportedModuleError, r"node 0 \(Gemm\) multiplies the shapes \(1, 3\) and \(9,\)"),
    ],
)
def test_weights_that_are_not_what_they_declare(changes, kind, message, tmp_path):
    refused(tmp_path, layer(**changes), kind, message)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ConstantOfShape", ["s"], ["b"])],
        [node("Expand", ["one", "s"], ["b"])],
        [node("Expand", ["x", "s"], ["b"])],
        [node("Tile", ["square", "s"], ["b"])],
        [node("Unsqueeze", ["x", "first"], ["u"]), node("Tile", ["u", "s"], ["b"])],
        [node("Range", ["start", "end", "step"], ["b"])],
        [node("Reshape", ["x", "rows"], ["u"]), node("Pad", ["u", "wide"], ["b"])],
        [node("Resize", ["x", "", "scales"], ["b"])],
        [node("OneHot", ["first", "end", "two"], ["b"])],
        [node("Reshape", ["x", "image"], ["u"]), node("MaxPool", ["u"], ["b"], kernel_shape=[1000], pads=[999, 1 << 19],
                                                     strides=[1], dilations=[500])],
        [node("Reshape", ["x", "image"], ["u"]),
         node("ConvTranspose", ["u", "filter"], ["b"], strides=[1 << 19], dilations=[1 << 19])],
    ],
)  # fmt: skip
def test_bombs(nodes, tmp_path):
    """Small files that declare large tensors are refused before the memory is taken."""
    weights = {
        "s": np.array([40000, 40000]), "one": np.ones(1, np.float32), "square": np.ones((2, 2), np.float32),
        "first": np.array([0]), "start": np.float32(0), "end": np.float32(1e12), "step": np.float32(1),
        "rows": np.array([1, 3]), "wide": np.array([30000, 30000, 30000, 30000]), "scales": np.float32([1e9]),
        "two": np.float32([0, 1]), "image": np.array([1, 1, 3]), "filter": np.ones((1, 64, 64), np.float32),
    }  # fmt: skip
    model = model_of([*nodes, node("Relu", ["b"], ["y"])], {"x": [3]}, ["y"], weights)
    before = peak()
    refused(tmp_path, model, MemoryLimitError, r"where node \d .* (makes a tensor|is too large)")
    assert peak() - before < 200_000  # kB


def test_doubling_again_and_again_is_a_bomb(tmp_path):
    nodes = [node("Concat", [f"v{k}", f"v{k}"], [f"v{k + 1}"], axis=0) for k in range(60)]
    refused(
        tmp_path, model_of(nodes, {"v0": [2]}, ["v60"]), MemoryLimitError, r"node 2\d .*(makes a tensor|is too large)"
    )
    nodes = [node("Constant", [], ["v0"], value_floats=[1.0, 2.0]), *nodes, node("Add", ["x", "v60"], ["y"])]
    refused(tmp_path, model_of(nodes, {"x": [2]}, ["y"]), MemoryLimitError, r"node 2\d .*(makes a tensor|is too large)")


# ---- weights in other files -----------------------------------------------------------------------------------------


def external(**entries: Any) -> Any:
    model = layer()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return model


def test_weights_in_the_models_folder(tmp_path):
    weight = np.arange(9, dtype=np.float32).reshape(3, 3)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(b"12345678" + weight.tobytes())
    network = lr.from_onnx(saved(external(location="sub/w.bin", offset=8, length=36), tmp_path))
    np.testing.assert_array_equal(network.layers[0].weight, weight.T)


@pytest.mark.parametrize("location", ["../secret.bin", "sub/../../secret.bin", "{outside}/secret.bin", "link.bin",
                                      "folder/secret.bin", "", "..\\secret.bin", "C:/secret.bin", "a\0b"])  # fmt: skip
def test_weights_outside_the_models_folder_are_not_read(location, tmp_path):
    (tmp_path / "secret.bin").write_bytes(np.ones(9, np.float32).tobytes())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    (inside / "folder").symlink_to(tmp_path)
    model = external(location=location.format(outside=tmp_path))
    with watched(inside) as seen:
        refused(inside, model, FileFormatError, r"outside the model's folder, but from_onnx reads nothing else")
    assert not seen


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "none.bin"}, "lies in 'none.bin', where there is no file"),
        ({"location": "."}, "lies in '.', where there is no file"),
        ({"location": "w.bin", "offset": 8}, "should be 36 bytes of 'w.bin' from 8 on, which has 40"),
        ({"location": "w.bin", "offset": -4}, "which has 40"),
        ({"location": "w.bin", "length": 40}, "which has 40"),
        ({"location": "w.bin", "offset": "x"}, "which has 40"),
        ({"location": "w.bin", "offset": 10**30}, "which has 40"),
        ({"location": "pipe"}, "lies in 'pipe', where there is no file"),
    ],
)
def test_weights_that_are_not_there(entries, message, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"0" * 40)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path, external(**entries), FileFormatError, message)


# ---- damage at random -----------------------------------------------------------------------------------------------


class watched:
    """Notes files opened outside a folder, other than Python's own, and any unpickling, while it is entered."""

    _now: "watched | None" = None
    _installed = False

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.seen: list[str] = []

    def __enter__(self) -> list[str]:
        if not watched._installed:
            sys.addaudithook(watched._note)
            watched._installed = True
        watched._now = self
        return self.seen

    def __exit__(self, *_: Any) -> None:
        watched._now = None

    @staticmethod
    def _note(event: str, arguments: tuple[Any, ...]) -> None:
        now = watched._now
        if now is None or event not in ("open", "pickle.find_class", "os.system", "subprocess.Popen", "socket.connect"):
            return
        if event == "open":
            if not isinstance(arguments[0], str | bytes | os.PathLike):
                return
            path = os.path.realpath(os.fsdecode(arguments[0]))
            own = (now.folder, *map(os.path.realpath, {sys.prefix, sys.base_prefix, *filter(None, sys.path)}))
            if path.startswith(own) or path.startswith("/proc/self"):
                return
            now.seen.append(path)
        else:
            now.seen.append(event)


def bases() -> list[Any]:
    rng = np.random.default_rng(0)

    def weight(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    conv = model_of(
        [
            node("Conv", ["x", "w"], ["a"], kernel_shape=[2, 2], strides=[1, 2], pads=[1, 0, 0, 1], dilations=[1, 1]),
            node("BatchNormalization", ["a", "s", "s", "s", "v"], ["b"]),
            node("Relu", ["b"], ["c"]),
            node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[1, 1], ceil_mode=1),
            node("Resize", ["d", "", "scales"], ["e"], mode="linear"),
            node("Flatten", ["e"], ["f"]),
            node("Gemm", ["f", "g", "h"], ["y"], transB=1),
        ],
        {"x": ["N", 2, 4, 5]}, ["y"],
        {"w": weight(3, 2, 2, 2), "s": weight(3), "v": np.ones(3, np.float32), "scales": np.float32([1, 1, 2, 1.5]),
         "g": weight(2, 54), "h": weight(2)},
    )  # fmt: skip
    shapes = model_of(
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "zero"], ["n"]),
            node("Concat", ["n", "rest"], ["shape"], axis=0),
            node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
            node("Reshape", ["t", "shape"], ["r"]),
            node("Slice", ["r", "zero", "three", "one", "one"], ["p"]),
            node("Pad", ["p", "pads"], ["q"]),
            node("Split", ["q", "sizes"], ["u", "v"], axis=1),
            node("MatMul", ["u", "m"], ["a"]),
            node("Clip", ["v", "low", "high"], ["b"]),
            node("Concat", ["a", "b"], ["c"], axis=-1),
            node("ReduceMax", ["c"], ["d"], axes=[1]),
            node("Where", ["mask", "d", "low"], ["y"]),
        ],
        {"x": [1, 2, 3]}, ["y", "c"],
        {"zero": np.array([0]), "one": np.array([1]), "three": np.array([3]), "rest": np.array([6]),
         "pads": np.array([0, 1, 0, 0]), "sizes": np.array([2, 2]), "m": weight(2, 3), "low": np.float32(-1),
         "high": np.float32(1), "mask": np.array([[True]])},
    )  # fmt: skip
    inner = model_of(
        [
            node("Shape", ["x"], ["s"]),
            node("Size", ["s"], ["n"]),
            node("Equal", ["n", "two"], ["c"]),
            node("If", ["c"], ["b"], then_branch=branch("Relu", "p"), else_branch=branch("Tanh", "p")),
            node("Twice", ["b"], ["d"], domain="own"),
            node("Add", ["d", "sparse"], ["y"]),
        ],
        {"x": [1, 3]}, ["y"], {"two": np.array(2)},
    )  # fmt: skip
    inner.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], inner.opset_import)
    )
    inner.opset_import.append(helper.make_opsetid("own", 1))
    values, places = numpy_helper.from_array(np.ones(1, np.float32), "sparse"), numpy_helper.from_array(np.array([1]))
    inner.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [3]))
    return [conv, shapes, inner]


NUMBERS = [-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 100, 65537, 2**31 - 1, 2**31, 2**40, 2**63 - 1]
OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
LOCATIONS = ["../w", "/etc/passwd", "model.onnx", "", ".", "a" * 300]


def change(model: Any, rng: np.random.Generator) -> None:
    """Change the structure of a model somewhere."""
    graph = model.graph

    def one(entries: Any) -> Any:
        return entries[int(rng.integers(len(entries)))]

    def number() -> int:
        return one(NUMBERS)

    some = one(graph.node)
    kind = int(rng.integers(12))
    if kind == 0:
        some.op_type = one(OPERATORS)
    elif kind == 1 and some.input:
        some.input[int(rng.integers(len(some.input)))] = one(
            ["", "x", *one(graph.node).output, one(graph.initializer).name]
        )
    elif kind == 2 and some.attribute:
        entry = one(some.attribute)
        if entry.ints:
            entry.ints[int(rng.integers(len(entry.ints)))] = number()
        elif rng.integers(2):
            entry.i = number()
        else:
            entry.type = int(rng.integers(15))
    elif kind == 3:
        tensor = one(graph.initializer)
        if tensor.dims and rng.integers(2):
            tensor.dims[int(rng.integers(len(tensor.dims)))] = number()
        else:
            tensor.dims.append(number())
    elif kind == 4:
        one(graph.initializer).data_type = int(rng.integers(25))
    elif kind == 5:
        tensor = one(graph.initializer)
        array = (
            numpy_helper.to_array(tensor)
            if tensor.data_type in (1, 7) and not tensor.data_location
            else np.zeros(1, np.float32)
        )
        if array.size:
            array = array.copy()
            extreme = number() if array.dtype.kind == "i" else one([np.nan, np.inf, -np.inf, 0.0, 1e38, 1e9, -3.5])
            array.reshape(-1)[int(rng.integers(array.size))] = extreme
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    elif kind == 6:
        graph.node.remove(some)
    elif kind == 7:
        graph.node.insert(int(rng.integers(len(graph.node))), some)
    elif kind == 8:
        axes = one(graph.input).type.tensor_type.shape.dim
        if axes:
            one(axes).dim_value = number()
    elif kind == 9:
        model.opset_import[0].version = int(rng.integers(1, 30))
    elif kind == 10:
        tensor = one(graph.initializer)
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=one(LOCATIONS))
        tensor.external_data.add(key="offset", value=str(number()))
    else:
        some.attribute.append(helper.make_attribute(one(["axis", "pads", "axes", "group", "perm", "mode"]), number()))


def damaged(base: Any, rng: np.random.Generator) -> bytes:
    if rng.integers(3) == 0:
        return flip(base.SerializeToString(), rng)
    model = type(base)()
    model.CopyFrom(base)
    for _ in range(int(rng.integers(1, 4))):
        if not model.graph.node or not model.graph.initializer:
            break
        try:
            change(model, rng)
        except (ValueError, TypeError, OverflowError):  # a number that the field does not take
            continue
    return model.SerializeToString()


OURS = ("FileFormatError", "UnsupportedModuleError", "MemoryLimitError", "InvalidValueError", "NumericalError")


def use(path: Path) -> str:
    """Import a file and evaluate the network; return the name of the error, or nothing."""
    try:
        network = lr.from_onnx(path)
        network(np.zeros(network.n_in))
    except Exception as error:  # whatever it is, the caller judges it
        return type(error).__name__
    return ""


def campaign(seed: int, count: int, tmp_path: Path) -> None:
    models = bases()
    path = tmp_path / "model.onnx"
    lr.from_onnx(saved(models[0], tmp_path))  # imports what it needs
    before = peak()
    survived, slowest, kinds = 0, 0.0, set()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        path.write_bytes(damaged(models[k % len(models)], rng))
        start = time.process_time()
        with watched(tmp_path) as seen:
            outcome = use(path)
        kinds.add(outcome)
        survived += outcome == ""
        assert outcome in ("", *OURS), (seed, k)
        slowest = max(slowest, time.process_time() - start)
        assert not seen, (seed, k, seen)
    assert 0 < survived < count
    assert {"FileFormatError", "UnsupportedModuleError", "MemoryLimitError"} <= kinds
    assert slowest < 30.0
    assert peak() - before < 1_500_000  # kB


@pytest.mark.filterwarnings("ignore")
def test_damaged_files(tmp_path):
    campaign(0, 600, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_many_damaged_files(tmp_path):
    campaign(1, 6000, tmp_path)
