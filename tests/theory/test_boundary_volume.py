"""Both sides of Theorems 3 and 6: closed forms, agreement within error bars, and how K may be given."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from scipy import stats

import linregions as lr
from linregions.theory import (
    FewPointsWarning,
    JointNormalBiases,
    NormalBias,
    RandomNetworks,
    UniformBias,
    boundary_integrand,
    expected_boundary_volume,
    measured_boundary_volume,
)
from linregions.theory._flats import bounded_domain, simplex_volumes
from linregions.theory._strata import _mass, points_in, refined_cells
from tests.reference.exact_boxes import exact_boxes
from tests.support.examples import pairs

TENT = lr.PiecewiseLinear((-0.5, 0.0, 0.5), (0.0, 2.0, -1.0, 0.0), anchor=(0.0, 0.3), name="tent")
INTERVAL, SQUARE = lr.Segment([-1.0], [1.0]), lr.Box([-1.0, -1.0], [1.0, 1.0])
CUBE = lr.Box(-np.ones(3), np.ones(3))
ORIGIN = np.random.default_rng(0).uniform(0.0, 0.6, size=784)
FRAME = np.linalg.qr(np.random.default_rng(1).normal(size=(784, 2)))[0].T
LINE = lr.Segment(ORIGIN - 2.0 * FRAME[0], ORIGIN + 2.0 * FRAME[0])
PLANE = lr.PlaneWindow.square(ORIGIN, FRAME, 1.0)
SLANTED = lr.PlaneWindow([0.1, 0.0, 0.2, 0.0, 0.3], [[1, 0, 0, 2, 0], [1, 1, 0, 0, 0]], [[-1, -1], [1, -0.5], [0, 1]])


def correlated(n, correlation, sd=1.0):
    return JointNormalBiases(sd**2 * (np.full((n, n), correlation) + (1 - correlation) * np.eye(n)))


QUICK = {
    "paper, interval": (RandomNetworks([1, 8, 8, 1]), INTERVAL, 1, 300, 64),
    "narrow and deep": (RandomNetworks([1, 2, 3, 2, 2, 2, 1], biases=NormalBias(0.5)), INTERVAL, 1, 1500, 32),
    "hard tanh, uniform": (RandomNetworks([1, 4, 4, 1], lr.HARD_TANH, biases=UniformBias(1.0)), INTERVAL, 1, 800, 64),
    "skewed": (RandomNetworks([1, 3, 3, 1], biases=stats.gamma(2.0, scale=0.3)), INTERVAL, 1, 1000, 32),
    "T = 3, uniform weights": (
        RandomNetworks([1, 3, 3, 2], TENT, "uniform", biases=NormalBias(0.5)),
        INTERVAL,
        1,
        800,
        64,
    ),
    "joint": (RandomNetworks([1, 2, 2, 1], biases=correlated(4, 0.8)), INTERVAL, 1, 1000, 32),
    "paper, rectangle": (RandomNetworks([2, 4, 4, 1]), ([-1.0, -0.5], [1.0, 1.0]), 1, 800, 64),
    "leaky, triangle": (RandomNetworks([5, 4, 4, 1], lr.leaky_relu(0.1), biases=NormalBias(0.5)), SLANTED, 1, 1000, 32),
    "vertices": (RandomNetworks([2, 3, 3, 1], biases=NormalBias(0.5)), SQUARE, 2, 600, 32),
    "vertices, narrow behind": (RandomNetworks([2, 4, 1, 2, 1], biases=NormalBias(0.4)), SQUARE, 2, 600, 32),
    "vertices, hard tanh": (RandomNetworks([2, 3, 3, 1], lr.HARD_TANH, biases=UniformBias(1.0)), SQUARE, 2, 300, 32),
    "vertices, abs, skewed": (RandomNetworks([2, 3, 3, 1], lr.ABS, biases=stats.skewnorm(4.0)), SQUARE, 2, 500, 32),
    "vertices, slanted, joint": (RandomNetworks([5, 2, 2, 1], biases=correlated(4, 0.7)), SLANTED, 2, 800, 32),
    "line in 784": (RandomNetworks([784, 16, 16, 1]), LINE, 1, 200, 64),
    "area in 3": (RandomNetworks([3, 4, 4, 1], biases=NormalBias(0.5)), ([-1.0] * 3, [1.0] * 3), 1, 1000, 32),
}  # fmt: skip


@pytest.mark.parametrize("name", pairs(QUICK, [()], 2))
def test_both_sides_agree(name):
    law, domain, k, n_networks, n_points = QUICK[name]
    right = expected_boundary_volume(law, domain, k, rng=1, n_networks=n_networks, n_points=n_points)
    left = measured_boundary_volume(law, domain, k, rng=2, n_networks=n_networks)
    assert right.n == left.n == n_networks
    assert (right.seed, left.seed) == (1, 2)
    assert abs(right.z_score(left)) < 4
    assert right.stderr < 0.1 * right.value  # close enough to tell


SLOW = {
    "paper, interval": (RandomNetworks([1, 16, 16, 16, 1]), INTERVAL, 1, 2000, 128),
    "five layers": (RandomNetworks([1, 8, 8, 8, 8, 8, 1], biases=NormalBias(0.3)), INTERVAL, 1, 2000, 64),
    "paper, square": (RandomNetworks([2, 8, 8, 1]), SQUARE, 1, 6000, 128),
    "paper, vertices": (RandomNetworks([2, 4, 4, 1]), SQUARE, 2, 2000, 512),
    "T = 3, vertices": (RandomNetworks([2, 3, 3, 1], TENT, biases=NormalBias(0.5)), SQUARE, 2, 1500, 32),
    "paper, plane in 784": (RandomNetworks([784, 16, 16, 1]), PLANE, 1, 1500, 64),
    "paper, vertices in 784": (RandomNetworks([784, 8, 8, 1]), PLANE, 2, 1500, 512),
    "paper, line in 784": (RandomNetworks([784, 64, 64, 64, 1]), LINE, 1, 500, 256),
    "edges in 3": (RandomNetworks([3, 4, 3, 1], biases=NormalBias(0.5)), ([-1.0] * 3, [1.0] * 3), 2, 2500, 32),
    "volume in 784": (RandomNetworks([784, 8, 8, 1], biases=NormalBias(0.3)), ([0.0] * 784, [1.0] * 784), 1, 8000, 16),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_both_sides_agree_on_more(name):
    law, domain, k, n_networks, n_points = SLOW[name]
    right = expected_boundary_volume(law, domain, k, rng=1, n_networks=n_networks, n_points=n_points)
    left = measured_boundary_volume(law, domain, k, rng=2, n_networks=n_networks)
    assert abs(right.z_score(left)) < 4
    assert right.stderr < 0.08 * right.value


def test_one_layer_on_an_interval_in_closed_form():
    # The zero of w x - b is Cauchy with the scale sd(b) / sd(w).
    for sd, law in ((1e-3, NormalBias(1e-3)), (1.0, stats.norm(0.0, 1.0))):
        # So many networks that some have a zero outside the interval at the smaller scale.
        exact = 6 * 2 / math.pi * math.atan(math.sqrt(2.0) / sd)
        nets = RandomNetworks([1, 6, 1], biases=law)
        right = expected_boundary_volume(nets, INTERVAL, rng=3, n_networks=500, n_points=64)
        assert abs(right.z_score(exact)) < 4
        assert right.stderr < 0.05 * exact
        assert abs(measured_boundary_volume(nets, INTERVAL, rng=4, n_networks=1500).z_score(exact)) < 4


def test_vertices_of_one_layer_in_closed_form():
    # (x, 1 / s) of the solution of W x = b has a uniform direction: the chance is the square's solid angle over 2 pi.
    for sd in (0.01, 1.0):
        s = sd / math.sqrt(2 / 2)
        exact = math.comb(5, 2) * 4 * math.asin(1 / (1 + s * s)) / (2 * math.pi)
        nets = RandomNetworks([2, 5, 1], biases=NormalBias(sd))
        right = expected_boundary_volume(nets, SQUARE, 2, rng=5, n_networks=200, n_points=512)
        assert abs(right.z_score(exact)) < 4
        assert right.stderr < 0.1 * exact
        assert abs(measured_boundary_volume(nets, SQUARE, 2, rng=6, n_networks=400).z_score(exact)) < 4


@pytest.mark.parametrize("sd", [0.1, 1.0])
def test_vertices_of_one_layer_of_three_inputs_in_closed_form(sd):
    # The solution of W x = b has the law of Cauchy in three dimensions.
    s = sd / math.sqrt(2 / 3)
    nodes, shares = np.polynomial.legendre.leggauss(200)
    r2 = nodes[:, None, None] ** 2 + nodes[:, None] ** 2 + nodes**2
    density = s / (math.pi**2 * (s * s + r2) ** 2)
    exact = math.comb(5, 3) * np.einsum("ijk,i,j,k->", density, shares, shares, shares)
    nets = RandomNetworks([3, 5, 1], biases=NormalBias(sd))
    right = expected_boundary_volume(nets, CUBE, 3, rng=5, n_networks=150, n_points=512)
    assert abs(right.z_score(exact)) < 4
    assert right.stderr < 0.1 * exact


@pytest.mark.parametrize("widths", [[3, 4, 3, 1], [4, 4, 2, 1]])
def test_places_of_three_neurons_equal_the_exact_twin(widths):
    law, box = RandomNetworks(widths, biases=NormalBias(0.5)), lr.Box(-np.ones(widths[0]), np.ones(widths[0]))
    right = expected_boundary_volume(law, box, 3, rng=5, n_networks=200, n_points=128)
    rng = np.random.default_rng(6)
    left = [exact_boxes(law.sample(rng), box).strata("linear")[3] for _ in range(80 if widths[0] == 3 else 20)]
    assert abs(right.z_score(lr.Estimate.from_samples(np.array(left)))) < 4
    assert right.stderr < 0.1 * right.value


@pytest.mark.parametrize(
    ("law", "domain", "k", "n_networks"),
    [
        (RandomNetworks([1, 3, 3, 1], biases=UniformBias(1.0)), INTERVAL, 1, 1500),
        (RandomNetworks([2, 3, 3, 1], biases=NormalBias(0.5)), SQUARE, 1, 1500),
        (RandomNetworks([2, 3, 3, 1], biases=NormalBias(0.5)), SQUARE, 2, 800),
        (RandomNetworks([5, 3, 3, 1], biases=NormalBias(1.0)), SLANTED, 2, 800),
        (RandomNetworks([3, 3, 3, 1], biases=NormalBias(0.5)), ([-1.0] * 3, [1.0] * 3), 1, 1500),
        (RandomNetworks([3, 3, 3, 1], biases=NormalBias(0.5)), ([-1.0] * 3, [1.0] * 3), 2, 1500),
        (RandomNetworks([3, 3, 2, 1], lr.HARD_TANH, biases=UniformBias(1.0)), ([-1.0] * 3, [1.0] * 3), 3, 300),
        (RandomNetworks([4, 4, 2, 1], biases=NormalBias(0.5)), ([-1.0] * 4, [1.0] * 4), 4, 300),
    ],
)
def test_cells_and_uniform_points_have_the_same_mean(law, domain, k, n_networks):
    cells, uniform = (
        expected_boundary_volume(law, domain, k, rng=seed, n_networks=n_networks, n_points=32, sampling=sampling)
        for seed, sampling in ((7, "cells"), (8, "uniform"))
    )
    assert abs(cells.z_score(uniform)) < 4


def test_uniform_points_are_the_integrand_at_points():
    law = RandomNetworks([3, 4, 3, 1], biases=NormalBias(0.7))
    low, high = np.array([0.0, -1.0, 0.5]), np.array([1.0, 1.0, 1.5])
    found = expected_boundary_volume(law, (low, high), 2, rng=9, n_networks=2, n_points=50, sampling="uniform")
    rng = np.random.default_rng(9)
    weights, biases = law.sample_parameters(rng, 2)
    points = lr.Box(low, high).uniform_points(100, rng).reshape(2, 50, 3)
    samples = []
    for i in range(2):
        net = law.network([w[i] for w in weights], biases[i])
        samples.append(2.0 * boundary_integrand(net, points[i], law.biases, 2).mean())
    assert found.value == pytest.approx(np.mean(samples), rel=1e-10)
    assert found.stderr == pytest.approx(np.std(samples, ddof=1) / math.sqrt(2), rel=1e-9)


def test_good_is_judged_with_the_bias_that_puts_the_neuron_there():
    # Behind a neuron on its breakpoint, a chain with positive b_z is closed: the first neuron is never good. Were its
    # bias drawn independently of x, it often would be.
    law = RandomNetworks([1, 1, 1, 1], biases=stats.gamma(2.0, scale=0.2))
    rng = np.random.default_rng(10)
    literal = 0.0
    for _ in range(100):
        net, x = law.sample(rng), np.array([rng.uniform(-1, 1)])
        assert boundary_integrand(net, x[None], law.biases, neurons=[0])[0] == 0.0
        first, second = net.pre_activations(x)
        z = first[0] - net.layers[0].bias[0]
        literal += abs(net.layers[0].weight[0, 0]) * float(law.biases.pdf(z)) * (second[0] > 0)
        cut = lr.partition(net, INTERVAL)
        assert 0 not in cut.neurons[cut.is_linear_boundary]
    assert literal > 0


def test_joint_density_is_that_given_the_other_biases():
    # Two neurons in a chain, phi = |t|: everything is good, and all breakpoints are known. The density of each b_z by
    # itself, whatever the other one is, would give another mean.
    law = RandomNetworks([1, 1, 1, 1], lr.ABS, biases=correlated(2, 0.95))
    right = expected_boundary_volume(law, lr.Segment([-0.2], [0.2]), rng=11, n_networks=4000, n_points=32)
    rng, sd = np.random.default_rng(12), math.sqrt(1 - 0.95**2)
    v, w = math.sqrt(2) * rng.normal(size=(2, 200_000))
    b, noise = rng.normal(size=(2, 200_000))
    c = 0.95 * b + sd * noise
    roots = np.stack([b / v, (b + c / w) / v, (b - c / w) / v])
    left = np.count_nonzero((np.abs(roots) < 0.2) & np.stack([c == c, c / w > 0, c / w > 0]), axis=0)
    assert abs(right.z_score(lr.Estimate.from_samples(left))) < 4
    x = rng.uniform(-0.2, 0.2, size=200_000)
    alone = np.abs(v) * NormalBias(1.0).pdf(v * x) + np.abs(v * w) * NormalBias(1.0).pdf(w * np.abs(v * x - b))
    assert abs(right.z_score(lr.Estimate.from_samples(0.4 * alone))) > 6


def test_a_path_counts_with_all_its_legs():
    law = RandomNetworks([2, 4, 4, 1], biases=NormalBias(0.5))
    corners = [[-1.0, 0.3], [0.2, 0.9], [0.4, -0.5], [-1.0, 0.3]]
    right = expected_boundary_volume(law, lr.Path(corners), rng=14, n_networks=500, n_points=16)
    left = measured_boundary_volume(law, lr.Path(corners), rng=15, n_networks=500)
    assert abs(right.z_score(left)) < 4
    assert right.stderr < 0.1 * right.value
    rng = np.random.default_rng(15)
    counts = [lr.count_regions(law.sample(rng), lr.Path(corners), "linear") - 1 for _ in range(500)]
    assert left.value == pytest.approx(np.mean(counts))


def test_few_points_in_a_narrow_density_are_told_or_more_are_taken():
    # Two lines in general position meet in the square with a probability that is known.
    law, s = RandomNetworks([2, 5, 1]), 1e-3 / math.sqrt(2 / 2)
    exact = math.comb(5, 2) * 4 * math.asin(1 / (1 + s * s)) / (2 * math.pi)
    with pytest.warns(FewPointsWarning, match=r"`n_points` is 32, but so few points carry the mean over 100 networks"):
        expected_boundary_volume(law, SQUARE, 2, rng=16, n_networks=100, n_points=32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enough = expected_boundary_volume(law, SQUARE, 2, rng=16, n_networks=100)
    assert abs(enough.z_score(exact)) < 4
    assert enough.stderr < 0.1 * exact


def test_no_neurons_no_boundary():
    law = RandomNetworks([2, 1])
    assert expected_boundary_volume(law, SQUARE, rng=0, n_networks=3).value == 0.0
    assert measured_boundary_volume(law, SQUARE, rng=0, n_networks=3).value == 0.0


def test_the_same_domain_in_different_words():
    law = RandomNetworks([2, 3, 1], biases=NormalBias(1.0))
    window = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
    ways = [SQUARE, ([-1.0, -1.0], [1.0, 1.0]), (np.array([-1, -1]), np.array([1, 1])), window]
    for k in (1, 2):
        left = {measured_boundary_volume(law, way, k, rng=1, n_networks=3).value for way in ways}
        assert len(left) == 1
    law = RandomNetworks([1, 3, 1], biases=NormalBias(1.0))
    left = [measured_boundary_volume(law, way, rng=1, n_networks=20).value for way in (INTERVAL, ([-1.0], [1.0]))]
    assert left[0] == left[1]
    # Mirrored or skewed bases span the same window.
    mirrored = lr.PlaneWindow(
        [0.0, 0.0], [[0.0, 2.0], [0.5, 0.0]], [[-0.5, -2.0], [0.5, -2.0], [0.5, 2.0], [-0.5, 2.0]]
    )
    flat = bounded_domain(mirrored, 2, 2, "test").flat
    corners = flat.origin + flat.corners @ flat.frame
    assert np.allclose(np.abs(corners), 1.0)
    assert simplex_volumes(flat.simplices()).sum() == pytest.approx(4.0)


def test_cells_fill_the_domain_and_gather_where_switches_are():
    rng = np.random.default_rng(13)

    def spike(points):
        return (0.5 * np.tanh((points[..., :1] - 0.3) / 1e-3)).astype(np.float32)

    cells = refined_cells(np.array([[[[-1.0], [1.0]]]]), spike, 64)
    assert cells.shape == (1, 64, 2, 1)
    assert simplex_volumes(cells).sum() == pytest.approx(2.0)
    middle = cells.mean(axis=(2, 3))[0]
    assert np.count_nonzero(np.abs(middle - 0.3) < 5e-3) > 20

    def corner(points):
        return (0.5 * np.tanh(points / 1e-2)).astype(np.float32)

    square = np.array([[[-1, -1], [1, -1], [1, 1]], [[-1, -1], [1, 1], [-1, 1]]], dtype=float)
    cells = refined_cells(square[None], corner, 200)
    assert simplex_volumes(cells).sum() == pytest.approx(4.0)
    points = points_in(np.repeat(cells, 50, axis=0), rng)
    assert np.count_nonzero(np.abs(points).max(axis=2) < 0.1) > 0.3 * points[..., 0].size
    weights = simplex_volumes(cells)
    assert (points**2 @ [1.0, 1.0] * weights).sum() / 50 == pytest.approx(8 / 3, rel=0.02)

    for k in (3, 4):
        (flat,) = [bounded_domain(lr.Box(-np.ones(k), np.ones(k)), k, k, "test").section(k, rng)]
        assert flat.weight == 1.0
        cells = refined_cells(flat.simplices()[None], corner, 600)
        assert cells.shape == (1, 600, k + 1, k)
        assert simplex_volumes(cells).sum() == pytest.approx(2.0**k)
        points = points_in(np.repeat(cells, 50, axis=0), rng)
        assert np.count_nonzero(np.abs(points).max(axis=2) < 0.5) > 1.5 * 0.5**k * points[..., 0].size
        weights = simplex_volumes(cells)
        assert (points**2 @ np.ones(k) * weights).sum() / 50 == pytest.approx(k * 2.0**k / 3, rel=0.02)


def test_masses_of_cells_are_elementary_symmetric_polynomials():
    spread = np.random.default_rng(0).uniform(size=(2, 3, 6))
    found = np.stack([np.zeros_like(spread), spread, 0.5 * spread], axis=2).astype(np.float32)
    for k in (1, 2, 3, 4):
        products = [np.prod(spread[..., list(chosen)], axis=2) for chosen in itertools.combinations(range(6), k)]
        np.testing.assert_allclose(_mass(found, k), np.sum(products, axis=0), rtol=1e-5)


@pytest.mark.parametrize("side", [expected_boundary_volume, measured_boundary_volume])
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"domain": lr.Line([0.0, 0.0], [1.0, 0.0])}, r"`domain` is an unbounded Line, but .* needs a bounded domain"),
        ({"domain": lr.Ray([0.0, 0.0], [1.0, 0.0])}, r"`domain` is an unbounded Ray"),
        ({"domain": ([0.0, 0.0], [1.0, np.inf])}, r"`high` holds 1 NaN or infinite value"),
        ({"domain": ([0.0, 1.0], [1.0, 0.0])}, r"`low` is 1 and `high` 0 in coordinate 1, but Box needs low < high"),
        ({"domain": lr.Path([[0.0, 0.0], [1.0, 0.0]]), "k": 2}, r"`k` is 2 and the domain has 1 dimension\(s\), but"),
        ({"domain": 3.0}, r"`domain` is float, but .* needs a Segment, a Path, a PlaneWindow, a Box or a pair"),
        ({"domain": lr.Segment([0.0], [1.0])}, r"`domain` lives in 1 dimensions, but .* needs the networks' 2 inputs"),
        ({"domain": lr.Segment([0.0, 0.0], [1.0, 0.0]), "k": 2}, r"`k` is 2 and the domain has 1 dimension\(s\), but"),
        ({"k": 3}, r"`k` is 3 and the domain has 2 dimension\(s\), but"),
        (
            {"law": RandomNetworks([6, 3, 1]), "domain": lr.Box(np.zeros(6), np.ones(6)), "k": 3},
            r"`k` is 3 in 6 dimensions, but .* needs 1 or 2 beyond boxes of 5 inputs",
        ),
        ({"k": 0}, r"`k` is 0, but .* needs at least 1"),
        ({"law": lr.RELU}, r"`law` is PiecewiseLinear, but .* needs linregions.theory.RandomNetworks"),
        ({"n_networks": 1}, r"`n_networks` is 1, but .* needs at least 2"),
        ({"rng": None}, r"`rng` is NoneType, but .* needs a numpy.random.Generator"),
    ],
)
def test_what_has_no_boundary_volume_is_told(side, change, match):
    given = {"law": RandomNetworks([2, 3, 1]), "domain": SQUARE, "k": 1, "rng": 0, **change}
    with pytest.raises(lr.LinRegionsError, match=match):
        side(**given)


def test_more_dimensions_than_inputs_are_told():
    with pytest.raises(ValueError, match=r"`k` is 2 and the domain has 1 dimension"):
        expected_boundary_volume(RandomNetworks([1, 3, 1]), INTERVAL, 2, rng=0)
    with pytest.raises(ValueError, match=r"`sampling` is 'grid', but expected_boundary_volume needs one of"):
        expected_boundary_volume(RandomNetworks([1, 3, 1]), INTERVAL, rng=0, sampling="grid")
    with pytest.raises(ValueError, match=r"`n_points` is 0, but expected_boundary_volume needs at least 1"):
        expected_boundary_volume(RandomNetworks([1, 3, 1]), INTERVAL, rng=0, n_points=0)
