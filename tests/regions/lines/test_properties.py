"""Partitions of lines against the exact twin, and changes that must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Line, Network, Path, Ray, Segment
from linregions.regions.lines.find import count_lines, partition_lines
from tests.reference.lines_exact import exact_line
from tests.support import line_strategies as ls
from tests.support import zoo
from tests.support.examples import drawn


@st.composite
def integer_problems(draw: st.DrawFn) -> tuple[Network, list]:
    net = draw(ls.integer_networks())
    return net, draw(st.lists(ls.domains(net.n_in), min_size=1, max_size=3))


@st.composite
def float_problems(draw: st.DrawFn) -> tuple[Network, list]:
    net = draw(ls.float_networks())
    return net, draw(st.lists(ls.domains(net.n_in), min_size=1, max_size=2))


@drawn(500, integer_problems())
def test_integer_networks_equal_the_twin(problem):
    net, domains = problem
    for part in partition_lines(net, domains):
        ls.assert_is_exact(part)


@drawn(200, float_problems())
def test_float_networks_equal_the_twin(problem):
    net, domains = problem
    for part in partition_lines(net, domains):
        ls.assert_is_exact(part)


@drawn(60, float_problems())
def test_twin_agrees_with_the_network(problem):
    net, domains = problem
    for domain in domains:
        for piece in exact_line(net, domain).pieces:
            low = -1e3 if piece.low is None else float(piece.low)
            high = max(1e3, low + 1) if piece.high is None else float(piece.high)
            t = (low + high) / 2
            want = [float(value) + float(slope) * t for value, slope in piece.outputs]
            np.testing.assert_allclose(net(domain.point(t)), want, rtol=1e-9, atol=1e-9 * (1 + np.abs(want).max()))


@drawn(60, float_problems())
def test_patterns_inside_are_those_of_the_network(problem):
    net, domains = problem
    for part in partition_lines(net, domains):
        low, high = part.intervals.T
        low = np.where(np.isinf(low), np.minimum(high, 0) - 1, low)
        high = np.where(np.isinf(high), low + 1, high)
        wide = high - low > 1e-6  # narrower ones are the twin's business
        points = part.domain.point((low + high)[wide] / 2)
        on = net.pre_activations(points)
        breakpoints = [activation.breakpoints for activation in net.activations]
        close = np.zeros(points.shape[0], dtype=bool)  # zero throughout: the sign there is rounding
        for z, places in zip(on, breakpoints, strict=True):
            for place in places:
                close |= np.any(np.abs(z - place) < 1e-9, axis=1)
        np.testing.assert_array_equal(part.patterns[wide][~close], net.patterns(points)[~close])


def reversed_domain(domain):
    if isinstance(domain, Segment):
        return Segment(domain.b, domain.a)
    if isinstance(domain, Path):
        return Path(domain.points[::-1])
    return Line(domain.origin, -domain.direction)


@drawn(100, integer_problems())
def test_the_other_way_round_has_the_same_regions(problem):
    net, domains = problem
    domains = [domain for domain in domains if not isinstance(domain, Ray) or isinstance(domain, Line)]
    if not domains:
        return
    there = partition_lines(net, domains)
    back = partition_lines(net, [reversed_domain(domain) for domain in domains])
    for a, b in zip(there, back, strict=True):
        whole = 0.0 if isinstance(a.domain, Line) else a.intervals[-1, 1]
        np.testing.assert_array_equal(a.patterns, b.patterns[::-1])
        np.testing.assert_allclose(a.breakpoints, whole - b.breakpoints[::-1], rtol=1e-12, atol=1e-12)
        assert a.n_linear_regions == b.n_linear_regions


@drawn(60, float_problems(), st.integers(-60, 60))
def test_length_of_the_direction_does_not_matter(problem, exponent):
    net, domains = problem
    factor = 2.0**exponent
    for domain in domains:
        if isinstance(domain, Ray):
            part, scaled = partition_lines(net, [domain, type(domain)(domain.origin, domain.direction * factor)])
            np.testing.assert_array_equal(part.patterns, scaled.patterns)
            np.testing.assert_array_equal(part.breakpoints, scaled.breakpoints * factor)
            np.testing.assert_allclose(part.lengths, scaled.lengths, rtol=1e-14)


@drawn(40, st.integers(0, 2**32), st.sampled_from(["relu", "abs", "leaky"]), st.sampled_from([0.0, 0.5]))
def test_ways_to_write_a_network(seed, name, bias):
    rng = np.random.default_rng(seed)
    net = zoo.float_network([3, 7, 6, 5, 2], rng, zoo.ACTIVATIONS[name], bias)
    lines = [Line(rng.normal(size=3), rng.normal(size=3)), Line(np.zeros(3), rng.normal(size=3))]
    counts = count_lines(net, lines)[0].tolist()
    variants = [zoo.duplicated(net, rng), zoo.permuted(net, rng), zoo.rescaled(net, rng), zoo.with_opposites(net, 1)]
    if name == "abs":
        variants.append(zoo.sign_flipped(net, rng))
    for variant in variants:
        assert count_lines(variant, lines)[0].tolist() == counts
    scaled, plain = partition_lines(variants[2], lines), partition_lines(net, lines)
    for a, b in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(a.breakpoints, b.breakpoints, rtol=1e-12)
        assert a.diagnostics["merged_ties"] == b.diagnostics["merged_ties"]
        assert a.n_linear_regions == b.n_linear_regions


@drawn(20, st.integers(0, 2**32))
def test_idle_units_change_no_count(seed):
    rng = np.random.default_rng(seed)
    net = zoo.float_network([3, 7, 6, 2], rng)
    domains = [Segment(rng.normal(size=3), rng.normal(size=3)), Path(rng.normal(size=(5, 3)))]
    idle = partition_lines(zoo.with_idle_units(net, rng), domains)
    for a, b in zip(idle, partition_lines(net, domains), strict=True):
        np.testing.assert_allclose(a.breakpoints, b.breakpoints, rtol=1e-12)


@pytest.mark.parametrize("exponent", [20, 30, 36])
def test_near_duplicates_are_told_apart(exponent):
    """Neurons that differ by far more than rounding but far less than a float32 can hold."""
    rng = np.random.default_rng(exponent)
    net = zoo.float_network([2, 6, 4, 1], rng)
    weight, bias = net.layers[0].weight, net.layers[0].bias
    near = zoo.with_units(net, 0, weight, bias + 2.0**-exponent, rng.normal(size=(4, 6)))
    for domain in (Line([0.5, 0.25], [1.0, -2.0]), Segment([-4.0, 1.0], [3.0, -2.0])):
        (part,) = partition_lines(near, [domain])
        ls.assert_is_exact(part)
        assert part.diagnostics["merged_ties"] == 0
        assert part.diagnostics["smallest_margin"] > 1


@drawn(30, st.integers(0, 2**32))
def test_slopes_are_differences(seed):
    rng = np.random.default_rng(seed)
    net = zoo.float_network([4, 8, 8, 3], rng, [lr.HARD_TANH, lr.leaky_relu(0.1)])
    for part in partition_lines(net, [Line(rng.normal(size=4), rng.normal(size=4)), Path(rng.normal(size=(4, 4)))]):
        low, high = part.intervals.T
        inner = np.isfinite(low) & np.isfinite(high) & (high - low > 1e-4) & ~np.isnan(part.slopes[:, 0])
        change = net(part.domain.point(high[inner])) - net(part.domain.point(low[inner]))
        wanted = change / (high - low)[inner, None]
        np.testing.assert_allclose(part.slopes[inner], wanted, rtol=1e-8, atol=1e-8)
