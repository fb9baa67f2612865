"""The command that makes pages."""

import json
import re

import pytest

import linregions as lr
from linregions.cli import main

pytest.importorskip("jinja2")


@pytest.fixture
def models(tmp_path):
    for seed in range(2):
        lr.random_network([2, 8, 8, 3], seed, bias_variance=0.2).save(tmp_path / f"net-{seed}.npz")
    return [str(tmp_path / f"net-{seed}.npz") for seed in range(2)]


BOX = ["--low", "-1", "-1", "--high", "1", "1", "--quiet"]


def page_of(file):
    return json.loads(re.search(r'id="page">(.*?)</script>', file.read_text(encoding="utf-8"))[1])


def test_a_model_becomes_a_page(models, tmp_path, capsys):
    assert main(["explore", models[0], *BOX, "--out", str(tmp_path / "page.html"), "--color-by", "class"]) == 0
    part = lr.partition(lr.Network.load(models[0]), lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    page = page_of(tmp_path / "page.html")
    assert [moment["regions"] for moment in page["moments"]] == [part.n_regions]
    assert (page["title"], page["fill"]) == ("Regions of net-0", "class")
    assert f"{part.n_regions:,} regions" in capsys.readouterr().out


def test_several_models_and_partitions_are_moments(models, tmp_path):
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    parts = [lr.partition(lr.Network.load(model), window) for model in models]
    parts[1].save(tmp_path / "part-1.npz")
    assert main(["explore", models[0], str(tmp_path / "part-1.npz"), *BOX, "--out", str(tmp_path / "page.html")]) == 0
    moments = page_of(tmp_path / "page.html")["moments"]
    assert [moment["regions"] for moment in moments] == [part.n_regions for part in parts]
    assert [moment["label"] for moment in moments] == ["net-0", "part-1"]


def test_a_saved_line_is_a_page(models, tmp_path):
    line = lr.partition(lr.Network.load(models[0]), lr.Line([0, 0], [1, 1]))
    line.save(tmp_path / "line.npz")
    assert main(["explore", str(tmp_path / "line.npz"), "--out", str(tmp_path), "--quiet"]) == 0
    assert page_of(tmp_path / "regions.html")["lines"][0]["regions"] == line.n_regions


def test_other_files_are_not_replaced(models, tmp_path, capsys):
    (tmp_path / "page.html").write_text("mine")
    words = ["explore", models[0], *BOX, "--out", str(tmp_path / "page.html")]
    assert main(words) == 2
    assert "a file that linregions did not make, but linregions explore replaces" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert main(words) == 0  # its own page it replaces


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quiet"], "`--through` is missing, but a model needs a window"),
        ([*BOX, "--image", "a"], "`--image` is 'a', but linregions explore needs rows and columns"),
        ([*BOX, "--image", "3x4"], r"`image_shape` is (3, 4), but explore needs (rows, columns)"),
    ],
)
def test_what_does_not_fit_is_told(models, tmp_path, capsys, words, said):
    assert main(["explore", models[0], *words, "--out", str(tmp_path / "page.html")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_a_line_among_others_is_told(models, tmp_path, capsys):
    lr.partition(lr.Network.load(models[0]), lr.Line([0, 0], [1, 1])).save(tmp_path / "line.npz")
    assert main(["explore", str(tmp_path / "line.npz"), models[0], "--out", str(tmp_path / "page.html")]) == 2
    assert "shows one line a page" in capsys.readouterr().err
