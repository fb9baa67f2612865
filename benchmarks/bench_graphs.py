"""Lines through convolutional networks against torch's own float64 forward passes, at their best batch size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

import linregions as lr
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.options import Options
from linregions.training.datasets import load_dataset
from measure import Row, compare, seconds

# Batches that the yardstick may choose from: torch's float64 convolutions are several times slower in large ones.
_BATCHES = (4, 8, 16, 32)


def _networks() -> dict[str, tuple[object, tuple[int, ...], int, float]]:
    """Return modules, what an input is, how many lines there are, and the goal."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(before, width, 3, stride, 1)
            self.second = nn.Conv2d(width, width, 3, 1, 1)
            same = stride == 1 and before == width
            self.shortcut = nn.Identity() if same else nn.Conv2d(before, width, 1, stride)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))

    torch.manual_seed(0)
    relu, flat = nn.ReLU, nn.Flatten
    lenet = [nn.Conv2d(1, 6, 5, padding=2), relu(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), relu(), nn.MaxPool2d(2)]
    lenet += [flat(), nn.Linear(400, 120), relu(), nn.Linear(120, 84), relu(), nn.Linear(84, 10)]
    two = [nn.Conv2d(3, 8, 3, 2, 1), relu(), Block(8, 16, 2), Block(16, 16, 1)]
    two += [flat(), nn.Linear(1024, 100), relu(), nn.Linear(100, 10)]
    four = [nn.Conv2d(3, 16, 3, 2, 1), relu(), Block(16, 16, 1), Block(16, 16, 1), Block(16, 32, 2), Block(32, 32, 1)]
    four += [flat(), nn.Linear(2048, 100), relu(), nn.Linear(100, 10)]
    return {
        "LeNet-5, max pooling": (nn.Sequential(*lenet), (1, 28, 28), 4, 0.15),
        "ResNet, 2 blocks": (nn.Sequential(*two), (3, 32, 32), 2, 0.08),
        "ResNet, 4 blocks": (nn.Sequential(*four), (3, 32, 32), 2, 0.08),
    }


def _images(shape: tuple[int, ...], n: int) -> np.ndarray:
    """Return digits, or smooth images in colours."""
    if shape[0] == 1:
        return load_dataset().examples(np.arange(n))
    rng = np.random.default_rng(0)
    return np.stack([np.kron(rng.random((3, 8, 8)), np.ones((4, 4))).ravel() for _ in range(n)])


def _forward(module: object, points: np.ndarray, shape: tuple[int, ...]) -> Callable[[], None]:
    """Return a forward pass of torch over some points, in batches of the best size."""
    import torch

    inputs = torch.tensor(points.reshape(-1, *shape))

    def forward(batch: int, last: int = len(points)) -> None:
        with torch.no_grad():
            for first in range(0, last, batch):
                module(inputs[first : first + batch])  # type: ignore[operator]

    best = min(_BATCHES, key=lambda batch: min(seconds(lambda: forward(batch, 64)) for _ in range(3)))
    return lambda: forward(best)


def line_rows() -> Iterator[Row]:
    """Measure whole partitions and counts of segments from image to image."""
    try:
        import torch
    except ImportError:
        print("(no torch: no rows of convolutional networks)")
        return
    torch.set_num_threads(1)
    for name, (module, shape, n_lines, goal) in _networks().items():
        module.double().eval()  # type: ignore[attr-defined]
        net = lr.from_torch(module, torch.zeros(1, *shape, dtype=torch.float64))
        images = _images(shape, n_lines + 1)
        lines = [lr.Segment(a, b) for a, b in itertools.pairwise(images)]
        made = partition_lines(net, lines)
        points = np.concatenate([part.domain.point(part.breakpoints) for part in made])
        forward = _forward(module, points, shape)

        def whole(threads: int, net: lr.Network = net, lines: list[lr.Segment] = lines) -> None:
            partition_lines(net, lines, options=Options(threads=threads))

        def count(threads: int, net: lr.Network = net, lines: list[lr.Segment] = lines) -> None:
            count_lines(net, lines, options=Options(threads=threads))

        case, n_regions = f"{n_lines} segments, {name}", sum(part.n_regions for part in made)
        yield from compare(f"{case}, count", n_regions, "regions", count, forward, goal=goal, times=3)
        yield from compare(case, n_regions, "regions", whole, forward, times=3, threads=(1,))
