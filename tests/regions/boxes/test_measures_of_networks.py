"""Measures of cells of networks, deep and degenerate ones, against the exact twin."""

from __future__ import annotations

import numpy as np
import pytest

from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.boundaries import facet_boundaries, joined_labels
from linregions.regions.boxes.flat import facet_planes
from linregions.regions.boxes.strata import strata_of, strata_of_faces
from tests.reference.exact_boxes import exact_boxes
from tests.support.box_checks import check_cells
from tests.support.box_families import EXACT, make
from tests.support.exact_box_batches import exact_cells
from tests.support.examples import pairs

CASES = {f"{family} {d} {number}": (family, d, number) for number in range(6) for d in range(1, 6) for family in EXACT}


@pytest.mark.parametrize("name", pairs(CASES, [()], 40))
def test_cells_boundaries_and_strata_are_those_of_the_exact_twin(name: str) -> None:
    network, domain = make(15, *CASES[name])
    exact = exact_boxes(network, domain)
    cells = exact_cells(exact)
    match = check_cells(cells, exact)
    assert match == list(range(len(match)))
    patterns = unpack_patterns(network, cells.pattern_words)
    is_boundary = facet_boundaries(network, "linear", patterns, cells.facet_cells)
    labels = joined_labels(len(patterns), cells.facet_cells, is_boundary)
    assert labels.tolist() == exact.linear_labels
    strata = exact.strata("linear")
    np.testing.assert_allclose(strata_of(cells, is_boundary), strata, rtol=1e-9, atol=1e-9 * strata.max())
    np.testing.assert_allclose(strata_of_faces(cells, is_boundary), strata, rtol=1e-9, atol=1e-9 * strata.max())
    everything = facet_boundaries(network, "activation", patterns, cells.facet_cells)
    np.testing.assert_array_equal(everything, cells.facet_side < 0)
    gradient = facet_boundaries(network, "gradient", patterns, cells.facet_cells)
    assert not np.any(gradient & ~is_boundary)
    normals, offsets = facet_planes(cells)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-12)
    for f, (negative, positive) in enumerate(cells.facet_cells.tolist()):
        corners = cells.vertices[cells.facet_vertices[cells.facet_offsets[f] : cells.facet_offsets[f + 1]]]
        size = np.abs(cells.vertices).max()
        np.testing.assert_allclose(corners @ normals[f], offsets[f], atol=1e-9 * size)
        assert cells.centroids[negative] @ normals[f] < offsets[f]
        assert positive < 0 or cells.centroids[positive] @ normals[f] > offsets[f]
