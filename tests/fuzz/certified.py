"""Compare certified lines and windows with exact arithmetic: nothing may differ, whatever the network."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence

import numpy as np

import linregions as lr
from linregions import Network
from tests.fuzz.campaign import make
from tests.fuzz.certified_windows import compare_window
from tests.fuzz.families import FAMILIES, LineDomain, Rng
from tests.fuzz.outcomes import REFUSED, RIGHT, SILENT, Found
from tests.reference.exact_graph_partitions import graph_line, graph_line_gradient_boundaries
from tests.reference.gradients_exact import exact_line_gradient_boundaries
from tests.reference.lines_exact import ExactLine, exact_line
from tests.support.graph_cases import degenerate_case, random_case, some_lines

#: Of what `compare_certified` tells.
LINES = ("certified line", "of any size", "certified graph")
WINDOWS = ("window", "window any size", "window of graph")
CERTIFIED_DOMAINS = LINES + WINDOWS
_SIZES = (5e-324, 1e-320, 1e-300, 1e-160, 1e160, 1e300)
# How far a breakpoint may be off, in parts of itself or of the regions beside it.
_PLACE = 2.0**-12


def compare_certified(seed: int, family: str, number: int) -> Iterator[Found]:
    """Yield how lines and window of a problem compare; of every fourth one with weights of any size, or a graph.

    Of windows also what proves them, and changes of that.
    """
    rng = np.random.default_rng([seed, list(FAMILIES).index(family), number, 2])
    which = 0
    if number % 4 == 3:
        network, window = (degenerate_case, random_case)[number % 8 == 7](int(rng.integers(1 << 30)))
        lines: list[LineDomain] = some_lines(window)
        which = 2
    else:
        problem = make(seed, family, number)
        network, lines, window = problem.network, problem.lines, problem.window
        if number % 4 == 2:
            network, which = _of_any_size(network, rng), 1
    try:
        yield Found(family, number, WINDOWS[which], *compare_window(network, window, rng))
    except Exception as error:  # whatever it is, it is no clear answer
        yield Found(family, number, "raised", SILENT, f"{type(error).__name__}: {error}")
    yield from _compare_lines(Found(family, number, LINES[which], "", ""), network, lines)


def _compare_lines(found: Found, network: Network, lines: Sequence[LineDomain]) -> Iterator[Found]:
    family, number, name, _, _ = found
    try:
        exact = [exact_line(network, line) if network.is_chain else graph_line(network.graph, line) for line in lines]
        parts = lr.partition(network, lines, certify=True)
        counts = [lr.count_regions(network, lines, kind, certify=True) for kind in ("activation", "linear", "gradient")]
    except lr.errors.LinRegionsError as error:
        yield Found(family, number, name, REFUSED, str(error))
        return
    except Exception as error:  # whatever it is, it is no clear answer
        yield Found(family, number, "raised", SILENT, f"{type(error).__name__}: {error}")
        return
    for k, (line, part, wanted) in enumerate(zip(lines, parts, exact, strict=True)):
        gradient = 1 + sum(
            exact_line_gradient_boundaries(network, wanted)
            if network.is_chain
            else graph_line_gradient_boundaries(network.graph, wanted)
        )
        numbers = [int(count[k]) for count in counts]
        right = _is_right(part, wanted) and numbers == [wanted.n_regions, wanted.n_linear_regions, gradient]
        text = f"{type(line).__name__}: {part.n_regions} regions, counts {numbers}; exactly {wanted.n_regions}, "
        text += f"{wanted.n_linear_regions}, {gradient}; {part.diagnostics}"
        yield Found(family, number, name, RIGHT if right else SILENT, text)


def compare_some_certified(task: tuple[int, str, int, int, float]) -> list[Found]:
    """Compare some problems of a family, (seed, family, first number, how many, when to end)."""
    seed, family, first, size, end = task
    found: list[Found] = []
    for number in range(first, first + size):
        if time.time() > end:
            break
        found += compare_certified(seed, family, number)
    return found


def _is_right(part: lr.LinePartition, exact: ExactLine) -> bool:
    columns = part.switch_neurons, part.switch_breakpoints, part.switch_directions
    switches = list(zip(*(column.tolist() for column in columns), strict=True))
    offsets = part.switch_offsets.tolist()
    places = np.array([float(place) for place in exact.breakpoints])
    if places.size != part.breakpoints.size:
        return False
    gap = np.abs(np.diff(places))
    beside = np.maximum(np.append(0.0, gap), np.append(gap, 0.0))[: places.size]
    return (
        [tuple(pattern) for pattern in part.patterns.tolist()] == list(exact.patterns)
        and [tuple(switches[a:b]) for a, b in itertools.pairwise(offsets)] == list(exact.switches)
        and part.is_linear_boundary.tolist() == list(exact.is_linear_boundary)
        and bool(np.all(np.diff(part.breakpoints) >= 0))
        and bool(np.all(np.abs(part.breakpoints - places) <= _PLACE * np.maximum(np.abs(places), beside)))
        and part.diagnostics["certified"] is True
    )


def _of_any_size(network: Network, rng: Rng) -> Network:
    """Make some weights and biases huge or subnormal."""
    layers = []
    for layer in network.layers:
        size = float(rng.choice(_SIZES))
        factors = [np.where(rng.uniform(size=x.shape) < 0.2, size, 1.0) for x in (layer.weight, layer.bias)]
        with np.errstate(all="ignore"):
            made = [x * factor for x, factor in zip((layer.weight, layer.bias), factors, strict=True)]
        layers.append(tuple(np.where(np.isfinite(x), x, 1e308) for x in made))
    return Network.from_layers(layers, network.activations)
