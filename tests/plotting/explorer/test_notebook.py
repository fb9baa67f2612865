"""A notebook, executed without a browser, shows tables, drawings without words, and pages in frames."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import wait_until

pytest.importorskip("matplotlib")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

_CELLS = [
    "%matplotlib inline\nimport linregions as lr\nnet = lr.random_network([2, 8, 8, 1], 0, bias_variance=0.1)\n"
    "part = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))",
    "part",
    "part.plot()",
    "part.explore(title='In a <notebook>')",
    "lr.partition(net, lr.Segment([-1, -1], [1, 1])).plot()",
    "lr.default_probes([[1.0, 2.0], [3.0, 4.0]], rng=0)[0]",
]


@pytest.fixture(scope="module")
def outputs() -> list[Any]:
    """Return the outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in _CELLS])
    source = str(Path(__file__).parents[3] / "src")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, before]))
    try:
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return [cell["outputs"] for cell in notebook.cells]


def _data(entries: Any) -> list[dict[str, str]]:
    return [entry["data"] for entry in entries if "data" in entry]


def test_a_partition_is_a_table(outputs: list[Any]) -> None:
    (shown,) = _data(outputs[1])
    assert "<table>" in shown["text/html"]
    assert "activation regions" in shown["text/html"]


@pytest.mark.parametrize("cell", [2, 4])
def test_a_drawing_is_a_picture_alone(outputs: list[Any], cell: int) -> None:
    (shown,) = _data(outputs[cell])
    assert "image/png" in shown
    assert not [entry for entry in outputs[cell] if entry["output_type"] == "execute_result"]


def test_a_probe_is_short(outputs: list[Any]) -> None:
    (shown,) = _data(outputs[5])
    assert max(map(len, shown.values())) < 1000


def test_an_explorer_is_a_frame_that_works(outputs: list[Any], started: Any, tmp_path: Path) -> None:
    (shown,) = _data(outputs[3])
    frame = shown["text/html"]
    (inner,) = re.findall(r'srcdoc="([^"]*)"', frame)
    assert "In a &lt;notebook&gt;" in html.unescape(inner)
    (tmp_path / "notebook.html").write_text(f"<!doctype html><meta charset='utf-8'>{frame}", encoding="utf-8")
    page = started.new_page()
    page.goto((tmp_path / "notebook.html").as_uri())
    inside = page.frames[1]
    wait_until(page, "() => document.querySelector('iframe') !== null")
    inside.wait_for_selector("html[data-ready=true]", state="attached")
    assert "regions" in inside.locator("#count").inner_text()
    page.close()
