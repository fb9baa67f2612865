"""Cells about convolutional networks, and fully connected ones beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from linregions._support.validation import FloatArray
from linregions.experiments.place import Place
from linregions.experiments.sweeps.cells import AtSnapshot, Result, dataset, line_counts, seed_for
from linregions.measures.distances.distance import boundary_distance
from linregions.training import Snapshot
from linregions.training.adam import train_model
from linregions.training.convolutional import Convolutional, Kind
from linregions.training.datasets import Dataset

#: Examples for training; normal with the mean and variance of each pixel, as in the paper, or of all pixels together.
Inputs = Literal["train", "normal", "noise"]


@dataclass(frozen=True)
class ConvolutionalChain:
    """A convolutional network and how it is trained."""

    kind: Kind
    width: int
    run: int  # from 0; runs differ in their seeds
    seed: int  # of the whole sweep
    data: str  # fingerprint of the data set
    batch_size: int = 128
    learning_rate: float = 1e-3  # of Adam

    def __str__(self) -> str:
        return f"{self.kind} of width {self.width} run {self.run + 1}"

    def seed_of(self, purpose: str) -> int:
        """Return the seed of something random that belongs to this run."""
        return seed_for(self.seed, self.kind, self.width, self.run, purpose)

    def snapshots(self, place: Place, epochs: tuple[float, ...], last: float) -> list[Snapshot]:
        """Train up to `last`, or find the training; return the snapshots at `epochs`."""
        data = dataset(place.data, self.data)
        return train_model(
            model(self.kind, self.width, data),
            data,
            epochs,
            rng=self.seed_of("training"),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            run_dir=place.run_dir,
            progress=False,
        )


def model(kind: Kind, width: int, data: Dataset) -> Convolutional:
    """Return the network for a data set of grey images."""
    height, breadth = data.image_shape
    return Convolutional(kind, width, (1, height, breadth), data.n_classes)


@dataclass(frozen=True)
class InputLines(AtSnapshot):
    """Regions on whole lines through the origin and random inputs (sec. 3.1)."""

    inputs: Inputs = "train"
    lines: int = 100  # how many; the same at every moment of a run
    certify: bool = False

    def __str__(self) -> str:
        return f"lines to {self.inputs} inputs, {self.training.chain}, epoch {self.epoch:g}"

    def compute(self, place: Place) -> Result:
        """Count activation and linear regions on each line."""
        chain = self.training.chain
        seed = chain.seed_of(f"lines to {self.inputs}")
        inputs = drawn(place.data, chain.data, self.inputs, self.lines, seed)
        return line_counts(self.snapshot(place).network, inputs, self.certify)


@dataclass(frozen=True)
class InputDistances(AtSnapshot):
    """Distances of random inputs to the nearest boundary (sec. 3.2)."""

    inputs: Inputs = "normal"
    points: int = 1000  # how many; the same at every moment of a run

    def __str__(self) -> str:
        return f"distances of {self.inputs} inputs, {self.training.chain}, epoch {self.epoch:g}"

    def compute(self, place: Place) -> Result:
        """Return moments and quantiles, and with which chance a distance is too large at most."""
        chain = self.training.chain
        seed = chain.seed_of(f"{self.inputs} points")
        points = drawn(place.data, chain.data, self.inputs, self.points, seed)
        found, chances = boundary_distance(self.snapshot(place).network, points, return_chances=True)
        return {
            "mean": float(found.mean()),
            "quantiles": np.quantile(found, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist(),
            "zero": int(np.count_nonzero(found == 0)),
            "infinite": int(np.count_nonzero(np.isinf(found))),
            "unproved": int(np.count_nonzero(chances)),
            "chance": float(chances.max()),
        }


@lru_cache(maxsize=1)
def drawn(source: str, fingerprint: str, inputs: Inputs, count: int, seed: int) -> FloatArray:
    """Return random inputs of a data set, kept since the next cell usually asks for the same."""
    data, rng = dataset(source, fingerprint), np.random.default_rng(seed)
    if inputs == "train":
        return data.examples(rng.permutation(len(data.y_train))[:count])
    mean, variance = data.mean, data.variance
    if inputs == "noise":
        # Of a pixel of any place: what varies between places counts as well.
        mean, variance = np.full_like(mean, mean.mean()), np.full_like(mean, variance.mean() + mean.var())
    return rng.normal(mean, np.sqrt(variance), size=(count, data.n_in))
