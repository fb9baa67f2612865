"""Networks built by hand have exactly the neurons, teeth and regions that they promise."""

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import theory
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.measures.perturbation import perturbed_counts
from linregions.networks.constructions import constant_network, folding_network, perturbed, sawtooth_network

SEGMENT = lr.Segment([0.0], [1.0])


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


UNIT_SQUARE = lr.PlaneWindow.of_inputs([0.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize(
    "hidden",
    [
        [2],  # one layer: lines in general position
        [5],
        [11],
        [2, 3],  # a fold of one unit only stretches
        [4, 3],
        [4, 4, 4],
        [5, 7, 6],  # units left over
        [8, 8, 8],
        [6, 4, 4, 4, 3],
        [10, 10, 9],
    ],
    ids=str,
)
@pytest.mark.parametrize("n_out", [1, 3])
def test_the_folding_network_attains_the_lower_bound_in_two_inputs(hidden, n_out):
    net = folding_network([2, *hidden, n_out])
    assert net.widths == (2, *hidden, n_out)
    bound = theory.montufar_lower_bound(net.widths)
    part = lr.partition(net, UNIT_SQUARE)
    assert part.n_regions == bound
    if hidden[-1] > 2:
        assert part.n_linear_regions == bound
    # Nothing came near a decision: the weights are exact and the cubes far larger than rounding.
    assert part.diagnostics["smallest_margin"] > 1e4
    # The square holds every region that the theorem counts; there are more outside, but none too many.
    whole = lr.count_regions(net, lr.PlaneWindow.of_inputs([-100.0, -100.0], [100.0, 100.0]))
    assert bound <= whole <= theory.serra_upper_bound(net.widths)


@pytest.mark.parametrize(
    "hidden", [[1], [4], [2, 2], [3, 1], [3, 3, 1], [4, 4], [5, 5, 5], [7] * 5, [16, 9, 2]], ids=str
)
def test_the_folding_network_attains_the_lower_bound_in_one_input(hidden):
    net = folding_network([1, *hidden, 1])
    bound = theory.montufar_lower_bound(net.widths)
    assert bound == np.prod(hidden[:-1], dtype=int) * (hidden[-1] + 1)
    part = lr.partition(net, lr.Segment([0.0], [1.0]))
    assert part.n_regions == bound
    if hidden[-1] > 1:
        assert part.n_linear_regions == bound
        assert np.all(np.abs(np.diff(part.slopes[:, 0])) > 0)  # each of them an affine piece of its own
    assert bound <= lr.count_regions(net, lr.Line([0.0], [1.0])) <= theory.serra_upper_bound(net.widths)


def test_every_region_of_the_folding_network_has_its_own_gradient_next_to_its_neighbours():
    part = lr.partition(folding_network([2, 6, 6, 5, 1]), UNIT_SQUARE)
    gradients = part.affine_maps[:, 0, :2]
    left, right = part.edge_faces[part.edge_neuron >= 0].T
    assert np.all(np.any(gradients[left] != gradients[right], axis=1))


def test_small_cubes_share_a_region_when_the_last_layer_is_as_wide_as_the_input():
    """With n_0 units in the last layer all of them are off somewhere, and the network is constant across folds."""
    part = lr.partition(folding_network([2, 6, 2, 1]), UNIT_SQUARE)
    assert part.n_regions == 9 * 4 == theory.montufar_lower_bound([2, 6, 2, 1])
    assert part.n_linear_regions < part.n_regions


def test_the_folding_network_in_planes_and_lines_of_more_inputs():
    net = folding_network([3, 6, 7, 8, 1])
    bounds = {d: theory.serra_upper_bound(net.widths, d) for d in (1, 2, 3)}
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(3, 2)))
    in_plane = lr.count_regions(net, lr.PlaneWindow.square([0.5, 0.5, 0.5], basis.T, 0.5))
    on_line = lr.count_regions(net, lr.Line([0.1, 0.2, 0.3], [1.0, 0.9, 0.7]))
    assert 1 < on_line < in_plane <= bounds[2]
    assert on_line <= bounds[1]
    # A face of the cube is folded with it: two coordinates run through all p^2 squares.
    face = lr.PlaneWindow([0.0, 0.0, 1 / 8], [[1, 0, 0], [0, 1, 0]], [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert lr.count_regions(net, face) >= 4 * 4


@pytest.mark.parametrize(
    "widths", [[2, 40, 40, 40, 1], [1, 64, 64, 64, 1], [3, 30, 30, 30, 2], [6, 12, 12, 30, 1]], ids=str
)
def test_weights_of_the_folding_network_are_dyadic(widths):
    for layer in folding_network(widths).layers[:-1]:
        for array in (layer.weight, layer.bias):
            np.testing.assert_array_equal(array, np.round(array))  # integers
    ends = folding_network(widths).layers[-1].weight
    np.testing.assert_array_equal(np.log2(ends), np.broadcast_to(np.arange(1 - widths[-2], 1), ends.shape))


def test_a_fold_lays_every_small_interval_onto_the_unit_interval():
    """The layer after a fold reads g(x): 0, 1, 0, 1, ... at multiples of 1/p, and straight in between."""
    net = folding_network([1, 5, 3, 1])
    x = np.arange(0, 41) / 40
    (first, second) = net.pre_activations(x[:, None])
    np.testing.assert_allclose(first, 5 * x[:, None] - np.arange(5))
    # 4 g - 1, up to sign and scale: the hyperplane of a = 1/4
    folded = 1 - np.abs((5 * x) % 2 - 1)
    np.testing.assert_allclose(second[:, 0], (1 - 4 * folded) * np.sign(second[0, 0]), atol=1e-12)


@pytest.mark.parametrize("widths", [[1, 1], [2, 3], [2, 64, 64, 1], [2, 1, 1, 5]], ids=str)
def test_the_constant_network_has_one_region(widths):
    net = constant_network(widths)
    assert net.widths == tuple(widths)
    assert net.n_neurons == sum(widths[1:-1])
    assert not np.any(net(np.random.default_rng(0).normal(size=(9, widths[0]))))
    line = lr.Line(np.zeros(widths[0]), np.ones(widths[0]))
    for kind in ("activation", "linear"):
        assert lr.count_regions(net, line, kind) == 1
        if widths[0] == 2:
            assert lr.count_regions(net, UNIT_SQUARE, kind) == 1


def test_a_folding_network_without_hidden_layer_is_affine():
    assert lr.count_regions(folding_network([2, 3]), UNIT_SQUARE) == 1 == theory.montufar_lower_bound([2, 3])


@pytest.mark.parametrize("kind", ["activation", "linear"])
def test_perturbed_counts_are_those_of_perturbed_networks(kind):
    net, segment = folding_network([1, 6, 6, 6, 1]), lr.Segment([0.0], [1.0])
    counts = perturbed_counts(net, segment, 0.1, 30, 7, kind=kind)
    rng = np.random.default_rng(7)
    expected = [lr.count_regions(perturbed(net, 0.1, rng), segment, kind) for _ in range(30)]
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, expected)
    assert np.all(counts <= theory.serra_upper_bound(net.widths))
    assert len(set(counts.tolist())) > 1
    np.testing.assert_array_equal(perturbed_counts(net, segment, 0.0, 3, 7, kind=kind), 252)


def test_noise_ruins_the_folding_network_in_the_plane():
    net = folding_network([2, 6, 6, 6, 1])
    counts = perturbed_counts(net, UNIT_SQUARE, 0.5, 20, 0)
    assert counts.mean() < lr.count_regions(net, UNIT_SQUARE) / 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sawtooth_network(-1), InvalidValueError, r"`n` is -1, but sawtooth_network needs at least 0"),
        (lambda: sawtooth_network(1.5), InvalidTypeError, r"`n` is 1.5 \(float\), but sawtooth_network needs an int"),
        (lambda: perturbed(sawtooth_network(1), -1, 0), InvalidValueError, r"`sd` is -1, but perturbed needs a number"),
        (lambda: perturbed("net", 1, 0), InvalidTypeError, r"`network` is str, but perturbed needs a linregions.Netw"),
        (lambda: perturbed(sawtooth_network(1), 1, None), InvalidTypeError, r"`rng` is NoneType, but perturbed needs"),
        (lambda: constant_network([2, 0, 1]), InvalidValueError, r"`widths\[1\]` is 0, but constant_network needs at"),
        (lambda: constant_network([2]), InvalidValueError, r"`widths` is \[2\], but constant_network needs the input"),
        (lambda: folding_network([2, -4, 1]), InvalidValueError, r"`widths\[1\]` is -4, but folding_network needs at"),
        (lambda: folding_network(3), InvalidTypeError, r"`widths` is 3, but folding_network needs a sequence of int"),
        (
            lambda: folding_network([3, 6, 2, 1]),
            InvalidValueError,
            r"a hidden layer of 2 units, but folding_network needs",
        ),
        (
            lambda: folding_network([20, 99, 1]),
            InvalidValueError,
            r"asks for 99 hyperplanes in 20 dimensions, but fold",
        ),
        (
            lambda: perturbed_counts(sawtooth_network(1), SEGMENT, 1, 0, 0),
            InvalidValueError,
            r"`draws` is 0, but perturb",
        ),
        (
            lambda: perturbed_counts(sawtooth_network(1), SEGMENT, -2, 1, 0),
            InvalidValueError,
            r"`sd` is -2, but perturbed",
        ),
        (
            lambda: perturbed_counts(sawtooth_network(1), SEGMENT, 1, 1, "s"),
            InvalidTypeError,
            r"`rng` is str, but pertur",
        ),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()
