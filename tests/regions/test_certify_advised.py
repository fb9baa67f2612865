"""Without certifying, a partition says how close its closest decision was, and what certifying had to do."""

from __future__ import annotations

from typing import Any

import pytest

import linregions as lr
from linregions.cli.results import decisions_told
from linregions.regions.tolerances import is_certifying_advised

SQUARE = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
SEGMENT = lr.Segment([-1, 0.25], [1, 0.25])


def two_lines(apart: float) -> lr.Network:
    """Return a network of two neurons whose lines are nearly one where they leave the square, and at y = 0.25."""
    return lr.Network.from_layers([([[1.0, 0.0], [1.0, 0.5 * apart]], [-0.3, -0.3 - apart]), ([[1.0, 1.0]], [0.0])])


@pytest.mark.parametrize("domain", [SQUARE, SEGMENT])
@pytest.mark.parametrize(
    ("apart", "undecided", "advised"), [(1e-3, 0, False), (1e-7, 0, False), (1e-11, 0, True), (1e-14, 1, True)]
)
def test_closer_lines_are_closer_decisions(domain: Any, apart: float, undecided: int, advised: bool) -> None:
    found = lr.partition(two_lines(apart), domain).diagnostics
    assert (found["undecided"] > 0) == (undecided > 0)
    assert found["certify_advised"] is advised
    if not undecided and apart < 1e-6:
        assert 0.1 < found["smallest_margin"] / (apart * 2.0**42) < 10 or found["smallest_margin"] > 1024


def test_the_margin_shrinks_with_the_distance() -> None:
    margins = [lr.partition(two_lines(apart), SQUARE).diagnostics["smallest_margin"] for apart in (1e-6, 1e-8, 1e-10)]
    assert margins[0] > 50 * margins[1] > 2_500 * margins[2] > 0


@pytest.mark.parametrize(
    ("diagnostics", "told"),
    [
        ({"undecided": 3, "smallest_margin": 2.0, "certify_advised": True}, "3 decisions lie within the rounding of"),
        ({"undecided": 1, "smallest_margin": 2e9, "certify_advised": True}, "1 decision lies within the rounding of"),
        ({"undecided": 0, "smallest_margin": 20.0, "certify_advised": True}, "closest decision: at least 20 times its"),
        (
            {"undecided": 0, "smallest_margin": 5e4, "certify_advised": False},
            "closest decision: at least 5e+04 times",
        ),
        (
            {"undecided": 0, "smallest_margin": float("inf"), "certify_advised": False},
            "no decision depended on",
        ),
        (
            {"undecided": 0, "certified": True, "exact_decisions": 1_234},
            "every decision is proved, 1,234 of them in",
        ),
    ],
)
def test_the_line_below_the_table(diagnostics: dict[str, Any], told: str) -> None:
    text = decisions_told(diagnostics)
    assert text.startswith(told)
    assert ("nothing to settle" in text) == (diagnostics.get("certify_advised") is False)


def test_without_decisions_there_is_no_line() -> None:
    assert decisions_told({}) == ""


def test_what_is_far() -> None:
    assert is_certifying_advised(0, 127.0)
    assert not is_certifying_advised(0, 128.0)
    assert is_certifying_advised(1, 1e9)
    found = lr.partition(lr.random_network([2, 16, 16, 1], 0), SQUARE, sink=lr.RegionStatistics()).diagnostics
    assert found["certify_advised"] is is_certifying_advised(found["undecided"], found["smallest_margin"])
    assert lr.partition(lr.Network.from_layers([([[1.0, 2.0]], [0.5])]), SQUARE).diagnostics["certify_advised"] is False
