"""Networks: building, evaluating, patterns, drawing at random, files, and every message."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import InvalidTypeError, InvalidValueError, LinRegionsError
from tests.support.zoo import ACTIVATIONS

MIXED = Network.from_layers(
    [
        ([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]], [0.5, 0.0, -1.0]),
        (np.ones((4, 3)), np.arange(4.0)),
        ([[1.0, -1.0, 0.5, 2.0], [0.0, 1.0, 1.0, 0.0]], [0.0, -1.0]),
        ([[1.0, 2.0]], [0.25]),
    ],
    [lr.HARD_TANH, lr.IDENTITY, lr.ABS],
)


# ---- building and evaluating -----------------------------------------------------------------------------------------


def test_sizes():
    assert MIXED.widths == (2, 3, 4, 2, 1)
    assert (MIXED.n_in, MIXED.n_out, MIXED.n_neurons) == (2, 1, 5)
    assert MIXED.neuron_offsets == (0, 3, 3, 5)
    assert repr(MIXED) == "Network(2 -> 3 -> 4 -> 2 -> 1, 5 neurons, activation abs, hard_tanh, identity)"
    assert repr(Network.from_layers([([[1.0]], [0.0])])) == "Network(1 -> 1, 0 neurons, activation none)"


def test_neurons_are_numbered_through_layers_that_have_some():
    assert [MIXED.locate_neuron(k) for k in range(5)] == [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1)]
    first = Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0]), ([[1.0]], [0.0])], [lr.IDENTITY, lr.RELU])
    assert first.locate_neuron(np.int64(0)) == (1, 0)


def by_hand(net, x):
    """Evaluate at one point, unit by unit."""
    values = list(x)
    pattern = []
    for k, layer in enumerate(net.layers):
        rows = zip(layer.weight, layer.bias, strict=True)
        z = [sum(w * v for w, v in zip(row, values, strict=True)) + b for row, b in rows]
        if k == len(net.layers) - 1:
            return z, pattern
        activation = net.activations[k]
        if activation.n_breakpoints:
            pattern += [sum(value > point for point in activation.breakpoints) for value in z]
        values = [float(activation(value)) for value in z]
    return None


@pytest.mark.parametrize("seed", range(5))
def test_values_and_patterns_are_those_by_hand(seed):
    rng = np.random.default_rng(seed)
    names = rng.choice(sorted(ACTIVATIONS), 3)
    net = lr.random_network([3, 5, 4, 6, 2], rng, activation=[ACTIVATIONS[n] for n in names], bias_variance=0.5)
    points = rng.normal(size=(20, 3)) * 3
    expected = [by_hand(net, x) for x in points]
    np.testing.assert_allclose(net(points), [value for value, _ in expected], rtol=1e-12, atol=1e-13)
    assert net.patterns(points).tolist() == [pattern for _, pattern in expected]
    assert net.patterns(points).dtype == np.uint8


def test_leading_axes_are_kept():
    points = np.random.default_rng(0).normal(size=(4, 5, 2))
    assert MIXED(points).shape == (4, 5, 1)
    assert MIXED(points[0, 0]).shape == (1,)
    assert MIXED.patterns(points).shape == (4, 5, 5)
    assert [z.shape for z in MIXED.pre_activations(points)] == [(4, 5, 3), (4, 5, 4), (4, 5, 2)]
    np.testing.assert_allclose(MIXED(points.tolist()), MIXED(points), rtol=1e-14)
    assert MIXED(np.zeros((0, 2))).shape == (0, 1)


def test_patterns_without_neurons_are_empty():
    net = lr.random_network([3, 4, 2], 0, activation=lr.IDENTITY)
    assert net.patterns(np.zeros((7, 3))).shape == (7, 0)


def test_inputs_of_any_real_type():
    torch = pytest.importorskip("torch")
    expected = MIXED([1.0, 2.0])
    for x in ([1, 2], np.array([1, 2], dtype=np.uint8), np.array([1, 2], dtype=np.float16)):
        np.testing.assert_array_equal(MIXED(x), expected)
    for dtype in (torch.float32, torch.bfloat16, torch.int64):
        np.testing.assert_array_equal(MIXED(torch.tensor([1, 2], dtype=dtype)), expected)
    np.testing.assert_array_equal(MIXED(torch.tensor([1.0, 2.0], requires_grad=True)), expected)


def test_an_affine_layer_has_a_linear_part():
    layer = MIXED.layers[0]
    np.testing.assert_array_equal(layer([1.0, 1.0]), [3.5, -1.0, 2.0])
    np.testing.assert_array_equal(layer.linear(np.array([[1.0, 1.0]])), [[3.0, -1.0, 3.0]])


def test_networks_never_change():
    weight, bias = np.eye(2), np.zeros(2)
    net = Network.from_layers([(weight, bias), (np.ones((1, 2)), [0.0])])
    weight[0, 0] = 7.0
    bias[0] = 7.0
    assert net([1.0, 1.0]).tolist() == [2.0]
    for array in (net.layers[0].weight, net.layers[1].bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.layers = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.layers[0].weight = weight


LAYER = ([[1.0, 2.0]], [0.0])
LAST = ([[1.0]], [0.0])


@pytest.mark.parametrize(
    ("error", "layers", "message"),
    [
        (InvalidTypeError, 5, r"`layers` is no list of pairs, but Network.from_layers needs \(weight, bias\) pairs"),
        (InvalidTypeError, [5], "`layers` is no list of pairs"),
        (InvalidValueError, [], "`layers` is empty, but Network.from_layers needs at least one"),
        (InvalidTypeError, [LAYER, (1, 2, 3)], r"`layers\[1\]` has 3 entries, but .* needs \(weight, bias\)"),
        (InvalidValueError, [([1.0, 2.0], [0.0])], r"`layers\[0\] weight` has shape \(2,\), but .* needs 2 axes"),
        (InvalidValueError, [(np.zeros((0, 2)), [])], r"`layers\[0\]` weight has shape \(0, 2\), .* at least one unit"),
        (InvalidValueError, [([[1.0, 2.0]], [0.0, 1.0])], r"weight of shape \(1, 2\) and a bias of shape \(2,\), but"),
        (InvalidValueError, [([[1.0]], 0.0)], r"`layers\[0\] bias` has shape \(\), but .* needs 1 axis"),
        (InvalidValueError, [LAYER, LAYER], r"`layers\[1\]` weight takes 2 inputs, .* the 1 outputs of layer 0"),
        (InvalidValueError, [([[np.nan]], [0.0])], r"`layers\[0\] weight` holds 1 NaN or .* first at index \(0, 0\)"),
        (InvalidValueError, [LAYER, ([[1.0]], [np.inf])], r"`layers\[1\] bias` holds 1 NaN or infinite"),
        (InvalidTypeError, [([["1"]], [0.0])], r"`layers\[0\] weight` has dtype <U1, but .* needs real numbers"),
        (InvalidTypeError, [([[1j]], [0.0])], r"`layers\[0\] weight` is complex, but .* needs real numbers"),
        (InvalidValueError, [([[1.0], [1.0, 2.0]], [0.0])], r"`layers\[0\] weight` is ragged .* a rectangular array"),
    ],
)  # fmt: skip
def test_messages_of_from_layers(error, layers, message):
    with pytest.raises(error, match=message) as caught:
        Network.from_layers(layers)
    assert isinstance(caught.value, LinRegionsError)


@pytest.mark.parametrize(
    ("error", "activation", "message"),
    [
        (
            InvalidValueError,
            [lr.RELU, lr.RELU],
            "`activation` has 2 entries, but Network.from_layers needs 1, one after",
        ),
        (InvalidValueError, [], "`activation` has 0 entries, but Network.from_layers needs 1"),
        (InvalidValueError, "tanh", r"`activation` is 'tanh', but Network.from_layers needs 'relu', 'abs'"),
        (InvalidValueError, ["leaky_relu(x)"], r"`activation` is 'leaky_relu\(x\)', but .* e.g. 'leaky_relu\(0.2\)'"),
        (InvalidTypeError, [None], r"`activation` holds None \(NoneType\), but .* needs PiecewiseLinear or its name"),
        (InvalidTypeError, np.tanh, r"`activation` holds <ufunc 'tanh'> \(ufunc\), but .* needs PiecewiseLinear"),
    ],
)
def test_messages_of_activations(error, activation, message):
    with pytest.raises(error, match=message):
        Network.from_layers([LAYER, LAST], activation)


def test_messages_of_inputs_and_neurons():
    for call, who in (
        (MIXED, "Network"),
        (MIXED.patterns, "patterns"),
        (MIXED.pre_activations, "pre_activations"),
    ):
        with pytest.raises(InvalidValueError, match=rf"`x` has shape \(3,\), but {who} needs a last axis of 2 inputs"):
            call([1.0, 2.0, 3.0])
    with pytest.raises(InvalidValueError, match=r"`x` has shape \(\), but"):
        MIXED(1.0)
    with pytest.raises(InvalidValueError, match="`x` holds 1 NaN or infinite"):
        MIXED([np.nan, 0.0])
    with pytest.raises(
        InvalidValueError, match="`neuron` is 5, but locate_neuron needs one below the number of neurons, 5"
    ):
        MIXED.locate_neuron(5)
    with pytest.raises(InvalidValueError, match="`neuron` is -1, but locate_neuron needs at least 0"):
        MIXED.locate_neuron(-1)
    with pytest.raises(InvalidTypeError, match=r"`neuron` is 1.5 \(float\), but locate_neuron needs an integer"):
        MIXED.locate_neuron(1.5)
    with pytest.raises(InvalidTypeError, match="`neuron` is True, but locate_neuron needs an integer"):
        MIXED.locate_neuron(True)


# ---- random networks -------------------------------------------------------------------------------------------------


def variance_is(sample, expected):
    """Within five standard errors, which for any bounded or normal sample are below this."""
    sample = np.asarray(sample).ravel()
    assert abs(sample.mean()) < 5 * np.sqrt(expected / sample.size)
    assert np.mean(sample**2) == pytest.approx(expected, rel=5 * np.sqrt(2 / sample.size))


def test_the_papers_initialisation_is_the_default():
    net = lr.random_network([400, 300, 200, 10], 1)
    for layer in net.layers:
        variance_is(layer.weight, 2 / layer.weight.shape[1])
    variance_is(np.concatenate([layer.bias for layer in net.layers]), 1e-6)
    assert set(net.activations) == {lr.RELU}


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_weights_and_biases_have_the_variance_asked_for(kind):
    net = lr.random_network([300, 400, 400], 2, weights=kind, weight_gain=3.0, biases=kind, bias_variance=0.25)
    variance_is(net.layers[0].weight, 0.01)
    variance_is(np.concatenate([layer.bias for layer in net.layers]), 0.25)
    if kind == "uniform":
        assert np.abs(net.layers[0].weight).max() <= np.sqrt(3.0) * 0.1
        assert np.abs(net.layers[0].bias).max() <= np.sqrt(3.0) * 0.5


def test_own_distributions_and_zero_biases():
    def signs(rng, shape):
        return rng.choice([-1.0, 1.0], shape)

    net = lr.random_network([8, 5, 2], 3, weights=signs, biases="zero", activation=lr.ABS)
    np.testing.assert_allclose(np.abs(net.layers[0].weight), 0.5)
    assert not any(layer.bias.any() for layer in net.layers)
    net = lr.random_network([8, 5, 2], 3, biases=signs, bias_variance=4.0)
    np.testing.assert_allclose(np.abs(net.layers[0].bias), 2.0)


def test_the_same_seed_gives_the_same_network_and_a_generator_goes_on():
    one, other = lr.random_network([3, 4, 2], 7), lr.random_network([3, 4, 2], np.random.default_rng(7))
    np.testing.assert_array_equal(one.layers[1].weight, other.layers[1].weight)
    rng = np.random.default_rng(7)
    first, second = lr.random_network([3, 4, 2], rng), lr.random_network([3, 4, 2], rng)
    assert not np.array_equal(first.layers[0].weight, second.layers[0].weight)
    np.testing.assert_array_equal(first.layers[0].weight, one.layers[0].weight)


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (InvalidValueError, {"widths": [5]}, r"`widths` is \[5\], but random_network needs the input and the output"),
        (InvalidTypeError, {"widths": 5}, "`widths` is 5, but random_network needs a sequence of integers"),
        (InvalidValueError, {"widths": [5, 0, 1]}, r"`widths\[1\]` is 0, but random_network needs at least 1"),
        (InvalidTypeError, {"widths": [5, 2.5]}, r"`widths\[1\]` is 2.5 \(float\), but .* needs an integer"),
        (InvalidTypeError, {"rng": np.random}, "`rng` is module, but random_network needs a numpy.random.Generator"),
        (InvalidTypeError, {"rng": True}, "`rng` is bool, but random_network needs a numpy.random.Generator"),
        (InvalidValueError, {"rng": -1}, "`rng` is -1, but random_network needs a seed of at least 0"),
        (InvalidValueError, {"weights": "cauchy"}, "`weights` is 'cauchy', but .* 'normal', 'uniform' or a callable"),
        (InvalidValueError, {"weights": "zero"}, "`weights` is 'zero', but .* 'normal', 'uniform' or a callable"),
        (InvalidValueError, {"biases": 0}, "`biases` is 0, but .* 'normal', 'uniform', 'zero' or a callable"),
        (InvalidValueError, {"weight_gain": 0}, "`weight_gain` is 0, but random_network needs a positive number"),
        (InvalidValueError, {"bias_variance": -1}, "`bias_variance` is -1, but random_network needs a number of at"),
        (InvalidValueError, {"bias_variance": np.nan}, "`bias_variance` holds 1 NaN or infinite"),
        (InvalidValueError, {"weights": lambda rng, shape: [1.0]}, r"`weights` returned shape \(1,\), .* \(4, 2\)"),
        (InvalidValueError, {"biases": lambda rng, shape: [np.nan] * 4}, "`biases` holds 4 NaN or infinite"),
        (InvalidTypeError, {"activation": 1}, r"`activation` holds 1 \(int\), but"),
    ],
)  # fmt: skip
def test_messages_of_random_network(error, arguments, message):
    with pytest.raises(error, match=message):
        lr.random_network(**{"widths": [2, 4, 1], "rng": 0, **arguments})


# ---- importing -------------------------------------------------------------------------------------------------------


def test_importing_loads_nothing_heavy():
    """Neither compiler, frameworks nor plotting; nor does using a network."""
    code = (
        "import sys, linregions as lr\n"
        "net = lr.random_network([2, 3, 1], 0); net([0.0, 1.0]); lr.PlaneWindow.of_inputs([0, 0], [1, 1])\n"
        "print([name for name in ('numba', 'torch', 'matplotlib', 'tqdm', 'shapely', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in lr.__all__:
        assert getattr(lr, name) is not None
