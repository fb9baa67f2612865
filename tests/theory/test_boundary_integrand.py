"""The integrand Y of Theorems 3 and 6 against biases really set, loops and explicit paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import linregions as lr
from linregions.theory import JointNormalBiases, NormalBias, RandomNetworks, UniformBias, boundary_integrand
from tests.reference.boundary_integrand_slow import all_sets, integrand, normal_density

TENT = lr.PiecewiseLinear((-0.5, 0.0, 0.5), (0.0, 2.0, -1.0, 0.0), anchor=(0.0, 0.3), name="tent")
SKEWED = stats.skewnorm(4.0, loc=-0.3)


def independent(*laws):
    """Density of the biases in a twin's terms: one law for each hidden layer."""

    def density(given, network):
        return math.prod(float(laws[network.locate_neuron(z)[0]].pdf(b)) for z, b in given.items())

    return density


def draw(widths, activation, law, seed):
    net = RandomNetworks(widths, activation, biases=law).sample(seed)
    return net, np.random.default_rng(seed + 100).uniform(-1, 1, size=(4, widths[0]))


@pytest.mark.parametrize(
    ("widths", "activation", "k"),
    [
        ([1, 3, 1], lr.RELU, 1),
        ([1, 2, 2, 2, 1], lr.RELU, 1),
        ([2, 3, 2, 1], lr.RELU, 2),
        ([2, 2, 1, 1, 1], lr.RELU, 2),
        ([3, 2, 2, 2, 1], lr.RELU, 3),
        ([2, 2, 2, 1], lr.HARD_TANH, 1),
        ([2, 2, 2, 1], lr.HARD_TANH, 2),
        ([2, 2, 2, 1], TENT, 2),
        ([3, 2, 2, 2], TENT, 1),
        ([2, 2, 2, 1], lr.ABS, 2),
        ([2, 2, 3, 1], lr.leaky_relu(0.1), 2),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_sum_over_all_sets_is_that_of_the_twin(widths, activation, k):
    found = 0.0
    for seed in range(3):
        net, points = draw(widths, activation, NormalBias(0.7), seed)
        values = boundary_integrand(net, points, NormalBias(0.7), k)
        twin = [all_sets(net, x, k, independent(*[NormalBias(0.7)] * 9)) for x in points]
        assert np.allclose(values, twin, rtol=1e-10, atol=1e-12)
        found += values.sum()
    assert found > 0


def test_laws_of_layers_and_skewed_densities_with_the_papers_sign():
    laws = [stats.gamma(2.0, scale=0.5), SKEWED, UniformBias(1.5)]
    net, points = draw([2, 3, 3, 2, 1], lr.RELU, laws, 4)
    for k in (1, 2):
        twin = [all_sets(net, x, k, independent(*laws)) for x in points]
        assert np.allclose(boundary_integrand(net, points, laws, k), twin, rtol=1e-10, atol=1e-12)


def test_density_given_all_other_biases():
    root = np.random.default_rng(0).normal(size=(6, 6))
    law = JointNormalBiases(root @ root.T + 0.2 * np.eye(6), np.linspace(-0.3, 0.3, 6))

    def density(given, network):
        """Density of all biases over that of the others."""
        biases = -np.concatenate([layer.bias for layer in network.layers[:-1]])
        rest = [z for z in range(6) if z not in given]
        block = law.covariance[np.ix_(rest, rest)]
        return normal_density(biases, law.mean, law.covariance) / normal_density(biases[rest], law.mean[rest], block)

    net, points = draw([3, 3, 2, 1, 1], lr.leaky_relu(0.2), law, 5)
    for k in (1, 2, 3):
        twin = [all_sets(net, x, k, density) for x in points]
        assert np.allclose(boundary_integrand(net, points, law, k), twin, rtol=1e-9, atol=1e-14)


def test_one_set_of_neurons_and_its_order():
    net, points = draw([2, 3, 3, 1], lr.HARD_TANH, NormalBias(1.0), 6)
    twin = [integrand(net, x, (1, 4), independent(*[NormalBias(1.0)] * 2)) for x in points]
    assert np.allclose(boundary_integrand(net, points, NormalBias(1.0), 2, neurons=[4, 1]), twin, rtol=1e-10)
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    parts = sum(boundary_integrand(net, points, NormalBias(1.0), 2, neurons=pair) for pair in pairs)
    assert np.allclose(parts, boundary_integrand(net, points, NormalBias(1.0), 2), rtol=1e-12)


def test_gram_determinant_does_not_depend_on_the_side():
    net, points = draw([2, 2, 2, 1], TENT, NormalBias(0.7), 7)
    density = independent(*[NormalBias(0.7)] * 2)
    for x in points:
        assert all_sets(net, x, 2, density, side=0) == pytest.approx(all_sets(net, x, 2, density, side=1), rel=1e-10)


def test_paths_need_weights_that_are_not_zero():
    # Neuron 0 reaches the output through neuron 2 alone, neuron 1 through neuron 3, which is always closed.
    net = lr.Network.from_layers(
        [(np.eye(2), [0.0, 0.0]), ([[1.0, 0.0], [0.0, 1.0]], [5.0, -500.0]), ([[1.0, 1.0]], [0.0])]
    )
    x = [[0.2, 0.3]]
    law = NormalBias(1.0)
    assert boundary_integrand(net, x, law, neurons=[0])[0] == pytest.approx(float(law.pdf(0.2)))
    assert boundary_integrand(net, x, law, neurons=[1])[0] == 0.0
    assert boundary_integrand(net, x, law, 2, neurons=[0, 1])[0] == 0.0
    for k in (1, 2):
        twin = all_sets(net, np.array(x[0]), k, independent(law, law))
        assert boundary_integrand(net, x, law, k)[0] == pytest.approx(twin, rel=1e-10)
    cut = lr.Network.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 0.0]], [0.0])])  # neuron 1 reaches no output
    assert boundary_integrand(cut, x, law, neurons=[1])[0] == 0.0
    assert boundary_integrand(cut, x, law, neurons=[0])[0] > 0.0


def test_sparse_networks_against_all_paths():
    rng = np.random.default_rng(8)
    law = NormalBias(0.8)
    net, points = draw([2, 3, 3, 2, 1], lr.RELU, law, 9)
    layers = [(layer.weight * (rng.random(layer.weight.shape) < 0.6), layer.bias) for layer in net.layers]
    layers[-1] = (net.layers[-1].weight, layers[-1][1])
    sparse = lr.Network.from_layers(layers)
    for k in (1, 2):
        twin = [all_sets(sparse, x, k, independent(law, law, law)) for x in points]
        assert max(twin) > 0
        assert np.allclose(boundary_integrand(sparse, points, law, k), twin, rtol=1e-10, atol=1e-13)


def test_identity_layers_have_no_neurons():
    law = NormalBias(1.0)
    rng = np.random.default_rng(10)
    layers = [(rng.normal(size=(3, 2)), rng.normal(size=3)) for _ in range(1)]
    layers += [(rng.normal(size=(3, 3)), rng.normal(size=3)), (rng.normal(size=(2, 3)), [0.1, 0.2])]
    net = lr.Network.from_layers([*layers, ([[1.0, -1.0]], [0.0])], [lr.RELU, lr.IDENTITY, lr.HARD_TANH])
    points = rng.normal(size=(3, 2))
    assert net.n_neurons == 5
    for k in (1, 2):
        twin = [all_sets(net, x, k, independent(law, law, law)) for x in points]
        assert np.allclose(boundary_integrand(net, points, law, k), twin, rtol=1e-10)


def test_where_a_neuron_ends_on_another_is_a_point_of_both():
    # x+ and y + 9 reach the output through one neuron: the line x = 0 ends where that neuron is closed.
    net = lr.Network.from_layers([(np.eye(2), [0.0, 9.0]), ([[1.0, 1.0]], [-9.0]), ([[1.0]], [0.0])])
    law = NormalBias(1.0)
    assert boundary_integrand(net, [[0.0, 0.0]], law, 2, neurons=[0, 2])[0] == pytest.approx(
        float(law.pdf(0.0) * law.pdf(9.0))
    )
    plane = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    assert plane.edge_is_linear_boundary.sum() == 3  # of four edges of activation regions that meet at the origin
    assert (plane.edge_neuron >= 0).sum() == 4


def test_own_bias_does_not_matter_and_restriction_to_directions():
    net, points = draw([4, 3, 3, 1], lr.RELU, NormalBias(1.0), 11)
    law = NormalBias(1.0)
    layers = [(np.array(layer.weight), np.array(layer.bias)) for layer in net.layers]
    layers[0][1][1] += 5.0
    moved = lr.Network.from_layers(layers)
    same = [boundary_integrand(one, points, law, neurons=[1]) for one in (net, moved)]
    assert np.array_equal(*same)
    assert not np.array_equal(*[boundary_integrand(one, points, law, neurons=[4]) for one in (net, moved)])
    frame = np.linalg.qr(np.random.default_rng(12).normal(size=(4, 2)))[0].T
    inside = lr.Network.from_layers(
        [(layers[0][0] @ frame.T, net.layers[0].bias), *[(a.weight, a.bias) for a in net.layers[1:]]]
    )
    y = np.random.default_rng(13).normal(size=(5, 2))
    for k in (1, 2):
        found = boundary_integrand(net, y @ frame, law, k, directions=frame)
        assert np.allclose(found, boundary_integrand(inside, y, law, k), rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"network": "net"}, r"`network` is str, but boundary_integrand needs a linregions.Network"),
        ({"points": [[0.0, 0.0, 0.0]]}, r"`points` has shape \(1, 3\), but boundary_integrand needs a last axis of 2"),
        ({"k": 3}, r"`k` is 3, but boundary_integrand needs at most as many as there are directions, 2"),
        ({"k": 0}, r"`k` is 0, but boundary_integrand needs at least 1"),
        (
            {"neurons": [1, 1], "k": 2},
            r"`neurons` is \[1, 1\], but boundary_integrand needs k = 2 distinct ones",
        ),
        ({"neurons": [5]}, r"`neurons` is \[5\], but boundary_integrand needs k = 1 distinct ones below 5"),
        ({"neurons": []}, r"`neurons` is \[\], but boundary_integrand needs k = 1 distinct ones below 5"),
        ({"directions": [[1.0, 1.0]]}, r"`directions` of shape \(1, 2\) is not orthonormal in 2 dimensions"),
        ({"biases": [NormalBias(1.0)]}, r"`biases` has 1 laws, but boundary_integrand needs one for each of the 2"),
        ({"biases": JointNormalBiases([[1.0]])}, r"`biases` is a joint law of 1 biases, but .* each of the 5 neurons"),
    ],
)
def test_what_cannot_be_evaluated_is_told(change, match):
    given = {
        "network": RandomNetworks([2, 3, 2, 1]).sample(0),
        "points": [[0.0, 0.0]],
        "biases": NormalBias(1.0),
        "k": 1,
    }
    with pytest.raises(lr.LinRegionsError, match=match):
        boundary_integrand(**{**given, **change})
