"""Rows of lines between pivots: as good as products, and the same regions however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Line, Network, Path, Ray, Segment
from linregions.regions.lines import engine as _line_engine
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.lines.kernels import decisions as lines
from linregions.regions.lines.knobs import USUAL, Knobs
from tests.regions.lines.test_properties import float_problems, integer_problems
from tests.support import line_strategies as ls
from tests.support import zoo
from tests.support.examples import drawn

ROUNDING = 2.0**-53


@contextmanager
def watched(exact: bool = True) -> Iterator[dict[str, float]]:
    """Compare the pre-activations of all rows with products, and count the rows."""
    seen: dict[str, float] = {"rows": 0, "between": 0, "crossing": 0, "worst": 0.0}
    multiply = _line_engine.multiply_or_interpolate

    def watch(layer: lines.Layer, rows: lines.Rows, stage: lines.Stage) -> None:
        new = slice(int(stage.state[lines.MULTIPLIED]), int(stage.state[lines.FILLED]))
        multiply(layer, rows, stage)
        between = rows.ends[new, 0] >= 0
        error = np.abs(stage.z[new] - stage.h[new] @ layer.weight.T)
        terms = np.abs(stage.h[new]) @ np.abs(layer.weight.T)
        assert not exact or np.all(error[terms == 0] == 0)
        seen["rows"] += between.size
        seen["between"] += int(between.sum())
        seen["crossing"] += int(np.bitwise_count(rows.kinks[new][between]).sum())
        np.divide(error, terms, out=error, where=terms > 0)
        seen["worst"] = max(seen["worst"], float(error[between].max(initial=0.0)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_line_engine, "multiply_or_interpolate", watch)
        yield seen


def some_domains(n_in: int, rng: np.random.Generator) -> list:
    a, b = rng.normal(size=(2, n_in))
    return [Segment(a, b), Line(a, b), Ray(a, b), Path([a, b, -a, a]), Line(np.zeros(n_in), b)]


@pytest.mark.parametrize("name", sorted(zoo.ACTIVATIONS))
@pytest.mark.parametrize("spacing", [2, 4, 7])
@pytest.mark.parametrize("n_rows", [None, 8, 20])
def test_values_between_pivots_are_as_good_as_products(name, spacing, n_rows):
    """However many breakpoints a neuron crosses there, and wherever a stage ends."""
    rng = np.random.default_rng(spacing)
    net = zoo.float_network([3, 40, 30, 20, 2], rng, zoo.ACTIVATIONS[name], 0.5)
    knobs = Knobs(spacing=spacing, stage_numbers=1, few_rows=n_rows) if n_rows else Knobs(spacing=spacing)
    with watched() as seen:
        count_lines(net, some_domains(3, rng), knobs=knobs)
    if name != "identity":
        assert seen["between"] > 0.15 * seen["rows"] > 50
        assert seen["crossing"] >= seen["between"]
    assert seen["worst"] < 100 * ROUNDING


def test_values_beside_cuts_that_have_been_moved():
    """Cuts that cannot be told apart are put in one place, which bends neurons at pivots, too."""
    rng = np.random.default_rng(3)
    weight, bias = rng.normal(size=(20, 1)), rng.normal(size=20)
    near = bias * (1 + 2.0**-43)
    first = (np.concatenate([weight, weight]), np.concatenate([bias, near]))
    net = Network.from_layers([first, (rng.normal(size=(30, 40)), rng.normal(size=30)), (np.ones((1, 30)), [0.0])])
    for spacing in (3, 5, 8):
        with watched() as seen:
            (part,) = partition_lines(net, [Line([0.0], [1.0])], knobs=Knobs(spacing=spacing))
        assert part.diagnostics["merged_ties"] >= 20
        assert seen["between"] > 10
        assert seen["worst"] < 100 * ROUNDING


def check_that_it_equals_the_twin(problem, spacing):
    net, domains = problem
    for part in partition_lines(net, domains, knobs=Knobs(spacing=spacing)):
        ls.assert_is_exact(part)


spacings = st.sampled_from([2, 3, 1000])


@drawn(400, integer_problems(), spacings)
def test_networks_of_whole_numbers_equal_the_twin(problem, spacing):
    check_that_it_equals_the_twin(problem, spacing)


@drawn(200, float_problems(), spacings)
def test_float_networks_equal_the_twin(problem, spacing):
    check_that_it_equals_the_twin(problem, spacing)


@drawn(300, st.integers(0, 2**32), st.sampled_from(sorted(zoo.ACTIVATIONS)), st.booleans())
def test_counts_do_not_depend_on_pivots(seed, name, is_sparse):
    rng = np.random.default_rng(seed)
    widths = [3, *rng.integers(2, 41, rng.integers(1, 9)), 2]
    net = zoo.float_network(widths, rng, zoo.ACTIVATIONS[name], 0.5)
    if is_sparse:
        net = sparse(net, rng)
    domains = some_domains(3, rng)
    plain = partition_lines(net, domains, knobs=Knobs(spacing=0))
    for spacing, losses in ((3, USUAL.losses), (1000, USUAL.losses), (5, (0.0, 8.0)), (5, (4.0, 1e-9))):
        parts = partition_lines(net, domains, knobs=Knobs(spacing=spacing, losses=losses))
        for part, other in zip(parts, plain, strict=True):
            np.testing.assert_array_equal(part.patterns, other.patterns)
            np.testing.assert_allclose(part.breakpoints, other.breakpoints, rtol=1e-9, atol=1e-12)
            assert part.n_linear_regions == other.n_linear_regions


def sparse(net: Network, rng: np.random.Generator) -> Network:
    """Leave each neuron a few inputs, and some of them no bias: much is exactly zero."""
    layers = []
    for layer in net.layers:
        b, a = layer.weight.shape
        kept = rng.random((b, a)) < 1.5 / a
        layers.append((layer.weight * kept, layer.bias * (rng.random(b) < 0.5)))
    return Network.from_layers(layers, net.activations)


def test_the_ways_out_are_taken():
    """Without any trust in sums all rows are products; with it, nearly none that lies between pivots."""
    rng = np.random.default_rng(0)
    net = zoo.float_network([3, 60, 60, 2], rng)
    shares = []
    for losses in ((0.0, 8.0), (4.0, 1e-9), (4.0, 8.0)):
        with watched() as seen:
            count_lines(net, some_domains(3, rng), knobs=Knobs(spacing=4, losses=losses))
        shares.append(seen["between"] / seen["rows"])
    assert shares[0] == shares[1] == 0
    assert shares[2] > 0.5


@pytest.mark.parametrize("losses", [USUAL.losses, (np.inf, np.inf)])
@pytest.mark.parametrize("spacing", [3, 1000])
def test_a_neuron_with_one_input_is_exactly_zero_where_that_is(losses, spacing):
    """Some neurons of the second layer are a third of one of the first, which is closed on half of the line."""
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(24, 2)), rng.normal(size=24)
    copies = np.concatenate([np.eye(24)[:8] / 3.0, rng.normal(size=(60, 24))])
    net = Network.from_layers(
        [(weight, bias), (copies, np.append(np.zeros(8), rng.normal(size=60))), (rng.normal(size=(1, 68)), [0.0])]
    )
    domains = [Line([0.1, 0.2], [1.0, -0.3]), Segment([-3.0, 1.0], [3.0, -1.0]), Ray([5.0, 5.0], [-1.0, -0.7])]
    with watched(exact=losses[1] < np.inf) as seen:
        parts = partition_lines(net, domains, knobs=Knobs(spacing=spacing, losses=losses))
    assert seen["between"] > 5
    for part in parts:
        ls.assert_is_exact(part)


@pytest.mark.parametrize("exponent", [10, 20, 30])
@pytest.mark.parametrize("spacing", [3, 1000])
def test_what_a_large_neuron_leaves_is_small_and_exact(exponent, spacing):
    """A constant beside a closed neuron of 2^exponent times its size must not get the rounding of that."""
    between = 0.0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first = (rng.normal(size=(16, 1)), rng.normal(size=16))
        large = 2.0**exponent * (rng.random((16, 16)) < 0.2)
        second = (large * rng.normal(size=(16, 16)), rng.integers(1, 4, 16) / 3.0)
        third = (np.eye(16), -second[1])  # zero wherever a neuron of the second layer sees closed ones only
        net = Network.from_layers([first, second, third, (np.ones((1, 16)), [0.0])])
        domains = [Line([0.0], [1.0]), Segment([-2.0], [2.0])]
        with watched() as seen:
            parts = partition_lines(net, domains, knobs=Knobs(spacing=spacing))
        between += seen["between"]
        for part in parts:
            ls.assert_is_exact(part)
    assert between > 20


def test_wide_networks_use_them():
    """At the widths where it pays, with the distances that are usual."""
    rng = np.random.default_rng(2)
    net = lr.random_network([5, 128, 128, 2], rng, bias_variance=0.1)
    domains = some_domains(5, rng)
    with watched() as seen:
        counts = count_lines(net, domains)[0]
    assert seen["between"] > 0.7 * seen["rows"]
    assert seen["worst"] < 100 * ROUNDING
    np.testing.assert_array_equal(count_lines(net, domains, knobs=Knobs(spacing=0))[0], counts)
