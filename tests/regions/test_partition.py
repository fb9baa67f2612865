"""The two verbs: what they take, what they return and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Line, LinePartition, Network, Path, PlanePartition, PlaneWindow, Ray, Segment, Tolerances
from linregions.errors import InvalidTypeError, InvalidValueError
from tests.support import zoo

NET = zoo.float_network([2, 10, 8, 3], np.random.default_rng(1))
DOMAINS = [
    zoo.WIDE,
    Segment([-1.0, -2.0], [2.0, 1.5]),
    zoo.TRIANGLE,
    Line([0.1, 0.2], [1.0, -0.5]),
    Ray([0.0, 0.0], [0.3, 1.0]),
    Path([[0.0, 0.0], [1.0, 2.0], [-1.0, 1.0]]),
]
VERBS = [lr.partition, lr.count_regions]


def test_the_domain_decides_what_comes_back() -> None:
    for domain in DOMAINS:
        made = lr.partition(NET, domain)
        assert type(made) is (PlanePartition if isinstance(domain, PlaneWindow) else LinePartition)
        assert made.network is NET


def test_a_batch_keeps_its_order() -> None:
    batch = lr.partition(NET, DOMAINS)
    alone = [lr.partition(NET, domain) for domain in DOMAINS]
    assert [type(made) for made in batch] == [type(made) for made in alone]
    assert [made.n_regions for made in batch] == [made.n_regions for made in alone]
    assert [made.n_linear_regions for made in batch] == [made.n_linear_regions for made in alone]
    assert [len(made) for made in (lr.partition(NET, (DOMAINS[0],)), lr.partition(NET, DOMAINS[1:2]))] == [1, 1]


@pytest.mark.parametrize("kind", ["activation", "linear", "gradient"])
def test_counts_equal_partitions(kind: str) -> None:
    name = {"activation": "n_regions", "linear": "n_linear_regions", "gradient": "n_gradient_regions"}[kind]
    expected = [getattr(lr.partition(NET, domain), name) for domain in DOMAINS]
    counts = lr.count_regions(NET, DOMAINS, kind)
    assert counts.dtype == np.int64
    assert counts.tolist() == expected
    single = [lr.count_regions(NET, domain, kind) for domain in DOMAINS]
    assert single == expected
    assert all(type(count) is int for count in single)


def test_activation_regions_are_what_is_counted_by_default() -> None:
    case = zoo.golden("toy2d_10_5")
    assert lr.count_regions(case.network, case.window) == 98
    assert lr.count_regions(case.network, case.window, kind="activation") == 98
    assert lr.count_regions(case.network, case.window, kind="linear") == 93


@pytest.mark.parametrize("verb", VERBS)
def test_threads_change_nothing(verb: Any) -> None:
    one, two = verb(NET, DOMAINS, threads=1), verb(NET, DOMAINS, threads=2)
    if verb is lr.count_regions:
        assert np.array_equal(one, two)
    else:
        assert [p.n_regions for p in one] == [p.n_regions for p in two]
        assert np.array_equal(one[0].vertices, two[0].vertices)
        assert np.array_equal(one[1].breakpoints, two[1].breakpoints)


BAD = {
    "net of another type": (
        {"network": [(np.eye(2), np.zeros(2))]},
        InvalidTypeError,
        r"`network` is list, but {who} needs a linregions.Network. Give one, a PyTorch module",
    ),
    "no net": ({"network": None}, InvalidTypeError, "`network` is NoneType, but {who} needs a linregions.Network"),
    "domain of another type": (
        {"domain": np.zeros((4, 2))},
        InvalidTypeError,
        "`domain` is ndarray, but {who} needs a Segment, Ray, Line, Path, PlaneWindow, Box or Polytope",
    ),
    "a string": ({"domain": "plane"}, InvalidTypeError, "`domain` is str, but {who} needs a Segment"),
    "a bad entry of a batch": (
        {"domain": [zoo.SQUARE, 3]},
        InvalidTypeError,
        r"`domain\[1\]` is int, but {who} needs a Segment",
    ),
    "empty batch": ({"domain": []}, InvalidValueError, "`domain` is an empty list, but {who} needs at least one"),
    "window of another space": (
        {"domain": PlaneWindow.square(np.zeros(3), np.eye(3)[:2], 1.0)},
        InvalidValueError,
        "`domain` lives in 3 dimensions, but {who} needs the network's 2 inputs",
    ),
    "one of several of another space": (
        {"domain": [zoo.SQUARE, Segment(np.zeros(4), np.ones(4))]},
        InvalidValueError,
        r"`domain\[1\]` lives in 4 dimensions, but {who} needs the network's 2 inputs",
    ),
    "no threads": ({"threads": 0}, InvalidValueError, "`threads` is 0, but {who} needs at least 1"),
    "negative threads": ({"threads": -2}, InvalidValueError, "`threads` is -2, but {who} needs at least 1"),
    "half a thread": ({"threads": 1.5}, InvalidTypeError, "`threads` is 1.5 .float., but {who} needs an integer"),
    "a number as tolerances": (
        {"tolerances": 1e-12},
        InvalidTypeError,
        "`tolerances` is float, but {who} needs linregions.Tolerances",
    ),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(verb: Any, name: str) -> None:
    given, error, message = BAD[name]
    arguments: dict[str, Any] = {"network": NET, "domain": zoo.SQUARE, **given}
    with pytest.raises(error, match=message.format(who=verb.__name__)):
        verb(**arguments)


def test_unknown_kind() -> None:
    with pytest.raises(InvalidValueError, match="`kind` is 'convex', but count_regions needs one of 'activation', 'li"):
        lr.count_regions(NET, zoo.SQUARE, "convex")


@pytest.mark.parametrize("relative", [-1e-12, np.nan, np.inf, 1.0])
def test_impossible_tolerances(relative: float) -> None:
    with pytest.raises(InvalidValueError, match="`relative` is"):
        lr.partition(NET, zoo.SQUARE, tolerances=Tolerances(relative=relative))


def crossings(plane: PlanePartition, start: np.ndarray, end: np.ndarray) -> list[tuple[float, int, int]]:
    """Return (t, neuron, breakpoint) wherever the segment from start to end crosses an edge of the partition."""
    inner = np.flatnonzero(plane.edge_neuron >= 0)
    a, b = np.moveaxis(plane.vertices[plane.edges[inner]], 1, 0)
    along = end - start
    side_a, side_b = (along[0] * (p - start)[:, 1] - along[1] * (p - start)[:, 0] for p in (a, b))
    crossed = (side_a > 0) != (side_b > 0)
    a, b, side_a, side_b, inner = a[crossed], b[crossed], side_a[crossed], side_b[crossed], inner[crossed]
    meet = a + (side_a / (side_a - side_b))[:, None] * (b - a)
    t = (meet - start) @ along / (along @ along)
    kept = (t > 0) & (t < 1)
    neurons, levels = plane.edge_neuron[inner], plane.edge_breakpoint[inner]
    return sorted(zip(t[kept].tolist(), neurons[kept].tolist(), levels[kept].tolist(), strict=True))


@pytest.mark.parametrize(
    ("net", "window"),
    [
        (NET, zoo.WIDE),
        (zoo.float_network([2, 6, 5, 4, 2], np.random.default_rng(2), zoo.ACTIVATIONS["three_breaks"]), zoo.HEXAGON),
        (zoo.float_network([50, 12, 10, 2], np.random.default_rng(3), lr.HARD_TANH), None),
        (zoo.integer_network([2, 9, 8, 7, 2], np.random.default_rng(4)), zoo.TRIANGLE),
        (zoo.golden("mnist_64x3_trained").network, zoo.golden("mnist_64x3_trained").window),
    ],
    ids=["relu", "three breaks", "50 inputs", "whole numbers", "mnist"],
)
def test_a_line_in_a_window_has_the_same_breakpoints_both_ways(net: Network, window: PlaneWindow | None) -> None:
    rng = np.random.default_rng(9)
    window = window or zoo.integer_slice(net.n_in, rng, (1, 2))
    plane = lr.partition(net, window)
    ends = rng.dirichlet(np.ones(len(window.polygon)), size=(20, 2)) @ window.polygon
    lines = lr.partition(net, [Segment(*window.point(pair)) for pair in ends])
    for (start, end), line in zip(ends, lines, strict=True):
        expected = crossings(plane, start, end)
        assert line.n_regions == len(expected) + 1
        np.testing.assert_allclose(line.breakpoints, [t for t, _, _ in expected], rtol=0, atol=1e-9)
        assert line.neurons.tolist() == [neuron for _, neuron, _ in expected]
        assert line.breakpoint_indices.tolist() == [level for _, _, level in expected]
        known = {row.tobytes() for row in plane.patterns}
        assert all(row.tobytes() in known for row in line.patterns)
