"""Smooth activations written out as several operators, in modules and in ONNX files: found by their values alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, UnsupportedModuleError

pytest.importorskip("scipy")

ROOT = math.sqrt(2.0 / math.pi)
#: By activation: nodes from "z" to "a", and their constants.
GRAPHS = {
    "gelu": (
        [("Div", "z r", "d"), ("Erf", "d", "e"), ("Add", "e one", "p"), ("Mul", "z p", "m"), ("Mul", "m half", "a")],
        {"r": math.sqrt(2.0), "one": 1.0, "half": 0.5},
    ),
    "gelu ": (
        [("Mul", "half z", "h"), ("Mul", "z r", "d"), ("Erf", "d", "e"), ("Add", "one e", "p"), ("Mul", "p h", "a")],
        {"r": math.sqrt(0.5), "one": 1.0, "half": 0.5},
    ),
    "gelu  ": (
        [
            ("Pow", "z three", "c"),
            ("Mul", "c k", "ck"),
            ("Add", "z ck", "i"),
            ("Mul", "i r", "j"),
            ("Tanh", "j", "t"),
            ("Add", "t one", "p"),
            ("Mul", "z p", "m"),
            ("Mul", "m half", "a"),
        ],
        {"three": 3.0, "k": 0.044715, "r": ROOT, "one": 1.0, "half": 0.5},
    ),
    "silu": ([("Sigmoid", "z", "s"), ("Mul", "s z", "a")], {}),
    "silu ": ([("Mul", "z k", "kz"), ("Sigmoid", "kz", "s"), ("Mul", "z s", "a")], {"k": 1.702}),
    "hardswish": (
        [("Add", "z three", "p"), ("Clip", "p zero six", "c"), ("Mul", "z c", "m"), ("Div", "m six", "a")],
        {"three": 3.0, "zero": 0.0, "six": 6.0},
    ),
    "hardswish ": ([("HardSigmoid", "z", "s"), ("Mul", "z s", "a")], {}),
    "mish": ([("Softplus", "z", "s"), ("Tanh", "s", "t"), ("Mul", "z t", "a")], {}),
    "sigmoid": ([("Neg", "z", "n"), ("Exp", "n", "e"), ("Add", "e one", "p"), ("Div", "one p", "a")], {"one": 1.0}),
    "softplus": ([("Exp", "z", "e"), ("Add", "e one", "p"), ("Log", "p", "a")], {"one": 1.0}),
    "tanh": ([("Tanh", "z", "a")], {}),
    "elu": ([("Elu", "z", "a")], {}),
    "erf": ([("Erf", "z", "a")], {}),
}


def weights(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def written(key, tmp_path, extra=()):
    """Return a file: a dense layer, the activation of it, and another dense layer."""
    models = pytest.importorskip("tests.networks.importers.onnx_models")
    nodes, constants = GRAPHS[key]
    attributes = {"HardSigmoid": {"alpha": 1 / 6, "beta": 0.5}, "Elu": {"alpha": 0.7}}
    made = [models.helper.make_node("MatMul", ["x", "w"], ["z"]), *extra]
    made += [models.helper.make_node(op, given.split(), [to], **attributes.get(op, {})) for op, given, to in nodes]
    made.append(models.helper.make_node("MatMul", ["a", "v"], ["y"]))
    values = {name: np.array(value, dtype=np.float32) for name, value in constants.items()}
    values |= {"w": weights(0, 2, 6), "v": weights(1, 6, 3)}
    return models.saved(models.model_of(made, {"x": ["batch", 2]}, ["y"], values), tmp_path)


@pytest.mark.parametrize("key", GRAPHS)
def test_in_files(key, tmp_path):
    path, name = written(key, tmp_path), key.strip()
    with pytest.raises(UnsupportedModuleError, match=rf'Call `linregions.approximate\(path, activation="{name}"\)`'):
        lr.from_onnx(path)
    surrogate = lr.approximate(path, activation=name)
    (activation,) = surrogate.activations
    assert activation.name.split("(")[0] == name
    assert activation.n_neurons == 6
    # The error stated for the activation bounds that of the outputs, everywhere.
    bound = np.abs(weights(1, 6, 3)).sum(axis=0).max() * max(activation.error, activation.error_outside)
    assert 0.0 < surrogate.output_error <= bound * (1 + 1e-6) + 1e-6
    fine = lr.approximate(path, activation=name, pieces=128, low=-20, high=20)
    assert fine.output_error < 0.02
    assert lr.count_regions(surrogate.network, lr.Segment([-2.0, 1.0], [2.0, 0.5])) > 10


def test_the_same_as_of_the_module(tmp_path):
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module):
        def forward(self, x):
            z = x @ torch.tensor(weights(0, 2, 6)).to(x.dtype)
            return (z * torch.sigmoid(z)) @ torch.tensor(weights(1, 6, 3)).to(x.dtype)

    module, example = Module(), torch.zeros(1, 2)
    with pytest.raises(UnsupportedModuleError, match=r'a part of silu, .*linregions.approximate\(module, .*="silu"\)`'):
        lr.from_torch(module, example)
    ours = lr.approximate(written("silu", tmp_path), activation="silu")
    theirs = lr.approximate(module, example, activation="silu")
    points = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(ours.network(points), theirs.network(points), rtol=1e-12, atol=1e-12)
    assert ours.activations[0].error == theirs.activations[0].error
    program = torch.export.export(module, (example,))
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = lr.approximate(tmp_path / "model.pt2", activation="silu")
    np.testing.assert_allclose(loaded.network(points), theirs.network(points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("gelu", lambda torch, x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2.0)))),
        ("gelu", lambda torch, x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * x**3)))),
        ("hardswish", lambda torch, x: x * torch.nn.functional.relu6(x + 3) / 6),
        ("mish", lambda torch, x: x * torch.tanh(torch.nn.functional.softplus(x))),
        ("sigmoid", lambda torch, x: 1 / (1 + torch.exp(-x))),
        ("silu", lambda torch, x: torch.sigmoid(x).mul_(x)),
    ],
)
def test_in_modules(name, function):
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(2, 6), torch.nn.Linear(6, 3)

        def forward(self, x):
            return self.last(function(torch, self.first(x)))

    torch.manual_seed(0)
    module, example = Module().eval(), torch.zeros(1, 2)
    with pytest.raises(UnsupportedModuleError, match=rf'a part of {name}, not .*activation="{name}"\)'):
        lr.from_torch(module, example)
    surrogate = lr.approximate(module, example, activation=name)
    (activation,) = surrogate.activations
    bound = float(module.last.weight.detach().abs().sum(dim=1).max()) * max(activation.error, activation.error_outside)
    assert 0.0 < surrogate.output_error <= bound * (1 + 1e-6)


NOT = {
    # Another tensor with the very numbers of z is another tensor.
    "another tensor": ([("MatMul", "x w", "u"), ("Sigmoid", "u", "s"), ("Mul", "z s", "a")], {}),
    "another place": ([("Add", "z k", "u"), ("Sigmoid", "u", "s"), ("Mul", "z s", "a")], {"k": 0.001}),
    "another scale": ([("Erf", "z", "e"), ("Add", "e one", "p"), ("Mul", "z p", "a")], {"one": 1.0}),
    "no activation": ([("Mul", "z z", "a")], {}),
    "a sum over entries": ([("ReduceSum", "z", "u"), ("Sigmoid", "u", "s"), ("Mul", "z s", "a")], {}),
}


@pytest.mark.parametrize("key", NOT)
@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_what_is_something_else(key, name, tmp_path, monkeypatch):
    monkeypatch.setitem(GRAPHS, key, NOT[key])
    with pytest.raises(UnsupportedModuleError):
        lr.approximate(written(key, tmp_path), activation=name)


def test_arguments_of_files(tmp_path):
    path = written("silu", tmp_path)
    with pytest.raises(InvalidValueError, match=r"`example_input` is given, but approximate needs none for a file"):
        lr.approximate(path, np.zeros((1, 2)), activation="silu")
    with pytest.raises(InvalidValueError, match=r"`activation` names 'tanh', but `module` computes none"):
        lr.approximate(path, activation=["silu", "tanh"])
    pytest.importorskip("torch")
    with pytest.raises(InvalidValueError, match=r"`input_shapes` is given, but approximate needs it for ONNX files"):
        lr.approximate(None, activation="silu", input_shapes={})
    surrogate = lr.approximate(path, activation="silu", scale=0.5, shift=0.25)
    plain = lr.approximate(path, activation="silu")
    points = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(surrogate.network(points), plain.network(0.5 * points + 0.25), rtol=1e-10, atol=1e-12)
