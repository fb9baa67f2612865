"""Settings from TOML files: what they change, and a sentence for each mistake."""

import json
import re
from pathlib import Path

import pytest

from linregions.cli import main
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError
from linregions.experiments import EXPERIMENTS, experiment
from linregions.experiments.figures import fig5, fig6, fig7
from linregions.experiments.settings import chosen_settings, read_settings, with_changes
from tests.support import sweep_cases


def read(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return read_settings(file, tuple(EXPERIMENTS))


def test_settings_replace_some_of_the_quick_or_full_ones(tmp_path):
    changes = read(
        tmp_path, "[fig5]\nhidden = [[16], [8, 8]]\nepochs = [0, 1]\nlines = 7\n[fig6]\nsamples = ['test']\n"
    )
    made = chosen_settings("fig5", full=True, changes=changes["fig5"])
    assert made == fig5.Settings(hidden=((16,), (8, 8)), epochs=(0.0, 1.0), lines=7)
    assert all(type(epoch) is float for epoch in made.epochs)
    assert made.runs == fig5.FULL.runs
    assert chosen_settings("fig5", full=False, changes=changes["fig5"]).runs == fig5.QUICK.runs
    assert chosen_settings("fig6", full=False, changes=changes["fig6"]).samples == ("test",)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_default_can_be_written_as_toml(tmp_path, name):
    """What the JSON file says of settings is what a TOML file may say."""
    from linregions._support.tables import plain

    module = experiment(name)
    for base in (module.QUICK, module.FULL):
        entries = {key: value for key, value in plain(base).items() if value is not None}
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())
        assert with_changes(base, read(tmp_path, f"[{name}]\n{text}")[name], name) == base


def test_the_documented_file_works(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    changes = read(tmp_path, block)
    assert chosen_settings("fig5", full=True, changes=changes["fig5"]).hidden == ((64, 64, 64), (192,))
    assert chosen_settings("fig6", full=False, changes=changes["fig6"]).points == 10_000


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[fig5", FileFormatError, r"`settings` is '.*mine.toml', which is no TOML"),
        ("runs = 2", InvalidValueError, r"`settings` has an entry 'runs', but linregions reproduce knows only tables"),
        ("[fig55]\n", InvalidValueError, r"`settings` has an entry 'fig55', but .* tables for fig1, fig2"),
        ("fig5 = 3", FileFormatError, r"`settings` has fig5 = 3, but .* needs a table\. Write `\[fig5\]`"),
    ],
)
def test_files_that_are_none(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        read(tmp_path, text)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(InvalidValueError, match=r"`settings` is .* cannot be read \(No such file or directory\)"):
        read_settings(tmp_path / "none.toml", ("fig5",))


@pytest.mark.parametrize(
    ("module", "changes", "error", "message"),
    [
        (fig5, {"line": 3}, InvalidValueError, r"`settings` has 'line' for fig5, but fig5 knows only hidden, runs,"),
        (fig5, {"runs": 2.0}, InvalidTypeError, r"has runs = 2.0 for fig5, but fig5 needs an integer, e.g. runs = 3"),
        (fig5, {"runs": True}, InvalidTypeError, r"has runs = True for fig5, but fig5 needs an integer"),
        (
            fig5,
            {"hidden": [64]},
            InvalidTypeError,
            r"a list of lists of integers, e.g. hidden = \[\[32, 32, 32\]",
        ),
        (fig5, {"epochs": []}, InvalidTypeError, r"has epochs = \[\] for fig5, but fig5 needs a list of numbers"),
        (
            fig5,
            {"early": "1"},
            InvalidTypeError,
            r"early = '1' for fig5, but fig5 needs a number, e.g. early = 0.5",
        ),
        (
            fig6,
            {"samples": ["all"]},
            InvalidTypeError,
            r"a list of one of 'normal', 'train', 'test', e.g. samples",
        ),
        (fig7, {"sample": 1}, InvalidTypeError, r"needs one of 'normal', 'train', 'test', e.g. sample = \"normal\""),
    ],
)
def test_settings_that_do_not_fit(module, changes, error, message):
    with pytest.raises(error, match=message):
        with_changes(module.QUICK, changes, module.NAME)


def test_the_command_line_finds_mistakes_before_any_work(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text("[fig6]\npoint = 3\n")
    assert main(["reproduce", "fig2", "--settings", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "linregions: error: `settings` has 'point' for fig6" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_line_prints_an_overview(tmp_path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    data, file = sweep_cases.write_blobs(tmp_path / "blobs.npz"), tmp_path / "mine.toml"
    file.write_text("[fig5]\nhidden = [[5], [4, 4]]\nruns = 2\nepochs = [0, 1]\nlines = 3\nbatch_size = 64\n")
    words = ["reproduce", "fig5", "--settings", str(file), "--data", str(data), "--out", str(tmp_path), "-q"]
    assert main([*words, "--workers", "1"]) == 0
    _, head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["architecture", "neurons", "runs", "first"]
    assert [row[:8].strip() for row in rows if row.startswith("[")] == ["[5]", "[4, 4]"]
    assert json.loads((tmp_path / "fig5.json").read_text())["settings"]["lines"] == 3
