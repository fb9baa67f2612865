"""Histograms and smallest keys against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from linregions.regions.planes.kernels.sizes import find_smallest, tally_regions
from linregions.regions.planes.sinks import statistics


def tallied(values: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the first bin and how far each value is from there."""
    bins, sides = np.empty((2, values.size), dtype=np.int64), np.zeros(5, dtype=np.int64)
    offsets = np.array([0, 3, 6, 10, 15, 21], dtype=np.int32)
    first, other = tally_regions(
        values,
        values.view(np.int64),
        values,
        values.view(np.int64),
        offsets,
        statistics._bin_borders(),
        statistics._BIN_OF_ONE,
        statistics._BINS_IN_DOUBLING,
        bins,
        sides,
    )
    assert other == first
    assert np.array_equal(*bins)
    assert sides.tolist() == [0, 0, 0, 2, 3]
    return first - statistics._BIN_OF_ONE, bins[0]


def test_bins_are_tenths_of_a_decade() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([10.0 ** generator.uniform(-307, 308, 5000), 2.0 ** np.arange(-1000, 1000)])
    first, bins = tallied(values)
    assert bins.min() == 0
    assert np.array_equal(first + bins, np.floor(10 * np.log10(values)))


def test_bins_of_whole_decades_and_of_what_is_not_positive() -> None:
    values = np.array([1.0, 10.0, 1e-3, 1e22, np.nextafter(1.0, 0.0), 0.0, -1.0, np.nan, np.inf, 1e-310])
    first, bins = tallied(values)
    assert (first + bins).tolist() == [0, 10, -30, 220, -1, -3300, -3300, -3300, 3099, -3100]


@pytest.mark.parametrize("n", [1, 3, 60, 300])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_smallest_keys(n: int, sign: float) -> None:
    generator = np.random.default_rng(n)
    for _ in range(30):
        values = sign * generator.integers(0, 40, 200)
        values[generator.random(200) < 0.02] = np.nan
        found = np.full(n, -1)
        expected = np.argsort(sign * values, kind="stable")[:n]
        assert find_smallest(values, sign, np.nan, found) == expected.size
        assert np.array_equal(found[: expected.size], expected)
        below = [k for k in np.argsort(sign * values, kind="stable") if not sign * values[k] >= 20.0][:n]
        assert find_smallest(values, sign, 20.0, found) == len(below)
        assert found[: len(below)].tolist() == below
