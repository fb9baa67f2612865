"""Files that cannot lie: whatever is damaged, the same content comes out, or one of our errors, in little memory."""

from __future__ import annotations

import pytest

from tests.support import corruption

KINDS = [
    *("network: a chain", "network: a graph", "plane", "segment", "line"),
    *("stream: part", "stream: source", "stream: manifest"),
    *("experiment: arrays", "experiment: settings", "experiment: table"),
    *("training: snapshot", "training: state", "training: index", "sweep cell", "tracker"),
]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, corruption.Kind]:
    return corruption.make(tmp_path_factory.mktemp("files"))


def test_all_kinds_are_here(kinds: dict[str, corruption.Kind]) -> None:
    assert list(kinds) == KINDS


@pytest.mark.parametrize("name", KINDS)
def test_no_damage_is_silent(name: str, kinds: dict[str, corruption.Kind]) -> None:
    seen, _ = corruption.corrupt(kinds[name], 0, 200)
    assert seen["refused"] + seen["gone"] > 150, seen


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_no_more_damage_is_silent(name: str, kinds: dict[str, corruption.Kind]) -> None:
    """`python -m tests.support.corruption 1 10000` takes an hour; this is the tenth part of it."""
    seen, _ = corruption.corrupt(kinds[name], 1, 1_000)
    assert seen["refused"] + seen["gone"] > 800, seen
