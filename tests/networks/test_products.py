"""Products in tiles of four rows and sixteen columns, against numpy and exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product


def padded(n: int, tile: int) -> int:
    return -(-n // tile) * tile


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 23])
@pytest.mark.parametrize("columns", [1, 15, 16, 17, 64, 70])
@pytest.mark.parametrize("inner", [0, 1, 2, 7, 33])
def test_products_of_any_shape(rows: int, columns: int, inner: int) -> None:
    rng = np.random.default_rng([rows, columns, inner])
    first = int(rng.integers(0, 20))
    left = rng.normal(size=(padded(rows, TILE_ROWS), inner + 3))
    right = rng.normal(size=(inner + 10, first + padded(columns, TILE_COLUMNS)))
    gather = rng.integers(0, inner + 10, inner + 2)
    start = rng.normal(size=(padded(rows, TILE_ROWS), padded(columns, TILE_COLUMNS) + 5))
    out = start.copy()
    add_product(left, rows, inner, right, gather, first, columns, out, False)
    chosen = right[gather[:inner], first : first + columns]
    expected = start[:rows, :columns] + left[:rows, :inner] @ chosen
    size = np.abs(start[:rows, :columns]) + np.abs(left[:rows, :inner]) @ np.abs(chosen)
    assert np.all(np.abs(out[:rows, :columns] - expected) <= 2e-16 * (inner + 2) * size)
    anew = np.full(start.shape, np.nan)  # what was there is of no account
    add_product(left, rows, inner, right, gather, first, columns, anew, True)
    assert np.all(np.abs(anew[:rows, :columns] - left[:rows, :inner] @ chosen) <= 2e-16 * (inner + 2) * size)
    # Rows and columns beyond the last tile are not touched.
    assert np.array_equal(out[:, padded(columns, TILE_COLUMNS) :], start[:, padded(columns, TILE_COLUMNS) :])


def test_results_do_not_depend_on_how_rows_and_columns_are_cut() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(24, 40)), rng.normal(size=(40, 64))
    gather = rng.permutation(40)
    whole = np.zeros((24, 64))
    add_product(left, 21, 40, right, gather, 0, 60, whole, False)
    for at in range(0, 20, 4):  # any row as the first, middle or last of a tile
        for shift in range(4):
            part = np.zeros((8, 64))
            rows = left[at : at + 8]
            add_product(np.roll(rows, shift, axis=0), 8, 40, right, gather, 0, 60, part, False)
            assert np.array_equal(np.roll(part, -shift, axis=0)[:, :60], whole[at : at + 8, :60])
    for first in (16, 32):
        part = np.zeros((24, 32))
        add_product(left, 21, 40, right, gather, first, 30, part, False)
        assert np.array_equal(part[:21, :28], whole[:21, first : first + 28])


def test_an_unaligned_and_strided_array() -> None:
    rng = np.random.default_rng(1)
    whole = rng.normal(size=(9, 91))
    left, right, out = whole[1:5, 3:8], whole[:, 11:60], np.zeros((4, 90))[:, 7:40]
    gather = np.array([8, 0, 3, 3, 1])
    add_product(left, 4, 5, right, gather, 2, 16, out, False)
    np.testing.assert_allclose(out[:, :16], left @ right[gather, 2:18], rtol=1e-13, atol=1e-13)
    assert not out[:, 16:].any()


def test_sums_are_taken_in_order() -> None:
    left = np.array([[1.0, 2.0**53, -(2.0**53), 1.0]] * 4)
    right, out = np.ones((4, 16)), np.zeros((4, 16))
    add_product(left, 4, 4, right, np.array([0, 1, 2, 3]), 0, 16, out, False)
    assert np.all(out == 1.0)  # the first 1 is lost beside 2^53, the last is not
    out[:] = 0
    add_product(np.ascontiguousarray(left[:, [1, 2, 0, 3]]), 4, 4, right, np.array([0, 1, 2, 3]), 0, 16, out, False)
    assert np.all(out == 2.0)


def test_whole_numbers_are_exact() -> None:
    rng = np.random.default_rng(2)
    left = rng.integers(-(2**20), 2**20, (4, 30)).astype(float)
    right = rng.integers(-(2**20), 2**20, (30, 16)).astype(float)
    out = np.zeros((4, 16))
    add_product(left, 4, 30, right, np.arange(30), 0, 16, out, False)
    exact = [
        [int(sum(Fraction(a) * Fraction(b) for a, b in zip(row, column, strict=True))) for column in right.T]
        for row in left
    ]
    assert out.tolist() == [[float(value) for value in row] for row in exact]
