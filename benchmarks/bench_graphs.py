"""Lines, planes and distances of convolutional networks against torch's own float64 passes, at the best batch size."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import linregions as lr
from linregions.errors import UndecidedWarning, UnprovedWarning
from linregions.training.datasets import load_dataset
from measure import Row, compare, seconds

# Batches that the yardstick may choose from: torch's float64 convolutions are several times slower in large ones.
_BATCHES = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Case:
    """A network, what it is cut along, and the goals of the three ratios."""

    name: str
    make: Callable[[], Any]
    image: tuple[int, ...]
    segment: float = 1.0  # share of the way between two images
    scale: float = 0.1  # of the square through three images
    points: int = 128  # for distances
    goals: tuple[float | None, float | None, float | None] = (None, None, None)
    batches: tuple[int, ...] = _BATCHES
    lines: int = 1
    sample: int = 64  # so many points are passed forward; the yardstick is scaled up from them


def cases() -> list[Case]:
    """Return what is measured; every case takes a few seconds."""
    import graph_networks as made

    grey, colours = (1, 28, 28), (3, 32, 32)
    small = (0.08, 0.012, 8.0)
    return [
        # Of a dense network small batches would be too slow a yardstick.
        Case(
            "ACAS Xu's shape", made.acas, (5,), scale=2.0, points=2000, batches=(64, 500, 2000), lines=200, sample=2000
        ),
        Case("LeNet-5, max pooling", made.lenet, grey, scale=0.1, goals=(0.15, 0.03, 8.0)),
        Case("MNIST ResNet, 2 blocks", lambda: made.two_blocks(grey), grey, scale=0.3, goals=small),
        Case("MNIST ResNet, 4 blocks", lambda: made.four_blocks(grey), grey, scale=0.1, goals=small),
        Case("CIFAR ResNet, 2 blocks", lambda: made.two_blocks(colours), colours, scale=0.3, goals=small),
        Case("CIFAR ResNet, 4 blocks", lambda: made.four_blocks(colours), colours, scale=0.15, goals=small),
        Case("VGG, batch norm", made.vgg, colours, 0.2, 0.005, 32, goals=small),
        Case("ResNet-18, width 16", made.resnet18, colours, 0.02, 0.0005, 8, goals=(0.07, 0.005, 12.0)),
    ]


def rows(chosen: list[Case] | None = None, threads: tuple[int, ...] = (1, 2)) -> Iterator[Row]:
    """Measure counts on a segment and in a square, and distances, of every network."""
    try:
        import torch

        from graph_networks import settled
    except ImportError:
        print("(no torch: no rows of convolutional networks)")
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for case in cases() if chosen is None else chosen:
            torch.manual_seed(0)
            images = _images(case.image)
            module = settled(case.make(), torch.tensor(images).reshape(-1, *case.image))
            net = lr.from_torch(module, torch.zeros(1, *case.image, dtype=torch.float64))
            forward = _forward(module, images, case)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndecidedWarning)
                warnings.simplefilter("ignore", UnprovedWarning)
                yield from _rows(case, net, images, forward, threads)
    finally:
        torch.set_num_threads(before)


def _rows(
    case: Case, net: lr.Network, images: np.ndarray, forward: Callable[[], None], threads: tuple[int, ...]
) -> Iterator[Row]:
    ends = itertools.pairwise(images[: case.lines + 1])
    lines = [lr.Segment(a, a + case.segment * (b - a)) for a, b in ends]
    window = lr.PlaneWindow.through(*images[:3], scale=case.scale)
    points = images[: case.points]
    works: list[tuple[str, int, str, Callable[[int], object]]] = []
    for kind, domain in (("lines", lines), ("plane", window)):
        found = int(np.sum(lr.count_regions(net, domain, threads=max(threads))))  # compiles, too
        works.append((kind, found, "regions", lambda n, domain=domain: lr.count_regions(net, domain, threads=n)))
    works.append(("distances", len(points), "points", lambda n: lr.boundary_distance(net, points, threads=n)))
    for (kind, found, of, work), goal in zip(works, case.goals, strict=True):
        # As many points as regions: a line has a breakpoint less, a plane about as many corners.
        for row in compare(
            f"{kind}, {case.name}", found, of, work, forward, goal=goal, times=2, budget=1.0, threads=threads
        ):
            yield replace(row, yardstick_seconds=row.yardstick_seconds * found / case.sample)


def _images(shape: tuple[int, ...]) -> np.ndarray:
    """Return noisy digits, smooth images in colours, or points in a cube."""
    rng = np.random.default_rng(0)
    if len(shape) == 1:
        return rng.uniform(-1, 1, size=(2000, *shape))
    if shape[0] == 1:
        return load_dataset().examples(np.arange(128)) + 0.05 * rng.random((128, 784))
    return np.stack([np.kron(rng.random((3, 8, 8)), np.ones((4, 4))).ravel() for _ in range(128)])


def _forward(module: Any, images: np.ndarray, case: Case) -> Callable[[], None]:
    """Return torch's pass over the sample, in batches of the best size."""
    import torch

    inputs = torch.tensor(images[: case.sample].reshape(-1, *case.image))

    def forward(batch: int) -> None:
        with torch.no_grad():
            for part in inputs.split(batch):
                module(part)

    tried = {batch: min(seconds(lambda batch=batch: forward(batch)) for _ in range(3)) for batch in case.batches}
    best = min(tried, key=tried.__getitem__)
    return lambda: forward(best)


def long_rows() -> Iterator[Row]:
    """Count a million regions of a ResNet of 14,436 neurons."""
    yield from rows([replace(case, scale=0.6) for case in cases() if case.name == "CIFAR ResNet, 4 blocks"])
