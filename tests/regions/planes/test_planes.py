"""What `PlanePartition` offers to its users."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlanePartition, PlaneWindow, Tolerances
from linregions.errors import FileFormatError, InvalidValueError
from tests.support import zoo
from tests.support.plane_checks import check_invariants, faces

ARRAYS = (
    "vertices",
    "edges",
    "edge_neuron",
    "edge_breakpoint",
    "edge_faces",
    "face_offsets",
    "face_vertices",
    "patterns",
    "areas",
    "perimeters",
    "affine_maps",
    "linear_labels",
)


@pytest.fixture(scope="module")
def net() -> Network:
    activation = [lr.RELU, lr.HARD_TANH, lr.leaky_relu(0.1)]
    return zoo.float_network([784, 14, 10, 8, 5], np.random.default_rng(3), activation, bias=0.3)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(4).uniform(size=(3, 784))


@pytest.fixture(scope="module")
def plane(net: Network, points: np.ndarray) -> PlanePartition:
    return lr.partition(net, PlaneWindow.through(*points))


def test_window_through_three_inputs_of_784_numbers(net: Network, points: np.ndarray, plane: PlanePartition) -> None:
    assert plane.n_regions > 50
    check_invariants(plane)
    corners = plane.window.coordinates(points)
    radius = np.linalg.norm(corners, axis=1)
    np.testing.assert_allclose(radius, radius[0], rtol=1e-9)
    np.testing.assert_allclose(plane.window.polygon.max(), 1.5 * radius[0], rtol=1e-9)


def test_a_larger_window_holds_the_regions_of_a_smaller_one(net: Network, points: np.ndarray) -> None:
    counts = []
    patterns: list[set[bytes]] = []
    for scale in (0.5, 1.5, 4.0):
        plane = lr.partition(net, PlaneWindow.through(*points, scale=scale))
        patterns.append({row.tobytes() for row in plane.patterns})
        counts.append(plane.n_regions)
    assert counts[0] < counts[1] < counts[2]
    assert patterns[0] < patterns[1] < patterns[2]


def test_a_slice_is_a_network_with_two_inputs(net: Network, plane: PlanePartition) -> None:
    window, first = plane.window, net.layers[0]
    restricted = (first.weight @ window.basis.T, first.weight @ window.origin + first.bias)
    rest = [(layer.weight, layer.bias) for layer in net.layers[1:]]
    small = Network.from_layers([restricted, *rest], net.activations)
    other = lr.partition(small, PlaneWindow(np.zeros(2), np.eye(2), window.polygon))
    assert (other.n_regions, other.n_linear_regions) == (plane.n_regions, plane.n_linear_regions)
    assert {row.tobytes() for row in other.patterns} == {row.tobytes() for row in plane.patterns}
    np.testing.assert_allclose(np.sort(other.areas), np.sort(plane.areas), atol=1e-10 * window.area)
    np.testing.assert_allclose(other.boundary_length, plane.boundary_length, rtol=1e-9)


def test_each_point_lies_in_the_region_of_its_pattern(net: Network, plane: PlanePartition) -> None:
    rng = np.random.default_rng(5)
    low, high = plane.window.polygon.min(axis=0), plane.window.polygon.max(axis=0)
    where = rng.uniform(low, high, size=(2000, 2))
    number = {row.tobytes(): face for face, row in enumerate(plane.patterns)}
    for point, pattern in zip(where, net.patterns(plane.window.point(where)), strict=True):
        polygon = plane.polygon(number[pattern.tobytes()])
        side, to_point = np.roll(polygon, -1, axis=0) - polygon, point - polygon
        assert np.all(side[:, 0] * to_point[:, 1] - side[:, 1] * to_point[:, 0] >= -1e-9)


def test_the_neuron_of_an_edge_is_on_its_breakpoint_there(net: Network, plane: PlanePartition) -> None:
    inner = np.flatnonzero(plane.edge_neuron >= 0)
    middles = plane.vertices[plane.edges[inner]].mean(axis=1)
    values = np.concatenate(net.pre_activations(plane.window.point(middles)), axis=1)
    here = values[np.arange(inner.size), plane.edge_neuron[inner]]
    levels = [
        net.activations[net.locate_neuron(neuron)[0]].breakpoints[level]
        for neuron, level in zip(plane.edge_neuron[inner].tolist(), plane.edge_breakpoint[inner].tolist(), strict=True)
    ]
    np.testing.assert_allclose(here, levels, rtol=0, atol=1e-9 * np.abs(values).max())


def test_areas_and_lengths_are_euclidean_in_any_basis(net: Network, plane: PlanePartition) -> None:
    window = plane.window
    mix = np.array([[2.0, 0.5], [-0.25, 0.5]])
    skew = PlaneWindow(window.origin, mix @ window.basis, window.polygon @ np.linalg.inv(mix))
    other = lr.partition(net, skew)
    order, same = (np.lexsort(p.patterns.T) for p in (plane, other))
    np.testing.assert_allclose(other.areas[same], plane.areas[order], rtol=1e-7, atol=1e-12 * window.area)
    np.testing.assert_allclose(other.perimeters[same], plane.perimeters[order], rtol=1e-9)
    np.testing.assert_allclose(other.boundary_length, plane.boundary_length, rtol=1e-12)
    np.testing.assert_allclose(other.areas.sum(), window.area, rtol=1e-12)


def test_counts_without_geometry(net: Network, plane: PlanePartition) -> None:
    assert lr.count_regions(net, plane.window) == plane.n_regions
    assert lr.count_regions(net, plane.window, "linear") == plane.n_linear_regions


def test_partition_cannot_be_changed(plane: PlanePartition) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plane.vertices = np.zeros((1, 2))  # type: ignore[misc]


def test_polygon_and_repr(plane: PlanePartition) -> None:
    for region, cycle in enumerate(faces(plane)):
        assert np.array_equal(plane.polygon(region), plane.vertices[cycle])
    assert repr(plane) == (
        f"PlanePartition({plane.n_regions} regions, {len(plane.vertices)} vertices, {len(plane.edges)} edges)"
    )


def test_diagnostics(net: Network, plane: PlanePartition) -> None:
    assert plane.diagnostics["relative_tolerance"] == Tolerances().relative
    assert plane.diagnostics["smallest_margin"] > 1
    assert plane.diagnostics["snapped_signs"] == 0
    assert plane.diagnostics["cells"] >= 1
    concurrent = lr.partition(zoo.zero_bias_one_layer(16, np.random.default_rng(0)), zoo.rotated(0.4, (0.3, 0.2)))
    assert concurrent.diagnostics["snapped_signs"] + concurrent.diagnostics["merged_ties"] > 0
    wider = lr.partition(net, plane.window, tolerances=Tolerances(relative=1e-11))
    assert wider.diagnostics["relative_tolerance"] == 1e-11
    assert wider.diagnostics["smallest_margin"] < plane.diagnostics["smallest_margin"]
    assert wider.n_regions == plane.n_regions


def test_progress_writes_nothing_to_stdout(net: Network, plane: PlanePartition, capsys: pytest.CaptureFixture) -> None:
    again = lr.partition(net, plane.window, progress=True)
    assert np.array_equal(again.vertices, plane.vertices)
    assert capsys.readouterr().out == ""


def test_shapely_polygons_tile_the_window(plane: PlanePartition) -> None:
    shapely = pytest.importorskip("shapely")
    polygons = plane.to_shapely()
    assert polygons.shape == (plane.n_regions,)
    assert np.all(shapely.is_valid(polygons))
    np.testing.assert_allclose(shapely.area(polygons), plane.areas / plane.window.area_factor, rtol=1e-9, atol=1e-15)
    window = shapely.Polygon(plane.window.polygon)
    whole = shapely.union_all(shapely.buffer(polygons, 1e-9))
    assert window.difference(whole).area <= 1e-9 * window.area


def test_save_and_load(plane: PlanePartition, tmp_path: Path) -> None:
    plane.save(tmp_path / "deeper" / "plane.npz")
    again = PlanePartition.load(tmp_path / "deeper" / "plane.npz")
    for name in ARRAYS:
        first, second = getattr(plane, name), getattr(again, name)
        assert first.dtype == second.dtype
        assert np.array_equal(first, second), name
    assert again.diagnostics == plane.diagnostics
    assert again.n_linear_regions == plane.n_linear_regions
    assert again.boundary_length == plane.boundary_length
    assert np.array_equal(again.window.basis, plane.window.basis)
    x = plane.window.point([[0.0, 0.1], [0.2, -0.1]])
    assert np.array_equal(again.network(x), plane.network(x))
    assert again.network.activations == plane.network.activations
    assert [path.name for path in (tmp_path / "deeper").iterdir()] == ["plane.npz"]


def test_save_and_load_without_neurons(tmp_path: Path) -> None:
    plane = lr.partition(Network.from_layers([(np.eye(2), [0.0, 1.0])]), zoo.TRIANGLE)
    plane.save(tmp_path / "plane.npz")
    again = PlanePartition.load(tmp_path / "plane.npz")
    assert (again.n_regions, again.n_linear_regions, again.patterns.shape) == (1, 1, (1, 0))
    assert np.array_equal(again.vertices, zoo.TRIANGLE.polygon)


@pytest.mark.parametrize("kept", [0, 10, 400, -200, -1])
def test_truncated_file(plane: PlanePartition, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "plane.npz"
    plane.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileFormatError, match=r"`path` is .*plane.npz.*, which is truncated or no plain NPZ"):
        PlanePartition.load(path)


def test_foreign_files(net: Network, plane: PlanePartition, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(FileFormatError, match=r"which is no saved plane partition, but PlanePartition.load needs"):
        PlanePartition.load(tmp_path / "other.npz")
    net.save(tmp_path / "net.npz")
    with pytest.raises(FileFormatError, match="which is no saved plane partition"):
        PlanePartition.load(tmp_path / "net.npz")
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(FileFormatError, match=r"a single array, but PlanePartition.load needs an NPZ archive"):
        PlanePartition.load(tmp_path / "array.npy")
    (tmp_path / "text.npz").write_text("no archive at all")
    with pytest.raises(FileFormatError, match="truncated or no plain NPZ"):
        PlanePartition.load(tmp_path / "text.npz")
    with pytest.raises(InvalidValueError, match=r"where there is no file, but PlanePartition.load needs"):
        PlanePartition.load(tmp_path / "missing.npz")


@pytest.mark.parametrize("lost", ["vertices", "face_edges", "window_basis", "diagnostics", "network_W1"])
def test_incomplete_file(plane: PlanePartition, tmp_path: Path, lost: str) -> None:
    plane.save(tmp_path / "plane.npz")
    with np.load(tmp_path / "plane.npz") as archive:
        arrays = {key: archive[key] for key in archive.files if key not in {lost, "linregions_checksum"}}
    np.savez(tmp_path / "cut.npz", **arrays)
    with pytest.raises(FileFormatError, match=r"PlanePartition\.load needs"):
        PlanePartition.load(tmp_path / "cut.npz")


def test_unwritable_place(plane: PlanePartition, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidValueError, match=r"which cannot be written .*, but PlanePartition.save needs"):
        plane.save(tmp_path / "file" / "plane.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
