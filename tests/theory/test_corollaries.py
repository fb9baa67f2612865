"""Corollaries 4, 5, 7 and 8: bounds against exact counts, and the readings of the print that are wrong."""

import itertools
import math

import numpy as np
import pytest

import linregions as lr
from linregions._support.estimates import Estimate
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.theory import NormalBias, RandomNetworks, UniformBias
from linregions.theory.corollaries import (
    distance_lower_bound,
    eta,
    inverse_widths,
    proved_lower_bound,
    smallest_exponent,
    volume_lower_bound,
    volume_upper_bound,
)
from linregions.theory.neuron_statistics import gradient_moments, layer_means, neuron_statistics, root
from linregions.theory.relu_moments import (
    relu_derivative_moments,
    relu_good_probabilities,
    relu_gradient_moments,
    relu_mean_log_derivative,
    relu_pre_activation_moments,
)

NARROW = RandomNetworks([3, 4, 2, 3, 1], biases=NormalBias(0.6))
X = np.array([0.4, -1.0, 0.7])


def zigzag(breakpoints):
    """Slopes 1 and -1 in turn: gradients do not depend on how many breakpoints there are."""
    slopes = (-1.0) ** np.arange(len(breakpoints) + 1)
    return lr.PiecewiseLinear(breakpoints, slopes, (0.0, 0.0))


@pytest.fixture(scope="module")
def narrow():
    return neuron_statistics(NARROW, X, 5, 60_000)


# Appendix D, facts 1 to 4 --------------------------------------------------------------------------------------------


def agree(estimates, exact):
    return all(abs(one.z_score(value)) < 4 for one, value in zip(estimates, exact, strict=True))


def test_good_is_a_product_and_the_print_its_union_bound(narrow):
    exact = relu_good_probabilities(NARROW)
    np.testing.assert_allclose(exact, [(3 / 4) * (7 / 8), 7 / 8, 1.0])
    assert agree(layer_means(NARROW, narrow.good), exact)
    assert exact[0] >= 1 - sum(2.0**-n for n in (4, 2, 3))


def test_good_is_independent_of_the_pre_activation_and_its_gradient(narrow):
    weight = narrow.gradient_norms * np.exp(-(narrow.pre_activations**2))
    together = layer_means(NARROW, weight * narrow.good)
    apart = [one.value * p for one, p in zip(layer_means(NARROW, weight), relu_good_probabilities(NARROW), strict=True)]
    assert agree(together, apart)


def test_second_moment_of_pre_activations(narrow):
    exact = relu_pre_activation_moments(NARROW, X)
    size = float(X @ X)
    np.testing.assert_allclose(exact, 2 * size / 3 + np.array([0, 0.36, 0.72]))
    estimates = layer_means(NARROW, narrow.pre_activations**2)
    assert agree(estimates, exact)
    printed = 2 * (size / 3 + 0.36 * np.arange(1, 4))  # an upper bound, no equality
    assert all(one.z_score(value) < -10 for one, value in zip(estimates, printed, strict=True))


@pytest.mark.parametrize("weights", ["normal", "uniform"])
def test_moments_of_gradients(weights):
    law = RandomNetworks([3, 4, 2, 3, 1], weights=weights, biases=UniformBias(0.6))
    norms = neuron_statistics(law, X, 7, 60_000).gradient_norms
    second, fourth = relu_gradient_moments(law)
    np.testing.assert_allclose(second, 2.0)  # eq. (33)
    assert agree(layer_means(law, norms**2), second)
    assert agree(layer_means(law, norms**4), fourth)
    assert np.all(np.diff(fourth) > 0)


def test_moments_of_a_leaky_network():
    law = RandomNetworks([2, 3, 4, 1], activation=lr.leaky_relu(0.5), weight_gain=1.6, biases=NormalBias(0.5))
    norms = neuron_statistics(law, X[:2], 3, 60_000).gradient_norms
    for power, exact in zip((2, 4), relu_gradient_moments(law), strict=True):
        assert agree(layer_means(law, norms**power), exact)


def test_one_input_grows_by_five_over_the_width():
    law = RandomNetworks([1, 7, 3, 2, 1])
    np.testing.assert_allclose(relu_gradient_moments(law)[1], 12 * np.cumprod([1, 1 + 5 / 7, 1 + 5 / 3]))
    np.testing.assert_allclose(relu_derivative_moments(law, 4), relu_gradient_moments(law)[1])
    np.testing.assert_allclose(relu_derivative_moments(law, 2), 2.0)


def test_single_derivatives(narrow):
    scaled = math.sqrt(3) * np.abs(narrow.derivatives)
    for order in (1, 3):
        assert agree(layer_means(NARROW, scaled**order), relu_derivative_moments(NARROW, order))
    with np.errstate(divide="ignore"):
        logs = np.log(scaled**2)
    assert np.isneginf(logs).any()  # so the mean of (34) does not exist without a condition
    exact = relu_mean_log_derivative(NARROW)
    assert agree(layer_means(NARROW, np.where(narrow.alive, logs, np.nan)), exact)
    assert exact[0] == pytest.approx(-0.5772156649)


def test_mean_log_derivative_of_wide_networks_goes_down_by_five_halves_over_the_width():
    law = RandomNetworks([2, 200, 100, 400, 1])
    steps = relu_mean_log_derivative(law) + 0.5772156649
    np.testing.assert_allclose(steps, -2.5 * np.array([0, 1 / 200, 1 / 200 + 1 / 100]), rtol=0.02, atol=1e-9)


def test_gradients_do_not_depend_on_the_input(narrow):
    far = neuron_statistics(NARROW, 100 * X, 8, 60_000)
    for a, b in zip(layer_means(NARROW, narrow.gradient_norms), layer_means(NARROW, far.gradient_norms), strict=True):
        assert abs(a.z_score(b)) < 4


def test_statistics_are_those_of_the_networks_drawn():
    law = RandomNetworks([5, 3, 4, 1], lr.HARD_TANH, biases=UniformBias(1.0), weight_gain=3.0)
    x = np.linspace(-1, 1, 5)
    found = neuron_statistics(law, x, 9, 6)
    weights, biases = law.sample_parameters(np.random.default_rng(9), 6)
    for k in range(6):
        net = law.network([weight[k] for weight in weights], biases[k])
        z = np.concatenate(net.pre_activations(x)) + biases[k]
        np.testing.assert_allclose(found.pre_activations[k], z)
        step = 1e-6 * np.eye(5)
        differences = [np.concatenate(net.pre_activations(x + h)) - (z - biases[k]) for h in step]
        jacobian = np.array(differences).T / 1e-6
        np.testing.assert_allclose(found.gradient_norms[k], np.linalg.norm(jacobian, axis=1), rtol=1e-4, atol=1e-8)
        np.testing.assert_allclose(found.derivatives[k], jacobian[:, 0], rtol=1e-4, atol=1e-8)
        open_ = np.abs(z - biases[k]) < 1
        assert found.good[k, 3:].all()
        np.testing.assert_array_equal(found.good[k, :3], open_[3:].any())
        np.testing.assert_array_equal(found.alive[k, 3:], open_[:3].any())


# C_grad ---------------------------------------------------------------------------------------------------------------


def test_largest_moments_of_gradients():
    first, fourth = gradient_moments(NARROW, [X], [1, 4], 2, networks=20_000)
    assert first.value < math.sqrt(2)  # so C_grad of k = 1 does not grow at all
    assert abs(fourth.z_score(relu_gradient_moments(NARROW)[1].max())) < 4
    grown = root(fourth, 4)
    assert grown.value**4 == pytest.approx(fourth.value)
    assert grown.stderr == pytest.approx(fourth.stderr / (4 * grown.value**3))
    assert fourth.n == 20_000
    assert fourth.seed == 2


def test_corollary_4_needs_the_k_th_moment_not_the_2k_th():
    # One layer with flat bias density: (9) is an equality with E||grad z||. Small weights tell the units apart.
    law = RandomNetworks([1, 6, 1], weight_gain=0.02, biases=UniformBias(5.0))
    density = 6 * math.sqrt(0.02 * 2 / math.pi) / 10  # N E|w| rho
    (first, second) = gradient_moments(law, [[0.0]], [1, 2], 0, networks=20_000)
    assert volume_upper_bound(law, 1, first.value) == pytest.approx(density, rel=0.01)
    assert volume_upper_bound(law, 1, second.value) < 0.2 * density


# Volumes --------------------------------------------------------------------------------------------------------------


def counted(law, half, networks, seed):
    """Breakpoints of random networks with one input on [-half, half], per unit of length."""
    rng = np.random.default_rng(seed)
    segment = lr.Segment([-half], [half])
    counts = [lr.count_regions(law.sample(rng), segment, "linear") - 1 for _ in range(networks)]
    return Estimate.from_samples(np.array(counts) / (2 * half))


@pytest.mark.parametrize("activation", [lr.RELU, lr.HARD_TANH, zigzag([-1.0, 0.0, 1.0])], ids=["1", "2", "3"])
def test_upper_bound_holds_without_the_factor_two(activation):
    law = RandomNetworks([1, 6, 6, 1], activation, biases=NormalBias(1.0))
    density = counted(law, 0.5, 200, 1)
    points = np.linspace(0, 0.5, 3)[:, None]
    (moment,) = gradient_moments(law, points, [1], 1)
    bound = volume_upper_bound(law, 1, moment.value)
    assert bound > density.value > 0.3 * bound
    assert volume_upper_bound(law, 1, moment.value, factor=2) == pytest.approx(2 * bound)


def test_lower_bounds():
    for bias in (NormalBias(2.0), UniformBias(4.0)):
        law = RandomNetworks([1, 8, 8, 1], biases=bias)
        density = counted(law, 1.0, 200, 2).value
        assert 0 < proved_lower_bound(law, 1.0) < density
        exponent = smallest_exponent(law, 1, 1.0, density)
        assert volume_lower_bound(law, 1, eta(law, 1.0, exponent)) <= density * (1 + 1e-9)
        if exponent:
            assert volume_lower_bound(law, 1, eta(law, 1.0, 0.99 * exponent)) > density


def test_eta_needs_a_square_root():
    # Another unit for inputs and biases must not decide whether (10) holds.
    def case(unit, printed):
        law = RandomNetworks([1, 50, 1], biases=NormalBias(unit))
        radius = 4 * unit
        x = np.linspace(-radius, radius, 2001)[:, None]
        variance = 2 * x**2 + unit**2  # of w x - b: the density of breakpoints is a mean of E|w| given w x = b
        density = 50 * np.mean(2 * unit / (math.pi * variance) * math.sqrt(2))
        width = eta(law, radius, 1.0) ** (2 if printed else 1)
        return volume_lower_bound(law, 1, width) / density

    assert case(1.0, False) < 1
    assert case(1e-3, False) == pytest.approx(case(1.0, False))
    assert case(1e-3, True) > 1  # as printed, eta = 1.7e-5 and the bound is too high


def test_the_lower_bound_needs_a_constant_that_depends_on_the_weights():
    # Nearly all weights are nearly zero, the variance is 2 / fan-in all the same.
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(200_000,)) * np.where(rng.random(200_000) < 0.01, 10.0, 0.0) * math.sqrt(2)
    assert np.var(weights) == pytest.approx(2, rel=0.05)
    law = RandomNetworks([1, 400, 1], biases=UniformBias(100.0))
    density = 400 * np.abs(weights).mean() / 200  # flat: N E|w| rho
    assert eta(law, 1.0, 50.0) < 100
    assert volume_lower_bound(law, 1, eta(law, 1.0, 50.0)) > 5 * density


def test_no_exponent_saves_the_lower_bound_for_three_neurons_and_three_inputs():
    # At He initialisation with normal weights, too: E|det| of three gradients is 0.869, where (10) needs at least 1.
    law = RandomNetworks([3, 12, 1], biases=UniformBias(6.0))
    weights, biases = law.sample_parameters(np.random.default_rng(8), 4000)
    triples = np.array(list(itertools.combinations(range(12), 3)))
    matrices, sides = weights[0][:, triples], biases[:, triples]
    corners = np.linalg.solve(matrices, sides[..., None])[..., 0]
    counts = (np.abs(corners) < 1).all(axis=2).sum(axis=1)
    density = Estimate.from_samples(counts / 8.0)
    mean_determinant = (2 / 3) ** 1.5 * math.prod(
        math.sqrt(2) * math.gamma((n + 1) / 2) / math.gamma(n / 2) for n in (1, 2, 3)
    )
    assert mean_determinant == pytest.approx(0.8687, abs=1e-4)
    assert abs(density.z_score(220 * mean_determinant / 12**3)) < 4  # theorem 3 for k = 3
    bound = volume_lower_bound(law, 3, eta(law, math.sqrt(3), 5.0))
    assert bound == pytest.approx(220 / 12**3)
    assert density.z_score(bound) < -4


def test_units_of_eta_and_inverse_widths():
    law = RandomNetworks([4, 10, 5, 1], biases=[NormalBias(1.0), UniformBias(3.0)])
    assert inverse_widths(law) == pytest.approx(0.3)
    assert eta(law, 2.0, 0.0) == pytest.approx(math.sqrt(1 + 1 + 3))
    assert eta(law, 2.0, 2.0) == pytest.approx(math.sqrt(5) * math.exp(0.6))


# Distances ------------------------------------------------------------------------------------------------------------


def distances(law, networks, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(networks, 200, law.n_in))
    return Estimate.from_samples([lr.boundary_distance(law.sample(rng), x).mean() for x in points])


def test_distance_bound_and_breakpoints_in_the_denominator():
    products, first = [], None
    for breakpoints in ([0.0], [-0.3, 0.3], np.linspace(-0.9, 0.9, 12)):
        law = RandomNetworks([2, 8, 8, 1], zigzag(breakpoints), weight_gain=1.0, biases=UniformBias(3.0))
        (moment,) = gradient_moments(law, [[0.5, 0.5]], [1], 4)
        measured, bound = distances(law, 60, 4), distance_lower_bound(law, moment.value)
        assert bound < measured.value
        products.append(measured.value / bound)
        first = first or measured
    assert measured.value < first.value / 8  # with T = 12; T in the numerator would have it grow
    assert max(products) / min(products) < 1.3


def test_bad_input():
    law = RandomNetworks([2, 3, 1])
    with pytest.raises(InvalidTypeError, match="`law` is int, but volume_upper_bound needs RandomNetworks"):
        volume_upper_bound(3, 1, 1.0)
    with pytest.raises(InvalidValueError, match=r"`k` is 3 for 2 inputs, but volume_lower_bound needs a codimension"):
        volume_lower_bound(law, 3, 1.0)
    with pytest.raises(InvalidValueError, match="`c_grad` is -1, but distance_lower_bound needs a positive number"):
        distance_lower_bound(law, -1.0)
    with pytest.raises(InvalidValueError, match=r"`density` is 0, but smallest_exponent needs a positive number"):
        smallest_exponent(law, 1, 1.0, 0.0)
    with pytest.raises(InvalidValueError, match="`x` has 3 coordinates, but neuron_statistics needs the 2 inputs"):
        neuron_statistics(law, X, 0, 10)
    with pytest.raises(InvalidValueError, match="`x` has 3 coordinates, but relu_pre_activation_moments needs the 2"):
        relu_pre_activation_moments(law, X)
    with pytest.raises(InvalidValueError, match=r"`points` has shape \(0, 2\), but gradient_moments needs at least"):
        gradient_moments(law, np.zeros((0, 2)), [1], 0)
    with pytest.raises(InvalidValueError, match="activation hard_tanh, but relu_gradient_moments needs one breakpoint"):
        relu_gradient_moments(RandomNetworks([2, 3, 1], lr.HARD_TANH))
    with pytest.raises(InvalidValueError, match="activation abs, but relu_good_probabilities needs ReLU"):
        relu_good_probabilities(RandomNetworks([2, 3, 1], lr.ABS))
    with pytest.raises(InvalidValueError, match="uniform weights, but relu_mean_log_derivative needs normal ones"):
        relu_mean_log_derivative(RandomNetworks([2, 3, 1], weights="uniform"))

    class Shifted(NormalBias):
        def pdf(self, x, /):
            return super().pdf(np.asarray(x) - 1.0)

        def rvs(self, *, size=None, random_state):
            return super().rvs(size=size, random_state=random_state) + 1.0

    with pytest.raises(InvalidValueError, match="density is not symmetric, but proved_lower_bound needs that of b"):
        proved_lower_bound(RandomNetworks([2, 3, 1], biases=Shifted(0.5)), 1.0)
