"""Lines of graphs in cells of any size and room, with threads and executors, and against a search layer by layer."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Line, Network, Path, Ray, Segment
from linregions.networks.graph import INPUT, Graph
from linregions.regions.lines.engine import Chunk
from linregions.regions.lines.graph_engine import GraphLineWorker
from linregions.regions.lines.graph_plan import GraphLines
from linregions.regions.tolerances import DEFAULT_TOLERANCES
from tests.support.graphs import Builder, random_graph

torch_networks = pytest.importorskip("tests.support.torch_networks")


def wide_graph(seed: int) -> Network:
    """Return a graph with a few hundred breakpoints on a line."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, 4, stages=6, most=30, kinds=("dense", "convolution", "residual", "concatenation", "max"))
    return Network.from_graph(graph)


def blank_graph() -> Network:
    """Return a convolution of inputs that are equal along a line: all sites switch in the same places."""
    builder = Builder(np.random.default_rng(0), 40)
    first = np.kron(np.eye(40), np.array([[1.0], [-0.5], [2.0]]))
    value = builder.step(builder.tensor(INPUT).then(first, np.tile([-0.3, 0.1, -0.9], 40)), lr.RELU)
    value = builder.max(value, [[k, k + 3, k + 6] for k in range(0, 110, 3)])
    return Network.from_graph(builder.finish(value.then(np.ones((2, value.size)))))


def some_lines(n_in: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    a, b, c = 2.0 * rng.normal(size=(3, n_in))
    return [Segment(a, b), Ray(a, b), Line(a, b - c), Path(np.stack([a, b, c]))]


def chunk_of(network: Network, domains: list[Any], *, target: float, room: int) -> tuple[Chunk, np.ndarray]:
    """Partition with cells of about so many breakpoints; return what the last line took as well."""
    lines = GraphLines.of(network, DEFAULT_TOLERANCES)
    assert lines.plan is not None
    lines = GraphLines(network, lines.flat, lines.plan._replace(target=target), lines.relative)
    worker = GraphLineWorker(lines, room, threading.Event())
    return worker.work(domains), worker.progress


@pytest.mark.parametrize("seed", range(4))
def test_cells_of_any_size_find_the_same(seed: int) -> None:
    network = wide_graph(seed)
    domains = some_lines(network.n_in, seed)
    wanted, _ = chunk_of(network, domains, target=1e9, room=1024)
    assert wanted.breakpoints.size > 100
    for target, room in ((200.0, 512), (10.0, 512), (1.0, 512), (1e9, 16)):
        found, progress = chunk_of(network, domains, target=target, room=room)
        assert progress[1] > 1 or target > 100
        np.testing.assert_allclose(found.breakpoints, wanted.breakpoints, rtol=1e-9, atol=1e-9)
        for name in ("neuron", "breakpoint", "direction"):
            assert np.array_equal(getattr(found.switches, name), getattr(wanted.switches, name)), (target, name)
        assert np.array_equal(found.offsets, wanted.offsets)
        assert np.array_equal(found.first_patterns, wanted.first_patterns)


def test_a_cell_without_room_is_halved_and_then_given_more() -> None:
    """Where a hundred switches coincide no half of a cell is any better."""
    network = blank_graph()
    along = np.ones(network.n_in)
    found, progress = chunk_of(network, [Segment(-along, along)], target=200.0, room=16)
    assert progress[4] > 0
    part = lr.partition(network, Segment(-along, along))
    assert np.array_equal(found.breakpoints, part.breakpoints)
    # Equal entries are one function, so no window switches where its entries do.
    assert part.breakpoints * 2 - 1 == pytest.approx([0.2, 0.3, 0.45])
    assert np.diff(part.switch_offsets).tolist() == [40, 40, 40]
    assert part.diagnostics["undecided"] == 0


def test_threads_and_executors_change_nothing() -> None:
    network = wide_graph(7)
    domains = [line for seed in range(6) for line in some_lines(network.n_in, seed)]
    wanted = lr.partition(network, domains)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        ways = [lr.partition(network, domains, threads=2), lr.partition(network, domains, executor=pool)]
    for found in ways:
        for a, b in zip(wanted, found, strict=True):
            assert np.array_equal(a.breakpoints, b.breakpoints)
            assert np.array_equal(a.switch_neurons, b.switch_neurons)
            assert np.array_equal(a.is_linear_boundary, b.is_linear_boundary)
            assert a.diagnostics == b.diagnostics


def test_a_limit_too_small_for_a_line_is_an_error() -> None:
    network = wide_graph(1)
    with pytest.raises(lr.errors.MemoryLimitError, match="memory_limit"):
        lr.partition(network, some_lines(4, 0), memory_limit=1000)


def layer_by_layer(graph: Graph, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return where units switch between two points: step by step, at all points found so far."""
    t = np.array([0.0, 1.0])
    for k, step in enumerate(graph.steps):
        for xi in step.activation.breakpoints:
            distance = graph.pre_activations(a + t[:, None] * (b - a))[k] - xi
            left, right = distance[:-1], distance[1:]
            i, unit = np.nonzero((np.sign(left) * np.sign(right) < 0) & (np.minimum(abs(left), abs(right)) > 1e-11))
            share = left[i, unit] / (left[i, unit] - right[i, unit])
            t = np.unique(np.append(t, t[i] + share * (t[i + 1] - t[i])))
    return t[1:-1]


@pytest.mark.parametrize("name", ["LeNet", "ResNet"])
def test_a_trained_network_agrees_with_a_search_layer_by_layer(name: str) -> None:
    torch = torch_networks.torch
    torch.manual_seed(0)
    module = getattr(torch_networks, name)().eval()
    network = lr.from_torch(module, torch.zeros(1, *module.shape))
    a, b = np.random.default_rng(0).normal(size=(2, network.n_in))
    part = lr.partition(network, Segment(a, b))
    searched = layer_by_layer(network.graph, a, b)
    assert part.n_regions > 100
    # What the search finds beside are comparisons that are not those of winners.
    nearest = np.abs(part.breakpoints[:, None] - searched).min(axis=1)
    assert nearest.max() < 1e-10

    ends = np.concatenate([[0.0], part.breakpoints, [1.0]])
    long = np.flatnonzero(np.diff(ends) > 1e-9)
    middle = 0.5 * (ends[long] + ends[long + 1])
    assert np.array_equal(network.patterns(a + middle[:, None] * (b - a)), part.patterns[long])
    for k in long[:: max(1, long.size // 50)]:
        low, high = ends[k], ends[k + 1]
        y = network(a + np.linspace(low, high, 3)[:, None] * (b - a))
        np.testing.assert_allclose(y[1], 0.5 * (y[0] + y[2]), rtol=0, atol=1e-12)
    if name == "ResNet":  # no maxima: it finds just the same
        assert searched.size == part.breakpoints.size
    else:
        extra = np.abs(searched[:, None] - part.breakpoints).min(axis=1) > 1e-10
        for t in searched[extra]:
            before, after = network.patterns(a + np.array([[t - 1e-10], [t + 1e-10]]) * (b - a))
            assert np.array_equal(before, after)


def test_every_breakpoint_is_named_by_what_switches_there() -> None:
    network = wide_graph(3)
    for line in some_lines(network.n_in, 3)[:1]:
        part = lr.partition(network, line)
        for k, (before, after) in enumerate(itertools.pairwise(part.patterns)):
            own = slice(part.switch_offsets[k], part.switch_offsets[k + 1])
            assert set(np.flatnonzero(before != after)) == set(part.switch_neurons[own].tolist())
