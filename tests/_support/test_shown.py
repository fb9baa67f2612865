"""What sessions and notebooks show is short and escaped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions._support.shown import Told


def _everything() -> list[Any]:
    net = lr.random_network([784, 16, 16, 10], 0)
    images = np.random.default_rng(0).uniform(size=(30, 784))
    window, line = lr.PlaneWindow.through(*images[:3]), lr.Line.through(*images[:2])
    part = lr.partition(net, window)
    return [
        *(net, window, line, lr.Segment(*images[:2]), lr.Path(images[:5]), lr.Box(images[0] - 1, images[0])),
        *(
            part,
            lr.partition(net, line),
            part.decision_boundary(),
            lr.partition(net, window, sink=lr.RegionStatistics()),
        ),
        *(*lr.default_probes(images, 0), lr.PlaneProbe(window)),
        lr.boundary_density(lr.random_network([2, 8, 1], 0), -1, 1, rng=0),
        lr.local_complexity(net, images[:2], 0.1, rng=0),
    ]


def test_everything_is_short() -> None:
    for thing in _everything():
        assert len(repr(thing)) < 1000, repr(thing)
        shown = thing._repr_html_()
        assert len(shown) < 1500
        assert "object at 0x" not in shown + repr(thing)
        assert "array(" not in shown.replace("array([", "", 2)


def test_tables_say_what_the_objects_say() -> None:
    part = lr.partition(lr.random_network([2, 16, 16, 1], 0), lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    shown = part._repr_html_()
    assert f">{part.n_regions:,}<" in shown
    assert f">{len(part.edges):,}<" in shown
    assert "Network(2 -&gt; 16 -&gt; 16 -&gt; 1" in shown


def test_texts_are_escaped() -> None:
    probe = lr.PlaneProbe(lr.PlaneWindow.of_inputs([-1, -1], [1, 1]), name="<script>alert('x')</script>")
    assert "<script>" not in probe._repr_html_()
    assert "&lt;script&gt;" in probe._repr_html_()

    class Hostile(Told):
        def _facts(self) -> dict[str, Any]:
            return {"<b>": "<i>" * 100}

    shown = Hostile()._repr_html_()
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert len(shown) < 1000


def test_small_arrays_are_told_in_full() -> None:
    assert repr(lr.Box([0, 0], [1, 1])) == "Box(low=array([0., 0.]), high=array([1., 1.]))"
    assert repr(lr.Segment(np.zeros(10), np.ones(10))) == "Segment(a=<array of shape (10,)>, b=<array of shape (10,)>)"


def test_a_drawing_adds_no_words() -> None:
    pytest.importorskip("matplotlib")
    net = lr.random_network([2, 8, 1], 0)
    for domain in (lr.PlaneWindow.of_inputs([-1, -1], [1, 1]), lr.Segment([0, 0], [1, 1])):
        assert lr.partition(net, domain).plot()._ipython_display_() is None
