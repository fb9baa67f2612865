"""What lines count as undecided: all that rounding may have changed, and nothing that it cannot."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import IDENTITY, RELU, Line, Network, Path, Ray, Segment
from linregions.exact.steps import multiples, steps_of, value_beside
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.lines.knobs import Knobs
from linregions.regions.lines.partition import LinePartition
from tests.reference.lines_exact import exact_line

TENTHS = [([[1.0], [1.0]], [0.0, -10.0]), ([[0.7, 0.0]], [-7.0]), ([[1.0]], [0.0])]


def undecided(part: LinePartition) -> int:
    return part.diagnostics["undecided"]


def is_right(part: LinePartition) -> bool:
    exact = exact_line(part.network, part.domain)
    return part.n_regions == exact.n_regions and part.patterns.tolist() == [list(row) for row in exact.patterns]


def test_a_float_zero_that_need_not_be_one_is_counted():
    """.7 is no float, so that 10 times it is not 7."""
    part = lr.partition(Network.from_layers(TENTHS), Segment([1.0], [20.0]))
    assert not is_right(part)
    assert undecided(part) == 1
    counts, doubts = count_lines(part.network, [part.domain, Segment([1.0], [5.0])])
    assert counts.tolist() == [2, 1]
    assert doubts.tolist() == [1, 0]
    assert count_lines(part.network, [part.domain], "linear")[1].tolist() == [1]


@pytest.mark.parametrize(("bias", "in_doubt"), [(0.0, False), (1e-17, True), (1e-13, True), (1e-9, False)])
def test_two_lines_that_are_one_to_the_last_bit_are_no_decision(bias, in_doubt):
    layers = [([[1.0, -1.0], [-1.0, 1.0]], [bias, bias]), (np.eye(2), np.zeros(2))]
    part = lr.partition(Network.from_layers(layers), Segment([0.0, 1.0], [1.0, 0.0]))
    assert (undecided(part) > 0) == in_doubt
    assert in_doubt or is_right(part)
    if bias == 0.0:
        assert part.diagnostics["snapped_signs"] == part.diagnostics["merged_ties"] == 0


@pytest.mark.parametrize("digits", [19, 40, 60, 300, -60])
def test_units_of_inputs_leave_no_doubt(digits):
    """Features in units of their own, as far apart as meters and light years: bands do not mix them."""
    rng = np.random.default_rng(3)
    net = lr.random_network([3, 8, 8, 2], 0, bias_variance=0.1)
    (weight, bias), *others = ((layer.weight.copy(), layer.bias) for layer in net.layers)
    weight[:, 2] = 0.0  # an input that is not used
    net = Network.from_layers([(weight, bias), *others])
    units = np.array([1.0, 2.0**digits, 2.0**-digits])
    scaled = Network.from_layers([(weight / units, bias), *others])
    ends = rng.uniform(-1.0, 1.0, (40, 2, 3))
    kinds = (Segment, Line, Ray)
    plain = partition_lines(net, [kinds[k % 3](a, b) for k, (a, b) in enumerate(ends)])
    parts = partition_lines(scaled, [kinds[k % 3](a * units, b * units) for k, (a, b) in enumerate(ends)])
    assert sum(part.n_regions for part in parts) > 100
    for part, other in zip(parts, plain, strict=True):
        assert part.breakpoints.tolist() == other.breakpoints.tolist()
        assert part.patterns.tolist() == other.patterns.tolist()
        assert undecided(part) == undecided(other) == 0


def test_a_point_that_vanishes_in_the_units_of_the_network_is_not_the_origin():
    net = Network.from_layers([([[1.0, 2.0**-900], [0.0, 2.0**-900]], [0.0, -(2.0**-960)]), ([[1.0, 1.0]], [0.0])])
    part = lr.partition(net, Segment([0.0, 0.0], [0.0, 2.0**-50]))
    assert part.breakpoints.tolist() == [2.0**-10]
    assert is_right(part)
    assert undecided(part) == 0


def noise_of_identities(rng: np.random.Generator) -> Network:
    """A neuron that is (h1 + h2) + h3 - (h1 + (h2 + h3)), given layer by layer."""
    pairs, sums = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1.0]]), np.array([[1, 0, 0, 1], [0, 1, 1, 0.0]])
    layers = [
        (rng.normal(size=(3, 2)), rng.normal(size=3)),
        (pairs, np.zeros(4)),
        (sums, np.zeros(2)),
        ([[1.0, -1.0]], [0.0]),
        ([[1.0], [-1.0], [1.0]], [0.0, 0.0, 1.0]),
        ([[1.0, 1.0, 1.0]], [0.0]),
    ]
    return Network.from_layers(layers, [IDENTITY] * 4 + [RELU])


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_consecutive_affine_layers_is_no_region(seed):
    part = lr.partition(noise_of_identities(np.random.default_rng(seed)), Line([0.3, 0.1], [1.0, 2.0]))
    assert part.n_regions == 1
    assert undecided(part) == 0


def test_noise_of_affine_layers_that_stay_apart_is_counted():
    wrong, line = 0, Line([0.3, 0.1], [1.0, 2.0])
    for seed in range(20):
        net = noise_of_identities(np.random.default_rng(seed))
        (part,) = partition_lines(net, [line], knobs=Knobs(most_products=0))
        if part.n_regions != 1:
            wrong += 1
            assert undecided(part) > 0
    assert wrong


def test_affine_steps_are_united_without_rounding():
    rng = np.random.default_rng(0)
    shift = lr.PiecewiseLinear([], [0.3], anchor=(0.1, 0.7))
    layers = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in ((2, 3), (3, 4), (4, 2), (2, 1))]
    (step,) = steps_of(Network.from_layers(layers, [shift, IDENTITY, RELU]))
    x = [Fraction(0.37), Fraction(-1.25)]
    for k, (weight, bias) in enumerate(layers[:3]):
        rows = zip(weight, bias, strict=True)
        x = [Fraction(b) + sum(Fraction(w) * v for w, v in zip(row, x, strict=True)) for row, b in rows]
        if k == 0:
            x = [Fraction(0.3) * (v - Fraction(0.1)) + Fraction(0.7) for v in x]
    for (weights, bias), value, near, near_bias in zip(step.rational([0, 1]), x, step.weight, step.bias, strict=True):
        assert bias + weights[0] * Fraction(0.37) + weights[1] * Fraction(-1.25) == value
        assert near.tolist() == [float(w) for w in weights]
        assert near_bias == float(bias)


def test_multiples_are_found_exactly():
    weight = np.array([[0.1, 0.3], [0.2, 0.6], [-0.1, -0.3], [0.1, 0.3], [0.3, 3 * 0.3], [0.0, 0.0], [0.0, 0.0]])
    bias = np.array([0.7, 1.4, -0.7, 0.7 + 2.0**-50, 3 * 0.7, 0.0, 0.0])
    (step,) = steps_of(Network.from_layers([(weight, bias), (np.ones((1, 7)), [0.0])]))
    leaders, opposite = multiples(step)
    assert leaders.tolist() == [0, 0, 0, 3, 4, 5, 6]  # 3 * .1 is rounded, so no multiple; dead neurons have no place
    assert opposite.tolist() == [0, 0, 1, 0, 0, 0, 0]
    tanh = Network.from_layers([([[1.0], [-1.0], [2.0]], [0.0, 0.0, 1.0]), (np.ones((1, 3)), [0.0])], lr.HARD_TANH)
    leaders, opposite = multiples(steps_of(tanh)[0])  # x + 1, -x + 1, 2x + 2 | x - 1, -x - 1, 2x
    assert leaders.tolist() == [0, 1, 0, 1, 0, 5]
    assert opposite.tolist() == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("kind", ["whole", "tenths", "scaled", "of any size"])
def test_multiples_are_those_of_rational_numbers(kind):
    """Few forms are looked at exactly: those that floats do not tell apart."""
    rng, found = np.random.default_rng(len(kind)), 0
    for _ in range(40):
        n, n_in = int(rng.integers(2, 12)), int(rng.choice([1, 1, 2]))
        weight, bias = rng.integers(-2, 3, (n, n_in)).astype(float), rng.integers(-2, 3, n).astype(float)
        if kind == "tenths":
            weight, bias = 0.1 * weight, 0.1 * bias
        elif kind == "scaled":
            scale, which = rng.choice([0.1, -3.0, 2.0**40], n), rng.integers(0, n, n)
            weight, bias = rng.normal(size=(n, n_in))[which] * scale[:, None], rng.normal(size=n)[which] * scale
        elif kind == "of any size":
            scale = np.ldexp(1.0, rng.integers(-1070, 1000, n))
            weight, bias = weight * scale[:, None], bias * scale * 2.0 ** float(rng.integers(-9, 9))
        activation = (RELU, lr.HARD_TANH, lr.PiecewiseLinear((-0.1, 0.3, 0.7), (0.0, 1.0, 2.0, 3.0), (0.0, 0.0)))[n % 3]
        (step,) = steps_of(Network.from_layers([(weight, bias), (np.ones((1, n)), [0.0])], activation))
        leaders, opposite = multiples(step)
        forms: dict[tuple[Fraction, ...], int] = {}
        for form in range(n * activation.n_breakpoints):
            b, j = divmod(form, n)
            row = [Fraction(w) for w in weight[j].tolist()]
            lead = next((w for w in row if w), None)
            if lead is None:
                assert not leaders.size or (leaders[form], opposite[form]) == (form, 0)
                continue
            place = (Fraction(float(bias[j])) - Fraction(activation.breakpoints[b])) / lead
            leader = forms.setdefault((*(w / lead for w in row), place), form)
            first = next(w for w in weight[leader % n].tolist() if w)
            expected = (leader, (first > 0) != (lead > 0))
            assert (leaders[form], opposite[form]) == expected if leaders.size else leader == form
            found += leader != form
    assert found > 5


@pytest.mark.parametrize("domain", [Line, Ray, Segment])
@pytest.mark.parametrize("factor", [3.0, -3.0, 1.0, -0.375])
def test_exact_multiples_switch_together_in_every_layer(factor, domain):
    """Weights of few bits, so that their multiples are floats."""
    rng = np.random.default_rng(int(8 * factor) % 17)
    layers, n_in = [], 3
    for _ in range(3):
        weight, bias = rng.normal(size=(6, n_in)).astype(np.float32), rng.normal(size=6).astype(np.float32)
        weight, bias = weight.astype(np.float64), bias.astype(np.float64)
        layers.append((np.concatenate([weight, factor * weight]), np.concatenate([bias, factor * bias])))
        n_in = 12
    net = Network.from_layers([*layers, (rng.normal(size=(1, 12)), [0.0])])
    part = lr.partition(net, domain(rng.normal(size=3), rng.normal(size=3)))
    assert undecided(part) == 0
    assert part.n_regions > 3
    assert is_right(part)


@pytest.mark.parametrize(
    "net", [lr.sawtooth_network(5), lr.folding_network([1, 4, 4, 1]), Network.from_layers([([[1.0]], [0.0])])]
)
def test_values_of_few_bits_decide_without_a_doubt(net):
    part = lr.partition(net, Segment([0.0], [1.0]))
    assert is_right(part)
    assert undecided(part) == 0


def test_a_given_point_on_a_boundary_is_exact():
    net = Network.from_layers([([[0.1, 0.2], [1.0, 1.0]], [-0.03, 0.0]), (np.ones((1, 2)), [0.0])])
    for domain in (Segment([0.1, 0.1], [3.0, 1.0]), Ray([0.1, 0.1], [1.0, -0.5])):
        part = lr.partition(net, domain)
        assert is_right(part)
        assert undecided(part) == 0
    assert undecided(lr.partition(net, Path([[1.0, 1.0], [0.1, 0.1], [2.0, 0.0]]))) == 1  # t = 1 - 1e-18 is no float
    (step,) = steps_of(net)
    exact = Fraction(0.1) * Fraction(0.1) + Fraction(0.2) * Fraction(0.1) - Fraction(0.03)
    assert value_beside(step, 0, np.array([0.1, 0.1]), 1.0) == float(exact) != 0.0
    assert value_beside(step, 1, np.array([1.0, -1.0]), 1.0) == 0.0


FAMILIES = ("tenths", "integers", "no bias", "near-parallel", "tiny bias", "hard sigmoid", "corner")


def problem(family: str, rng: np.random.Generator) -> tuple[Network, lr.Line | lr.Segment]:
    """Draw a small network whose decisions are close."""
    widths = [int(rng.integers(1, 4)), *rng.integers(2, 6, size=rng.integers(1, 4)).tolist(), 1]
    layers = []
    for a, b in itertools.pairwise(widths):
        weight, bias = rng.normal(size=(b, a)), 0.5 * rng.normal(size=b)
        if family in ("tenths", "hard sigmoid"):
            weight, bias = rng.integers(-9, 10, size=(b, a)) / 10, rng.integers(-9, 10, size=b) / 10
        elif family == "integers":
            weight, bias = rng.integers(-2, 3, size=(b, a)) * 1.0, rng.integers(-2, 3, size=b) * 1.0
        elif family == "no bias":
            bias = 0 * bias
        elif family == "near-parallel":
            weight[1:2] = weight[0] * (1 + 10.0 ** rng.uniform(-16, -9) * rng.normal(size=a))
            bias[1:2] = bias[0]
        elif family == "tiny bias":
            bias = bias * 10.0 ** rng.uniform(-16, -9)
        layers.append((weight, bias))
    net = Network.from_layers(layers, lr.HARD_SIGMOID if family == "hard sigmoid" else RELU)
    coarse = family in ("tenths", "integers", "hard sigmoid")
    a, b = (
        rng.integers(-20, 21, size=(2, widths[0])) / 10 * 10.0 ** (family == "hard sigmoid")
        if coarse
        else (rng.normal(size=(2, widths[0])))
    )
    if family == "no bias" and rng.random() < 0.3:
        a = b * rng.normal()  # through the origin
    if family == "corner":
        part = lr.partition(net, Segment(a, b))
        if part.breakpoints.size:
            a = part.domain.point(part.breakpoints[:1])[0]
        b = rng.normal(size=widths[0])
    if not np.any(b) or np.all(a == b):
        b = a + 1.0
    return net, (Line(a, b), Segment(a, b))[int(rng.integers(2))]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_mismatch_goes_unnoticed(family):
    rng = np.random.default_rng([FAMILIES.index(family), 5])
    wrong = 0
    for _ in range(150):
        net, domain = problem(family, rng)
        (part,) = partition_lines(net, [domain])
        if not is_right(part):
            wrong += 1
            assert undecided(part) > 0
    if family == "near-parallel":
        assert wrong > 5  # or the family does not test what it is for


def test_generic_networks_are_decided():
    rng = np.random.default_rng(8)
    for widths in ([3, 30, 30, 30, 2], [2, *[6] * 40, 1]):
        net = lr.random_network(widths, rng, bias_variance=0.1)
        lines = [Line(rng.normal(size=widths[0]), rng.normal(size=widths[0])) for _ in range(20)]
        assert sum(undecided(part) for part in partition_lines(net, lines)) == 0


def test_lines_go_through_a_thousand_layers(tmp_path):
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(3, 3)) * np.sqrt(2 / 3), 0.1 * rng.normal(size=3)) for _ in range(1500)]
    net = Network.from_layers([*layers, (np.ones((1, 3)), [0.0])])
    line = Line(np.zeros(3), np.ones(3))
    part = lr.partition(net, line)
    assert lr.count_regions(net, line) == part.n_regions > 1
    assert lr.count_regions(net, line, kind="linear") == part.n_linear_regions
    low, high = part.breakpoints.min() - 1, part.breakpoints.max() + 1
    middles = np.append(np.append(low, part.breakpoints[:-1] + np.diff(part.breakpoints) / 2), high)
    np.testing.assert_array_equal(part.patterns, net.patterns(line.point(middles)))
    part.save(tmp_path / "part.npz")
    again = LinePartition.load(tmp_path / "part.npz")
    np.testing.assert_array_equal(again.patterns, part.patterns)
    assert again.network.n_neurons == 4500
    assert lr.count_regions(Network.from_layers(layers, IDENTITY), line) == 1


def test_counts_of_lines_warn_of_what_is_undecided(recwarn):
    net = Network.from_layers(TENTHS)
    with pytest.warns(lr.errors.UndecidedWarning, match="1 decision lies within the rounding"):
        assert lr.count_regions(net, [Segment([1.0], [20.0]), Segment([1.0], [5.0])]).tolist() == [2, 1]
    recwarn.clear()
    lr.count_regions(net, Segment([1.0], [5.0]))
    assert not recwarn.list
