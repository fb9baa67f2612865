"""What a page draws and does: pixels, files, keys, layers, moments."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.plotting import explore
from tests.support.browser import wait_until
from tests.support.explorer_pages import inner_points, on_screen, some_partition
from tests.support.zoo import lines_network

pytest.importorskip("jinja2")

_PIXEL = """([x, y]) => {
  explorer.stale = true;
  explorer.moving = false;
  explorer._draw();
  const { gl, canvas } = explorer.painter, out = new Uint8Array(4), box = canvas.parentElement.getBoundingClientRect();
  const ratio = canvas.width / box.width, column = Math.floor((x - box.left) * ratio);
  const row = canvas.height - 1 - Math.floor((y - box.top) * ratio);
  gl.readPixels(column, row, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, out);
  return [...out.subarray(0, 3)];
}"""
_COLOR = "f => [...explorer.state.scene.colors.subarray(3 * f, 3 * f + 3)]"


def test_a_region_a_millionth_of_the_window_wide_is_drawn_where_it_is(visit: Any) -> None:
    size = 1e-6
    net = lines_network(
        [(1.0, 0.0, -0.3), (1.0, 0.0, -0.3 - size), (0.0, 1.0, -0.4), (0.0, 1.0, -0.4 - size), (1.0, 1.0, -0.9)]
    )
    part = lr.partition(net, lr.PlaneWindow.of_inputs([0, 0], [1, 1]))
    region = int(part.locate([0.3 + size / 2, 0.4 + size / 2]))
    page = visit(explore(part, color_by="pattern"))
    page.fill("#number", str(region))
    page.press("#number", "Enter")
    wait_until(page, "() => explorer.view.zoom > 1e5")
    for _ in range(2):
        for dx, dy in ((0.5, 0.5), (0.05, 0.5), (0.95, 0.5), (0.5, -0.1), (0.5, 1.1), (-0.1, 0.5), (1.1, 1.1)):
            point = [0.3 + dx * size, 0.4 + dy * size]
            expected = page.evaluate(_COLOR, int(part.locate(point)))
            drawn = page.evaluate(_PIXEL, on_screen(page, [point])[0].tolist())
            np.testing.assert_allclose(drawn, expected, atol=2)
        page.evaluate("explorer.pan(97.25, -61.5)")  # nothing shakes where the view moves


def test_far_out_the_picture_has_the_colours_of_regions(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part, color_by="pattern"))
    page.evaluate("explorer.setShow('decision', false)")
    page.evaluate("explorer.panel.own.forEach(k => explorer.setLayer(k, false))")
    large = np.argsort(part.areas)[-15:]
    for region in large.tolist():
        place = on_screen(page, [part.polygon(region).mean(axis=0)])[0]
        np.testing.assert_allclose(page.evaluate(_PIXEL, place.tolist()), page.evaluate(_COLOR, region), atol=2)


def _polygons(page: Any, part: Any) -> dict[int, np.ndarray]:
    """Return the polygons of the saved SVG in plane coordinates, for a window along two inputs."""
    with page.expect_download() as saving:
        page.click("#svg")
    root = ElementTree.parse(saving.value.path()).getroot()
    scale, corner = float(root.get("data-scale")), np.array(root.get("data-corner").split(), dtype=float)
    found = {}
    for entry in root.iter("{http://www.w3.org/2000/svg}polygon"):
        if entry.get("data-region") is not None:
            pixels = np.array([pair.split(",") for pair in entry.get("points").split()], dtype=float)
            found[int(entry.get("data-region"))] = corner + pixels * [1, -1] / scale
    return found


def test_the_saved_svg_has_the_polygons_of_the_partition(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    found = _polygons(page, part)
    assert sorted(found) == list(range(part.n_regions))
    for region, corners in found.items():
        np.testing.assert_allclose(corners, part.polygon(region), rtol=0, atol=1e-8)
    large = int(part.areas.argmax())
    page.evaluate("f => { explorer.goToRegion(f); explorer.zoom(3); }", large)
    close = _polygons(page, part)
    assert large in close
    assert len(close) < part.n_regions
    for region, corners in close.items():
        np.testing.assert_allclose(corners, part.polygon(region), rtol=0, atol=1e-9)


def test_the_view_is_saved_as_png(visit: Any) -> None:
    page = visit(explore(some_partition()))
    with page.expect_download() as saving:
        page.click("#png")
    assert Path(saving.value.path()).read_bytes().startswith(b"\x89PNG")


_SHOWN = "() => [...explorer.state.complex.neuron].map((k, e) => k >= 0 && explorer.inks[4 * e + 3] > 0)"
_UP_TO_ONE = """() => {
  const range = document.getElementById("up-to");
  range.value = 1;
  range.dispatchEvent(new Event("input"));
}"""


def test_layers_are_shown_and_hidden(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    of_layer = [np.count_nonzero((part.edge_neuron >= 12 * k) & (part.edge_neuron < 12 * k + 12)) for k in range(2)]
    assert np.count_nonzero(page.evaluate(_SHOWN)) == sum(of_layer)
    page.uncheck("[data-layer='0']")
    assert np.count_nonzero(page.evaluate(_SHOWN)) == of_layer[1]
    page.evaluate(_UP_TO_ONE)
    assert np.count_nonzero(page.evaluate(_SHOWN)) == of_layer[0]
    assert page.is_checked("[data-layer='0']")
    assert not page.is_checked("[data-layer='1']")


def test_a_slider_goes_through_moments(visit: Any) -> None:
    parts = {f"epoch {k}": some_partition(seed=k) for k in range(3)}
    page = visit(explore(parts))
    counts = [f"{part.n_regions:,} regions" for part in parts.values()]
    assert page.locator("#moment-name").inner_text() == "epoch 2"
    for k in (0, 2, 1):
        page.locator("#moment").fill(str(k))
        wait_until(page, "text => document.getElementById('count').textContent.startsWith(text)", counts[k])
    page.focus("#picture")
    page.keyboard.press("[")
    wait_until(page, "text => document.getElementById('count').textContent.startsWith(text)", counts[0])
    assert page.evaluate("explorer.state.complex.n") == parts["epoch 0"].n_regions


def test_a_click_selects_a_region_and_its_neighbours(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    region = int(part.areas.argmax())
    page.mouse.click(*on_screen(page, [part.polygon(region).mean(axis=0)])[0])
    page.wait_for_selector(".badge")
    named = [int(text.replace(",", "")) for text in page.locator(".neighbours button").all_inner_texts()]
    assert named == part.neighbors(region).tolist()
    assert f"Region {region} selected" in page.locator("#said").inner_text()
    page.locator(".neighbours button").first.click()
    assert page.evaluate("explorer.selected") == named[0]
    page.focus("#picture")
    page.keyboard.press("Escape")
    assert page.evaluate("explorer.selected") == -1


def test_keys_do_what_the_pointer_does(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    page.focus("#picture")
    for key in ("ArrowRight", "+", "+", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    place = page.evaluate("explorer.page.plane.toPlane(explorer.view.x, explorer.view.y)")
    assert page.evaluate("explorer.selected") == part.locate(place, coordinates="plane")
    page.keyboard.press("0")
    assert page.evaluate("explorer.view.zoom") == pytest.approx(1)


def test_a_number_that_is_none_is_told(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    page.fill("#number", str(part.n_regions))
    page.press("#number", "Enter")
    assert page.locator("#search-note").inner_text() == f"Give a number from 0 to {part.n_regions - 1:,}."


@pytest.mark.parametrize("mode", ["gradient", "pattern", "class", "layer", "area", "none", "margin <b>"])
def test_every_colour_is_explained(visit: Any, mode: str) -> None:
    part = some_partition()
    margin = np.linspace(-1, 1, part.n_regions)
    margin[0] = np.nan
    page = visit(explore(part, numbers={"margin <b>": margin}, color_by=mode))
    assert page.locator("#fill option:checked").inner_text() == {"layer": "newest layer"}.get(mode, mode)
    assert page.locator("#legend > *").count() > 0
    assert page.evaluate("explorer.state.scene.colors.length") == 3 * part.n_regions


def test_pieces_of_regions_have_the_class_there(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part, color_by="class"))
    page.evaluate("explorer.setShow('decision', false)")
    page.evaluate("explorer.panel.own.forEach(k => explorer.setLayer(k, false))")
    points = inner_points(part, 60)
    values = np.sort(part.network(part.window.point(points)), axis=1)
    clear = points[values[:, -1] - values[:, -2] > 0.05 * (values[:, -1] - values[:, 0])]
    classes = part.network(part.window.point(clear)).argmax(axis=1)
    colors = page.evaluate("explorer.page.classes")
    for place, number in zip(on_screen(page, clear), classes, strict=True):
        expected = [int(colors[number][k : k + 2], 16) for k in (1, 3, 5)]
        np.testing.assert_allclose(page.evaluate(_PIXEL, place.tolist()), expected, atol=2)
    assert len(set(classes.tolist())) > 1


def test_two_fingers_zoom_about_what_is_between_them(visit: Any) -> None:
    page = visit(explore(some_partition()), has_touch=True)
    box = page.locator("#picture").bounding_box()
    x, y = box["x"] + 300, box["y"] + 250
    script = "([x, y]) => explorer.view.toScene(x, y)"
    before = page.evaluate(script, [300, 250])
    fingers = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 120), ("touchEnd", None)):
        places = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    wait_until(page, "() => explorer.view.zoom > 2")
    assert page.evaluate("explorer.view.zoom") == pytest.approx(3, rel=0.02)
    np.testing.assert_allclose(page.evaluate(script, [300, 250]), before, atol=0.01)
    assert page.evaluate("explorer.selected") == -1  # it was no tap


def test_where_drawing_is_slow_the_last_picture_moves_along(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part, color_by="pattern"))
    page.evaluate("explorer.setShow('decision', false)")
    page.evaluate("explorer.panel.own.forEach(k => explorer.setLayer(k, false))")
    page.wait_for_timeout(300)
    moved = page.evaluate("""() => new Promise(done => {
      Object.defineProperty(explorer, "slow", { get: () => true, set: () => {} });
      explorer.pan(40, -25);
      requestAnimationFrame(() => requestAnimationFrame(() => done(explorer.canvas.style.transform)));
    })""")
    assert moved.startswith("translate(40px, -25px)")
    wait_until(page, "() => explorer.canvas.style.transform === '' && !explorer.stale")
    region = int(part.areas.argmax())
    place = on_screen(page, [part.polygon(region).mean(axis=0)])[0]
    np.testing.assert_allclose(page.evaluate(_PIXEL, place.tolist()), page.evaluate(_COLOR, region), atol=2)
