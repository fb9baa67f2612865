"""Boxes by the verbs: known counts, the same whatever does the work, limits, sinks, bad input."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ProcessPoolExecutor
from itertools import pairwise
from math import comb
from multiprocessing import get_context

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, MemoryLimitError, NumericalError
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.engine import nodes, work
from linregions.regions.boxes.find import count_box, find_cells, run_box_sink
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.options import Options
from tests.support import zoo
from tests.support.box_cases import alcoves, arrangement, cube, reflections


@pytest.fixture(scope="module")
def network() -> lr.Network:
    return lr.random_network([3, 10, 10, 10, 2], 4, bias_variance=0.1)


def assert_same(one: BoxCells, other: BoxCells) -> None:
    for name in ("vertices", "cell_offsets", "cell_vertices", "pattern_words", "volumes", "facet_cells"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.diagnostics == other.diagnostics


def test_toy3d_has_the_faces_that_others_found() -> None:
    model = lr.Network.load(zoo.GOLDEN / "toy3d_32x2.npz")
    box = lr.Box([-2.0] * 3, [2.0] * 3)
    assert find_cells(model, box).face_counts.tolist() == [32_332, 94_838, 92_750, 30_243]
    assert lr.count_regions(model, box) == 30_243


@pytest.mark.parametrize(("d", "n"), [(2, 12), (3, 9), (4, 7), (5, 7)])
def test_general_position_has_zaslavskys_number(d: int, n: int) -> None:
    rng = np.random.default_rng(d)
    normals = rng.normal(size=(n, d))
    # Planes so near the centre that all that meets meets in the box.
    box = cube(d, 1e4)
    model = arrangement(normals, rng.normal(size=n))
    assert lr.count_regions(model, box) == sum(comb(n, k) for k in range(d + 1))
    inner = (np.abs(find_cells(model, box).vertices) < 1e4).all(axis=1)
    assert inner.sum() == comb(n, d)


@pytest.mark.parametrize(("d", "n_cells"), [(2, 8), (3, 48), (4, 384)])
def test_reflections_cut_a_cell_for_each_element_of_their_group(d: int, n_cells: int) -> None:
    normals = reflections(d)
    assert count_box(arrangement(normals, np.zeros(len(normals))), cube(d))[0] == n_cells


@pytest.mark.slow
def test_five_reflections() -> None:
    normals = reflections(5)
    assert count_box(arrangement(normals, np.zeros(len(normals))), cube(5))[0] == 3840


def test_planes_may_lie_on_sides_of_the_box() -> None:
    model, box = alcoves(3, 2)
    assert count_box(model, box)[0] == 6 * 2**3


@pytest.mark.parametrize("options", [Options(threads=3), Options(threads=2, memory_limit=1 << 28)])
def test_results_do_not_depend_on_how_work_is_done(
    network: lr.Network, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "_CELLS_IN_TASK", 64)
    plain = find_cells(network, cube(3))
    assert_same(find_cells(network, cube(3), options), plain)
    assert count_box(network, cube(3), options=options)[0] == plain.volumes.size


def test_an_executor_finds_the_same(network: lr.Network) -> None:
    plain = find_cells(network, cube(3))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert_same(find_cells(network, cube(3), Options(executor=pool)), plain)


def test_results_do_not_depend_on_the_room_at_first(network: lr.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    from linregions.regions.boxes.engine import workbench

    plain = find_cells(network, cube(3))
    for name, few in (("_ENTRIES", 2), ("_VERTICES", 8), ("_PART", 4)):
        monkeypatch.setattr(workbench, name, few)
    small = find_cells(network, cube(3))
    assert_same(small, plain)


@pytest.mark.parametrize("d", [1, 2])
def test_few_inputs_are_as_on_lines_and_planes(d: int) -> None:
    model = lr.random_network([d, 14, 14, 1], d, bias_variance=0.1)
    domain = lr.Segment([-1.0], [1.0]) if d == 1 else lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
    for kind in ("activation", "linear", "gradient"):
        assert lr.count_regions(model, cube(d), kind) == lr.count_regions(model, domain, kind)
    part, other = lr.partition(model, cube(d)), lr.partition(model, domain)
    sizes = other.lengths if isinstance(other, lr.LinePartition) else other.areas
    np.testing.assert_allclose(np.sort(part.volumes), np.sort(sizes), rtol=1e-9, atol=1e-13)


def test_several_breakpoints_are_several_switches() -> None:
    layers = lr.random_network([2, 8, 8, 1], 3, bias_variance=0.1).layers
    model = lr.Network.from_layers([(layer.weight, layer.bias) for layer in layers], lr.HARD_TANH)
    window = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
    assert lr.count_regions(model, cube(2)) == lr.count_regions(model, window)


def test_a_network_without_neurons_is_one_cell() -> None:
    model = lr.Network.from_layers([([[1.0, 2.0, 3.0]], [0.0])])
    part = lr.partition(model, cube(3))
    assert (part.n_regions, part.face_counts.tolist()) == (1, [8, 12, 6, 1])


def test_halves_of_a_box_are_polytopes_with_all_its_regions() -> None:
    model = lr.random_network([3, 8, 8, 1], 2, bias_variance=0.1)
    normal = np.array([[1.0, 0.7, -0.4]])
    whole = lr.partition(model, cube(3))
    halves = [lr.partition(model, lr.Polytope(sign * normal, [sign * 0.2], within=cube(3))) for sign in (1.0, -1.0)]
    met = [{row.tobytes() for row in part.pattern_words} for part in halves]
    assert met[0] | met[1] == {row.tobytes() for row in whole.pattern_words}
    assert sum(part.volumes.sum() for part in halves) == pytest.approx(8.0)
    assert [lr.count_regions(model, part.domain) for part in halves] == [part.n_regions for part in halves]


def test_cells_are_handed_over_in_order_whatever_the_threads(network: lr.Network) -> None:
    class Patterns(BoxSink):
        def begin(self, *_: object) -> None:
            self.found: list[np.ndarray] = []

        def digest(self, batch: CellBatch) -> np.ndarray:
            return batch.pattern_words.copy()

        def collect(self, digested: np.ndarray) -> None:
            self.found.append(digested)

        def finish(self, summary: BoxSummary) -> np.ndarray:
            assert summary.n_cells == sum(map(len, self.found))
            return np.concatenate(self.found)

    one, two = (run_box_sink(network, cube(3), Patterns(), Options(threads=n)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(lr.partition(network, cube(3), sink=Patterns()), one)


def test_work_ends_soon_when_it_is_stopped(network: lr.Network) -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(CancelledError):
        count_box(network, cube(3), options=Options(stopped=stopped))


def test_wrong_counts_are_refused(network: lr.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_to_nodes = work.cut_to_nodes

    def lose_one(*args: object) -> object:
        made, bench = cut_to_nodes(*args)  # type: ignore[arg-type]
        return made[1:], bench

    monkeypatch.setattr(nodes, "_CELLS_IN_TASK", 64)
    monkeypatch.setattr(work, "cut_to_nodes", lose_one)
    with pytest.raises(NumericalError, match="face to face"):
        count_box(network, cube(3))
    with pytest.raises(NumericalError, match=r"faces|facets|volumes"):
        find_cells(network, cube(3))


def test_memory_limits_are_kept_and_name_what_would_do(network: lr.Network) -> None:
    n_cells = lr.count_regions(network, cube(3))
    with pytest.raises(MemoryLimitError, match="to keep the cells of this box") as error:
        lr.partition(network, cube(3), memory_limit=100_000)
    assert error.value.needed > 100_000
    assert lr.count_regions(network, cube(3), memory_limit=1 << 25) == n_cells


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ([6, 3, 1], lr.Box([0.0] * 6, [1.0] * 6), {}),
            InvalidValueError,
            "6 coordinates, .* needs 1 to 5: .*PlaneWindow",
        ),
        (([3, 3, 1], lr.Box([0.0] * 2, [1.0] * 2), {}), InvalidValueError, "lives in 2 dimensions"),
        (([3, 3, 1], lr.Box([0.0] * 3, [1.0] * 3), {"certify": True}), InvalidValueError, "`certify` is True, but"),
        (([3, 3, 1], lr.Box([0.0] * 3, [1.0] * 3), {"sink": lr.RegionStatistics()}), InvalidTypeError, "one for a Box"),
        (([2, 3, 1], lr.PlaneWindow.of_inputs([0, 0], [1, 1]), {"sink": 3}), InvalidTypeError, "`sink` is 3"),
    ],
)
def test_bad_input(arguments: tuple, error: type[Exception], message: str) -> None:  # type: ignore[type-arg]
    widths, domain, options = arguments
    with pytest.raises(error, match=message):
        lr.partition(lr.random_network(widths, 0), domain, **options)


def test_too_many_sides_are_refused() -> None:
    angles = np.linspace(0.0, 2 * np.pi, 70, endpoint=False)
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygon = lr.Polytope(normals, np.ones(70), within=cube(2, 2.0))
    with pytest.raises(InvalidValueError, match="`domain` has 70 sides, but its cells need fewer than 64"):
        lr.partition(lr.random_network([2, 3, 1], 0), polygon)


def test_bands_of_signs_are_tried_in_turn(network: lr.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    bands = []

    class Refusing(BoxSink):
        needs_cells = False

        def begin(self, network: lr.Network, domain: object, relative: float) -> None:
            bands.append(relative)

        def digest(self, batch: CellBatch) -> None: ...

        def collect(self, digested: None) -> None: ...

        def finish(self, summary: BoxSummary) -> None:
            raise NumericalError("no")

    with pytest.raises(NumericalError, match="no"):
        run_box_sink(network, cube(3), Refusing())
    assert [one / two for one, two in pairwise(bands)] == [16.0, 1.0 / 256.0]
