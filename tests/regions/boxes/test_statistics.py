"""Statistics of cells that are not kept, against the whole partition and the exact twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Box, Network
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError
from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes import joined
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.boundaries import facet_boundaries, joined_labels
from linregions.regions.boxes.find import find_cells, run_box_sink
from linregions.regions.boxes.sink import BoxSummary
from linregions.regions.boxes.sinks.joined_count import JoinedCounter
from linregions.regions.boxes.sinks.statistics import BoxStatistics, CellStatistics
from tests.reference.exact_boxes import exact_boxes
from tests.support.box_batches import part_of
from tests.support.box_families import EXACT, make
from tests.support.exact_box_batches import exact_batch, exact_cells
from tests.support.examples import pairs
from tests.support.statistics_checks import check_histogram


def check(found: CellStatistics, network: Network, cells: BoxCells) -> None:
    patterns = unpack_patterns(network, cells.pattern_words)
    assert found.n_regions == len(patterns)
    for kind, count in (("linear", found.n_linear_regions), ("gradient", found.n_gradient_regions)):
        labels = joined_labels(
            len(patterns), cells.facet_cells, facet_boundaries(network, kind, patterns, cells.facet_cells)
        )
        assert count == labels.max() + 1
    assert found.face_counts.tolist() == cells.face_counts.tolist()
    np.testing.assert_allclose(found.strata, cells.strata_activation, rtol=1e-12)
    assert found.volume == found.strata[0]
    n_facets = np.bincount(cells.facet_cells[cells.facet_cells >= 0], minlength=len(patterns))
    assert found.facets.tolist() == np.bincount(np.minimum(n_facets, 64), minlength=65).tolist()
    assert found.mean_facets == pytest.approx(n_facets.mean())
    check_histogram(found.volumes, cells.volumes)
    powers = [np.mean(cells.volumes**k) for k in range(1, 5)]
    np.testing.assert_allclose(found.volume_moments, powers, rtol=1e-12)
    order = np.argsort(-cells.volumes, kind="stable")[: len(found.largest)]
    for c, cell in zip(order, found.largest, strict=True):
        assert cell.volume == pytest.approx(cells.volumes[c], rel=1e-12)
        (same,) = np.flatnonzero((patterns == cell.pattern).all(axis=1))
        assert cells.volumes[same] == pytest.approx(cell.volume, rel=1e-12)
        np.testing.assert_allclose(cell.centroid, cells.centroids[same], atol=1e-12 * np.abs(cells.vertices).max())
        assert cell.n_facets == n_facets[same]


CASES = {f"{family} {d} {number}": (family, d, number) for number in range(3) for d in range(1, 6) for family in EXACT}


def in_batches(network: Network, domain: Any, size: int, **options: Any) -> tuple[CellStatistics, BoxCells]:
    """Return statistics from batches of the exact twin, and its cells."""
    exact = exact_boxes(network, domain)
    batch, sink = exact_batch(exact), BoxStatistics(**options)
    center = 0.5 * (domain.low + domain.high)
    batch = batch._replace(points=batch.points - center)
    sink.begin(network, domain, 0.0)
    for first in range(0, batch.n_cells, size):
        sink.collect(sink.digest(part_of(batch, first, min(first + size, batch.n_cells))))
    return sink.finish(BoxSummary(batch.n_cells, {"undecided": 0}, False, 0, True)), exact_cells(exact)


@pytest.mark.parametrize("name", pairs(CASES, [()], 30))
@pytest.mark.parametrize("many", [0, 1 << 14])
def test_statistics_are_those_of_the_exact_twin(name: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "_MANY", many)  # 0: facets are matched after every batch
    monkeypatch.setattr(joined, "_PAIRS", 3)
    network, domain = make(17, *CASES[name])
    found, cells = in_batches(network, domain, 5, linear=True, gradient=True)
    check(found, network, cells)
    assert found.diagnostics["undecided"] == 0
    assert abs(found.diagnostics["volume_defect"]) < 1e-12


def test_quantiles_are_within_a_bin() -> None:
    network, domain = make(17, "dyadic", 3, 0)
    found, cells = in_batches(network, domain, 50)
    assert found.n_linear_regions is None
    assert found.n_gradient_regions is None
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        exact = np.quantile(cells.volumes, share, method="inverted_cdf")
        assert abs(np.log10(found.volume_quantile(share) / exact)) < 0.05 + 1e-9
    for wrong, message in ((1.5, "`share` is 1.5"), (float("nan"), "`share`")):
        with pytest.raises(InvalidValueError, match=message):
            found.volume_quantile(wrong)


def test_arguments_are_checked() -> None:
    with pytest.raises(InvalidValueError, match="`largest` is -1, but BoxStatistics needs"):
        BoxStatistics(largest=-1)
    with pytest.raises(InvalidTypeError, match="`largest`"):
        BoxStatistics(largest="all")  # type: ignore[arg-type]
    network, domain = make(17, "dyadic", 2, 0)
    assert in_batches(network, domain, 5, largest=0)[0].largest == ()


def test_facets_without_a_second_cell_are_refused() -> None:
    network, domain = make(17, "dyadic", 2, 0)
    exact = exact_boxes(network, domain)
    batch = exact_batch(exact)
    assert batch.n_cells > 2
    sink = BoxStatistics(linear=True)
    sink.begin(network, domain, 0.0)
    sink.collect(sink.digest(part_of(batch, 1, batch.n_cells)))
    with pytest.raises(NumericalError, match="Euler"):
        sink.finish(BoxSummary(batch.n_cells - 1, {}, False, 0, True))
    with pytest.raises(NumericalError, match="beyond which no cell is found"):
        sink._counts[0].finish()


@pytest.mark.parametrize("widths", [[2, 16, 8, 1], [3, 16, 8, 2], [4, 6, 4, 1]])
def test_statistics_of_the_engine(widths: list[int]) -> None:
    network = lr.random_network(widths, 3, bias_variance=0.1)
    low = np.linspace(-1.0, -0.5, widths[0])
    domain = Box(low, low + 1.5)
    found = run_box_sink(network, domain, BoxStatistics(linear=True, gradient=True, largest=5))
    check(found, network, find_cells(network, domain))


@pytest.mark.parametrize("kind", ["linear", "gradient"])
def test_regions_of_other_kinds_are_counted_with_nothing_kept(kind: str) -> None:
    rng = np.random.default_rng(5)
    layers = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in ((3, 8), (8, 6), (6, 3), (3, 1))]
    layers[1][0][:, :3] = 0.0  # neurons that reach the output through few others only
    layers[2][0][:2] = 0.0
    network, domain = Network.from_layers(layers), Box([-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
    part = lr.partition(network, domain)
    counter = JoinedCounter(kind)
    assert run_box_sink(network, domain, counter) == getattr(part, f"n_{kind}_regions") < part.n_regions
    assert counter.undecided == 0


def test_statistics_of_a_polytope() -> None:
    network = lr.random_network([3, 12, 1], 1, bias_variance=0.1)
    domain = lr.Polytope([[1.0, 1.0, 1.0]], [0.5], Box([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]))
    found = run_box_sink(network, domain, BoxStatistics(linear=True, gradient=True))
    check(found, network, find_cells(network, domain))
    assert found.volume == pytest.approx(1 / 48, rel=1e-12)


def test_threads_and_limits_do_not_change_a_bit() -> None:
    network, domain = lr.random_network([3, 24, 12, 1], 2, bias_variance=0.1), Box([-1.0] * 3, [1.0] * 3)
    one, *others = (
        lr.partition(network, domain, sink=BoxStatistics(linear=True), **options)
        for options in ({}, {"threads": 2}, {"threads": 3, "memory_limit": 2**30})
    )
    for other in others:
        assert (one.n_regions, one.n_linear_regions) == (other.n_regions, other.n_linear_regions)
        for name in ("face_counts", "strata", "facets", "volume_moments"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(one.volumes.counts, other.volumes.counts)
        for mine, its in zip(one.largest, other.largest, strict=True):
            assert mine.volume == its.volume
            np.testing.assert_array_equal(mine.pattern, its.pattern)


def test_statistics_of_windows_are_those_of_planes() -> None:
    network = lr.random_network([2, 24, 12, 1], 2, bias_variance=0.1)
    low, high = [-1.0, -0.5], [1.0, 2.0]
    found = lr.partition(network, Box(low, high), sink=BoxStatistics(linear=True, gradient=True))
    planes = lr.partition(
        network, lr.PlaneWindow.of_inputs(low, high), sink=lr.RegionStatistics(linear=True, gradient=True)
    )
    assert found.n_regions == planes.n_regions
    assert found.n_linear_regions == planes.n_linear_regions
    assert found.n_gradient_regions == planes.n_gradient_regions
    assert found.face_counts.tolist() == [planes.n_vertices, planes.n_edges, planes.n_regions]
    np.testing.assert_allclose(found.strata[:2], [planes.area, planes.boundary_length], rtol=1e-9)
    assert found.facets.tolist() == planes.sides.tolist()
    np.testing.assert_allclose([cell.volume for cell in found.largest], [region.area for region in planes.largest])
