"""The file of a page: it runs nothing but its own script, and is what was asked for; and pages of lines."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError
from linregions.plotting import explore
from linregions.plotting.pages import templates
from tests.support.browser import Visit, wait_until
from tests.support.explorer_pages import on_screen, some_partition

pytest.importorskip("jinja2")


def test_a_line_is_a_graph_linked_with_the_picture(visit: Any) -> None:
    net = lr.random_network([2, 12, 12, 1], 0, bias_variance=0.1)
    part = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    line = lr.partition(net, lr.Path([[-0.9, -0.8], [0.1, 0.2], [0.9, -0.5]]))
    page = visit(explore(part, line=line))
    box = page.locator("#graph-picture").bounding_box()
    for share in (0.2, 0.55, 0.9):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 100)
        t = page.evaluate("explorer.graph.at")
        region, x = int(np.searchsorted(line.breakpoints, t)), line.domain.point(t)
        assert page.locator("#graph-note").inner_text().startswith(f"region {region:,} ")
        assert page.evaluate("explorer.graph.valuesAt(explorer.graph.at)") == pytest.approx(net(x).tolist())
        tracked = page.evaluate("explorer.page.plane.toPlane(...explorer.tracked)")
        np.testing.assert_allclose(tracked, x, atol=1e-9)
    page.mouse.move(*on_screen(page, [line.domain.point(1.5)])[0])
    assert page.evaluate("explorer.graph.at") == pytest.approx(1.5, abs=0.02)


def test_each_moment_has_its_graph(visit: Any) -> None:
    parts = [some_partition(seed=seed) for seed in range(2)]
    lines = [lr.partition(part.network, lr.Segment([-1, -1], [1, 0.5])) for part in parts]
    page = visit(explore(parts, line=lines))
    for k in (0, 1):
        page.locator("#moment").fill(str(k))
        wait_until(page, "n => explorer.state.complex.n === n", parts[k].n_regions)
        values = page.evaluate("explorer.graph.valuesAt(0.25)")
        assert values == pytest.approx(parts[k].network(lines[k].domain.point(0.25)).tolist())
        assert page.evaluate("explorer.graph.breaks.length") == len(lines[k].breakpoints)


def test_a_line_alone_is_a_page(visit: Any) -> None:
    line = lr.partition(lr.random_network([2, 12, 12, 4], 0, bias_variance=0.1), lr.Line([0, 0], [1, 0.5]))
    page = visit(line.explore())
    counts = f"{line.n_regions:,} regions · {line.n_linear_regions:,} linear regions"
    assert page.locator("#count").inner_text() == counts
    page.focus("#graph-picture")
    for region in range(4):
        page.keyboard.press("ArrowRight")
        assert page.locator("#graph-note").inner_text().startswith(f"region {region} ")


_HOSTILE = "</script><script>window.harmed = true</script><img src=x onerror='window.harmed = true'>"


def test_no_text_of_a_user_is_run(visit: Any) -> None:
    part = some_partition()
    explorer = explore(
        {_HOSTILE: part, "b": part},
        title=_HOSTILE,
        numbers={_HOSTILE: [np.arange(part.n_regions)] * 2},
        points=[[0.0, 0.0]],
        labels=[_HOSTILE],
    )
    assert _HOSTILE not in explorer.html
    page = visit(explorer)
    page.keyboard.press("[")
    page.select_option("#fill", "number 0")
    page.locator("#points button").click()
    wait_until(page, "() => document.querySelector('.badge') !== null")
    assert page.evaluate("window.harmed") is None
    assert page.locator("h1").inner_text() == _HOSTILE
    assert page.locator("#points").inner_text() == _HOSTILE
    assert _HOSTILE in page.locator("#card").inner_text()
    with page.expect_download() as saving:
        page.click("#svg")
    assert ElementTree.parse(saving.value.path()).getroot()[0].text == _HOSTILE


_HARM = """() => {
  const made = document.createElement("div"), script = document.createElement("script");
  document.body.append(made);
  made.innerHTML = "<img src='data:,' onerror='window.harmed = true'>";
  script.textContent = "window.harmed = true";
  made.append(script);
}"""


def test_the_policy_lets_nothing_else_run(started: Any, tmp_path: Path) -> None:
    visit = Visit(started, explore(some_partition()).save(tmp_path / "page.html"))
    policy = visit.page.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    visit.page.evaluate(_HARM)
    wait_until(visit.page, "() => document.querySelector('img') !== null")
    visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("window.harmed") is None
    assert len(visit.trouble) == 2
    assert all("Content Security Policy" in entry for entry in visit.trouble)


def test_a_phone_has_everything_below_the_picture(visit: Any) -> None:
    page = visit(explore(some_partition()), width=390, height=844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#picture").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until(page, "() => document.querySelector('.badge') !== null")
    assert page.locator("#card").bounding_box()["y"] < page.locator("#fill").bounding_box()["y"]


def test_the_same_partition_gives_the_same_page() -> None:
    assert explore(some_partition()).html == explore(some_partition()).html


def test_the_page_is_written_where_asked(tmp_path: Path) -> None:
    part = some_partition()
    found = part.explore(tmp_path / "new" / "regions.html", title="Twelve and twelve")
    assert (tmp_path / "new" / "regions.html").read_text(encoding="utf-8") == found.html
    assert repr(found).startswith("Explorer('Twelve and twelve', ")
    data = re.search(r'id="page">(.*?)</script>', found.html)
    assert data is not None
    assert json.loads(data[1])["title"] == "Twelve and twelve"


class _Many:
    """A partition of very many regions, as far as it is looked at."""

    def __init__(self, part: Any, n: int) -> None:
        self.window, self.face_vertices, self.pattern_words = part.window, (), ()
        self.face_offsets = np.zeros(n + 1)


def test_too_many_regions_are_refused() -> None:
    part = some_partition()
    with pytest.raises(InvalidValueError, match=r"`partitions` have 600,001 regions, but explore needs at most 600,"):
        explore(_Many(part, 600_001))
    with pytest.raises(InvalidValueError, match=r"700,000 regions.* fewer moments"):
        explore([_Many(part, 350_000), _Many(part, 350_000)])


def test_what_does_not_fit_is_refused() -> None:
    part = some_partition()
    other = lr.partition(part.network, lr.PlaneWindow.of_inputs([-1, -1], [1, 2]))
    with pytest.raises(InvalidValueError, match="`partitions` is empty, but explore needs at least one"):
        explore([])
    with pytest.raises(InvalidTypeError, match="`partitions` holds int, but explore needs partitions of a plane"):
        explore([3])
    with pytest.raises(InvalidTypeError, match="`line` is PlanePartition, but explore needs a LinePartition"):
        explore(part, line=part)
    with pytest.raises(InvalidValueError, match="`line` has 1 partitions, but explore needs one for each of 2 moments"):
        explore([part, part], line=lr.partition(part.network, lr.Segment([0, 0], [1, 1])))
    with pytest.raises(InvalidValueError, match="`partitions` have different windows, but explore needs the same one"):
        explore([part, other])
    with pytest.raises(InvalidValueError, match=r"`numbers` has shape \(3,\) for 'x', but explore needs one for each"):
        explore(part, numbers={"x": [1.0, 2.0, 3.0]})
    with pytest.raises(InvalidValueError, match="`numbers` has 1 arrays for 'x', but explore needs one for each of 2"):
        explore([part, part], numbers={"x": [np.zeros(part.n_regions)]})
    with pytest.raises(InvalidValueError, match="`color_by` is 'x'"):
        explore(part, color_by="x")
    with pytest.raises(InvalidValueError, match="`decision` is 'max'"):
        explore(part, decision="max")
    with pytest.raises(InvalidValueError, match=r"`image_shape` is \(2, 2\), but explore needs \(rows, columns\)"):
        explore(part, image_shape=(2, 2))
    with pytest.raises(InvalidValueError, match="`labels` has 1 entries for 2 points, but explore needs one for each"):
        explore(part, points=[[0, 0], [1, 1]], labels=["a"])


def test_jinja_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    templates.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"`jinja2` .*explore.*linregions\[plot\]"):
        explore(some_partition())
    templates.cache_clear()


def test_a_browser_that_cannot_draw_is_told_so(started: Any, tmp_path: Path) -> None:
    page = started.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(explore(some_partition()).save(tmp_path / "page.html").as_uri())
    wait_until(page, "() => !document.getElementById('trouble').hidden")
    assert "WebGL 2" in page.locator("#trouble").inner_text()
    assert "Switch on hardware acceleration" in page.locator("#trouble").inner_text()
    page.close()
