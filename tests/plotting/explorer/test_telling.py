"""What a page tells of regions is what the partition says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.networks.network import Network
from linregions.plotting import explore
from linregions.plotting.explorer import moments
from tests.support.browser import wait_until
from tests.support.explorer_pages import inner_points, on_screen, some_partition
from tests.support.graph_cases import degenerate_case, random_case
from tests.support.tiny_models import tiny
from tests.support.zoo import small_cases

pytest.importorskip("jinja2")


def test_the_pointer_finds_the_region_that_locate_does(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    points = inner_points(part, 12)
    for place, region in zip(on_screen(page, points), part.locate(points, coordinates="plane"), strict=True):
        page.mouse.move(*place)
        wait_until(page, "n => document.querySelector('#card h2').textContent === n", f"Region {region:,}")
    page.mouse.move(*on_screen(page, points[:1])[0])
    shown = page.locator("#card").inner_text()
    values = part.network(part.window.point(points[0]))
    assert f"class {values.argmax()}" in shown
    area = part.areas[part.locate(points[0], coordinates="plane")]
    assert re.search(rf"area\s+{re.escape(f'{area:.4g}')}", shown)


_EVERYTHING = """() => {
  const { complex, patterns, moment } = explorer.state, of = (f) => {
    const pattern = patterns.of(f);
    const corners = [...complex.corners.subarray(complex.offsets[f], complex.offsets[f + 1])];
    return { pattern: [...pattern], map: patterns.map(f, pattern), neighbours: complex.neighbours(f),
      area: complex.areas[f], corners: corners.map((v) => [...complex.vertices.subarray(2 * v, 2 * v + 2)]),
      neurons: [...complex.sidesOf(f)].map((e) => complex.neuron[e]) };
  };
  return { layers: moment.offsets, regions: Array.from({ length: complex.n }, (_, f) => of(f)) };
}"""


def _cases() -> list[Any]:
    chosen = [(k // 9, case) for k, case in enumerate(small_cases()) if k % 9 == 0]
    slow = [pytest.mark.slow]
    named = [pytest.param(case.network, case.window, id=case.name, marks=slow[: k % 3]) for k, case in chosen]
    graphs = [
        pytest.param(*make(seed), id=f"{make.__name__} {seed}")
        for make in (random_case, degenerate_case)
        for seed in range(3)
    ]
    return named + graphs


@pytest.mark.parametrize(("network", "window"), _cases())
def test_the_page_holds_the_partition(visit: Any, network: Any, window: Any) -> None:
    part = lr.partition(network, window)
    found = visit(explore(part)).evaluate(_EVERYTHING)
    assert found["layers"] == [int(k) for k in network.neuron_offsets]
    regions = found["regions"]
    assert len(regions) == part.n_regions
    assert [entry["pattern"] for entry in regions] == part.patterns.tolist()
    assert [entry["corners"] for entry in regions] == [part.polygon(f).tolist() for f in range(part.n_regions)]
    assert [entry["neighbours"] for entry in regions] == [part.neighbors(f).tolist() for f in range(part.n_regions)]
    for f, entry in enumerate(regions):
        sides = part.face_edges[part.face_offsets[f] : part.face_offsets[f + 1]]
        assert entry["neurons"] == part.edge_neuron[sides].tolist()
    np.testing.assert_allclose(
        [entry["area"] for entry in regions], part.areas, rtol=1e-9, atol=1e-12 * part.window.area
    )
    maps = np.array([entry["map"] for entry in regions])
    np.testing.assert_allclose(maps, part.affine_maps, rtol=1e-5, atol=1e-5 * np.abs(part.affine_maps).max())


def test_layers_of_a_chain_keep_all_digits(visit: Any) -> None:
    part = some_partition()
    regions = visit(explore(part)).evaluate(_EVERYTHING)["regions"]
    maps = np.array([entry["map"] for entry in regions])
    np.testing.assert_allclose(maps, part.affine_maps, rtol=1e-12, atol=1e-13)


_SAYS = "text => document.querySelector('#card').textContent.includes(text)"


def test_the_edge_under_the_pointer_has_its_neuron(visit: Any) -> None:
    part = some_partition()
    page = visit(explore(part))
    inner = np.flatnonzero(part.edge_neuron >= 0)
    for edge in inner[np.argsort(part.edge_lengths[inner])[-5:]]:
        page.mouse.move(*on_screen(page, [part.vertices[part.edges[edge]].mean(axis=0)])[0])
        layer, neuron = part.network.locate_neuron(int(part.edge_neuron[edge]))
        wait_until(
            page,
            "text => document.querySelector('#card').textContent.includes(text)",
            f"layer {layer + 1}, neuron {neuron}",
        )


def test_inputs_are_shown_as_images(visit: Any) -> None:
    net = lr.random_network([12, 8, 2], 0, bias_variance=0.1)
    images = np.random.default_rng(0).uniform(size=(3, 3, 4))
    window = lr.PlaneWindow.through(*images.reshape(3, 12))
    page = visit(explore(lr.partition(net, window), points=images, labels=["a", "b", "c"]))
    place = window.coordinates(images.reshape(3, 12)[1])
    page.mouse.move(*on_screen(page, [place])[0])
    wait_until(page, "() => document.querySelectorAll('#card figure canvas').length === 2")
    assert "Point b" in page.locator("#card").inner_text()
    script = """() => [...document.querySelectorAll('#card figure canvas')].map(c => [c.width, c.height,
        ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 0)])"""
    for width, height, *grey in page.evaluate(script):
        assert (width, height) == (4, 3)
        np.testing.assert_allclose(np.array(grey) / 255, images[1].ravel(), atol=0.02)  # a pixel off, and rounding


def test_a_single_region_of_an_affine_network(visit: Any) -> None:
    net = lr.Network.from_layers([([[1.0, 2.0], [3.0, -4.0]], [0.5, 0.25])])
    part = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    page = visit(explore(part))
    (region,) = page.evaluate(_EVERYTHING)["regions"]
    assert region["map"] == part.affine_maps[0].tolist()
    assert region["neighbours"] == region["pattern"] == []
    assert page.locator("#count").inner_text() == "1 region · 0 neurons"


def test_what_does_not_fit_in_a_page_is_left_out(visit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MOST_WEIGHTS", "_MOST_MAP_NUMBERS", "_MOST_FUNCTIONS"):
        monkeypatch.setattr(moments, name, 0)
    net = Network.from_graph(tiny("residual").graph)
    part = lr.partition(net, tiny("residual").windows[0])
    page = visit(explore(part))
    assert [entry["map"] for entry in page.evaluate(_EVERYTHING)["regions"]] == [None] * part.n_regions
    assert page.locator("#fill option").all_inner_texts()[0] == "pattern"
    page.mouse.move(*on_screen(page, inner_points(part, 1))[0])
    wait_until(page, "() => document.querySelector('#card h2') !== null")
    assert "outputs" not in page.locator("#card").inner_text()
