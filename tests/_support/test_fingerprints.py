"""Digests are those of earlier versions: what was written then is found again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions._support.fingerprints import (
    checksum_of_file,
    checksum_of_text,
    digest_of_arrays,
    digest_of_object,
    digest_of_source,
    digest_of_text,
)
from linregions.experiments.sweeps.cells import Chain, LineCounts, Training, seed_for
from linregions.experiments.sweeps.store import CellStore
from linregions.training.datasets import Dataset
from linregions.training.runs import RunFolder

# All numbers here were made before these functions had one place.


def test_named_arrays() -> None:
    mixed = {
        "b": np.array("text"),
        "a": np.array(3),
        "c": np.zeros((0, 2)),
        "d": np.arange(6).reshape(2, 3).T,
        "t": np.array(["x", "yy"]),
    }
    expected = "08927cc395a88358cb8c52330aece039e34e4dcc9f9f91f3b7a4e6b28cd6c775"
    assert digest_of_source(mixed) == digest_of_source(dict(reversed(mixed.items()))) == expected
    assert digest_of_source({**mixed, "a": np.array(4)}) != expected
    assert digest_of_arrays([]) == digest_of_text("")


def test_objects() -> None:
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    assert [digest_of_object(value) for value in (("a", 1, 2.5, [1, "x"], np.arange(5.0)), window)] == [
        "7c0492d517f4b9e18da19f4e341bbda53ddbdcbafed84c733c1ad19678e25a12",
        "c887a7972670e319d4629e7a3a066fae97369622f7e2eee2c577500cb26b2fe1",
    ]


def test_checksums(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("some text", encoding="utf-8")
    assert checksum_of_file(tmp_path / "file") == checksum_of_text("some text") == "f2d42d5e4e509e1b"


def test_settings_and_data() -> None:
    cell = LineCounts(Training(Chain((16, 16), 0, 1, "abc"), (0.0, 1.0)), 1.0, 5)
    name = "2f1e58f2b2fd34930304c9f559e99dda821e9f09eb57332c896e97dcee63824f.json"
    assert CellStore("cells").file(cell) == Path("cells") / "2f" / name
    assert seed_for(0, (64, 64), 1, "lines") == 2936368913
    settings = {"dataset": {"name": "toy"}, "widths": [3, 4], "z": 1.5}
    assert RunFolder(Path("runs"), settings, "3-4").path == Path("runs") / "toy-3-4-078666a1b927"
    data = Dataset.from_arrays(np.random.default_rng(1).random((20, 4)), np.arange(20) % 3)
    assert data.fingerprint == "45493271949251247e82d064c4a0128528f3c49e49236123e054c7ca869d5c82"


@pytest.mark.parametrize("dtype", ["M8[s]", "m8[ns]", "U3", "S2", "V4", "?", "c16", "f2", "U0"])
def test_arrays_of_any_kind_have_a_digest(dtype: str) -> None:
    """As a damaged file may hold; the same as of their bytes."""
    array = np.zeros((2, 3), dtype=dtype)
    assert digest_of_arrays([("", array)]) == hashlib.sha256(array.tobytes()).hexdigest()
