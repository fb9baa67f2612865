"""What float64 cannot decide is counted, all of it, and nothing else."""

from __future__ import annotations

import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.errors import UndecidedWarning
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import run_sink
from linregions.regions.planes.sinks.statistics import RegionCounter
from tests.fuzz.campaign import SILENT, _plane, make
from tests.fuzz.families import FAMILIES
from tests.reference.planes_exact import partition_exactly
from tests.support.plane_checks import check_against, miscount, split_at

UNIT = PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
# No vertex of the lines through the origin, or x = y, lies on its border.
ASKEW = PlaneWindow.of_inputs([-2.6, -4.1], [3.4, 1.9])


@pytest.mark.parametrize("family", FAMILIES)
def test_no_mismatch_is_silent(family: str) -> None:
    """A few of each family; `make fuzz` looks at thousands."""
    for number in range(3):
        outcome, text = _plane(make(11, family, number))
        assert outcome != SILENT, f"{family} {number}: {text}"


@pytest.mark.parametrize("family", ["generic", "small_biases", "single_precision", "duplicates", "opposite_copies"])
def test_what_is_separated_is_decided(family: str) -> None:
    for number in range(6):
        problem = make(12, family, number)
        assert lr.partition(problem.network, problem.window).diagnostics["undecided"] == 0


def two_lines(bias: float) -> Network:
    return Network.from_layers([([[1.0, -1.0], [-1.0, 1.0]], [bias, bias]), (np.eye(2), [0.0, 0.0])])


def test_coincidence_and_a_sliver() -> None:
    """The neurons are x - y + b and y - x + b: one line, or two with a sliver between them."""
    exact = lr.partition(two_lines(0.0), ASKEW)
    assert exact.n_regions == 2
    assert (exact.diagnostics["undecided"], exact.diagnostics["merged_ties"], exact.diagnostics["snapped_signs"]) == (
        0, 0, 0,
    )  # fmt: skip
    for bias in (1e-17, 1e-13):
        found = lr.partition(two_lines(bias), ASKEW)
        assert found.n_regions == 3 or found.diagnostics["undecided"] > 0
    wide = lr.partition(two_lines(1e-9), ASKEW)
    assert (wide.n_regions, wide.diagnostics["undecided"]) == (3, 0)


def test_a_line_past_a_corner() -> None:
    """It cuts off a corner of 2**-42, within the band, so that it is not even inserted."""
    net = Network.from_layers([([[1.0, 1.0]], [-2.0 + 2.0**-41]), ([[1.0]], [0.0])])
    assert partition_exactly(net, UNIT).n_regions == 2
    assert lr.partition(net, UNIT).diagnostics["undecided"] > 0
    far = Network.from_layers([([[1.0, 1.0]], [-2.0 + 2.0**-30]), ([[1.0]], [0.0])])
    found = lr.partition(far, UNIT)
    assert (found.n_regions, found.diagnostics["undecided"]) == (2, 0)


@pytest.mark.parametrize("gap", [2.0**-44, -(2.0**-44), 0.0])
def test_a_zero_of_the_second_layer_that_is_not_inserted(gap: float) -> None:
    """relu(x) <= 1 on the window, so that z = relu(x) - 1 + gap crosses it at most in a sliver."""
    net = Network.from_layers([([[1.0, 0.25]], [0.0]), ([[-1.0]], [1.25 + gap]), ([[1.0]], [0.0])])
    assert lr.partition(net, UNIT).diagnostics["undecided"] > 0


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0, -0.5, 3.0, -7.0])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_multiples_cut_nothing(layer: int, factor: float) -> None:
    """In any layer, and whatever the factor as long as it is exact."""
    rng = np.random.default_rng(7)
    layers = [(rng.integers(-99, 100, (5, n)) / 64, rng.integers(-99, 100, 5) / 64) for n in (2, 5, 5)]
    weight, bias = layers[layer]
    layers[layer] = np.vstack([weight, weight * factor]), np.concatenate([bias, bias * factor])
    layers.append((rng.normal(size=(2, layers[-1][0].shape[0])), rng.normal(size=2)))
    if layer < 2:
        weight, bias = layers[layer + 1]
        layers[layer + 1] = np.hstack([weight, rng.integers(-99, 100, (5, 5)) / 64]), bias
    net = Network.from_layers(layers)
    window = PlaneWindow.of_inputs([-1.7, -1.3], [1.9, 1.4])
    found = lr.partition(net, window)
    check_against(found, partition_exactly(net, window))
    assert found.diagnostics["undecided"] == found.diagnostics["merged_ties"] == 0
    assert lr.count_regions(net, window, kind="linear") == found.n_linear_regions


def test_multiples_in_blocks() -> None:
    knobs = Knobs(most_lines=12, lines_in_block=10)
    base = lr.random_network([2, 16, 6, 1], 3, bias_variance=0.2)
    weight, bias = base.layers[0].weight, base.layers[0].bias
    first = np.vstack([weight, -weight, 2.0 * weight]), np.concatenate([bias, -bias, 2.0 * bias])
    second = base.layers[1].weight
    layers = [first, (np.hstack([second, 0.5 * second, 0.25 * second]), base.layers[1].bias)]
    net = Network.from_layers([*layers, (base.layers[2].weight, base.layers[2].bias)])
    counter = RegionCounter()
    assert run_sink(net, UNIT, counter, knobs=knobs) == partition_exactly(net, UNIT).n_regions
    assert counter.undecided == 0
    kept: Any = lr.partition(net, UNIT, sink=lr.RegionStatistics(linear=True))
    assert kept.n_linear_regions == lr.partition(net, UNIT).n_linear_regions


def test_zeros_of_zeros() -> None:
    """Where all units of a layer are off, the next one is zero without any bias: that is no decision."""
    net = Network.from_layers(
        [
            ([[1.0, 0.25], [-0.25, 1.0]], [-0.5, -0.6875]),
            ([[1.0, -0.5], [-2.0, 1.5]], [0.0, 0.0]),
            ([[1.0, 1.0]], [0.0]),
        ]
    )
    found = lr.partition(net, UNIT)
    check_against(found, partition_exactly(net, UNIT))
    assert found.diagnostics["undecided"] == 0
    first = [[0.0, 0.0], [1.0, 0.3]], [0.0, 0.1]
    dead = Network.from_layers([first, (np.zeros((2, 2)), [0.0, 0.0]), (np.eye(2), [0.0, 0.0])])
    assert lr.partition(dead, UNIT).diagnostics["undecided"] == 0


def test_all_ways_tell_the_same(tmp_path: Path) -> None:
    """Whatever takes the regions, and whoever finds them."""
    problem = make(0, "lattice", 0)
    net, window = problem.network, problem.window
    whole = lr.partition(net, window).diagnostics
    assert whole["undecided"] > 0
    assert lr.partition(net, window, threads=3).diagnostics == whole
    assert lr.partition(net, window, memory_limit=1 << 28).diagnostics == whole
    with ThreadPoolExecutor(2) as pool:
        assert lr.partition(net, window, executor=pool).diagnostics == whole
    assert lr.partition(net, window, sink=lr.RegionStatistics()).diagnostics == whole
    for _ in range(2):  # made, and found there
        assert lr.partition(net, window, sink=lr.RegionStream(tmp_path / "regions")).diagnostics == whole
    counter = RegionCounter()
    lr.partition(net, window, sink=counter)
    assert counter.undecided == whole["undecided"]


def test_counts_warn_once() -> None:
    weight = np.array([[1.0, 0.3], [1.0, -0.4], [0.2, 1.0]])
    net = Network.from_layers([(weight, np.zeros(3)), (np.ones((1, 3)), [0.0])])
    both = [UNIT, PlaneWindow.of_inputs([-2.0, -1.0], [1.0, 3.0])]
    undecided = sum(part.diagnostics["undecided"] for part in lr.partition(net, both))  # type: ignore[union-attr]
    with pytest.warns(UndecidedWarning, match=f"{undecided} decisions lie within the rounding .* and move") as caught:
        counts = lr.count_regions(net, both)
    assert counts.tolist() == [6, 6]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr.count_regions(lr.random_network([2, 8, 1], 0, bias_variance=0.1), UNIT)
        lr.partition(net, both)  # which carries its diagnostics


def test_work_done_once_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contradiction between cells, or in a part of one, is a decision that was not made."""
    net = lr.random_network([2, 48, 24, 1], 1, bias_variance=0.2)
    assert lr.partition(net, UNIT).diagnostics["undecided"] == 0
    miscount(monkeypatch)
    assert lr.partition(net, UNIT).diagnostics["undecided"] == 1


def test_decisions_in_parts_of_cells_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    layers = [
        (rng.integers(-2, 3, (m, n)).astype(float), rng.integers(-2, 3, m).astype(float))
        for n, m in itertools.pairwise([2, 6, 6, 5, 1])
    ]
    net, window = Network.from_layers(layers), PlaneWindow.of_inputs([-3.0, -2.0], [2.0, 3.0])
    whole = lr.partition(net, window)
    parts = split_at(monkeypatch, 2, 2)
    found = lr.partition(net, window)
    assert parts
    assert found.n_regions == whole.n_regions == partition_exactly(net, window).n_regions
    assert found.diagnostics["undecided"] >= whole.diagnostics["undecided"] > 0
