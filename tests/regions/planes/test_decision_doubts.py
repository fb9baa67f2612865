"""What boundaries between classes and level sets count as undecided: all that rounding may have changed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from tests.reference.lines_exact import exact_changes, exact_line
from tests.reference.planes_exact import partition_exactly

SQUARE = PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
LINE = lr.Line([0.1, 0.3], [1.0, -0.7])


def pairs(classes: np.ndarray) -> set[tuple[int, int]]:
    return {(a, b) for a, b in np.sort(classes, axis=1).tolist()}


def exact_pairs(net: Network, window: PlaneWindow) -> set[tuple[int, int]]:
    return {piece.classes for piece in partition_exactly(net, window).decision_pieces()}


def with_a_strip(width: float) -> Network:
    """Three outputs; the last is ahead of two others only where these two nearly tie."""
    rng = np.random.default_rng(3)
    rows, bias = rng.normal(size=(2, 5)), rng.normal(size=2)
    rows, bias = np.vstack([rows, rows.mean(axis=0)]), np.append(bias, bias.mean() + width)
    return Network.from_layers([(rng.normal(size=(5, 2)), rng.normal(size=5)), (rows, bias)])


@pytest.mark.parametrize("width", [1e-3, 1e-9, 1e-13, 1e-15, 1e-17])
def test_a_class_in_a_strip_is_found_or_told_of(width: float) -> None:
    net = with_a_strip(width)
    found = lr.partition(net, SQUARE).decision_boundary()
    right = pairs(found.classes) == exact_pairs(net, SQUARE)
    assert right or found.diagnostics["undecided"] > 0
    assert (found.diagnostics["undecided"] == 0) == (width >= 1e-9)
    points = lr.partition(net, LINE).decision_points()
    changes = exact_changes(exact_line(net, LINE))
    right = points.classes.tolist() == [[before, after] for _, before, after in changes]
    assert len(changes) > 1
    assert right or points.diagnostics["undecided"] > 0
    assert (points.diagnostics["undecided"] == 0) == (width >= 1e-9)


def test_three_classes_in_an_ill_conditioned_point_are_told_of() -> None:
    """Where two outputs tie on the border is known to 1e-6 only, and a third reaches the lower one there, or not."""
    silent, told, tried = 0, 0, 0
    for seed in range(200):
        rng = np.random.default_rng([7, seed])
        first = rng.normal(size=3)
        close = first * (1.0 + 1e-10 * rng.normal(size=3))
        slope_u, slope_v, constant = (Fraction(b) - Fraction(a) for a, b in zip(first, close, strict=True))
        place = -(slope_u + constant) / slope_v  # on u = 1
        if slope_v < 0 or abs(place) > Fraction(4, 5) or slope_u > slope_v:
            continue
        tried += 1
        beyond = 10.0 ** rng.integers(-10, -6) * rng.choice([-1.0, 1.0])
        third = first + np.array([2.0, 1.0, -2.0 - float(place) + beyond])
        rows = np.array([first, close, third])
        net = Network.from_layers([(rows[:, :2], rows[:, 2])])
        found = lr.partition(net, SQUARE).decision_boundary()
        told += found.diagnostics["undecided"] > 0
        silent += not found.diagnostics["undecided"] and pairs(found.classes) != exact_pairs(net, SQUARE)
    assert silent == 0
    assert told > 10
    assert tried > 20


@pytest.mark.parametrize("exponent", [10, 26, 32])
def test_levels_touched_in_far_windows(exponent: int) -> None:
    """Plane coordinates round the vertices, and the level, 0, is nowhere passed."""
    for seed in range(10):
        rng = np.random.default_rng([exponent, seed])
        place = rng.uniform(1.0, 2.0, size=2) * 2.0**exponent
        weight = rng.normal(size=(4, 2))
        net = Network.from_layers(
            [(weight, -(weight @ place) + 0.4 * rng.normal(size=4)), (-np.abs(rng.normal(size=(1, 4))), [0.0])]
        )
        part = lr.partition(net, PlaneWindow.of_inputs(place - 1.0, place + 1.0))
        found = part.level_set()
        assert part.n_regions > 1
        assert len(found.segments) == 0 or found.diagnostics["undecided"] + part.diagnostics["undecided"] > 0


def outputs_of_a_ramp(rows: list[list[float]], bias: list[float]) -> Network:
    return Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [2.0, 2.0]), (rows, bias)])


def test_outputs_that_only_rounding_makes_the_same_are_told_of() -> None:
    net = outputs_of_a_ramp([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 2.0**-60, 0.0])  # the second is ahead
    found = lr.partition(net, SQUARE).decision_boundary()
    assert pairs(found.classes) != exact_pairs(net, SQUARE) == {(1, 2)}
    assert found.diagnostics["undecided"] > 0
    points = lr.partition(net, lr.Segment([-1.0, 0.5], [1.0, 0.25])).decision_points()
    assert points.diagnostics["undecided"] > 0
    level = lr.partition(outputs_of_a_ramp([[2.0**-60, 0.0]], [1.0]), SQUARE).level_set(level=1.0)
    assert level.diagnostics["undecided"] > 0  # it is above everywhere


def test_outputs_that_are_the_same_where_units_are_constant_are_decided() -> None:
    """Both saturated units are 1 here, so the outputs are 3 h + 3, 3 h + 1 + 2 and 0."""
    layers = [
        ([[0.25, 0.0], [0.0, 0.0], [0.0, 0.0]], [0.0, 3.0, 4.0]),
        ([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [0.0, 0.0, 0.0]], [0.0, 0.0, 2.5]),
    ]
    net = Network.from_layers(layers, lr.HARD_TANH)
    for found in (
        lr.partition(net, SQUARE).decision_boundary(),
        lr.partition(net, lr.Segment([-1.0, 0.5], [1.0, 0.25])).decision_points(),
    ):
        assert found.diagnostics["undecided"] == 0
        assert pairs(found.classes) == {(0, 2)}
    layers[1][0][1][2] += 2.0**-51
    found = lr.partition(Network.from_layers(layers, lr.HARD_TANH), SQUARE).decision_boundary()
    assert found.diagnostics["undecided"] > 0


def test_a_level_that_a_huge_bias_hides_is_told_of() -> None:
    """On a line the output changes by less than a last place of its level."""
    net = Network.from_layers([([[1.0, 0.0]], [0.0]), ([[0.25]], [1e17])])
    found = lr.partition(net, lr.Segment([-1.0, 0.0], [1.0, 0.0])).level_set(level=1e17)
    assert len(exact_changes(exact_line(net, lr.Segment([-1.0, 0.0], [1.0, 0.0])), output=0, level=1e17)) == 1
    assert len(found.t) == 1 or found.diagnostics["undecided"] > 0


def test_ordinary_networks_are_decided() -> None:
    for seed in range(5):
        net = lr.random_network([2, 12, 12, 4], seed, bias_variance=0.1)
        part = lr.partition(net, SQUARE)
        assert part.decision_boundary().diagnostics["undecided"] == 0
        assert part.level_set(0, 0.01).diagnostics["undecided"] == 0
        assert lr.partition(net, LINE).decision_points().diagnostics["undecided"] == 0


def test_slopes_at_infinity() -> None:
    """A network that is constant far out is decided there; slopes that only rounding makes the same are told of."""
    ray = lr.Ray([3.0, 0.0], [1.0, 0.0])
    closed = Network.from_layers([([[-1.0, 0.0]], [0.0]), ([[1.0]], [0.5]), ([[2.0], [1.0]], [0.0, 0.25])])
    found = lr.partition(closed, ray).decision_points()  # 1 and 3 / 4
    assert found.t.size == 0
    assert found.diagnostics["undecided"] == 0
    assert lr.partition(closed, ray).level_set(0, 0.25).diagnostics["undecided"] == 0
    close = Network.from_layers(
        [([[1.0, 0.0], [1.0, 0.0]], [0.0, 0.0]), ([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]], [0, -1])]
    )
    part = lr.partition(close, ray)
    assert len(exact_changes(exact_line(close, ray))) == 1  # some 1e16 away
    assert part.decision_points().t.size == 1 or part.decision_points().diagnostics["undecided"] > 0
