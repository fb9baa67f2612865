"""A little of the campaign of boxes with every run of the tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from linregions.regions.boxes.partition import BoxPartition
from tests.fuzz.boxes import BOX_DOMAINS, compare_box
from tests.fuzz.outcomes import REFUSED, SILENT
from tests.support.box_families import EXACT, FAMILIES


def _compared(family: str, numbers: range) -> list[str]:
    found = [found for number in numbers for found in compare_box(1, family, number)]
    assert {f.domain for f in found} == set(BOX_DOMAINS)
    assert len(found) == len(BOX_DOMAINS) * len(numbers)
    if family in EXACT:  # a half-space may pass a corner by a rounding
        assert not [f.text for f in found if f.outcome == REFUSED and f.domain != "polytope"]
    return [f"{f.number} {f.domain}: {f.text}" for f in found if f.outcome == SILENT]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_box_without_a_sign(family: str) -> None:
    assert _compared(family, range(2)) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_box_without_a_sign_in_many(family: str) -> None:
    assert _compared(family, range(2, 24)) == []


def test_a_wrong_box_without_a_sign_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: with an edge and a facet too many, or a facet that is larger, it says so."""
    right = BoxPartition.of

    def more_faces(network: Any, domain: Any, cells: Any) -> BoxPartition:
        counts = cells.face_counts.copy()
        counts[1:3] += 1
        return right(network, domain, replace(cells, face_counts=counts))

    def larger_facet(network: Any, domain: Any, cells: Any) -> BoxPartition:
        volumes = cells.facet_volumes.copy()
        volumes[volumes.argmax()] *= 1.001
        return right(network, domain, replace(cells, facet_volumes=volumes))

    assert _compared("ordinary", range(2)) == []
    for wrong in (more_faces, larger_facet):
        with monkeypatch.context() as patched:
            patched.setattr(BoxPartition, "of", staticmethod(wrong))
            told = _compared("ordinary", range(2))
            assert {text[:2] for text in told} == {"0 ", "1 "}, told
            assert not any("kinds" in text for text in told)
    with monkeypatch.context() as patched:
        patched.setattr(BoxPartition, "n_linear_regions", property(lambda part: 1))
        assert len(_compared("ordinary", range(2))) == 2
