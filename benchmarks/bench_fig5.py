"""Figure 5 against the training that it looks at: 100 lines at each of 40 moments of 20 epochs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np

from linregions.experiments.sweeps.cells import Chain, LineCounts, Place, Training, compute, dataset
from linregions.training import train
from linregions.training.datasets import load_dataset
from measure import Row, peak_megabytes, seconds

MOMENTS, EPOCHS, LINES = 40, 20, 100
# So much of it is done and timed; the rest is as much again, since neither an epoch nor a count gets longer.
PART = 10


def rows(repeats: int = 3) -> Iterator[Row]:
    """Measure the cells of a figure, found and loaded as in a sweep, and the training without any snapshot."""
    hidden = (64, 64, 64)
    data = load_dataset()
    epochs = tuple(np.linspace(0, EPOCHS / PART, MOMENTS // PART + 1)[1:].tolist())
    training = Training(Chain(hidden, run=0, seed=0, data=data.fingerprint), epochs)
    cells = [LineCounts(training, epoch, LINES) for epoch in epochs]
    with tempfile.TemporaryDirectory() as folder:
        place = Place("mnist", folder)
        compute(training, place)
        dataset(place.data, data.fingerprint)
        found = [compute(cell, place) for cell in cells]  # compiles, or reads the cache

        def measure() -> None:
            for cell in cells:
                compute(cell, place)

        def learn() -> None:
            train([784, *hidden, 10], data, epochs=epochs[-1], snapshot_epochs=epochs[-1:], rng=0, progress=False)

        best, yardstick = np.inf, np.inf
        for _ in range(repeats):
            yardstick = min(yardstick, seconds(learn))
            best = min(best, seconds(measure))
        count = PART * sum(sum(result["activation_regions"]) for result in found)
        case = f"{LINES} lines, {MOMENTS} moments, {EPOCHS} epochs"
        yield Row(case, count, "regions", PART * best, PART * yardstick, peak_megabytes(measure), 1, 0.5)
