"""Units of neurons: positive factors change nothing, and where float64 ends there is one clear error."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.errors import NumericalError, UndecidedWarning
from linregions.regions.planes.engine import prepare as _plane_work
from tests.reference.planes_exact import partition_exactly

WINDOW = PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
NEAR_ONE = PlaneWindow.of_inputs([-0.9, -0.9], [0.9, 0.9])  # whose coordinates are those that kernels use
ACTIVATIONS = {"relu": lr.RELU, "abs": lr.ABS, "hard tanh": lr.HARD_TANH}


def scaled_layers(net: Network, factors: list[np.ndarray]) -> Network:
    """Scale the units of each hidden layer by powers of two and undo it in the next one."""
    layers, before = [], np.zeros(net.n_in, dtype=np.int64)
    for layer, power in zip(net.layers, [*factors, np.zeros(net.n_out, dtype=np.int64)], strict=True):
        weight = np.ldexp(layer.weight, power[:, None] - before)
        layers.append((weight, np.ldexp(layer.bias, power)))
        before = power
    return Network.from_layers(layers, net.activations)


@pytest.mark.parametrize("most", [40, 300, 480])
@pytest.mark.parametrize("seed", range(4))
def test_units_in_powers_of_two(seed: int, most: int) -> None:
    """To the last bit, though squares of such weights are no numbers."""
    rng = np.random.default_rng([seed, most])
    net = lr.random_network([2, 8, 8, 8, 1], seed, bias_variance=0.1)
    found = lr.partition(scaled_layers(net, [rng.integers(-most, most, 8) for _ in range(3)]), WINDOW)
    plain = lr.partition(net, WINDOW)
    assert np.array_equal(found.patterns, plain.patterns)
    assert np.array_equal(found.vertices, plain.vertices)
    margins = [part.diagnostics.pop("smallest_margin") for part in (found, plain)]
    assert margins[0] == pytest.approx(margins[1], rel=1e-9)
    assert found.diagnostics == plain.diagnostics


def test_a_training_that_diverged() -> None:
    net = lr.random_network([2, 8, 8, 8, 8, 8, 1], 1, bias_variance=0.1)
    size, layers = 1.0, []
    for layer in net.layers:
        size *= 1e31
        layers.append((layer.weight * 1e31, layer.bias * size))
    assert lr.count_regions(Network.from_layers(layers), WINDOW) == lr.count_regions(net, WINDOW) == 296


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_every_scale_is_right_or_told(layer: int, name: str) -> None:
    net = lr.random_network([2, 5, 4, 1], 3, bias_variance=0.3, activation=ACTIVATIONS[name])
    silent = []
    for power in range(-1000, 1001, 40):
        layers = [(entry.weight, entry.bias) for entry in net.layers]
        layers[layer] = tuple(np.ldexp(array, power) for array in layers[layer])
        other = Network.from_layers(layers, net.activations)
        try:
            found = lr.partition(other, WINDOW)
        except NumericalError:
            continue
        same = found.n_regions == partition_exactly(other, WINDOW).n_regions
        if not same and not found.diagnostics["undecided"]:
            silent.append(power)
    assert silent == []


@pytest.mark.parametrize("power", [-1000, -600, -300, 300, 600, 950])
def test_homogeneous_layers_of_any_scale(power: int) -> None:
    net = lr.random_network([2, 6, 6, 1], 5, bias_variance=0.3)
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[0] = tuple(np.ldexp(array, power) for array in layers[0])
    layers[1] = (layers[1][0], np.ldexp(layers[1][1], power))
    found, plain = lr.partition(Network.from_layers(layers), WINDOW), lr.partition(net, WINDOW)
    assert np.array_equal(found.patterns, plain.patterns)
    assert found.diagnostics["undecided"] == 0


def unlike_terms(power: int) -> Network:
    """Make a neuron that is left with a tiny term where the large one is closed."""
    first = ([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [-0.5, 0.25, -0.25])
    second = ([[1.0, np.ldexp(1.0, power), -np.ldexp(4.0, power)]], [0.0])
    return Network.from_layers([first, second, ([[1.0]], [0.0])])


def test_a_neuron_left_with_tiny_terms() -> None:
    assert lr.count_regions(unlike_terms(-30), WINDOW) == partition_exactly(unlike_terms(-30), WINDOW).n_regions
    # One cell holds all of this window, and bands speak of a cell.
    found = lr.partition(unlike_terms(-600), WINDOW)
    assert found.n_regions == partition_exactly(unlike_terms(-600), WINDOW).n_regions or found.diagnostics["undecided"]


def test_squares_that_are_no_numbers() -> None:
    """A cell of its own, where the large term is closed."""
    closed = PlaneWindow.of_inputs([-1.0, -1.0], [0.25, 1.0])
    with pytest.raises(NumericalError, match=r"more than 1e140 times .* Divide the weights and biases"):
        lr.count_regions(unlike_terms(-600), closed)
    first, second = unlike_terms(-600).layers[:2]
    divided = np.ldexp(second.weight, 600) * [[0.0, 1.0, 1.0]]  # what the error says, with what is closed left out
    net = Network.from_layers([(first.weight, first.bias), (divided, second.bias), ([[1.0]], [0.0])])
    assert lr.count_regions(net, closed) == partition_exactly(net, closed).n_regions


def test_a_breakpoint_beside_which_terms_do_not_matter() -> None:
    """Weights decayed to nothing are no reason to stop where no breakpoint is near zero."""
    net = Network.from_layers(
        [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.1]), ([[1e-170, 1e-170], [1.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])],
        lr.HARD_TANH,
    )
    with pytest.warns(UndecidedWarning, match="4 decisions lie within the rounding"):  # lines through corners
        assert lr.count_regions(net, WINDOW) == partition_exactly(net, WINDOW).n_regions


def test_ordinary_networks_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scales are looked at, and nothing is done."""
    net = lr.random_network([2, 6, 6, 1], 5, bias_variance=0.3)
    kept = []
    make_plan = _plane_work.make_plan
    monkeypatch.setattr(_plane_work, "make_plan", lambda *given: kept.append(make_plan(*given)) or kept[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr.count_regions(net, NEAR_ONE)
    plan = kept[0][0]
    np.testing.assert_array_equal(plan.first[1:3].T, net.layers[0].weight)
    np.testing.assert_array_equal(plan.weights[: 6 * 16].reshape(6, 16)[:, :6], net.layers[1].weight.T)
