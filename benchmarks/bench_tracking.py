"""What tracking costs a training, in shares of the same training without it; setup of the process left out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import torch

import linregions as lr
from linregions.training.datasets import load_dataset
from measure import Row, peak_megabytes, seconds

BATCH, STEPS, REPEATS = 128, 936, 8  # two epochs


def new_module() -> torch.nn.Sequential:
    torch.manual_seed(0)
    widths = [784, 64, 64, 64, 10]
    layers: list[torch.nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(x: torch.Tensor, y: torch.Tensor, tracker: Any) -> float:
    """Train as anyone would; return the seconds it took."""
    module = new_module()
    optimizer = torch.optim.Adam(module.parameters())
    start = time.perf_counter()
    for step in range(STEPS):
        if tracker is not None:
            tracker(module, step=step)
        rows = slice(step * BATCH % 59_904, step * BATCH % 59_904 + BATCH)
        loss = torch.nn.functional.cross_entropy(module(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def rows() -> Iterator[Row]:
    """Measure the default probes on MNIST at several `every`, and a single record in training steps.

    The yardstick is the training without a tracker, and for the single record one step of it. ``counted`` is what the
    tracker itself says it took, ``in all`` the difference of whole trainings: noisy, but nothing is left out.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _rows()
    finally:
        torch.set_num_threads(before)


def _rows() -> Iterator[Row]:
    mnist = load_dataset()
    x, y = torch.tensor(mnist.x_train, dtype=torch.float32), torch.tensor(mnist.y_train)
    probes = lr.default_probes(mnist.x_train, rng=0)
    cases: dict[int | float | str, float | None] = {"auto": 0.1, 100: None, 468: None}
    plain: list[float] = []
    counted: dict[Any, list[float]] = {every: [] for every in cases}
    whole: dict[Any, list[float]] = {every: [] for every in cases}
    records = {}
    train(x, y, lr.Tracker(probes, 1000))  # loads everything
    for _ in range(REPEATS):
        plain.append(train(x, y, None))
        for every in cases:
            tracker = lr.Tracker(probes, every)
            whole[every].append(train(x, y, tracker) - tracker.setup_seconds)
            counted[every].append(tracker.measuring_seconds)
            records[every] = len(tracker.rows)
    unit = min(plain)
    record = lr.Tracker(probes, 1)
    module = new_module()
    peak = peak_megabytes(lambda: record(module))
    for every, goal in cases.items():
        label, more = f"tracking, every={every}", min(whole[every]) - unit
        yield Row(f"{label}, counted", records[every], "records", min(counted[every]), unit, peak, 1, goal)
        yield Row(f"{label}, in all", records[every], "records", more, unit, peak, 1, goal)
    best = min(seconds(lambda: record(module)) for _ in range(20))
    yield Row("tracking, one record", 1, "record", best, unit / STEPS, peak, 1)
