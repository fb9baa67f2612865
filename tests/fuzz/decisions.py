"""Compare where the class changes, and level sets, with exact arithmetic, in a plane and on lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

import linregions as lr
from linregions.regions.lines.decision import DecisionPoints
from linregions.regions.planes.decision import DecisionBoundary
from tests.fuzz.families import LineDomain, Problem, Rng
from tests.fuzz.outcomes import REFUSED, judge
from tests.reference.lines_exact import exact_changes, exact_line
from tests.reference.planes_exact import ExactPiece, partition_exactly

# How far from the right place, in sizes of the window or of what lies on a line, a piece may end: where outputs are
# nearly parallel their tie is ill-conditioned, and only whether there is one is decided.
_PLACE = 1e-5
# On rays and lines slopes may be equal but for rounding, and a crossing thousands away.
_PLACE_ON_LINE = 1e-3

Key = tuple[int, int, bytes]  # both classes, and the pattern of the region on the side of the first


class Question(NamedTuple):
    """What is asked: how outputs are compared to tell the class, and a level of one of them."""

    network: lr.Network
    decision: str
    output: int
    level: float


def ask(problem: Problem, rng: Rng) -> Question:
    """Draw what to ask of a problem; half of the time of other outputs, which come close to one another."""
    network = problem.network if rng.uniform() < 0.5 else _with_close_outputs(problem.network, rng)
    output = int(rng.integers(network.n_out))
    low, high = problem.window.polygon.min(axis=0), problem.window.polygon.max(axis=0)
    somewhere = low + rng.uniform(size=2) * (high - low)
    choice = rng.uniform()
    level = 0.0
    if choice > 0.4:
        if choice < 0.7:  # reached in a vertex, be it by rounding; else somewhere in the window
            try:
                vertices = lr.partition(network, problem.window).vertices
                somewhere = vertices[int(rng.integers(len(vertices)))]
            except lr.errors.LinRegionsError:
                pass
        with np.errstate(over="ignore", invalid="ignore"):
            level = float(network(problem.window.point(somewhere))[output])
    elif choice > 0.2:
        level = float(rng.integers(-4, 5)) / 2
    if not np.isfinite(level):
        level = 0.0
    return Question(network, "argmax" if rng.uniform() < 0.7 else "argmin", output, level)


def _with_close_outputs(network: lr.Network, rng: Rng) -> lr.Network:
    """Replace some outputs: by copies, multiples, sums and means of others, the last up to steps of any size."""
    last = network.layers[-1]
    rows = [np.append(row, bias) for row, bias in zip(last.weight, last.bias, strict=True)]
    heaviest = max(float(np.abs(rows).max()), 1e-300)
    for _ in range(int(rng.integers(1, 4))):
        a, b = (rows[int(k)] for k in rng.integers(len(rows), size=2))
        step = 10.0 ** rng.integers(-17, 0)
        kind = int(rng.integers(8))
        if kind == 0:
            rows.append(a.copy())
        elif kind == 1:
            rows.append(a * float(rng.choice([2.0, -1.0, 0.5, 3.0])))
        elif kind == 2:
            rows.append((a + b) / 2)
        elif kind == 3:  # ahead in a strip along the tie of two others
            rows.append((a + b) / 2)
            rows[-1][-1] += heaviest * step
        elif kind == 4:
            rows.append(a * (1.0 + step * rng.normal(size=a.size)))
        elif kind == 5:
            rows.append(a.copy())
            rows[-1][-1] += heaviest * step * rng.choice([-1.0, 1.0])
        elif kind == 6:
            rows.append(np.zeros_like(a))
        else:
            rows.append(rng.normal(size=a.size) * heaviest)
    chosen = rng.permutation(len(rows))
    made = np.array(rows)[chosen]
    layers = [(layer.weight, layer.bias) for layer in network.layers[:-1]]
    return lr.Network.from_layers([*layers, (made[:, :-1], made[:, -1])], network.activations)


def compare_in_plane(problem: Problem, question: Question) -> Iterator[tuple[str, str, str]]:
    """Yield name, outcome and text of the decision boundary, and of the level set."""
    network, decision, output, level = question
    try:
        part = lr.partition(network, problem.window)
    except lr.errors.LinRegionsError as error:
        yield from ((name, REFUSED, str(error)) for name in ("plane classes", "plane level"))
        return
    exact = partition_exactly(network, problem.window)
    patterns = [bytes(pattern) for pattern in exact.patterns]
    low, high = problem.window.polygon.min(axis=0), problem.window.polygon.max(axis=0)
    size = float((high - low) @ np.linalg.norm(problem.window.basis, axis=1))
    for name, find, pieces, what in (
        ("plane classes", partial(part.decision_boundary, decision), exact.decision_pieces(decision), decision),
        (
            "plane level",
            partial(part.level_set, output, level),
            exact.level_pieces(output, level),
            f"{output} at {level!r}",
        ),
    ):
        try:
            found = find()
        except lr.errors.LinRegionsError as error:
            yield name, REFUSED, str(error)
            continue
        differing = _differing(_lengths(part, found), _exact_lengths(pieces, patterns), _PLACE * size)
        doubt = int(found.diagnostics["undecided"]) + int(part.diagnostics["undecided"])
        text = f"{what}: {len(found.segments)} pieces; {differing}; {found.diagnostics}, {part.diagnostics}"
        yield name, *judge(not differing, doubt, text)


def _lengths(part: lr.PlanePartition, boundary: DecisionBoundary) -> dict[Key, float]:
    made: dict[Key, float] = defaultdict(float)
    steps = (boundary.segments[:, 1] - boundary.segments[:, 0]) @ part.window.basis
    for (a, b), region, step in zip(boundary.classes.tolist(), boundary.regions, steps, strict=True):
        made[a, b, bytes(part.patterns[region])] += float(np.linalg.norm(step))
    return made


def _exact_lengths(pieces: Iterable[ExactPiece], patterns: list[bytes]) -> dict[Key, float]:
    made: dict[Key, float] = defaultdict(float)
    for (a, b), region, length in pieces:
        made[a, b, patterns[region]] += length
    return made


def _differing(found: dict[Key, float], exact: dict[Key, float], slack: float) -> str:
    """Tell which classes do not meet in the same regions on the same length; empty where all do."""
    wrong = []
    for key in sorted({*found, *exact}):
        a, b, pattern = key
        one, other = found.get(key), exact.get(key)
        if one is None or other is None or not abs(one - other) <= slack:
            wrong.append(f"{a} and {b} in {pattern.hex()}: {one}, exactly {other}")
    return "; ".join(wrong)


def compare_on_line(problem: Problem, domain: LineDomain, question: Question) -> Iterator[tuple[str, str, str]]:
    """Yield name, outcome and text of the points where the class changes, and of those of the level set."""
    network, decision, output, level = question
    try:
        part = lr.partition(network, domain)
    except lr.errors.LinRegionsError as error:
        yield from ((name, REFUSED, str(error)) for name in ("line classes", "line level"))
        return
    exact = exact_line(network, domain)
    for name, find, changes in (
        ("line classes", partial(part.decision_points, decision), exact_changes(exact, decision=decision)),
        ("line level", partial(part.level_set, output, level), exact_changes(exact, output=output, level=level)),
    ):
        try:
            found = find()
        except lr.errors.LinRegionsError as error:
            yield name, REFUSED, str(error)
            continue
        same = found.classes.tolist() == [[before, after] for _, before, after in changes]
        same = same and _close(found, np.array([float(t) for t, _, _ in changes]))
        doubt = int(found.diagnostics["undecided"]) + int(part.diagnostics["undecided"])
        text = (
            f"{type(domain).__name__}, {decision if name == 'line classes' else f'{output} at {level!r}'}: "
            f"{found.t.tolist()} {found.classes.tolist()}, exactly {[(float(t), b, a) for t, b, a in changes]}; "
            f"{found.diagnostics}, {part.diagnostics}"
        )
        yield name, *judge(same, doubt, text)


def _close(found: DecisionPoints, exact: np.ndarray) -> bool:
    slack = _PLACE_ON_LINE * np.maximum(1.0, np.abs(exact))
    return bool(np.all(np.diff(found.t) > 0) and np.all(np.abs(found.t - exact) <= slack))
