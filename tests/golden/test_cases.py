"""The standard plane cases: counts that several programs and integer arithmetic agree on, and all invariants."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from linregions.domains.windows import Line
from linregions.regions.options import Options
from linregions.regions.partition import count_regions
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.partition import PlanePartition
from tests.support import zoo
from tests.support.plane_checks import check_invariants, check_same, face_means

NAMES = ("toy2d_10_5", "toy2d_32x3", "mnist_64x3_trained", "mnist_128x3_trained")
SMALLER = NAMES[:3]
LARGEST_IS_SLOW = [*SMALLER, pytest.param(NAMES[3], marks=pytest.mark.slow)]


@cache
def partition_of(name: str) -> PlanePartition:
    case = zoo.golden(name)
    return partition_plane(case.network, case.window)


@pytest.mark.parametrize("name", NAMES)
def test_counts_equal_the_table(name: str) -> None:
    case, partition = zoo.golden(name), partition_of(name)
    found = (partition.n_regions, len(partition.vertices), len(partition.edges))
    assert found == (case.n_regions, case.n_vertices, case.n_edges)
    assert found[1] - found[2] + found[0] == 1
    assert count_regions(case.network, case.window) == case.n_regions


@pytest.mark.parametrize("name", LARGEST_IS_SLOW)
def test_counts_are_certified(name: str) -> None:
    case, plain = zoo.golden(name), partition_of(name)
    proved = partition_plane(case.network, case.window, Options(certify=True))
    assert proved.diagnostics["certified"]
    assert not proved.diagnostics["mended"]
    found = (proved.n_regions, len(proved.vertices), len(proved.edges), proved.n_linear_regions)
    assert found == (case.n_regions, case.n_vertices, case.n_edges, plain.n_linear_regions)


@pytest.mark.parametrize("name", LARGEST_IS_SLOW)
def test_whole_lines_are_certified(name: str) -> None:
    network, rng = zoo.golden(name).network, np.random.default_rng(5)
    lines = [Line(rng.normal(size=network.n_in), rng.normal(size=network.n_in)) for _ in range(20)]
    for kind in ("activation", "linear"):
        proved = count_regions(network, lines, kind, certify=True)
        np.testing.assert_array_equal(proved, count_regions(network, lines, kind))


@pytest.mark.parametrize("name", LARGEST_IS_SLOW)
def test_invariants(name: str) -> None:
    partition = partition_of(name)
    check_invariants(partition)
    assert abs(partition.areas.sum() - partition.window.area) <= 1e-12 * partition.window.area


@pytest.mark.parametrize("name", LARGEST_IS_SLOW)
def test_each_affine_map_is_the_network(name: str) -> None:
    partition = partition_of(name)
    means = face_means(partition)
    expected = partition.network(partition.window.point(means))
    got = np.einsum("foc,fc->fo", partition.affine_maps, np.concatenate([means, np.ones((len(means), 1))], axis=1))
    assert np.abs(got - expected).max() <= 1e-9 * np.abs(expected).max()
    typical = np.abs(expected).max(axis=1, keepdims=True)
    assert np.mean(np.abs(got - expected) <= 1e-9 * typical) > 0.999  # elsewhere the output is almost zero


def test_linear_regions_where_known() -> None:
    # Found by the exact twin; the trained networks have no region that a neuron leading nowhere bounds.
    assert partition_of("toy2d_10_5").n_linear_regions == 93
    assert partition_of("toy2d_32x3").n_linear_regions == 4176
    assert partition_of("mnist_64x3_trained").n_linear_regions == 7939
    case = zoo.golden("toy2d_10_5")
    assert count_regions(case.network, case.window, "linear") == 93


@pytest.mark.parametrize("name", SMALLER)
@pytest.mark.parametrize("cell_switches", [4, 1000])
def test_cell_size_does_not_matter(name: str, cell_switches: int) -> None:
    case = zoo.golden(name)
    check_same(partition_plane(case.network, case.window, knobs=Knobs(cell_switches=cell_switches)), partition_of(name))


@pytest.mark.parametrize("name", SMALLER)
def test_rewritten_networks_have_the_same_counts(name: str) -> None:
    case = zoo.golden(name)
    chosen = ("every neuron twice", "negatives added", "twice, scaled, negatives added", "idle units added")
    variants = [variant for variant in zoo.variants(case, seed=5) if variant.name.endswith(chosen)]
    assert len(variants) == 4
    for variant in variants:
        partition = partition_plane(variant.network, variant.window)
        found = (partition.n_regions, len(partition.vertices), len(partition.edges), partition.n_linear_regions)
        assert found == (case.n_regions, case.n_vertices, case.n_edges, partition_of(name).n_linear_regions), variant
        np.testing.assert_allclose(partition.boundary_length, partition_of(name).boundary_length, rtol=1e-9)


def test_scaling_by_powers_of_two_changes_no_bit() -> None:
    case, before = zoo.golden("mnist_64x3_trained"), partition_of("mnist_64x3_trained")
    after = partition_plane(zoo.rescaled(case.network, np.random.default_rng(0)), case.window)
    for name in ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "patterns"):
        assert np.array_equal(getattr(after, name), getattr(before, name)), name


@pytest.mark.parametrize("name", ["mnist_64x3_trained"])
def test_threads_do_not_change_a_bit(name: str) -> None:
    case, before = zoo.golden(name), partition_of(name)
    after = partition_plane(case.network, case.window, options=Options(threads=2))
    for attribute in ("vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "patterns"):
        assert np.array_equal(getattr(after, attribute), getattr(before, attribute)), attribute
