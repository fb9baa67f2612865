"""The code of the guides runs as it stands, and what they say of results is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import linregions as lr

pytest.importorskip("torch")
pytest.importorskip("scipy")

DOCS = Path(__file__).parents[1] / "docs"


def _run(name, folder, monkeypatch):
    """Run all Python blocks of a page one after the other, and return the names that they made."""
    monkeypatch.chdir(folder)
    text = (DOCS / name).read_text(encoding="utf-8")
    made: dict[str, object] = {"__name__": "page"}
    for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        first = text[: block.start()].count("\n") + 1
        exec(compile("\n" * first + block[1], name, "exec"), made)
    return made


def test_importing(tmp_path, monkeypatch):
    made = _run("importing.md", tmp_path, monkeypatch)
    assert made["net"]([1, 2, 3, 4, 5, 6, 20.0]) == 1.0
    surrogate = made["surrogate"]
    assert 0.0013 < surrogate.activations[0].error < 0.0015
    assert made["part"].n_regions > 1000


def test_boxes(tmp_path, monkeypatch):
    pytest.importorskip("gudhi")
    made = _run("boxes.md", tmp_path, monkeypatch)
    assert made["part"].volumes.sum() == pytest.approx(8.0)
    assert made["part"].diagnostics["undecided"] == 0
    assert len(made["surface"]) > 100


@pytest.mark.slow
def test_resnet(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    made = _run("guide_resnet.md", tmp_path, monkeypatch)
    net, line, part = made["net"], made["line"], made["part"]
    assert repr(net) == "Network(1x28x28 -> 10, 6 steps, 3136 neurons, activation relu)"
    assert made["accuracy"] > 0.8
    assert 800 < line.n_regions < 1500
    assert line.n_regions == lr.count_regions(net, made["line"].domain)
    assert made["counts"].sum() == line.breakpoints.size
    assert part.n_regions > 10
    assert part.diagnostics["undecided"] == 0
    assert part.areas.sum() == pytest.approx(part.window.area)
    moved = np.linalg.norm(made["nearest"] - made["mnist"].x_test[:20], axis=1)
    np.testing.assert_allclose(moved, made["distances"])
    assert (tmp_path / "plane.png").stat().st_size > 10_000
