"""Certified lines against the exact twins: every pattern, switch and count, on networks that floats get wrong too."""

from __future__ import annotations

import itertools
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Line, Network, Path, Ray, Segment
from linregions.errors import InvalidTypeError, NumericalError
from tests.fuzz.families import FAMILIES
from tests.reference.exact_graph_partitions import graph_line, graph_line_gradient_boundaries
from tests.reference.lines_exact import ExactLine, exact_line
from tests.support.graph_cases import degenerate_case, lines_of, random_case, some_lines
from tests.support.tiny_models import cases, tiny

KINDS = ("activation", "linear", "gradient")
LARGEST = Fraction(np.finfo(float).max)
FEW, MANY = range(2), range(2, 60)


def same_places(found: np.ndarray, exact: ExactLine) -> bool:
    """Tell whether breakpoints are the right ones, in order, close to where they are."""
    places = np.array([float(place) for place in exact.breakpoints])
    return (
        found.size == places.size
        and bool(np.all(np.diff(found) >= 0))
        and bool(np.all(np.abs(found - places) <= 2.0**-12 * np.abs(places)))
    )


def check(network: Network, domains: list[Any], exact: list[ExactLine]) -> int:
    """Compare certified partitions with the twin; return how many decisions integers were asked for."""
    counts = [[getattr(line, name) for line in exact] for name in ("n_regions", "n_linear_regions")]
    for kind, wanted in zip(KINDS, counts, strict=False):
        assert lr.count_regions(network, domains, kind=kind, certify=True).tolist() == wanted
    if any(abs(place) > LARGEST for line in exact for place in line.breakpoints):
        with pytest.raises(NumericalError, match=r"breaks beyond 1e308 .*Scale the weights or the direction"):
            lr.partition(network, domains, certify=True)
        return 0
    parts = lr.partition(network, domains, certify=True)
    for part, wanted in zip(parts, exact, strict=True):
        assert part.diagnostics["certified"] is True
        assert part.diagnostics["undecided"] == 0
        assert [tuple(pattern) for pattern in part.patterns.tolist()] == list(wanted.patterns)
        assert part.is_linear_boundary.tolist() == list(wanted.is_linear_boundary)
        columns = part.switch_neurons, part.switch_breakpoints, part.switch_directions
        switches = list(zip(*(column.tolist() for column in columns), strict=True))
        offsets = part.switch_offsets.tolist()
        assert [tuple(switches[a:b]) for a, b in itertools.pairwise(offsets)] == list(wanted.switches)
        assert same_places(part.breakpoints, wanted)
    return sum(part.diagnostics["exact_decisions"] for part in parts)


def check_chain(family: str, numbers: range) -> None:
    for number in numbers:
        problem = FAMILIES[family](np.random.default_rng([7, list(FAMILIES).index(family), number]))
        exact = [exact_line(problem.network, domain) for domain in problem.lines]
        check(problem.network, problem.lines, exact)


def check_graph(network: Network, domains: list[Any]) -> None:
    exact = [graph_line(network.graph, domain) for domain in domains]
    check(network, domains, exact)
    gradient = [1 + sum(graph_line_gradient_boundaries(network.graph, line)) for line in exact]
    assert lr.count_regions(network, domains, kind="gradient", certify=True).tolist() == gradient


@pytest.mark.parametrize("family", FAMILIES)
def test_chains(family: str) -> None:
    check_chain(family, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_more_chains(family: str) -> None:
    check_chain(family, MANY)


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs(seed: int) -> None:
    network, window = random_case(seed)
    check_graph(network, some_lines(window))


# The last one reads some of the inputs only.
@pytest.mark.parametrize("seed", [*range(12), 454544589])
def test_ties_in_graphs(seed: int) -> None:
    network, window = degenerate_case(seed)
    check_graph(network, some_lines(window))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 150))
def test_more_graphs(seed: int) -> None:
    for network, window in (random_case(seed), degenerate_case(seed)):
        check_graph(network, some_lines(window))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), cases(3))
def test_tiny_models(name: str, seed: int) -> None:
    model = tiny(name, seed)
    check_graph(Network.from_graph(model.graph), lines_of(model))


# ---- how the work is done --------------------------------------------------------------------------------------------


def some_work(seed: int = 0) -> tuple[Network, list[Any]]:
    rng = np.random.default_rng(seed)
    network = lr.random_network([3, 12, 12, 10, 2], rng, bias_variance=0.3)
    points = rng.normal(size=(40, 3))
    lines: list[Any] = [Line(a, b) for a, b in zip(points[:10], points[10:20], strict=True)]
    lines += [Ray(points[20], points[21]), Segment(points[22], points[23]), Path(points[24:])]
    return network, lines


def told(part: lr.LinePartition) -> tuple[Any, ...]:
    """Return all that must be the same."""
    arrays = part.first_pattern, part.switch_offsets, part.switch_neurons, part.switch_directions
    return (*(array.tolist() for array in arrays), part.is_linear_boundary.tolist())


@pytest.mark.parametrize(
    "options", [{"threads": 3}, {"memory_limit": 60_000}, {"memory_limit": 400_000, "threads": 2}, {"progress": True}]
)
def test_results_do_not_depend_on_how_the_work_is_done(options: dict[str, Any]) -> None:
    network, lines = some_work()
    whole = lr.partition(network, lines, certify=True)
    for part, other in zip(lr.partition(network, lines, certify=True, **options), whole, strict=True):
        assert told(part) == told(other)
        np.testing.assert_allclose(part.breakpoints, other.breakpoints, rtol=1e-12)
    for line, other in zip(lines, whole, strict=True):
        assert told(lr.partition(network, line, certify=True, **options)) == told(other)


def test_parts_of_a_line_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a few points only, every line goes through in many parts."""
    from linregions.regions.lines import engines

    network, lines = some_work(1)
    lines = lines[-3:]
    exact = [exact_line(network, line) for line in lines]
    for rows in (3, 4, 9):
        monkeypatch.setattr(engines, "rows_of", lambda plan, rows=rows: (rows, rows, rows))
        monkeypatch.setattr("linregions.regions.lines.work.rows_of", engines.rows_of)
        check(network, lines, exact)
    for seed in range(6):
        network, window = degenerate_case(seed)
        check_graph(network, some_lines(window))


def test_executors() -> None:
    network, lines = some_work()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = lr.partition(network, lines, certify=True, executor=pool)
    for part, other in zip(found, lr.partition(network, lines, certify=True), strict=True):
        assert told(part) == told(other)
        assert part.diagnostics["certified"] is True


def test_ordinary_results_are_what_they_were() -> None:
    network, lines = some_work(2)
    for part, other in zip(lr.partition(network, lines), lr.partition(network, lines, certify=True), strict=True):
        assert told(part) == told(other)
        np.testing.assert_allclose(part.breakpoints, other.breakpoints, rtol=1e-9)
        assert "certified" not in part.diagnostics


@pytest.mark.parametrize("value", [1, "yes", None])
def test_certify_is_yes_or_no(value: Any) -> None:
    network, lines = some_work()
    with pytest.raises(InvalidTypeError, match=r"`certify` is .*but partition needs True or False. Pass True"):
        lr.partition(network, lines, certify=value)


# ---- networks by hand ------------------------------------------------------------------------------------------------


def test_networks_that_do_not_switch() -> None:
    affine = Network.from_layers([([[1.0, 2.0]], [0.5])])
    idle = Network.from_layers([([[1.0, 2.0]], [0.5]), ([[3.0]], [1.0])], lr.IDENTITY)
    for network in (affine, idle):
        part = lr.partition(network, Line([0.0, 1.0], [1.0, 1.0]), certify=True)
        assert (part.n_regions, part.patterns.shape) == (1, (1, 0))
        assert lr.count_regions(network, [Segment([0.0, 0.0], [1.0, 1.0])] * 3, certify=True).tolist() == [1, 1, 1]


def test_what_floats_get_wrong() -> None:
    """A unit that is zero but for what its sum loses."""
    tiny = 2.0**-60
    network = Network.from_layers(
        [([[1.0], [1.0]], [1.0, 1.0 + 2.0**-52]), ([[1.0, -1.0]], [2.0**-52]), ([[1.0]], [0.0])]
    )
    line = Line([0.0], [1.0])
    part = lr.partition(network, line, certify=True)
    exact = exact_line(network, line)
    assert [tuple(p) for p in part.patterns.tolist()] == list(exact.patterns)
    shifted = Network.from_layers([([[1.0], [1.0]], [1.0, 1.0]), ([[1.0, -1.0]], [tiny]), ([[1.0]], [0.0])])
    for network in (
        shifted,
        Network.from_layers([([[1.0], [1.0]], [1.0, 1.0]), ([[1.0, -1.0]], [-tiny]), ([[1.0]], [0.0])]),
    ):
        check(network, [line], [exact_line(network, line)])


@pytest.mark.parametrize("power", [-1000, -540, 0, 540, 1000])
def test_weights_of_any_size(power: int) -> None:
    """Scaled by 2^power and back, no sign changes; where numbers leave the range integers tell."""
    rng = np.random.default_rng(abs(power))
    for _ in range(3):
        layers = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in ((2, 5), (5, 4), (4, 1))]
        factor = np.ldexp(1.0, rng.integers(min(power, 0), max(power, 0) + 1, size=5))
        layers[0] = layers[0][0] * factor[:, None], layers[0][1] * factor
        layers[1] = layers[1][0] / factor, layers[1][1]
        network = Network.from_layers(layers)
        lines: list[Any] = [
            Line(rng.normal(size=2), rng.normal(size=2) * 2.0 ** (power // 2)),
            Ray([0.0, 0.0], [1.0, 1.0]),
        ]
        check(network, lines, [exact_line(network, line) for line in lines])


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e300])
def test_subnormal_and_huge_numbers(size: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        layers = [
            (rng.integers(-3, 4, (b, a)) * 1.0, rng.integers(-2, 3, b) * 1.0) for a, b in ((2, 4), (4, 3), (3, 1))
        ]
        mixed = [(w * np.where(rng.uniform(size=w.shape) < 0.3, size, 1.0), b) for w, b in layers]
        network = Network.from_layers(mixed)
        lines: list[Any] = [
            Line([0.5, 0.25], [1.0, -1.0]),
            Segment([-1.0, -1.0], [1.0, 0.5]),
            Ray([size, 0.0], [1.0, size]),
        ]
        check(network, lines, [exact_line(network, line) for line in lines])


def test_breakpoints_that_no_float_parts(tmp_path: Any) -> None:
    """They are two, and the same float; the file says so, too."""
    network = Network.from_layers([([[3.0], [1.0]], [-1.0, -1.0 / 3.0]), ([[1.0, 1.0]], [0.0])])
    line = Segment([0.0], [1.0])
    part = lr.partition(network, line, certify=True)
    assert part.n_regions == exact_line(network, line).n_regions == 3
    assert part.breakpoints.tolist() == [1 / 3, 1 / 3]
    part.save(tmp_path / "part.npz")
    again = lr.LinePartition.load(tmp_path / "part.npz")
    assert told(again) == told(part)
    assert again.diagnostics == part.diagnostics


def test_many_cuts_in_one_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to sort them give the same, with little room or much."""
    from linregions.regions.lines.certified import decide

    network, lines = some_work(3)
    exact = [exact_line(network, line) for line in lines[-3:]]
    for many, room in ((1, 0), (1 << 30, 1 << 10)):
        monkeypatch.setattr(decide, "_MANY", many)
        monkeypatch.setattr(decide, "_ROOM", room)
        check(network, lines[-3:], exact)
