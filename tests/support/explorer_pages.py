"""Partitions to explore, and places in their pages."""

from __future__ import annotations

from typing import Any

import numpy as np

import linregions as lr


def some_partition(outputs: int = 3, seed: int = 0) -> Any:
    """Return a partition of some hundred regions of a square of two inputs."""
    net = lr.random_network([2, 12, 12, outputs], seed, bias_variance=0.1)
    return lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))


def on_screen(page: Any, points: Any) -> np.ndarray:
    """Return where points, in plane coordinates, are in the page, in pixels."""
    script = "places => places.map(([u, v]) => explorer.view.toScreen(...explorer.page.plane.toScene(u, v)))"
    box = page.locator("#stage").bounding_box()  # the canvas itself may be shown moved
    found = np.array(page.evaluate(script, np.asarray(points).tolist()))
    return np.asarray(found + np.array([box["x"], box["y"]]))


def inner_points(part: Any, n: int, seed: int = 1) -> np.ndarray:
    """Return random points of the window, in plane coordinates."""
    share = np.random.default_rng(seed).dirichlet(np.ones(len(part.window.polygon)), n)
    return np.asarray(share @ part.window.polygon)
