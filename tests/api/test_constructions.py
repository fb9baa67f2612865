"""Networks built by hand have exactly the neurons, teeth and regions that they promise."""

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions.constructions import perturbed, sawtooth_network
from linregions.errors import InvalidTypeError, InvalidValueError


def tent(x: Fraction) -> Fraction:
    return min(2 * x, 2 - 2 * x) if 0 <= x <= 1 else Fraction(0)


@pytest.mark.parametrize("n", range(13))
def test_the_sawtooth_has_its_neurons_teeth_and_regions(n):
    net = sawtooth_network(n)
    assert net.n_neurons == 3 * n + 4
    assert net.widths == (1, *(2, 1) * (n + 1), 1, 1)
    part = lr.partition(net, lr.Segment([0.0], [1.0]))
    assert part.n_regions == part.n_linear_regions == 2 ** (n + 1)
    # every multiple of 2^-(n+1) is a breakpoint, exactly, and the teeth go up and down between them
    np.testing.assert_array_equal(part.breakpoints, np.arange(1, 2 ** (n + 1)) / 2 ** (n + 1))
    np.testing.assert_array_equal(part.slopes[:, 0], 2.0 ** (n + 1) * np.resize([1, -1], 2 ** (n + 1)))
    corners = np.arange(2 ** (n + 1) + 1) / 2 ** (n + 1)
    values = net(corners[:, None])[:, 0]
    np.testing.assert_array_equal(values, np.resize([0.0, 1.0], len(corners)))
    assert np.count_nonzero(values) == 2**n  # one peak a tooth
    # on the whole line there are two more regions, where it is 0
    whole = lr.partition(net, lr.Line([0.0], [1.0]))
    assert whole.n_regions == whole.n_linear_regions == 2 ** (n + 1) + 2
    np.testing.assert_array_equal(whole.slopes[[0, -1], 0], 0.0)


@pytest.mark.parametrize("n", [0, 1, 4, 9])
def test_the_sawtooth_is_the_tent_map_composed(n):
    x = [Fraction(int(k), 2**20) for k in np.random.default_rng(n).integers(-(2**20), 2**21, 200)]
    expected = []
    for value in x:
        y = value
        for _ in range(n + 1):
            y = tent(y)
        expected.append(float(y))
    np.testing.assert_array_equal(sawtooth_network(n)(np.array([[float(v)] for v in x]))[:, 0], expected)


def test_all_weights_are_dyadic():
    arrays = [array for layer in lr.sawtooth_network(12).layers for array in (layer.weight, layer.bias)]
    assert {float(value) for array in arrays for value in array.ravel()} == {0.0, 1.0, 2.0, -4.0, -0.5}


def test_noise_is_normal_on_every_weight_and_bias():
    net = lr.random_network([20, 40, 40, 3], 0, activation=[lr.RELU, lr.HARD_TANH])
    noisy = perturbed(net, 0.1, 5)
    assert noisy.activations == net.activations
    drawn = np.concatenate(
        [
            ((getattr(b, part) - getattr(a, part)) / 0.1).ravel()
            for a, b in zip(net.layers, noisy.layers, strict=True)
            for part in ("weight", "bias")
        ]
    )
    assert len(np.unique(drawn)) == len(drawn) == 20 * 40 + 40 + 40 * 40 + 40 + 3 * 40 + 3
    assert abs(drawn.mean()) < 4 / np.sqrt(len(drawn))
    assert abs(drawn.var() - 1) < 4 * np.sqrt(2 / len(drawn))
    again = perturbed(net, 0.1, np.random.default_rng(5))
    for a, b in zip(noisy.layers, again.layers, strict=True):
        np.testing.assert_array_equal(a.weight, b.weight)
        np.testing.assert_array_equal(a.bias, b.bias)


def test_no_noise_changes_nothing():
    net = sawtooth_network(4)
    same = perturbed(net, 0.0, 0)
    np.testing.assert_array_equal(same.layers[0].bias, net.layers[0].bias)
    assert lr.count_regions(same, lr.Segment([0.0], [1.0])) == 32


def test_noise_ruins_the_sawtooth():
    rng, segment = np.random.default_rng(0), lr.Segment([0.0], [1.0])
    counts = [lr.count_regions(perturbed(sawtooth_network(8), 0.1, rng), segment, "linear") for _ in range(40)]
    assert np.mean(counts) < 512 / 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sawtooth_network(-1), InvalidValueError, r"`n` is -1, but sawtooth_network needs at least 0"),
        (lambda: sawtooth_network(1.5), InvalidTypeError, r"`n` is 1.5 \(float\), but sawtooth_network needs an int"),
        (lambda: perturbed(sawtooth_network(1), -1, 0), InvalidValueError, r"`sd` is -1, but perturbed needs a number"),
        (lambda: perturbed("net", 1, 0), InvalidTypeError, r"`network` is str, but perturbed needs a linregions.Netw"),
        (lambda: perturbed(sawtooth_network(1), 1, None), InvalidTypeError, r"`rng` is NoneType, but perturbed needs"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()
