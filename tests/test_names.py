"""Things by the names that users try first: activations, modules, foreign models, flat lists of layers."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError

W0, B0, W1, B1 = np.eye(2), np.zeros(2), np.ones((1, 2)), np.zeros(1)


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", lr.RELU),
        ("ReLU", lr.RELU),
        ("abs", lr.ABS),
        ("hard_tanh", lr.HARD_TANH),
        ("Hardtanh", lr.HARD_TANH),
        ("hard-sigmoid", lr.HARD_SIGMOID),
        ("relu6", lr.RELU6),
        ("identity", lr.IDENTITY),
        ("leaky_relu", lr.leaky_relu(0.01)),
        ("LeakyReLU", lr.leaky_relu(0.01)),
        ("leaky_relu(0.2)", lr.leaky_relu(0.2)),
        ("leaky_relu(-1e-3)", lr.leaky_relu(-1e-3)),
    ],
)
def test_activations_by_name(name, activation):
    assert lr.Network.from_layers([(W0, B0), (W1, B1)], name).activations == (activation,)
    assert lr.Network.from_layers([(W0, B0), (W1, B1)], [name]).activations == (activation,)
    assert lr.random_network([2, 3, 1], 0, activation=name).activations == (activation,)
    if activation.n_breakpoints:
        assert lr.theory.RandomNetworks([2, 3, 1], name).activation == activation


def test_the_name_that_an_activation_has_is_its_name():
    for activation in (lr.RELU, lr.ABS, lr.HARD_TANH, lr.RELU6, lr.HARD_SIGMOID, lr.IDENTITY, lr.leaky_relu(0.25)):
        assert lr.random_network([2, 3, 1], 0, activation=activation.name).activations == (activation,)


def test_bounds_by_the_activations_name():
    first, second = (lr.theory.region_bounds([2, 3, 1], activation=given) for given in ("relu", lr.RELU))
    assert [(bound.name, bound.value) for bound in first] == [(bound.name, bound.value) for bound in second]


@pytest.mark.parametrize(
    "layers",
    [
        [W0, B0, W1, B1],
        (W0, B0, W1, B1),
        [W0.tolist(), B0.tolist(), W1.tolist(), B1.tolist()],
        [torch.nn.Parameter(torch.tensor(array)) for array in (W0, B0, W1, B1)],
        iter([W0, B0, W1, B1]),
        [[W0, B0], [W1, B1]],
    ],
)
def test_weights_and_biases_one_after_the_other(layers):
    net = lr.Network.from_layers(layers)
    assert net.widths == (2, 2, 1)
    assert net([3.0, -1.0]).tolist() == [3.0]


def test_the_parameters_of_a_module():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    x = torch.randn(5, 3)
    np.testing.assert_allclose(lr.Network.from_layers(module.parameters())(x), module(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("error", "layers", "message"),
    [
        (InvalidValueError, [W0, B0, W1], "`layers` has 3 arrays one after the other, but .* a bias after each weight"),
        (InvalidTypeError, [W0], r"`layers` has 1 arrays|has 2 entries|needs \(weight, bias\)"),
        (InvalidValueError, [W0, B0, W1[:, :1], B1], r"`layers\[1\]` weight takes 1 inputs"),
        (InvalidValueError, [B0, W0], r"`layers\[0\] weight` has shape \(\), but"),
        (InvalidValueError, [W0, W1], r"`layers\[0\] weight` has shape \(2,\), but"),
    ],
)
def test_lists_that_are_no_layers(error, layers, message):
    with pytest.raises((InvalidValueError, InvalidTypeError), match=message):
        lr.Network.from_layers(layers)


def test_networks_without_a_seed_differ():
    first, second = lr.random_network([4, 5, 2]), lr.random_network([4, 5, 2])
    assert first.widths == second.widths == (4, 5, 2)
    assert not np.array_equal(first.layers[0].weight, second.layers[0].weight)


# ---- modules ---------------------------------------------------------------------------------------------------------


def test_modules_load_on_first_use():
    code = (
        "import sys, linregions as lr\n"
        "names = ['experiments', 'integrations', 'plotting', 'theory', 'tracking', 'training']\n"
        "assert not [name for name in names if f'linregions.{name}' in sys.modules]\n"
        "assert set(names) <= set(dir(lr))\n"
        "assert lr.theory.region_bounds and lr.training.train and lr.experiments.reproduce and lr.plotting.plot_plane\n"
        "assert lr.tracking.Tracker is lr.Tracker and lr.integrations.__name__ == 'linregions.integrations'\n"
        "heavy = [name for name in ('numba', 'torch', 'matplotlib', 'scipy', 'sklearn') if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="module 'linregions' has no attribute 'theories'"):
        lr.theories  # noqa: B018


# ---- models of other packages ----------------------------------------------------------------------------------------


class _Derived(torch.nn.Sequential):
    pass


@pytest.mark.parametrize("kind", [torch.nn.Sequential, _Derived])
def test_verbs_take_modules(kind):
    torch.manual_seed(0)
    module = kind(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    net = lr.from_torch(module)
    window, segment, points = lr.PlaneWindow.of_inputs(-2, 2), lr.Segment([-2, -1], [2, 1]), np.ones((3, 2))
    assert lr.partition(module, window).n_regions == lr.partition(net, window).n_regions
    assert lr.count_regions(module, [segment, window]).tolist() == lr.count_regions(net, [segment, window]).tolist()
    np.testing.assert_array_equal(lr.boundary_distance(module, points), lr.boundary_distance(net, points))
    assert lr.boundary_density(module, -1, 1, rng=0).value == lr.boundary_density(net, -1, 1, rng=0).value
    first, second = (lr.local_complexity(given, points, 0.5, rng=0, n_planes=0) for given in (module, net))
    np.testing.assert_array_equal(first.line_regions, second.line_regions)


@pytest.mark.parametrize("model", ["model.npz", None, [(W0, B0)], torch.nn.functional.relu])
def test_what_is_no_model(model):
    for call, who in (
        (lambda: lr.partition(model, lr.Segment([0.0], [1.0])), "partition"),
        (lambda: lr.boundary_distance(model, [0.0]), "boundary_distance"),
    ):
        with pytest.raises(
            InvalidTypeError, match=f"`network` is .*, but {who} needs a linregions.Network. Give one, a PyTorch module"
        ):
            call()


# ---- old addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", sorted(lr._MOVED))
def test_modules_that_have_moved_are_found_where_they_were(old):
    code = (
        "import importlib, sys, warnings\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        f"    module = importlib.import_module('linregions.{old}')\n"
        f"new = importlib.import_module('linregions.{lr._MOVED[old]}')\n"
        "assert module is new and new.__spec__.name == new.__name__, new.__spec__\n"
        "assert [entry.category for entry in said] == [DeprecationWarning]\n"
        f"assert '{lr._MOVED[old]}' in str(said[0].message)\n"
        f"import linregions\nassert linregions.{old} is new and callable(linregions.partition)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_figures_are_found_beside_the_runner():
    from linregions.experiments import fig5, theorems

    assert fig5.NAME == "fig5"
    assert theorems.QUICK
    with pytest.raises(AttributeError, match="has no attribute 'fig9'"):
        lr.experiments.fig9  # noqa: B018
