"""Small ONNX models made by the tests, and two evaluations of them that are not ours."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

onnx = __import__("pytest").importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

FLOAT = onnx.TensorProto.FLOAT
#: The newest opset that every installed runtime is asked about.
NEWEST = 21


def model_of(
    nodes: list[Any],
    inputs: dict[str, Any],
    outputs: list[str],
    constants: dict[str, Any] | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> Any:
    """Return a model of nodes; inputs by name with their shapes, constants as initializers."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def saved(model: Any, folder: Path, name: str = "model.onnx") -> Path:
    """Write a model without checking it."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def sizes_of(model: Any) -> list[tuple[int, ...]]:
    """Return the shapes of a model's inputs, 1 for a batch of unknown size."""
    made = {tensor.name for tensor in model.graph.initializer}
    return [
        tuple(axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim)
        for value in model.graph.input
        if value.name not in made
    ]


def evaluated(run: Any, model: Any, points: np.ndarray) -> np.ndarray:
    """Return all outputs, flat, one after the other, at flat points; `run` takes a dict of inputs."""
    made = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in made]
    rows = []
    for point in points:
        feeds, first = {}, 0
        for name, shape in zip(names, sizes_of(model), strict=True):
            last = first + math.prod(shape)
            feeds[name] = point[first:last].reshape(shape).astype(np.float32)
            first = last
        rows.append(np.concatenate([np.asarray(output, dtype=np.float64).ravel() for output in run(feeds)]))
    return np.stack(rows)


def by_reference(model: Any, points: np.ndarray) -> np.ndarray:
    """Evaluate by onnx's reference implementation, in single precision as the file says."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    return evaluated(lambda feeds: evaluator.run(None, feeds), model, points)


def by_runtime(model: Any, points: np.ndarray) -> np.ndarray:
    """Evaluate by onnxruntime, without its optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return evaluated(lambda feeds: session.run(None, feeds), model, points)
