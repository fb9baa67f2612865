"""A little of the campaign with every run of the tests; `make fuzz` runs it for as long as one likes."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import CERTIFIED, DOMAINS, compare, compare_proofs
from tests.fuzz.families import FAMILIES
from tests.fuzz.outcomes import RIGHT, SILENT


def _silent(family: str, numbers: range) -> list[str]:
    found = [found for number in numbers for found in compare(1, family, number)]
    assert {f.domain for f in found} == set(DOMAINS)
    assert len(found) == 12 * len(numbers)  # a plane and three lines: regions, classes and a level
    return [f"{f.number} {f.domain}: {f.text}" for f in found if f.outcome == SILENT]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_result_without_a_sign(family: str) -> None:
    assert _silent(family, range(5)) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_result_without_a_sign_in_many(family: str) -> None:
    assert _silent(family, range(5, 60)) == []


def test_a_wrong_count_without_a_sign_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: with one region too few it says so."""
    from linregions.regions.planes.partition import PlanePartition

    right = PlanePartition.n_regions.fget
    monkeypatch.setattr(PlanePartition, "n_regions", property(lambda part: right(part) - 1))
    assert "plane" in "".join(_silent("generic", range(1)))


def test_a_wrong_boundary_without_a_sign_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is with a piece too few, the wrong classes, a point too few, or one elsewhere."""
    import numpy as np

    from linregions.regions.lines import queries as line_queries
    from linregions.regions.lines.decision import DecisionPoints
    from linregions.regions.planes import decision
    from linregions.regions.planes import partition as planes

    def told() -> set[str]:
        return {name for name in DOMAINS for text in _silent("generic", range(4)) if f" {name}: " in f" {text}"}

    right, on_spans = decision.boundary_of, line_queries.changes_on_spans
    assert told() == set()

    def shorter(part, comparison):
        found = right(part, comparison)
        return decision.DecisionBoundary(
            found.segments[1:], found.classes[1:], found.regions[1:], found._ends[1:], found._n_edges, found.diagnostics
        )

    with monkeypatch.context() as patched:
        patched.setattr(planes, "boundary_of", shorter)
        assert told() == {"plane classes", "plane level"}

    def other_classes(part, comparison):
        found = right(part, comparison)
        return decision.DecisionBoundary(
            found.segments, found.classes + 1, found.regions, found._ends, found._n_edges, found.diagnostics
        )

    with monkeypatch.context() as patched:
        patched.setattr(planes, "boundary_of", other_classes)
        assert told() == {"plane classes", "plane level"}

    def fewer_points(*given):
        places, classes, _ = on_spans(*given)
        return places[1:], classes[1:], 0

    with monkeypatch.context() as patched:
        patched.setattr(line_queries, "changes_on_spans", fewer_points)
        assert told() == {"line classes", "line level"}
    with monkeypatch.context() as patched:
        patched.setattr(line_queries, "DecisionPoints", lambda t, *rest: DecisionPoints(np.asarray(t) + 1e-1, *rest))
        assert told() == {"line classes", "line level"}


@pytest.mark.parametrize("family", FAMILIES)
def test_certified_windows_are_right(family: str) -> None:
    (found,) = compare_proofs(0, family, 0)
    assert (found.domain, found.outcome) == (CERTIFIED, RIGHT), found.text


def test_a_wrong_proof_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that believes everything is noticed."""
    monkeypatch.setattr("tests.fuzz.proofs.prove", lambda *_: None)
    assert {found.outcome for k in range(3) for found in compare_proofs(0, "generic", k)} == {SILENT}
