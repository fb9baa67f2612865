"""What follows from the flat arrays of a box: made from the exact twin, compared with it, planes, lines and samples."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions import Box, BoxPartition, Network, PlaneWindow, Polytope, Segment
from linregions.errors import FileFormatError, InvalidValueError
from tests.reference.exact_boxes import exact_boxes
from tests.support.box_cases import cube
from tests.support.twin_partitions import twin_partition

WIDTHS = [[1, 6, 5, 2], [2, 6, 5, 2], [3, 5, 3, 2], [4, 3, 2, 2], [5, 3, 1, 1]]


@cache
def networks() -> list[Network]:
    rng = np.random.default_rng(7)
    return [lr.random_network(widths, rng, bias_variance=0.1) for widths in WIDTHS]


@cache
def twin_in_cube(network: Network) -> BoxPartition:
    return twin_partition(network, cube(network.n_in))


@cache
def three_pieces(n_in: int) -> Network:
    rng = np.random.default_rng(3)
    layers = [(rng.normal(size=(4, n_in)), rng.normal(size=4) / 2), (rng.normal(size=(2, 4)), rng.normal(size=2))]
    return Network.from_layers(layers, lr.HARD_TANH)


@pytest.mark.parametrize("network", [*networks(), three_pieces(3)], ids=repr)
def test_regions_are_what_the_network_says(network: Network) -> None:
    d, rng = network.n_in, np.random.default_rng(1)
    part = twin_in_cube(network)
    assert len(part) == part.n_regions == len(list(part))
    points = rng.uniform(-1, 1, size=(200, d))
    at = part.locate(points)
    np.testing.assert_array_equal(part.patterns[at], network.patterns(points))
    rows = np.column_stack([points, np.ones(len(points))])
    np.testing.assert_allclose(np.einsum("pok,pk->po", part.affine_maps[at], rows), network(points), atol=1e-12)
    np.testing.assert_array_equal(part.locate(part.centroids), np.arange(len(part)))
    assert part.locate(np.full(d, 1.5)) == -1
    touched = part.locate(part.vertices)  # on boundaries all of them
    for vertex, region in zip(part.vertices, touched, strict=True):
        normals, offsets = part.halfspaces(int(region))
        assert (normals @ vertex <= offsets + 1e-9).all()


@pytest.mark.parametrize("network", [*networks(), three_pieces(2)], ids=repr)
def test_half_spaces_are_the_cells(network: Network) -> None:
    part = twin_in_cube(network)
    for region in part:
        normals, offsets = region.halfspaces
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
        gaps = offsets - region.vertices @ normals.T
        assert gaps.min() > -1e-9
        on = np.abs(gaps) < 1e-9
        facets = part.cell_facets[1][slice(*part.cell_facets[0][region.index : region.index + 2])]
        for k, facet in enumerate(facets.tolist()):
            corners = part.facet_vertices[part.facet_offsets[facet] : part.facet_offsets[facet + 1]]
            np.testing.assert_array_equal(np.sort(part.corners_of(region.index)[on[:, k]]), np.sort(corners))
        assert (offsets - normals @ region.centroid > 0).all()


@pytest.mark.parametrize("network", networks(), ids=repr)
def test_inscribed_balls_touch_the_half_spaces(network: Network) -> None:
    part = twin_in_cube(network)
    for region in part:
        normals, offsets = region.halfspaces
        gaps = offsets - normals @ part.incenters[region.index]
        assert gaps.min() == pytest.approx(part.inradii[region.index], abs=1e-12)
        assert gaps.min() >= (offsets - normals @ region.centroid).min() - 1e-12
    np.testing.assert_array_equal(part.locate(part.incenters), np.arange(len(part)))


@pytest.mark.parametrize("network", networks()[:4], ids=repr)
def test_linear_regions_and_strata_are_those_of_the_twin(network: Network) -> None:
    exact, part = exact_boxes(network, cube(network.n_in)), twin_in_cube(network)
    assert part.n_linear_regions == exact.n_linear_regions
    assert part.n_gradient_regions == exact.n_linear_regions  # random weights cancel nowhere
    for k, volume in enumerate(exact.strata()):
        assert part.strata(k) == pytest.approx(volume)
        assert part.strata(k, "linear") == pytest.approx(exact.strata("linear")[k])
    assert part.strata(1) == pytest.approx(part.boundary_volume)
    graph = part.adjacency()
    assert graph.weights.sum() == pytest.approx(2 * part.boundary_volume)
    assert [len(part.neighbors(f)) for f in range(len(part))] == np.diff(graph.indptr).tolist()


def test_two_inputs_are_the_plane_and_one_is_the_line() -> None:
    one, two = networks()[:2]
    part = twin_in_cube(two)
    plane = lr.partition(two, PlaneWindow.of_inputs([-1, -1], [1, 1]))
    order = plane.locate(part.centroids)
    assert sorted(order.tolist()) == list(range(len(plane)))
    np.testing.assert_allclose(part.volumes, plane.areas[order])
    np.testing.assert_allclose(part.affine_maps, plane.affine_maps[order], atol=1e-12)
    assert part.boundary_volume == pytest.approx(plane.boundary_length)
    assert part.n_linear_regions == plane.n_linear_regions
    assert part.n_facets == len(plane.edges)
    part = twin_in_cube(one)
    line = lr.partition(one, Segment([-1.0], [1.0]))
    np.testing.assert_allclose(part.volumes[np.argsort(part.centroids[:, 0])], line.lengths)
    assert part.boundary_volume == len(line.breakpoints)


def test_polytopes() -> None:
    network = networks()[2]
    octant = Polytope([[1, -1, 0], [0, 1, -1]], [0, 0], within=cube(3))
    part = twin_partition(network, octant)
    assert part.volumes.sum() == pytest.approx(8 / 6)
    inside = part.locate([[-0.5, 0.0, 0.5], [0.5, 0.0, -0.5], [0.0, 0.0, 0.0]])
    assert inside[0] >= 0
    assert inside[1] == -1
    assert inside[2] >= 0  # on an edge of the domain


@pytest.mark.parametrize("domain", [cube(3), Polytope([[1.0, 1.0, 1.0]], [0.5], within=cube(3))], ids=["box", "cut"])
def test_files(domain: Box | Polytope, tmp_path: Path) -> None:
    part = twin_partition(networks()[2], domain)
    part.save(tmp_path / "part.npz")
    again = BoxPartition.load(tmp_path / "part.npz")
    for name, array in vars(part).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), array)
            assert getattr(again, name).dtype == array.dtype
    assert again.diagnostics == part.diagnostics
    assert type(again.domain) is type(domain)
    assert repr(again) == repr(part)
    np.testing.assert_array_equal(again.locate(part.centroids), np.arange(len(part)))


def test_files_that_lie(tmp_path: Path) -> None:
    part = twin_in_cube(networks()[2])
    path = tmp_path / "part.npz"
    for name, change, match in [
        ("facet_cells", part.facet_cells[:, ::-1], "lack a region"),
        ("cell_vertices", part.cell_vertices + len(part.vertices), "cell_vertices holds numbers"),
        ("facet_side", part.facet_side[:-1], "facet_cells"),
        ("volumes", part.volumes[:-1], "volumes"),
    ]:
        object.__setattr__(wrong := twin_partition(networks()[2], cube(3)), name, np.ascontiguousarray(change))
        wrong.save(path)
        with pytest.raises(FileFormatError, match=match):
            BoxPartition.load(path)
    networks()[2].save(path)
    with pytest.raises(FileFormatError, match="no saved box partition"):
        BoxPartition.load(path)


def test_tables_and_errors() -> None:
    part = twin_in_cube(networks()[2])
    frame = part.to_dataframe()
    assert frame["volume"].sum() == pytest.approx(8.0)
    assert len(frame) == len(part)
    assert part.summary()["regions"] == len(part)
    assert part.summary()["f_vector"][3] == len(part)
    with pytest.raises(InvalidValueError, match=r"`k` is 4, but BoxPartition.strata needs a codimension .* 3"):
        part.strata(4)
    with pytest.raises(InvalidValueError, match="`region` is"):
        part.halfspaces(len(part))
    with pytest.raises(InvalidValueError, match="`kind`"):
        part.strata(1, "odd")
