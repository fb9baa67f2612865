"""Tables and settings are written whole, with all digits, and can be read by anyone."""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from linregions._support.tables import (
    format_table,
    read_json,
    read_table,
    versions,
    write_json,
    write_metadata,
    write_table,
)
from linregions.errors import FileFormatError, InvalidValueError


def test_table_keeps_every_digit(tmp_path):
    rows = [
        {"epoch": 0.1, "regions": np.int64(7), "name": "a,b"},
        {"epoch": np.float64(1 / 3), "regions": 8, "name": ""},
    ]
    write_table(tmp_path / "deep" / "table.csv", rows)
    with open(tmp_path / "deep" / "table.csv", newline="") as handle:
        read = list(csv.DictReader(handle))
    assert [float(row["epoch"]) for row in read] == [0.1, 1 / 3]
    assert [row["regions"] for row in read] == ["7", "8"]
    assert read[0]["name"] == "a,b"
    assert {entry.name for entry in (tmp_path / "deep").iterdir()} <= {"table.csv", "table.parquet"}


@pytest.mark.parametrize(
    "write", [lambda rows, folder: write_table(folder / "t.csv", rows), lambda rows, _: format_table(rows)]
)
def test_rows_that_do_not_fit(tmp_path, write):
    with pytest.raises(InvalidValueError, match=r"`rows` is empty, but \w+ needs at least one row"):
        write([], tmp_path)
    with pytest.raises(
        InvalidValueError, match=r"`rows\[1\]` has the columns \['b'\], but \w+ needs those of the first"
    ):
        write([{"a": 1}, {"b": 1}], tmp_path)
    assert not list(tmp_path.iterdir())


def test_text_table_is_aligned():
    text = format_table([{"what": "x", "n": 12345, "v": 0.123456}, {"what": "longer", "n": 1, "v": 2.0}])
    assert text.splitlines() == ["what         n       v", "x       12,345  0.1235", "longer       1       2"]


@dataclass(frozen=True)
class Settings:
    widths: tuple[int, ...] = (2, 3)
    scale: float = 1.5


def test_metadata_names_settings_seed_and_versions(tmp_path):
    write_metadata(tmp_path / "m.json", settings=Settings(), seed=4, counts=np.array([1, 2]), top=np.inf, at=Path("x"))
    read = json.loads((tmp_path / "m.json").read_text())
    assert read["settings"] == {"widths": [2, 3], "scale": 1.5}
    assert read["seed"] == 4
    assert read["counts"] == [1, 2]
    assert read["top"] == "inf"
    assert read["at"] == "x"
    assert read["versions"] == versions()
    assert {"linregions", "python", "numpy", "numba", "torch"} <= read["versions"].keys()
    assert read["versions"]["numpy"] == np.__version__


def test_nothing_is_written_where_a_file_stands_for_a_folder(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("here")
    with pytest.raises(InvalidValueError, match=r"which cannot be written .*but write_json needs a writable place"):
        write_json(blocked / "m.json", {})
    with pytest.raises(InvalidValueError, match=r"which cannot be written .*but write_table needs a writable place"):
        write_table(blocked / "t.csv", [{"a": 1}])
    assert blocked.read_text() == "here"


def test_a_failure_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "m.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "m.json", {"a": object()})
    assert read_json(tmp_path / "m.json")["a"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_tables_are_read_back_with_their_types(tmp_path):
    rows = [
        {"name": "[64, 64]", "n": 3, "x": 1.0, "whole": 2.0, "yes": True, "none": None, "text": "1,5"},
        {"name": "[128]", "n": -4, "x": np.inf, "whole": np.float64(3.0), "yes": np.False_, "none": 2, "text": "a"},
    ]
    write_table(tmp_path / "t.csv", rows)
    read = read_table(tmp_path / "t.csv")
    assert read == rows
    assert [type(value) for value in read[0].values()] == [str, int, float, float, bool, type(None), str]


def test_what_is_no_table(tmp_path):
    with pytest.raises(InvalidValueError, match=r"`path` is .*, where there is no file, but read_table needs a CSV"):
        read_table(tmp_path / "no.csv")
    for content in ("", "a,b\n", "a,b\n1\n", "a\n1\n2,3\n"):
        (tmp_path / "bad.csv").write_text(content)
        with pytest.raises(FileFormatError, match=r"but read_table needs a header and rows as long as it"):
            read_table(tmp_path / "bad.csv")
    (tmp_path / "bad.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(FileFormatError, match=r"which is no text .*, but read_table needs a CSV table"):
        read_table(tmp_path / "bad.csv")


def test_json_is_read_back(tmp_path):
    write_json(tmp_path / "m.json", {"a": [1, 2.5], "b": {"c": None}})
    read = read_json(tmp_path / "m.json")
    assert list(read) == ["a", "b", "checksum"]
    assert (read["a"], read["b"]) == ([1, 2.5], {"c": None})
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace("2.5", "2.25"))
    with pytest.raises(
        FileFormatError, match=r"which cannot be read \(its checksum differs\), but read_json needs a JSON"
    ):
        read_json(tmp_path / "m.json")
    (tmp_path / "m.json").write_text('{"a": 2.25}')  # of an earlier version
    assert read_json(tmp_path / "m.json") == {"a": 2.25}
    with pytest.raises(InvalidValueError, match=r"where there is no file, but read_json needs a JSON file"):
        read_json(tmp_path / "no.json")
    for content in ("{", "[1]"):
        (tmp_path / "m.json").write_text(content)
        with pytest.raises(FileFormatError, match=r"which cannot be read .*, but read_json needs a JSON object"):
            read_json(tmp_path / "m.json")


def test_parquet_beside_csv(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"name": "a", "n": np.int64(1), "x": 1, "yes": np.True_, "mixed": "b"},
        {"name": None, "n": 2, "x": np.inf, "yes": False, "mixed": 2},
    ]
    assert write_table(tmp_path / "t.csv", rows) == [tmp_path / "t.csv", tmp_path / "t.parquet"]
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"name": "a", "n": 1, "x": 1.0, "yes": True, "mixed": "b"},
        {"name": None, "n": 2, "x": np.inf, "yes": False, "mixed": "2"},
    ]


def test_without_pyarrow_there_is_csv_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert write_table(tmp_path / "t.csv", [{"a": 1}]) == [tmp_path / "t.csv"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]
