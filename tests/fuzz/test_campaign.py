"""A little of the campaign with every run of the tests; `make fuzz` runs it for as long as one likes."""

from __future__ import annotations

import pytest

from linregions.exact.planes.proposal import Refuted
from linregions.regions.planes.proofs import prove_partition
from tests.fuzz.campaign import DOMAINS, compare
from tests.fuzz.certified import CERTIFIED_DOMAINS, compare_certified
from tests.fuzz.families import FAMILIES
from tests.fuzz.outcomes import SILENT


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


@pytest.mark.parametrize("family", list(FAMILIES)[::8])
def test_certified_results_are_right(family: str) -> None:
    found = [found for number in range(4) for found in compare_certified(1, family, number)]
    assert {f.domain for f in found} == set(CERTIFIED_DOMAINS)
    assert [f for f in found if f.outcome == SILENT] == []


def test_a_wrong_certified_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: with a breakpoint elsewhere, or one decision taken otherwise, it says so."""
    from linregions.regions.lines.certified import gather
    from linregions.regions.lines.certified.exactly import Court

    def told(number: int, family: str) -> int:
        return sum(f.outcome == SILENT for f in compare_certified(1, family, number))

    with monkeypatch.context() as patched:
        right = gather.Gathering._places
        patched.setattr(gather.Gathering, "_places", staticmethod(lambda *given: right(*given) + 0.1))
        assert told(0, "generic")
    assert not told(0, "integers_without_bias")
    with monkeypatch.context() as patched:
        patched.setattr(Court, "sign", lambda court, *given: 1)
        assert sum(told(number, "integers_without_bias") for number in (0, 1, 4, 5))


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


@pytest.mark.parametrize("name", ["", "accepts"])
def test_a_wrong_proof_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A checker that believes everything is noticed, and one that nothing can be proved to."""

    def refuse(*_) -> None:
        raise Refuted("never")

    monkeypatch.setattr("tests.fuzz.certified_windows.prove", (lambda *_: None) if name else refuse)
    monkeypatch.setattr("tests.fuzz.certified_windows.prove_partition", prove_partition if name else refuse)
    found = [f for k in (0, 1) for f in compare_certified(0, "generic", k) if f.domain in ("window", "raised")]
    assert {f.outcome for f in found} == {SILENT}
