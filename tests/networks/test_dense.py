"""Products of rows: right, and the same to the last bit however the rows are cut."""

import numpy as np
import pytest

from linregions.networks.kernels.dense import multiply_listed, multiply_rows


@pytest.mark.parametrize(("n_inner", "n_columns"), [(1, 1), (3, 5), (7, 64), (64, 7), (65, 130)])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_product_of_any_block_of_rows(n_inner, n_columns, density):
    rng = np.random.default_rng(n_inner)
    left = rng.normal(size=(37, n_inner + 3)) * (rng.random((37, n_inner + 3)) < density)
    right = rng.normal(size=(n_inner, n_columns)) * 2.0 ** rng.integers(-30, 30, n_columns)
    active = np.empty(n_inner + 1, dtype=np.int64)
    whole, parts = np.full((37, n_columns + 2), np.nan), np.full((37, n_columns + 2), np.nan)
    multiply_rows(left, 2, 0, 37, right, active, whole, 1)
    np.testing.assert_allclose(
        whole[:, 1:-1], left[:, 2:-1] @ right, rtol=1e-9, atol=1e-12 * np.abs(right).max(initial=1.0)
    )
    assert np.isnan(whole[:, [0, -1]]).all()
    start = 0
    while start < 37:
        stop = min(37, start + int(rng.integers(1, 9)))
        multiply_rows(left, 2, start, stop, right, active, parts, 1)
        start = stop
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("n_listed", [0, 1, 3, 4, 11, 36])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_product_of_listed_rows(n_listed, density):
    rng = np.random.default_rng(n_listed)
    left = rng.normal(size=(36, 65)) * (rng.random((36, 65)) < density)
    right, active = rng.normal(size=(65, 33)), np.empty(69, dtype=np.int64)
    whole, listed = np.empty((36, 33)), np.full((36, 33), np.nan)
    multiply_rows(left, 0, 0, 36, right, active, whole, 0)
    chosen = np.sort(rng.choice(36, n_listed, replace=False))
    multiply_listed(left, chosen, right, active, np.zeros((8, 65)), listed)
    np.testing.assert_array_equal(listed[chosen], whole[chosen])
    assert np.isnan(np.delete(listed, chosen, axis=0)).all()
