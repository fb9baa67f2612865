"""Compare boxes of one to five inputs, and polytopes in them, with exact arithmetic, in families of their own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import linregions as lr
from tests.fuzz.outcomes import REFUSED, SILENT, Found, judge
from tests.reference.exact_boxes import ExactBoxes, exact_boxes
from tests.support.box_checks import check_cells, check_shapes
from tests.support.box_families import FAMILIES, make

#: Of what `compare_box` tells.
BOX_DOMAINS = ("box", "box kinds", "polytope")
_INPUTS = (3, 4, 5, 2, 3, 4, 1)
# How far a measure may be off, in sizes of the box: vertices of nearly parallel planes are that uncertain.
_MEASURE = 1e-5


def compare_box(seed: int, family: str, number: int) -> Iterator[Found]:
    """Yield how the cells of a box compare, the regions of other kinds, and the cells of a polytope in it."""
    problem = make(seed, family, _INPUTS[number % len(_INPUTS)], number)
    rng = np.random.default_rng([seed, list(FAMILIES).index(family), number, 1])
    tries: list[tuple[str, Callable[[], tuple[str, str]]]] = [
        ("box", lambda: _cells(problem.network, problem.domain)),
        ("box kinds", lambda: _kinds(problem.network, problem.domain)),
        ("polytope", lambda: _cells(problem.network, _polytope(problem.domain, rng))),
    ]
    for name, compared in tries:
        try:
            yield Found(family, number, name, *compared())
        except lr.errors.LinRegionsError as error:
            yield Found(family, number, name, REFUSED, str(error))
        except Exception as error:  # whatever it is, it is no clear answer
            yield Found(family, number, "raised", SILENT, f"{type(error).__name__}: {error}")


def compare_some_boxes(task: tuple[int, str, int, int, float]) -> list[Found]:
    """Compare some problems of a family, (seed, family, first number, how many, when to end)."""
    seed, family, first, size, end = task
    found: list[Found] = []
    for number in range(first, first + size):
        if time.time() > end:
            break
        found += compare_box(seed, family, number)
    return found


def _polytope(domain: lr.Box, rng: np.random.Generator) -> lr.Polytope:
    """Cut a box by one or two half-spaces that hold its middle, of few bits or not, some through corners."""
    d, count = domain.n_in, int(rng.integers(1, 3))
    normals = rng.integers(-2, 3, (count, d)).astype(float)
    normals[:, 0] += normals.any(axis=1) == 0
    if rng.uniform() < 0.5:
        normals = normals + 0.1 * rng.normal(size=(count, d))
    middle, half = domain.center, (domain.high - domain.low) / 2
    reach = np.abs(normals) @ half
    return lr.Polytope(normals, normals @ middle + reach * rng.choice([0.25, 0.5, 1.0], count), domain)


def _cells(network: lr.Network, domain: lr.Box | lr.Polytope) -> tuple[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = lr.partition(network, domain)
    exact = exact_boxes(network, domain)
    difference = _difference(part, exact)
    text = f"{difference or 'the same'}; {part.face_counts.tolist()}, exactly {exact.face_counts}; {part.diagnostics}"
    return judge(not difference, int(part.diagnostics["undecided"]), text)


def _difference(part: Any, exact: ExactBoxes) -> str:
    """Tell what differs; empty where all is the same."""
    try:
        check_shapes(part, exact.network)
        check_cells(part, exact, _MEASURE)
    except (AssertionError, KeyError) as error:
        return " ".join(f"{type(error).__name__} {error}".split())[:200]
    return ""


def _kinds(network: lr.Network, domain: lr.Box) -> tuple[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = lr.partition(network, domain)
        kinds = ("activation", "linear", "gradient")
        counted = [int(lr.count_regions(network, domain, kind)) for kind in kinds]
    exact = exact_boxes(network, domain)
    found = [part.n_regions, part.n_linear_regions, part.n_gradient_regions]
    wanted = [len(exact.cells), exact.n_linear_regions, exact.n_gradient_regions]
    strata = np.array([part.strata(k, "linear") for k in range(exact.dimension + 1)])
    same = found == counted == wanted and np.allclose(strata, exact.strata("linear"), rtol=_MEASURE, atol=_MEASURE)
    text = f"{found}, {counted} when only counted, exactly {wanted}; strata {strata}, exactly {exact.strata('linear')}"
    return judge(bool(same), int(part.diagnostics["undecided"]), f"{text}; {part.diagnostics}")
