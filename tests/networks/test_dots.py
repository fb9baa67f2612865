"""Dot products in twice the precision against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from linregions.networks.kernels.dots import dots


def exact_dots(weight: np.ndarray, points: np.ndarray, start: np.ndarray) -> list[list[Fraction]]:
    columns = [[Fraction(w) for w in column] for column in weight.T]
    return [
        [
            Fraction(start[i, k]) + sum((Fraction(x) * w for x, w in zip(row, column, strict=True)), Fraction(0))
            for k, column in enumerate(columns)
        ]
        for i, row in enumerate(points)
    ]


def check(weight: np.ndarray, points: np.ndarray, start: np.ndarray) -> None:
    high, low = start.copy(), np.zeros_like(start)
    dots(weight, points, high, low)
    size = np.abs(start) + np.abs(points) @ np.abs(weight)
    n = weight.shape[0]
    for i, row in enumerate(exact_dots(weight, points, start)):
        for k, exact in enumerate(row):
            error = abs(Fraction(high[i, k]) + Fraction(low[i, k]) - exact)
            # Dot2: one unit of rounding of the result would be 1e-16 of it; here is the square of that, of the terms.
            assert error <= Fraction(2.0**-104) * (n + 2) ** 2 * Fraction(float(size[i, k]))


@pytest.mark.parametrize(("n_in", "n", "m"), [(1, 1, 1), (2, 5, 3), (784, 7, 3), (50, 1, 4)])
def test_random_sums(n_in: int, n: int, m: int) -> None:
    rng = np.random.default_rng([n_in, n, m])
    check(rng.normal(size=(n_in, n)), rng.normal(size=(m, n_in)), rng.normal(size=(m, n)))


def test_sums_that_cancel() -> None:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(400, 6)) * 10.0 ** rng.integers(-8, 9, (400, 1))
    tiny = 1e-12 * rng.normal(size=(5, 6))
    weight = np.vstack([half, tiny, -half])
    half_points = rng.normal(size=(3, 400))
    points = np.hstack([half_points, rng.normal(size=(3, 5)), half_points])
    start = np.zeros((3, 6))
    check(weight, points, start)
    high, low = start.copy(), np.zeros_like(start)
    dots(weight, points, high, low)
    expected = points[:, 400:405] @ tiny  # all else cancels
    # Ordinary sums are off by more than the result; these have some digits of it.
    plain = np.array([[sum(row * column) for column in weight.T] for row in points])
    assert np.abs(plain - expected).max() > np.abs(expected).max()
    np.testing.assert_allclose(high + low, expected, rtol=1e-6)


def test_zeros_are_skipped_and_signs_kept() -> None:
    weight = np.array([[1.0, -2.0], [np.pi, 0.0]])
    high, low = np.array([[0.5, -0.0]]), np.zeros((1, 2))
    dots(weight, np.zeros((1, 2)), high, low)
    assert high.tolist() == [[0.5, 0.0]]
    dots(weight, np.array([[0.0, 2.0]]), high, low)
    assert high[0, 0] + low[0, 0] == 0.5 + 2 * np.pi


def test_a_line_through_large_inputs_is_found_to_the_last_bit() -> None:
    """Summed in plain doubles, the constant would be off by thousands of units of rounding."""
    rng = np.random.default_rng(4)
    weight, origin = rng.normal(size=(1000, 3)), rng.normal(size=1000)
    origin -= weight @ np.linalg.solve(weight.T @ weight, weight.T @ origin)  # all sums about zero
    bias = rng.normal(size=(1, 3)) * 1e-10
    high, low = bias.copy(), np.zeros((1, 3))
    dots(weight, origin[None, :], high, low)
    exact = exact_dots(weight, origin[None, :], bias)[0]
    for k in range(3):
        assert abs(Fraction(high[0, k] + low[0, k]) - exact[k]) <= Fraction(2.0**-52) * abs(exact[k])
