"""Compare the library with exact arithmetic on one problem, and count how that went."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

import linregions as lr
from tests.fuzz.decisions import ask, compare_in_plane, compare_on_line
from tests.fuzz.families import FAMILIES, Problem
from tests.fuzz.outcomes import REFUSED, SILENT, Found, judge
from tests.reference.lines_exact import exact_line
from tests.reference.planes_exact import partition_exactly

#: Of what `Found` tells.
DOMAINS = ("plane", "plane classes", "plane level", "line", "line classes", "line level")
# Beside these there is "raised", of errors that are none of the package's.


def make(seed: int, family: str, number: int) -> Problem:
    """Make a problem again from the seed, its family and its number."""
    rng = np.random.default_rng([seed, list(FAMILIES).index(family), number])
    return FAMILIES[family](rng)


def compare(seed: int, family: str, number: int) -> Iterator[Found]:
    """Yield how one problem compares with exact arithmetic: regions, classes and a level in a window and on lines."""
    problem = make(seed, family, number)
    question = ask(problem, np.random.default_rng([seed, list(FAMILIES).index(family), number, 1]))
    tries: list[Callable[[], Iterable[tuple[str, str, str]]]] = [
        lambda: [("plane", *_plane(problem))],
        lambda: compare_in_plane(problem, question),
    ]
    for domain in problem.lines:
        tries.append(lambda domain=domain: [("line", *_line(problem, domain))])
        tries.append(lambda domain=domain: compare_on_line(problem, domain, question))
    for compared in tries:
        try:
            for found in compared():
                yield Found(family, number, *found)
        except Exception as error:  # whatever it is, it is no clear answer
            yield Found(family, number, "raised", SILENT, f"{type(error).__name__}: {error}")


def compare_some(task: tuple[int, str, int, int, float]) -> list[Found]:
    """Compare some problems of a family, (seed, family, first number, how many, when to end)."""
    seed, family, first, size, end = task
    found: list[Found] = []
    for number in range(first, first + size):
        if time.time() > end:
            break
        found += compare(seed, family, number)
    return found


def _plane(problem: Problem) -> tuple[str, str]:
    try:
        part = lr.partition(problem.network, problem.window)
    except lr.errors.LinRegionsError as error:
        return REFUSED, str(error)
    exact = partition_exactly(problem.network, problem.window)
    got = Counter(map(bytes, part.patterns))
    want = Counter(bytes(pattern) for pattern in exact.patterns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = lr.count_regions(problem.network, problem.window)
    same = got == want and counted == part.n_regions and part.n_linear_regions == exact.n_linear_regions
    text = (
        f"{part.n_regions} regions, {counted} when only counted, {part.n_linear_regions} linear; "
        f"exactly {exact.n_regions} and {exact.n_linear_regions}; {part.diagnostics}"
    )
    return judge(same, int(part.diagnostics["undecided"]), text)


def _line(problem: Problem, domain: lr.Line | lr.Ray | lr.Segment | lr.Path) -> tuple[str, str]:
    try:
        part = lr.partition(problem.network, domain)
    except lr.errors.LinRegionsError as error:
        return REFUSED, str(error)
    exact = exact_line(problem.network, domain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = lr.count_regions(problem.network, domain)
    same = [tuple(pattern) for pattern in part.patterns.tolist()] == list(exact.patterns)
    same = same and counted == part.n_regions and part.n_linear_regions == exact.n_linear_regions
    text = (
        f"{type(domain).__name__}: {part.n_regions} regions, {counted} when only counted, "
        f"{part.n_linear_regions} linear; exactly {exact.n_regions} and {exact.n_linear_regions}; {part.diagnostics}"
    )
    return judge(same, int(part.diagnostics["undecided"]), text)
