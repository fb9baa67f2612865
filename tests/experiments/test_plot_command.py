"""`linregions plot` draws what is on disk, and nothing else."""

import json
import shutil

import pytest

from linregions.cli import build_parser, main
from linregions.errors import FileFormatError, InvalidValueError, UncheckedFileWarning
from linregions.experiments import redraw, reproduce, reproduced
from linregions.experiments.context import Context
from linregions.experiments.figures import fig2, fig3, fig4
from linregions.experiments.report.report import write_report
from linregions.experiments.saved import load_saved

pytest.importorskip("matplotlib")
SETTINGS = {
    "fig2": fig2.Settings(hidden=(4, 3)),
    "fig3": fig3.Settings(ns=(1, 2), draws=3, shown=2),
    "fig4": fig4.Settings(hidden=(5, 5), others=((4,),), draws=2),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    context = Context(out=tmp_path_factory.mktemp("measured"), seed=1, progress=False)
    for name, settings in SETTINGS.items():
        reproduce(name, context, settings=settings)
    return context.folder


@pytest.fixture
def results(measured, tmp_path):
    """Return a copy, to be changed."""
    return shutil.copytree(measured, tmp_path / "results")


def forbid_computing(monkeypatch):
    def computed(*_, **__):
        raise AssertionError("a figure was computed again")

    for name in SETTINGS:
        monkeypatch.setattr(f"linregions.experiments.{name}.measure", computed)
    monkeypatch.setattr("linregions.experiments.counting.partition", computed)
    monkeypatch.setattr("linregions.experiments.counting.count_regions", computed)


def test_every_figure_is_drawn_again_without_computing(results, tmp_path, monkeypatch, capsys):
    before = {name: (results / f"{name}.png").read_bytes() for name in SETTINGS}
    for name in SETTINGS:
        (results / f"{name}.png").unlink()
    forbid_computing(monkeypatch)
    assert main(["plot", str(results), "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [f"{name}: {name}.png" for name in SETTINGS]
    assert {name: (results / f"{name}.png").read_bytes() for name in SETTINGS} == before


def test_chosen_figures_formats_and_folder(results, tmp_path, monkeypatch):
    forbid_computing(monkeypatch)
    out = tmp_path / "pictures"
    assert main(["plot", str(results), "fig4", "fig2", "fig4", "--format", "svg,pdf", "--out", str(out), "-q"]) == 0
    assert {file.name for file in out.glob("*.*")} == {"fig2.svg", "fig2.pdf", "fig4.svg", "fig4.pdf"}


@pytest.mark.parametrize(
    "words", [["--quiet", "fig4"], ["fig4", "--quiet"], ["-q", "--format", "png", "fig4", "--out", "{results}"]]
)
def test_options_may_stand_between_the_names(results, capsys, words):
    assert main(["plot", str(results), *(word.format(results=results) for word in words)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "fig4: fig4.png"


def test_names_of_reproduce_may_stand_on_both_sides(tmp_path):
    chosen = build_parser().parse_args(["reproduce", "fig2", "--quick", "fig4", "--seed", "3"])
    assert (chosen.experiments, chosen.quick, chosen.seed) == (["fig2", "fig4"], True, 3)
    assert build_parser().parse_args(["reproduce", "--quick"]).experiments == "all"


def test_a_name_that_is_none_is_refused_after_an_option(results, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plot", str(results), "--quiet", "fig9"])
    assert "invalid choice: 'fig9'" in capsys.readouterr().err


def change(results, name, old, new):
    """Change a table and take out the checksums, as one does by hand; earlier versions have none."""
    table, settings = results / f"{name}.csv", results / f"{name}.json"
    table.write_text(table.read_text().replace(old, new, 1))
    content = json.loads(settings.read_text())
    settings.write_text(json.dumps({key: content[key] for key in content if not key.startswith("checksum")}))


def test_the_picture_follows_the_table(results):
    whole = (results / "fig3.csv").read_text()
    (results / "fig3.csv").write_text(whole.replace(",8,", ",9,", 1))
    with pytest.raises(
        FileFormatError,
        match=r"whose fig3.csv is not what was written \(its checksum is .*, but linregions plot needs it whole. Make",
    ):
        fig3.draw(load_saved(results, "fig3"))
    (results / "fig3.csv").write_text(whole)
    change(results, "fig3", ",8,", ",9,")
    with pytest.warns(UncheckedFileWarning, match=r"fig3.json', which an earlier version wrote without a checksum, so"):
        load_saved(results, "fig3")
    growth = fig3.draw(load_saved(results, "fig3")).axes[2]
    assert growth.lines[0].get_ydata().tolist() == [4, 9]


def test_what_is_there(results, tmp_path):
    assert reproduced(results) == ["fig2", "fig3", "fig4"]
    with pytest.raises(InvalidValueError, match=r"`results` is .*, which has no experiment in it, but linregions plot"):
        reproduced(tmp_path)


def test_a_figure_that_is_not_there(results, capsys):
    assert main(["plot", str(results), "fig2", "fig8", "--format", "svg"]) == 2
    error = capsys.readouterr().err
    assert "where there is no fig8.json, but linregions plot needs it. Make it with `linregions reproduce fig8" in error
    assert not list(results.glob("*.svg"))  # found out before anything was drawn
    with pytest.raises(InvalidValueError, match=r"`name` is 'fig9', but reproduce needs one of"):
        redraw("fig9", results)


def test_tables_without_the_arrays_beside_them(results, tmp_path, capsys):
    for file in results.glob("*.npz"):
        if file.name != "fig3.npz":
            file.unlink()
    missing = (
        r"where there is no fig2-layers-1.npz, but linregions plot needs it. Make it with `linregions reproduce fig2"
    )
    assert main(["plot", str(results), "fig2", "-q"]) == 2
    assert missing in capsys.readouterr().err
    with pytest.raises(InvalidValueError, match=missing):
        redraw("fig2", results)
    assert main(["plot", str(results), "--out", str(tmp_path / "out"), "-q"]) == 0  # those that can be drawn
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(".")[0] for line in lines[:3]] == ["fig2: left out", "fig3: left out", "fig4: left out"]
    assert missing in lines[0]
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count("No picture: ") == 3
    assert page.count("Not checked: ") == 2  # both statements on figure 2 need its partitions
    assert "regions before, " in page  # what tables alone can tell


def test_files_half_written_do_not_count(results, monkeypatch):
    monkeypatch.setattr("linregions.experiments.context.write_npz", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reproduce("fig2", Context(out=results, seed=2, progress=False, force=True), settings=SETTINGS["fig2"])
    assert reproduced(results) == ["fig3", "fig4"]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_of_other_settings_are_not_replaced(results, capsys):
    before = contents(results)
    for settings, seed, found in (
        (SETTINGS["fig2"], 2, "made with seed 1, not 2, but"),
        (fig2.Settings(hidden=(5, 3)), 1, r"made with hidden \[4, 3\], not \[5, 3\], but"),
    ):
        context = Context(out=results, seed=seed, progress=False)
        with pytest.raises(
            InvalidValueError, match=rf"`out` is .*, which has fig2 {found} linregions.*with `--force`\."
        ):
            reproduce("fig2", context, settings=settings)
        assert contents(results) == before
    words = ["reproduce", "fig4", "fig3", "--out", str(results), "-q"]  # quick settings
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "which has fig4 made with hidden [5, 5], not [" in error
    assert error.endswith("Give another folder with `--out`, or replace them with `--force`.\n")
    assert contents(results) == before, "found out before any work"
    reproduce("fig2", Context(out=results, seed=1, progress=False), settings=SETTINGS["fig2"])  # the same again
    assert contents(results)["fig2.csv"] == before["fig2.csv"]
    reproduce("fig2", Context(out=results, seed=2, progress=False, force=True), settings=SETTINGS["fig2"])
    assert load_saved(results, "fig2").seed == 2
    (results / "fig2.json").write_text("{")
    with pytest.raises(InvalidValueError, match=r"which has fig2 made with settings that cannot be read, but"):
        reproduce("fig2", Context(out=results, seed=2, progress=False), settings=SETTINGS["fig2"])


def test_the_report_keeps_what_it_has(results, tmp_path, capsys):
    """As in a clone: tables and the report are there, arrays and partitions are not."""
    page = results / "report" / "index.html"
    assert main(["plot", str(results), "-q"]) == 0
    whole = page.read_bytes()
    for file in results.glob("*.npz"):
        file.unlink()
    assert main(["plot", str(results), "-q"]) == 0
    assert page.read_bytes() == whole
    assert main(["plot", str(results), "--out", str(tmp_path / "elsewhere"), "-q"]) == 0
    assert (tmp_path / "elsewhere" / "report" / "index.html").read_bytes() == whole
    # Pictures of other results do not go with these tables.
    change(results, "fig2", ",4,", ",5,")
    assert main(["plot", str(results), "-q"]) == 0
    text = page.read_text(encoding="utf-8")
    assert (text.count("No picture: "), text.count("Not checked: ")) == (1, 2)
    assert text.count("<img ") == 2
    # What is no longer there at all stays as it was.
    for file in results.glob("fig3*"):
        file.unlink()
    assert main(["plot", str(results), "-q"]) == 0
    assert page.read_text(encoding="utf-8") == text
    page.write_text('<section id="fig2">\nnot ours\n</section>')
    assert main(["plot", str(results), "-q"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "not ours" not in text
    assert text.count("<img ") == 0


def test_a_report_grows(results, tmp_path):
    """A figure reproduced anew is put beside what the page has already."""
    assert main(["plot", str(results), "-q"]) == 0
    for file in [*results.glob("*.npz"), *results.glob("fig4*")]:
        file.unlink(missing_ok=True)
    before = (results / "report" / "index.html").read_text(encoding="utf-8")
    reproduce("fig4", Context(out=results, seed=1, progress=False), settings=SETTINGS["fig4"])
    assert write_report(results).read_text(encoding="utf-8") == before


@pytest.mark.parametrize("damage", [lambda content: content.pop("seed"), lambda content: content.update(tables=None)])
def test_a_damaged_file_is_named(results, damage):
    file = results / "fig2.json"
    content = json.loads(file.read_text())
    damage(content)
    del content["checksum"]
    file.write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match=r"`results` has a fig2.json without a usable entry .* needs settings, s"):
        load_saved(results, "fig2")
