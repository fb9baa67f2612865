"""The command ``warmup``: compile all kernels now, so that no later call waits for the compiler."""

from __future__ import annotations

import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

import linregions as lr
from linregions._support.progress import ProgressBar
from linregions.training.convolutional import Convolutional

_EPILOG = """Kernels are compiled once for an installation, each when it is first used; this uses them all, on tiny
networks. A cache folder must be writable: set NUMBA_CACHE_DIR to one that is, e.g. for an image of a container.

examples:
  linregions warmup
  linregions warmup --first     what the first count needs, and pictures of windows"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--first",
        action="store_true",
        help="only what counts and partitions of windows and lines of dense networks use",
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def run(arguments: Namespace) -> None:
    """Use all kernels."""
    begun = time.perf_counter()
    chosen = _first() if arguments.first else {**_first(), **_rest()}
    with (
        warnings.catch_warnings(),
        ProgressBar(len(chosen), "compiling", "parts", not arguments.quiet) as bar,
    ):
        warnings.simplefilter("ignore", lr.errors.UndecidedWarning)
        for name, use in chosen.items():
            bar.update(0, name)
            use()
            bar.update()
    print(f"{len(chosen)} parts ready after {time.perf_counter() - begun:.1f} s")


def _dense() -> lr.Network:
    return lr.random_network([2, 8, 8, 3], 0, bias_variance=0.1)


_WINDOW = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
_LINES: list[Any] = [
    lr.Line(np.array([0.0, 0.1]), np.array([1.0, 0.3])),
    lr.Segment(np.array([-1.0, 0.0]), np.array([1.0, 0.5])),
]
_DOMAINS: tuple[Any, ...] = _WINDOW, *_LINES


def _first() -> dict[str, Callable[[], object]]:
    """Return what the first calls of nearly everybody use."""

    def windows() -> None:
        part = lr.partition(_dense(), _WINDOW)
        _ = part.n_linear_regions, part.areas, part.affine_maps
        part.decision_boundary()
        part.level_set()

    def counts() -> None:
        for kind in ("activation", "linear"):
            lr.count_regions(_dense(), _WINDOW, kind)

    def lines() -> None:
        parts: list[Any] = lr.partition(_dense(), _LINES)
        for part in parts:
            _ = part.n_linear_regions, part.patterns, part.slopes
        lr.count_regions(_dense(), _LINES, "linear")

    return {"counts": counts, "windows": windows, "lines": lines}


def _rest() -> dict[str, Callable[[], object]]:
    """Return what else there is to compile."""
    network = _dense()

    def distances() -> None:
        for kind in ("activation", "linear"):
            lr.boundary_distance(network, [[0.1, 0.2], [0.3, -0.4]], kind=kind)

    def volumes() -> None:
        lr.boundary_density(network, -1.0, 1.0, rng=0, n_chords=8)
        lr.local_complexity(network, [[0.1, 0.2]], 0.5, rng=0)

    def statistics() -> None:
        lr.partition(network, _WINDOW, sink=lr.RegionStatistics())
        for domain in _DOMAINS:
            lr.count_regions(network, domain, "gradient")

    def proofs() -> None:
        for domain in _DOMAINS:
            lr.partition(network, domain, certify=True)

    def graphs() -> None:
        shape = Convolutional("cnn", 1, (1, 8, 8), 2)
        made = shape.network(shape.initial(np.random.default_rng(0)))
        window = lr.PlaneWindow.square(np.full(64, 0.1), np.eye(64)[:2], 0.5)
        line = lr.Segment(np.zeros(64), np.ones(64))
        domains: tuple[Any, ...] = window, line
        for domain in domains:
            lr.partition(made, domain)
            lr.count_regions(made, domain, "linear")
        lr.boundary_distance(made, [[0.1] * 64])

    found: dict[str, Callable[[], object]] = {
        "distances": distances,
        "volumes": volumes,
        "statistics": statistics,
        "proofs": proofs,
    }
    if find_spec("scipy"):
        found["graphs"] = graphs
    return found
