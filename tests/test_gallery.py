"""Each picture of the gallery is drawn by its file, in seconds."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "gallery").glob("plot_*.py"))
#: Those that show the most with the least; the others are drawn by the slow tests and whenever the pages are built.
QUICK = {"plot_01_regions", "plot_05_graph", "plot_12_level_sets", "plot_15_degenerate", "plot_22_neighbours"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.slow) for path in EXAMPLES],
)
@pytest.mark.filterwarnings("default")
def test_an_example_draws(path, tmp_path, monkeypatch, capsys):
    for name in ("matplotlib", "torch", "sklearn", "networkx"):
        pytest.importorskip(name)
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    plt.close("all")
    runpy.run_path(str(path), run_name="__main__")
    numbers = plt.get_fignums()
    assert len(numbers) == 1, "one picture a page"
    plt.figure(numbers[0]).savefig(tmp_path / "drawn.png", dpi=40)
    assert (tmp_path / "drawn.png").stat().st_size > 2_000
    plt.close("all")
    assert path.read_text(encoding="utf-8").startswith('"""\n')


def test_there_are_enough_of_them():
    assert len(EXAMPLES) >= 16
