"""Damaged and structurally wrong files: errors of linregions or a result, never a raw exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from linregions.errors import LinRegionsError
from tests.support import file_damage

CASES = [
    *("network", "plane", "line", "path", "data set", "images", "labels", "table", "JSON", "experiment", "settings"),
    *("stream: manifest", "stream: part", "stream: part, gone on with", "stream: source, gone on with"),
    *("old stream: manifest", "old stream: part", "old stream: source", "points as NPY", "points as text"),
]
WHOLE = ("stream: part, gone on with", "stream: source, gone on with")


def check(folder: Path, name: str, seed: int, count: int) -> None:
    made = file_damage.make(folder)
    assert sorted(made) == sorted(CASES)
    case = made[name]
    case.read(folder / case.file)
    refused = 0
    for k, error in file_damage.damaged(folder, case, seed, count):
        if error is None:
            continue
        refused += 1
        assert isinstance(error, LinRegionsError), f"seed {[seed, k]}: {type(error).__name__}: {error}"
        text = str(error)
        assert text.count("`") % 2 == 0
        assert ", but " in text, text
        assert text.endswith("."), text
        assert len(text) < 2_000
    assert refused == 0 if name in WHOLE else refused >= count // 10


@pytest.mark.parametrize("name", CASES)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    check(tmp_path, name, 0, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files(name: str, tmp_path: Path) -> None:
    check(tmp_path, name, 1, 1_000)
