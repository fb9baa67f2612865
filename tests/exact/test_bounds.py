"""Bounds hold: norms and operators against rational numbers and singular values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from linregions.exact import bounds


@pytest.mark.parametrize("power", [-1074, -1000, -600, -30, 0, 30, 600, 1000])
def test_norms_are_bounded_from_above(power):
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 300):
        row = np.ldexp(rng.integers(-9, 10, n) / 1.0, power)
        above = float(bounds.norms_above(row))
        exact = sum(Fraction(x) ** 2 for x in row.tolist())
        assert Fraction(above) ** 2 >= exact
        if power > -900:
            assert Fraction(above) ** 2 <= exact * Fraction(1 + 1e-9)
    assert bounds.norms_above(np.zeros(3)) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (200, 100)])
def test_operators_are_bounded_from_above(shape):
    rng = np.random.default_rng(0)
    for matrix in (rng.normal(size=shape), np.ones(shape), np.eye(*shape), rng.normal(size=shape) * 2.0**-700):
        above, norm = bounds.operator_norm_above(matrix), np.linalg.norm(matrix * 1.0, 2)
        assert norm * (1 - 1e-12) <= above <= 1.12 * norm
    assert bounds.operator_norm_above(np.zeros(shape)) == 0.0
    assert bounds.operator_norm_above(np.full(shape, np.inf)) == np.inf


def test_arithmetic_of_this_process_keeps_small_numbers():
    bounds.check_arithmetic()
