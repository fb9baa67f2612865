"""Files of commands: named, not replaced by those of another run, and whole without matplotlib, too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main
from linregions.cli.parser import build_parser
from linregions.experiments import DEFAULT_FOLDER
from linregions.experiments.context import Context

COMMANDS = {
    "plane": ["--low", "-1", "-1", "--high", "1", "1"],
    "line": ["--from", "-1", "-1", "--to", "1", "1"],
    "distance": ["--points", "points.csv"],
    "density": ["--low", "-1", "--high", "1"],
}
OTHERS = {
    "plane": ["--low", "-1", "-1", "--high", "1", "2"],
    "line": ["--from", "-1", "-1", "--to", "1", "1", "--kind", "ray"],
    "distance": ["--points", "others.csv"],
    "density": ["--low", "-1", "--high", "1", "--codimension", "2"],
}


def write_models(folder: Path) -> None:
    lr.random_network([2, 6, 2], 0, bias_variance=0.2).save(folder / "model.npz")
    lr.random_network([2, 6, 2], 1, bias_variance=0.2).save(folder / "other" / "model.npz")
    (folder / "points.csv").write_text("0.5, 1\n")
    (folder / "others.csv").write_text("0.5, 2\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_models(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run(*words: str) -> int:
    return main([*words, "-q", *(["--format", "none"] if words[0] not in {"density", "bounds"} else [])])


@pytest.mark.parametrize("command", COMMANDS)
def test_other_results_are_not_replaced(command: str, folder: Path, capsys: Any) -> None:
    assert run(command, "model.npz", *COMMANDS[command], "--out", "out") == 0
    first = contents(folder / "out")
    assert f"model-{command}.json" in first
    assert run(command, "model.npz", *COMMANDS[command], "--out", "out") == 0, "the same again"
    assert {k: v for k, v in contents(folder / "out").items() if k.endswith("csv")} == {
        k: v for k, v in first.items() if k.endswith("csv")
    }
    first = contents(folder / "out")
    runs = [
        [command, "model.npz", *OTHERS[command]],
        [command, "other/model.npz", *COMMANDS[command]],  # another network of this name
    ]
    if command == "distance":  # another file's content under the same name
        (folder / "points.csv").write_text("0.5, 3\n")
        runs.append([command, "model.npz", *COMMANDS[command]])
    capsys.readouterr()
    for words in runs:
        assert run(*words, "--out", "out") == 2
        assert re.fullmatch(
            rf"linregions: error: `--out` is 'out', where model-{command}.json tells of another network, place or "
            rf"setting, but linregions {command} replaces other results only if told to\. Give this run a `--name` or "
            r"another folder, or replace them with `--force`\.\n",
            capsys.readouterr().err,
        )
        assert contents(folder / "out") == first
    for k, words in enumerate(runs):
        assert run(*words, "--out", "out", "--name", f"run {k}") == 0
    assert {name: content for name, content in contents(folder / "out").items() if not name.startswith("run")} == first
    assert {name.split(".")[0] for name in contents(folder / "out")} == {
        f"model-{command}",
        *(f"run {k}" for k in range(len(runs))),
    }
    assert run(*runs[1], "--out", "out", "--force") == 0
    assert run(*runs[1], "--out", "out") == 0
    assert contents(folder / "out")[f"model-{command}.json"] != first[f"model-{command}.json"]


def test_what_is_forced_leaves_no_file_of_the_other_run(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["line", "model.npz", *COMMANDS["line"], "--out", "out", "-q", "--format", "svg,png"]) == 0
    lr.Network.from_layers([([[1.0, 2.0]], [0.0])]).save(folder / "model.npz")  # without a table
    assert main(["line", "model.npz", *COMMANDS["line"], "--out", "out", "-q", "--force"]) == 0
    assert sorted(contents(folder / "out")) == ["model-line.json", "model-line.npz", "model-line.png"]


def test_pictures_may_be_drawn_anew(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ["plane", "model.npz", *COMMANDS["plane"], "--out", "out", "-q"]
    assert main(words) == 0
    before = contents(folder / "out")
    assert main([*words, "--color-by", "area"]) == 0
    after = contents(folder / "out")
    assert before["model-plane.csv"] == after["model-plane.csv"]
    assert before["model-plane.png"] != after["model-plane.png"]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"settings": 3, "source": "x"}'])
def test_files_of_nobody_are_not_replaced(content: str, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "model-plane.json").write_text(content)
    assert run("plane", "model.npz", *COMMANDS["plane"], "--out", "out") == 2
    assert contents(folder / "out") == {"model-plane.json": content.encode()}


@pytest.mark.parametrize("name", ["a/b", "", "..", "/", "a\0b"])
def test_names_that_are_none(name: str, folder: Path, capsys: Any) -> None:
    assert run("plane", "model.npz", *COMMANDS["plane"], "--out", "out", "--name", name) == 2
    assert re.search(
        r"`--name` is .*, but linregions plane needs the beginning of a file name", capsys.readouterr().err
    )
    assert not (folder / "out").exists()


def test_bounds_are_not_replaced_either(folder: Path, capsys: Any) -> None:
    assert main(["bounds", "2", "8", "1", "--out", "out"]) == 0
    first = contents(folder / "out")
    assert main(["bounds", "2", "8", "1", "--out", "out"]) == 0
    assert main(["bounds", "2", "9", "1", "--out", "out"]) == 2
    assert "bounds.json tells of another network" in capsys.readouterr().err
    assert contents(folder / "out") == first
    assert main(["bounds", "2", "9", "1", "--out", "out", "--name", "nine"]) == 0
    assert contents(folder / "out").keys() == {*first, *(name.replace("bounds", "nine") for name in first)}


def test_the_default_folder_is_none_of_the_repository() -> None:
    for words in (["reproduce"], *([name, "m.npz", *words] for name, words in COMMANDS.items())):
        assert build_parser().parse_args(words).out == DEFAULT_FOLDER
    assert Context().folder == Path(DEFAULT_FOLDER)
    root = Path(__file__).parents[2]
    assert not (root / DEFAULT_FOLDER).is_file()
    assert f"/{DEFAULT_FOLDER}/" in (root / ".gitignore").read_text().splitlines()


WITHOUT = """
import contextlib, io, json, sys
sys.modules["matplotlib"] = None
from linregions.cli import main
found = {}
for name, words in json.load(sys.stdin).items():
    with contextlib.redirect_stderr(io.StringIO()) as stderr, contextlib.redirect_stdout(io.StringIO()):
        found[name] = [main(words), stderr.getvalue()]
print(json.dumps(found))
"""
WITHOUT_PICTURES = [(command, formats) for command in ("plane", "line", "distance") for formats in (None, "none")]


def folder_of(command: str, formats: str | None) -> str:
    return f"{command}-{formats}"


@pytest.fixture(scope="module")
def without_matplotlib(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run all commands in one process that has no matplotlib; return the folder, and what each returned and said."""
    folder = tmp_path_factory.mktemp("without_matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        write_models(folder)
        patch.chdir(folder)
        asked = {
            folder_of(command, formats): [
                command,
                "model.npz",
                *COMMANDS[command],
                "--out",
                folder_of(command, formats),
            ]
            + (["--format", formats] if formats else [])
            for command, formats in WITHOUT_PICTURES
        }
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT], input=json.dumps(asked), capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize(("command", "formats"), WITHOUT_PICTURES)
def test_numbers_without_matplotlib(
    command: str, formats: str | None, without_matplotlib: tuple[Path, dict[str, Any]]
) -> None:
    folder, found = without_matplotlib
    status, stderr = found[folder_of(command, formats)]
    assert status == 0, stderr
    told = [line for line in stderr.splitlines() if "compiling" not in line]
    sentence = (
        "matplotlib is not installed, so there are numbers but no picture; `pip install 'linregions[plot]'` brings it, "
        "and `--format none` asks for none."
    )
    assert told == ([] if formats else [sentence])
    out = folder / folder_of(command, formats)
    assert {path.suffix for path in out.iterdir()} - {".parquet"} == {".csv", ".json", ".npz"}
    network = lr.Network.load(folder / "model.npz")
    results = json.loads((out / f"model-{command}.json").read_text())["results"]
    if command == "plane":
        assert results["regions"] == lr.count_regions(network, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    elif command == "line":
        assert results["regions"] == lr.count_regions(network, lr.Segment([-1, -1], [1, 1]))
    else:
        assert results["mean"] == lr.boundary_distance(network, np.array([[0.5, 1.0]]))[0]


@pytest.mark.parametrize("words", [["reproduce"], ["plot", "x"]])
def test_figures_are_not_reproduced_without_pictures(words: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([*words, "--format", "none"])
    assert "'none' is none of png, svg, pdf" in capsys.readouterr().err
