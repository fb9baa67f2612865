"""Neurons that are exact multiples of others, against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import PiecewiseLinear
from linregions.networks.network import AffineLayer
from linregions.regions.planes.engine.twins import find_twins


def twins_slowly(layer: AffineLayer, activation: PiecewiseLinear) -> list[int]:
    rows = [
        [*map(Fraction, weight.tolist()), Fraction(bias) - Fraction(activation.breakpoints[0])]
        for weight, bias in zip(layer.weight, layer.bias.tolist(), strict=True)
    ]
    found = [0] * len(rows)
    for k, row in enumerate(rows):
        if not any(row[:-1]):
            continue
        for j, other in enumerate(rows[:k]):
            pivot = next((i for i, entry in enumerate(row[:-1]) if entry), 0)
            if found[j] or not other[pivot]:
                continue
            factor = row[pivot] / other[pivot]
            equal = row == other if activation.n_breakpoints > 1 else row == [factor * entry for entry in other]
            if equal:
                found[k] = (j + 1) if factor > 0 else -(j + 1)
                break
    return found


@pytest.mark.parametrize("seed", range(60))
def test_equals_fractions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_in = int(rng.integers(2, 12)), int(rng.integers(1, 20))
    rows = (
        rng.integers(-3, 4, (n, n_in + 1)) * rng.choice([1.0, 0.1, 1.0 / 3.0])
        if seed % 2
        else rng.normal(size=(n, n_in + 1))
    )
    # Rounded multiples are none, unless they happen to be exact.
    copies = rows[rng.integers(n, size=6)] * rng.choice([1.0, -1.0, 2.0, -0.5, 3.0, 2.0**-300, 0.1], 6)[:, None]
    rows = np.vstack([rows, copies])[rng.permutation(n + 6)]
    layer = AffineLayer(np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1]))
    for activation in (lr.RELU, lr.HARD_TANH, PiecewiseLinear((0.3,), (0.0, 1.0), (0.0, 0.0))):
        assert find_twins(layer, activation).tolist() == twins_slowly(layer, activation)


def test_a_last_place_is_a_difference() -> None:
    weight = np.array([[1.0, 1.0], [3.0, np.nextafter(3.0, 4.0)], [3.0, 3.0], [-7.0, -7.0]])
    layer = AffineLayer(weight, np.array([0.1, 0.3, 0.1 * 3, 0.0]))
    assert Fraction(0.1) * 3 != Fraction(0.1 * 3)
    assert find_twins(layer, lr.RELU).tolist() == [0, 0, 0, 0]
    assert find_twins(AffineLayer(weight, np.zeros(4)), lr.RELU).tolist() == [0, 0, 1, -1]


def test_switches_at_other_levels() -> None:
    """Two neurons that switch at 1/2 together need not do so at 0, and the other way round."""
    layer = AffineLayer(np.array([[1.0], [2.0], [2.0]]), np.array([0.0, 0.0, -0.5]))
    assert find_twins(layer, lr.RELU).tolist() == [0, 1, 0]
    assert find_twins(layer, PiecewiseLinear((0.5,), (0.0, 1.0), (0.0, 0.0))).tolist() == [0, 0, 1]


def test_dead_neurons_are_no_twins() -> None:
    layer = AffineLayer(np.zeros((3, 2)), np.array([0.0, 0.0, 1.0]))
    assert find_twins(layer, lr.RELU).tolist() == [0, 0, 0]
    assert find_twins(AffineLayer(np.ones((2, 2)), np.zeros(2)), lr.IDENTITY).tolist() == [0, 0]
