"""Measures of cells: volumes, centroids, facets, strata and numbers of faces, against exact arrangements."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import Delaunay

from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from tests.support.box_batches import (
    Arrangement,
    batch_of,
    cells_of,
    degenerate_planes,
    faces_of,
    general_planes,
    reflections,
    strata_of,
    volume_of,
)

ARRANGEMENTS = [
    *(pytest.param(general_planes(d, n, seed), id=f"general {d} {n}") for d, n, seed in
      [(1, 5, 0), (2, 6, 1), (3, 6, 2), (4, 4, 3), (5, 3, 4)]),
    *(pytest.param(degenerate_planes(d, n, seed), id=f"degenerate {d} {n} {seed}") for d, n in
      [(1, 4), (2, 7), (3, 6), (4, 4), (5, 3)] for seed in range(3)),
    *(pytest.param(reflections(d), id=f"reflections {d}") for d in (2, 3)),
]  # fmt: skip


def totals(found: BatchMeasures, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return strata and counts with each tie taken once."""
    strata, counts = found.strata.copy(), found.counts.copy()
    assert found.n_inner % 2 == 0
    counts[d - 1] += found.n_inner // 2
    names, first = np.unique(found.ties.names, axis=0, return_index=True)
    for name, k in zip(names, first, strict=True):
        same = np.all(found.ties.names == name, axis=1)
        codimension = found.ties.codimension[k]
        assert np.all(found.ties.codimension[same] == codimension)
        counts[d - codimension] += 1
        if not found.ties.on_side[same].any():
            strata[codimension] += found.ties.volumes[k]
    return strata, counts


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_everything_agrees_with_all_faces_found_exactly(arrangement: Arrangement) -> None:
    d = len(arrangement.normals[0])
    cells = cells_of(arrangement)
    batch = batch_of(arrangement, cells, 0)
    found = Measurer(d).measure(batch, names=True)
    np.testing.assert_allclose(found.volumes, [volume_of(cell) for cell in cells], rtol=1e-11)
    np.testing.assert_allclose(found.volumes.sum(), 2.0**d, rtol=1e-13)
    faces = faces_of(arrangement, cells)
    strata, counts = strata_of(faces, d)
    found_strata, found_counts = totals(found, d)
    assert found_counts.tolist() == counts.tolist()
    assert np.sum(counts * (-1) ** np.arange(d + 1)) == 1
    np.testing.assert_allclose(found_strata, strata, rtol=1e-11, atol=1e-12)
    # Facets of cells are named alike where they are the same.
    names: dict[tuple[int, ...], frozenset] = {}
    for c, cell in enumerate(cells):
        by_point = {tuple(np.array(p, dtype=float)): p for p in cell}
        rows = slice(batch.cell_offsets[c], batch.cell_offsets[c + 1])
        for s in range(batch.slot_offsets[c + 1] - batch.slot_offsets[c]):
            row = batch.slot_offsets[c] + s
            on = batch.slots[rows] >> np.uint64(s) & np.uint64(1) != 0
            assert on.any() == bool(found.present[c] >> np.uint64(s) & np.uint64(1))
            if not on.any():
                assert found.facet_volumes[row] == 0
                continue
            face = frozenset(by_point[tuple(p)] for p in batch.points[rows][on])
            assert found.facet_volumes[row] == pytest.approx(faces[face].volume, rel=1e-11)
            assert names.setdefault(tuple(found.facet_names[row].tolist()), face) == face
    assert len(set(names.values())) == len(names) == counts[d - 1]


@pytest.mark.parametrize(
    "arrangement", [general_planes(2, 4, 7), reflections(3), general_planes(4, 2, 7), general_planes(5, 2, 8)]
)
def test_centroids_are_those_of_triangulated_cells(arrangement: Arrangement) -> None:
    d = len(arrangement.normals[0])
    batch = batch_of(arrangement, cells_of(arrangement), 1)
    found = Measurer(d).measure(batch)
    for c in range(batch.n_cells):
        points = batch.points[batch.cell_offsets[c] : batch.cell_offsets[c + 1]]
        simplices = points[Delaunay(points).simplices]
        weights = np.abs(np.linalg.det(simplices[:, 1:] - simplices[:, :1]))
        np.testing.assert_allclose(found.centroids[c], weights @ simplices.mean(axis=1) / weights.sum(), atol=1e-11)


@pytest.mark.parametrize("d", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_counts_of_reflection_arrangements(d: int) -> None:
    arrangement = reflections(d)
    cells = cells_of(arrangement)
    assert len(cells) == {3: 48, 4: 384}[d]
    found = Measurer(d).measure(batch_of(arrangement, cells, 2))
    np.testing.assert_allclose(found.volumes, 2.0**d / len(cells), rtol=1e-12)
    _, counts = totals(found, d)
    assert np.sum(counts * (-1) ** np.arange(d + 1)) == 1


@pytest.mark.parametrize("d", [3, 4])
def test_buffers_that_are_too_small_change_nothing(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    arrangement = degenerate_planes(d, 5, 0)
    batch = batch_of(arrangement, cells_of(arrangement), 3)
    expected = Measurer(d).measure(batch, names=True)
    monkeypatch.setattr("linregions.regions.boxes.measuring._N_TIES", 1)
    monkeypatch.setattr("linregions.regions.boxes.measuring._N_FACES", 2)
    found = Measurer(d).measure(batch, names=True)
    assert len(expected.ties.names) > 8
    for name in ("volumes", "centroids", "present", "facet_volumes", "facet_names", "strata", "counts", "n_inner"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for mine, other in zip(found.ties, expected.ties, strict=True):
        np.testing.assert_array_equal(mine, other)
