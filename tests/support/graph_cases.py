"""Networks of any connectivity with windows and lines, for engines to be compared with the exact twins."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions import Line, Network, Path, PlaneWindow, Ray, Segment
from tests.support.graphs import random_graph
from tests.support.tiny_models import Tiny


def random_case(seed: int) -> tuple[Network, PlaneWindow]:
    """Return a random graph that is no chain, and a window; every other one has weights that tie and cancel."""
    rng = np.random.default_rng(seed)
    exact = bool(seed % 2)
    network = Network.from_graph(random_graph(rng, exact=exact))
    while network.is_chain:
        network = Network.from_graph(random_graph(rng, exact=exact))
    return network, random_window(rng, network.n_in, exact=exact)


def random_window(rng: np.random.Generator, n_in: int, *, exact: bool) -> PlaneWindow:
    """Return a window near the origin, often a triangle; exact: of small multiples of 1/8."""
    origin, basis = rng.normal(size=n_in), rng.normal(size=(2, n_in))
    if exact:
        origin, basis = np.round(4 * origin) / 8, np.round(4 * basis) / 8
        while np.linalg.matrix_rank(basis) < 2:
            basis = rng.integers(-8, 9, (2, n_in)) / 8
    if rng.integers(2):
        return PlaneWindow.square(origin, basis, 1.5)
    return PlaneWindow(origin, basis, np.array([[-1.0, -1.25], [1.5, -0.5], [0.25, 1.75]]))


def some_lines(window: PlaneWindow, part: float = 1.0) -> list[Any]:
    """Return lines of all kinds in the plane of a window."""
    corners = window.point(part * window.polygon)
    middle = (corners[0] + corners[2]) / 2
    return [
        Segment(corners[0], corners[2]),
        Ray(middle, corners[1] - corners[0]),
        Line(middle, corners[2] - corners[1]),
        Path(np.stack([corners[0], middle, corners[1]])),
    ]


def lines_of(model: Tiny) -> list[Any]:
    """Return lines of all kinds through the windows of a tiny model."""
    return [line for window in model.windows for line in some_lines(window)]
