"""Cells put together: vertices and facets once each, in whatever batches cells come."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from linregions.errors import NumericalError
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.assembly import CellAssembler, piece_of
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.measuring import Measurer
from tests.regions.boxes.test_measures import ARRANGEMENTS
from tests.support.box_batches import (
    Arrangement,
    batch_of,
    cells_of,
    degenerate_planes,
    faces_of,
    general_planes,
    part_of,
    strata_of,
)


def assembled(batch: CellBatch, n_planes: int, size: int | None = None) -> BoxCells:
    d = batch.points.shape[1]
    assembler, measurer = CellAssembler(d), Measurer(d)
    size = size or batch.n_cells
    for first in range(0, batch.n_cells, size):
        assembler.add(piece_of(part_of(batch, first, min(first + size, batch.n_cells)), measurer))
    neuron = np.append(np.arange(n_planes), -1).astype(np.int32)
    return assembler.finish(np.zeros(d), (neuron, np.minimum(neuron, 0)), {"undecided": 0})


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_complex_is_that_of_all_faces_found_exactly(arrangement: Arrangement) -> None:
    d, n = len(arrangement.normals[0]), arrangement.n_planes
    exact = cells_of(arrangement)
    cells = assembled(batch_of(arrangement, exact, 0), n, size=3)
    faces = faces_of(arrangement, exact)
    strata, counts = strata_of(faces, d)
    assert cells.face_counts.tolist() == counts.tolist()
    assert len(cells.vertices) == counts[0]
    assert len(cells.facet_cells) == counts[d - 1]
    np.testing.assert_allclose(cells.strata_activation, strata, rtol=1e-11, atol=1e-12)
    by_points = {frozenset(tuple(map(float, p)) for p in face): known for face, known in faces.items()}
    points = [tuple(p) for p in cells.vertices.tolist()]
    for c, corners in enumerate(exact):
        mine = cells.cell_vertices[cells.cell_offsets[c] : cells.cell_offsets[c + 1]]
        assert {points[v] for v in mine} == {tuple(map(float, p)) for p in corners}
    rows = np.array(arrangement.normals, dtype=float)
    right = np.array(arrangement.offsets, dtype=float)
    for f, (negative, positive) in enumerate(cells.facet_cells.tolist()):
        corners = cells.facet_vertices[cells.facet_offsets[f] : cells.facet_offsets[f + 1]]
        face = by_points[frozenset(points[v] for v in corners)]
        assert face.dim == d - 1
        assert cells.facet_volumes[f] == pytest.approx(face.volume, rel=1e-11)
        assert face.on_side == (positive < 0) == (cells.facet_neuron[f] < 0) == (cells.facet_side[f] >= 0)
        h = n + cells.facet_side[f] if positive < 0 else cells.facet_neuron[f]
        values = cells.vertices[corners] @ rows[h] - right[h]
        np.testing.assert_allclose(values, 0.0, atol=1e-12)
        on_all = np.abs(cells.vertices[corners] @ rows[:n].T - right[:n]).max(axis=0, initial=0.0) < 1e-12
        assert positive < 0 or h == np.flatnonzero(on_all)[0]
        inside = cells.centroids[negative] @ rows[h] - right[h]
        assert inside > 0 if positive < 0 else inside < 0 < cells.centroids[positive] @ rows[h] - right[h]
        if d == 3:  # counter-clockwise seen from where the normal points: outwards, or to the positive side
            outward = -rows[h] if positive < 0 else rows[h]
            cycle = cells.vertices[corners]
            turns = np.cross(
                np.roll(cycle, -1, axis=0) - cycle, np.roll(cycle, -2, axis=0) - np.roll(cycle, -1, axis=0)
            )
            assert np.all(turns @ outward > 0)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_how_cells_come_in_batches_changes_nothing(d: int) -> None:
    arrangement = degenerate_planes(d, 5, 1)
    batch = batch_of(arrangement, cells_of(arrangement), 1)
    one, other = (assembled(batch, arrangement.n_planes, size) for size in (1, None))
    for field in fields(BoxCells):
        mine, others = getattr(one, field.name), getattr(other, field.name)
        if field.name == "strata_activation":
            np.testing.assert_allclose(mine, others, rtol=1e-14)
        else:
            np.testing.assert_array_equal(mine, others)


def test_coordinates_are_counted_from_the_centre() -> None:
    arrangement = general_planes(3, 3, 0)
    batch = batch_of(arrangement, cells_of(arrangement), 1)
    assembler = CellAssembler(3)
    assembler.add(piece_of(batch, Measurer(3)))
    assert assembler.n_cells == batch.n_cells
    assert assembler.n_bytes > batch.points.nbytes / 8
    neuron = np.array([0, 1, 2, -1], dtype=np.int32)
    cells = assembler.finish(np.array([10.0, 20.0, 30.0]), (neuron, neuron))
    assert cells.vertices.min(axis=0).tolist() == [9.0, 19.0, 29.0]
    np.testing.assert_allclose(cells.volumes @ cells.centroids / 8, [10.0, 20.0, 30.0])


def _broken(what: str) -> CellBatch:
    arrangement = general_planes(3, 4, 0)
    batch = batch_of(arrangement, cells_of(arrangement), 1)
    if what == "vertex":
        batch.vertex_keys[5, 0] ^= np.uint64(1)
    elif what == "sign":
        row = np.flatnonzero(batch.slot_labels >= 0)[0]
        batch.slot_signs[row] *= -1
    elif what == "cell":
        return part_of(batch, 1, batch.n_cells)
    elif what == "twice":
        n = batch.n_cells - 1
        twice = [part_of(batch, 0, n + 1), part_of(batch, n, n + 1)]
        joined = [np.concatenate(parts) for parts in zip(*twice, strict=True)]
        for k in (0, 5):
            joined[k] = np.append(twice[0][k], twice[0][k][-1] + twice[1][k][1])
        return CellBatch(*joined)
    elif what == "slot":
        batch.slots[3] &= batch.slots[3] - np.uint64(1)
    return batch


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("vertex", "faces in float64 whose numbers|vertices and|facets that are not"),
        ("sign", "facets that are not|positive side|faces in float64|vertices and"),
        ("cell", "Euler|facets that are not|vertices and"),
        ("twice", "a facet that three cells have|facets that are not|Euler|vertices and"),
        ("slot", "no polytope"),
    ],
)
def test_cells_that_do_not_fit_are_refused(what: str, message: str) -> None:
    with pytest.raises(NumericalError, match=message):
        assembled(_broken(what), 4)
