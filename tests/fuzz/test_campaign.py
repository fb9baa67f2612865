"""A little of the campaign with every run of the tests; `make fuzz` runs it for as long as one likes."""

from __future__ import annotations

import pytest

from fuzz.campaign import SILENT, compare
from fuzz.families import FAMILIES


def _silent(family: str, numbers: range) -> list[str]:
    found = [found for number in numbers for found in compare(1, family, number)]
    assert len(found) == 4 * len(numbers)
    return [f"{f.number} {f.domain}: {f.text}" for f in found if f.outcome == SILENT]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_count_without_a_sign(family: str) -> None:
    assert _silent(family, range(5)) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_count_without_a_sign_in_many(family: str) -> None:
    assert _silent(family, range(5, 60)) == []


def test_a_wrong_count_without_a_sign_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: with one region too few it says so."""
    from linregions.planes import PlanePartition

    right = PlanePartition.n_regions.fget
    monkeypatch.setattr(PlanePartition, "n_regions", property(lambda part: right(part) - 1))
    assert "plane" in "".join(_silent("generic", range(1)))
