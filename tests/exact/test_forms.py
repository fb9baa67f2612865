"""Forms of units on cells, and signs of them, against rational numbers at points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.exact import integers, signs
from linregions.exact.forms import Cells, ExactNetwork, rows_between
from tests.fuzz.families import FAMILIES
from tests.reference.graph_exact import ExactGraph
from tests.support.graph_cases import degenerate_case, random_case


def _value(form: signs.Form, point: list[Fraction]) -> Fraction:
    return form[0] + sum((a * b for a, b in zip(form[1:], point, strict=True)), Fraction(0))


def _check(network: Network, rows: np.ndarray, rng: np.random.Generator) -> None:
    """Compare all forms at some points: they are the sums less breakpoints, times a positive number each."""
    graph, twin, cells = network.graph, ExactGraph(network.graph), Cells.of(network, rows)
    for _ in range(3):
        where = [Fraction(int(n), 8) for n in rng.integers(-12, 13, len(rows) - 1)]
        exact = [[Fraction(float(x)) for x in row] for row in rows]
        x = [
            a + sum((t * b for t, b in zip(where, change, strict=True)), Fraction(0))
            for a, *change in zip(*exact, strict=True)
        ]
        sums = twin.sums(x)
        cell = cells.root
        for k, step in enumerate(graph.steps):
            points = [Fraction(t) for t in step.activation.breakpoints]
            scale = ExactNetwork.of(network).scales[k]
            lazy = cells.cell([_pieces(graph.steps[i], sums[i]) for i in range(k)])
            for unit, value in enumerate(sums[k]):
                for b, level in enumerate(points):
                    for found in (cell.form(unit, b), lazy.form(unit, b)):
                        assert signs.sign(int(np.sign(_value(found, where)))) == (value > level) - (value < level)
                numbers = cell.sums.numbers[:, unit].tolist()
                assert _value(tuple(numbers), where) * Fraction(2) ** (cell.sums.exponent + int(scale[unit])) == value
            if k + 1 < len(graph.steps):
                cell = cell.after(_pieces(step, sums[k]))


def _pieces(step, sums) -> np.ndarray:
    return np.array([sum(z > Fraction(t) for t in step.activation.breakpoints) for z in sums], dtype=np.uint8)


@pytest.mark.parametrize("seed", range(30))
def test_forms_of_graphs_are_their_sums(seed):
    network, window = (random_case, degenerate_case)[seed % 2](seed)
    _check(network, np.vstack([window.origin, window.basis]), np.random.default_rng(seed))


@pytest.mark.parametrize("family", FAMILIES)
def test_forms_of_chains_are_their_sums(family):
    rng = np.random.default_rng(1)
    problem = FAMILIES[family](rng)
    window = problem.window
    _check(problem.network, np.vstack([window.origin, window.basis]), rng)
    _check(problem.network, np.vstack([window.origin, window.basis[:1]]), rng)


def test_weights_of_any_size():
    weights = [[1e-300, 1e300], [5e-324, -1.0], [0.0, 0.0]]
    network = lr.Network.from_layers([(weights, [1e308, 2.0**-1074, 0.0]), (np.ones((1, 3)) * 1e-305, [0.0])])
    _check(network, np.array([[1e-10, 3.0], [1e5, 1e-5]]), np.random.default_rng(0))


def test_products_do_not_depend_on_the_library(monkeypatch):
    rng = np.random.default_rng(0)
    numbers = [
        integers.whole(rng.normal(size=shape) * 2.0 ** rng.integers(-200, 200, shape)).numbers
        for shape in ((2, 40), (40, 30))
    ]
    expected = numbers[0] @ numbers[1]
    assert (integers.Matrix(numbers[1]).after(numbers[0]) == expected).all()
    monkeypatch.setattr(integers, "_library", lambda: None)
    assert (integers.Matrix(numbers[1]).after(numbers[0]) == expected).all()


def test_the_difference_of_two_points_is_not_rounded():
    rows = rows_between(np.array([1.0]), np.array([1e-30]))
    change = Fraction(int(rows.numbers[1, 0])) * Fraction(2) ** rows.exponent
    assert change == Fraction(1e-30) - 1 != Fraction(1e-30 - 1.0)


def test_signs_of_meetings_and_orders():
    a, b = (-1, 2, 0), (-1, 0, 3)  # t_1 = 1/2, t_2 = 1/3
    point = signs.meeting(a, b)
    assert point is not None
    assert signs.coordinates(point) == (0.5, 1 / 3)
    assert signs.meeting(a, (1, -2, 0)) is None
    assert signs.at((-5, 6, 6), point) == 0 == signs.determinant_3(a, b, (-5, 6, 6))
    assert signs.at((-5, 6, 7), point) == 1
    assert signs.order(signs.root((1, -2)), signs.root((-1, 3))) == 1
    assert signs.order(signs.root((2, -4)), signs.point(0.5)) == 0
    assert signs.order((0, 1), signs.point(1e300)) == 1
    assert signs.order((0, -1), signs.point(-1e300)) == -1
