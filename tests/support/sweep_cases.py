"""Cells that take no time, or die; a small data set and settings for whole figures; a program to be killed."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from linregions._support.tables import write_table
from linregions.errors import InvalidValueError
from linregions.experiments.context import Context
from linregions.experiments.place import Place
from linregions.experiments.sweeps.cells import Cell, seed_for
from linregions.experiments.sweeps.sweep import sweep

TOML = """
[fig5]
hidden = [[8, 8], [6]]
runs = 2
epochs = [0, 0.5, 1, 3]
early = 1
lines = 5
batch_size = 16
[fig6]
hidden = [[8, 8], [6]]
runs = 2
epochs = [0, 1, 3]
points = 40
batch_size = 16
[fig7]
hidden = [[8, 8]]
runs = 2
epochs = [0, 3]
points = 60
batch_size = 16
"""


def write_blobs(path):
    """Write three blobs of ten numbers as an NPZ."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(3, 10)) * 2
    y = np.concatenate([[0, 1, 2], rng.integers(0, 3, 357)])
    x = centres[y] + 0.5 * rng.normal(size=(360, 10))
    np.savez(path, x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:])
    return path


def tables(folder):
    """Return all tables of a folder of results, byte for byte."""
    return {file.name: file.read_bytes() for file in sorted(Path(folder).glob("*.csv"))}


def leftovers(folder):
    """Return files that were never moved to their names."""
    return [str(file) for file in Path(folder).rglob(".*") if file.is_file()]


@dataclass(frozen=True)
class Base:
    run: int
    pause: float = field(default=0.0, compare=False)
    VERSION: ClassVar[int] = 1

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"run": self.run}

    @property
    def needs(self) -> tuple[Cell, ...]:
        return ()

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.run}"


@dataclass(frozen=True)
class Chain(Base):
    """Random numbers."""

    def compute(self, place: Place):
        time.sleep(self.pause)
        return {"values": np.random.default_rng(seed_for("chain", self.run)).normal(size=3).tolist()}


@dataclass(frozen=True)
class Measure(Base):
    """More random numbers, once the chain is done."""

    moment: int = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"run": self.run, "moment": self.moment}

    @property
    def needs(self) -> tuple[Cell, ...]:
        return (Chain(self.run, self.pause),)

    def compute(self, place: Place):
        time.sleep(self.pause)
        rng = np.random.default_rng(seed_for("measure", self.run, self.moment))
        return {"value": rng.normal(), "infinite": np.inf}


@dataclass(frozen=True)
class Fatal(Base):
    """Kills its process until there are `lives` files in the folder of trainings."""

    lives: int = 1

    def compute(self, place: Place):
        folder = Path(place.run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if len(list(folder.iterdir())) < self.lives:
            (folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"value": self.run}


@dataclass(frozen=True)
class Wrong(Base):
    """Does not work."""

    def compute(self, place: Place):
        raise InvalidValueError("`run` is wrong, but this cell needs another. Change it.")


def cells(runs=6, moments=5, pause=0.0):
    return [Measure(run, pause, moment) for run in range(runs) for moment in range(moments)]


def table(results):
    return [
        {
            "run": cell.run,
            "moment": cell.moment,
            "value": result["value"],
            "infinite": float(result["infinite"]),
            "chain": results[cell.needs[0]]["values"][0],
        }
        for cell, result in results.items()
        if isinstance(cell, Measure)
    ]


def run(out, workers, pause):
    """Sweep and write the table, like a figure."""
    chosen = cells(pause=pause)
    results = sweep(chosen, Context(out=out, workers=workers), "toy")
    write_table(Path(out) / "toy.csv", table({cell: results[cell] for cell in [*chosen, *results]}))


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
