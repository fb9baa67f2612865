"""What the statistics of a window's regions must be, from the whole partition."""

from __future__ import annotations

import numpy as np

from linregions import PlaneWindow
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.sinks.statistics import Histogram, NotableRegion, PlaneStatistics


def point_distance(window: PlaneWindow, corners: np.ndarray, point: np.ndarray) -> float:
    """Return the Euclidean distance of a convex region, given by its corners, to a point of the plane."""
    flat = np.linalg.cholesky(window.basis @ window.basis.T)  # rows: the basis in orthonormal coordinates
    p, q = (corners - point) @ flat, (np.roll(corners, -1, axis=0) - point) @ flat
    turns = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    if np.all(turns >= 0) or np.all(turns <= 0):
        return 0.0
    step = q - p
    along = np.clip(-(p * step).sum(axis=1) / (step * step).sum(axis=1), 0, 1)
    return float(np.linalg.norm(p + along[:, None] * step, axis=1).min())


def check_histogram(histogram: Histogram, values: np.ndarray) -> None:
    """Check a histogram; a value at an edge may fall to either side."""
    edges, counts = histogram.log10_edges, histogram.counts
    assert edges.shape == (counts.size + 1,)
    assert counts.dtype == np.int64
    assert counts.sum() == values.size
    assert counts[0] > 0
    assert counts[-1] > 0
    np.testing.assert_allclose(np.diff(edges), 0.1, atol=1e-9)
    logarithms = np.sort(np.log10(np.maximum(values, 1e-330)))
    low, high = (np.searchsorted(logarithms, edges + shift) for shift in (-1e-6, 1e-6))
    below = np.concatenate([[0], np.cumsum(counts)])
    assert np.all((low <= below) & (below <= high))


def check_notable(region: NotableRegion, partition: PlanePartition, close: float) -> int:
    """Check that a region is one of the partition's; return its number there."""
    (number,) = np.flatnonzero((partition.patterns == region.pattern).all(axis=1))
    corners = partition.polygon(int(number))
    assert region.corners.shape == corners.shape
    size = np.ptp(partition.window.polygon, axis=0).max()
    shifts = [np.abs(np.roll(corners, k, axis=0) - region.corners).max() for k in range(len(corners))]
    assert min(shifts) <= close * size
    tolerance = close * partition.window.area
    np.testing.assert_allclose(region.area, partition.areas[number], rtol=0, atol=tolerance)
    np.testing.assert_allclose(region.perimeter, partition.perimeters[number], rtol=1e-9, atol=10 * close * size)
    return int(number)


def check_statistics(
    found: PlaneStatistics, partition: PlanePartition, point: np.ndarray | None = None, close: float = 1e-9
) -> None:
    """Check that statistics, with linear regions, are those of the partition."""
    p, areas, perimeters = partition, partition.areas, partition.perimeters
    assert (found.n_regions, found.n_linear_regions) == (p.n_regions, p.n_linear_regions)
    assert found.n_gradient_regions in (None, p.n_gradient_regions)
    assert (found.n_vertices, found.n_edges) == (len(p.vertices), len(p.edges))
    np.testing.assert_allclose(found.area, areas.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.perimeter, perimeters.sum(), rtol=max(1e-10, close))
    border = p.edge_lengths[p.edge_neuron < 0].sum()
    np.testing.assert_allclose(found.boundary_length, p.boundary_length, rtol=max(1e-10, close), atol=1e-12 * border)
    np.testing.assert_allclose(found.perimeter, 2 * found.boundary_length + border, rtol=max(1e-10, close))
    sides = np.bincount(np.minimum(np.diff(p.face_offsets), 64), minlength=65)
    assert found.sides.tolist() == sides.tolist()
    # Regions as small as rounding have no certain area.
    certain = areas.min() > 1e-9 * areas.max()
    if certain:
        check_histogram(found.areas, areas)
        check_histogram(found.perimeters, perimeters)
    numbers = [check_notable(region, p, close) for region in found.largest]
    assert len(set(numbers)) == len(numbers)
    largest = np.sort(areas)[::-1][: len(numbers)]
    np.testing.assert_allclose([region.area for region in found.largest], largest, rtol=0, atol=close * p.window.area)
    if point is not None:
        distances = np.sort([point_distance(p.window, p.polygon(k), point) for k in range(p.n_regions)])
        nearest = np.array([region.distance for region in found.nearest])
        np.testing.assert_allclose(nearest, distances[: nearest.size], rtol=1e-7, atol=close * np.sqrt(p.window.area))
        for region in found.nearest:
            check_notable(region, p, close)


def same_statistics(one: PlaneStatistics, other: PlaneStatistics) -> bool:
    """Tell whether statistics are equal to the last bit."""
    numbers = (
        "n_regions",
        "n_linear_regions",
        "n_gradient_regions",
        "n_vertices",
        "n_edges",
        "area",
        "perimeter",
        "boundary_length",
    )
    return (
        all(getattr(one, name) == getattr(other, name) for name in numbers)
        and np.array_equal(one.sides, other.sides)
        and all(
            np.array_equal(getattr(getattr(one, name), array), getattr(getattr(other, name), array))
            for name in ("areas", "perimeters")
            for array in ("log10_edges", "counts")
        )
        and all(
            len(getattr(one, name)) == len(getattr(other, name))
            and all(map(_same_region, getattr(one, name), getattr(other, name)))
            for name in ("largest", "nearest")
        )
        and one.diagnostics == other.diagnostics
    )


def _same_region(a: NotableRegion, b: NotableRegion) -> bool:
    numbers, others = ((region.area, region.perimeter, region.distance) for region in (a, b))
    return (
        np.array_equal(numbers, others, equal_nan=True)
        and np.array_equal(a.corners, b.corners)
        and np.array_equal(a.pattern, b.pattern)
    )
