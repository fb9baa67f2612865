"""The cells that sweeps are made of: one training, or one measure at one moment of it.

A cell is a frozen dataclass and its result a pure function of it: what is random comes from seeds that are hashes
of the cell's settings, so nothing depends on the order, the number or the place of the workers.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from linregions._support.fingerprints import digest_of_text
from linregions._support.tables import plain
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray
from linregions.domains.windows import Line
from linregions.errors import InvalidValueError
from linregions.experiments.counting import Counting
from linregions.experiments.place import Place
from linregions.measures.distances.distance import boundary_distance
from linregions.networks.network import Network
from linregions.training import Snapshot, train
from linregions.training.datasets import Dataset, load_dataset

Result = Mapping[str, Any]
Sample = Literal["normal", "train", "test"]
#: Bins of log10 distances, per decade.
BINS_PER_DECADE = 10


@runtime_checkable
class Cell(Protocol):
    """A piece of work with a result of JSON's types; hashable, picklable, and pure."""

    #: Grows whenever the same settings would give another result.
    VERSION: ClassVar[int]

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that the result depends on."""

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Cells that must be done before."""

    def compute(self, place: Place) -> Result:
        """Do the work."""

    def __str__(self) -> str:
        """Return what a progress bar says."""


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: keys sorted, no blanks."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(cell: Cell) -> str:
    """Return the canonical JSON of what a cell's result depends on."""
    return canonical({"measure": type(cell).__name__, "version": cell.VERSION, "settings": cell.settings})


def seed_for(*parts: Any) -> int:
    """Return a 32-bit seed that depends on all of `parts`, numbers, strings and tuples of them, and on nothing else.

    Examples
    --------
    >>> seed_for(0, (64, 64), 1, "lines") == seed_for(0, [64, 64], 1, "lines")
    True
    >>> seed_for(0, (64, 64), 1, "lines") == seed_for(0, (64, 64), 2, "lines")
    False
    """
    digest = int(digest_of_text(canonical(list(parts))), 16)
    return int(np.random.SeedSequence(digest).generate_state(1)[0])


class Trained(Protocol):
    """One network and how it is trained: a frozen dataclass."""

    @property
    def data(self) -> str:
        """Fingerprint of the data set."""

    def __str__(self) -> str:
        """Return what a progress bar says."""

    def seed_of(self, purpose: str) -> int:
        """Return the seed of something random that belongs to this run."""

    def snapshots(self, place: Place, epochs: tuple[float, ...], last: float) -> list[Snapshot]:
        """Train up to `last`, or find the training; return the snapshots at `epochs`."""


@dataclass(frozen=True)
class Chain:
    """A chain of dense layers and how it is trained."""

    hidden: tuple[int, ...]  # widths of the hidden layers
    run: int  # from 0; runs differ in their seeds
    seed: int  # of the whole sweep
    data: str  # fingerprint of the data set
    batch_size: int = 128
    learning_rate: float = 1e-3  # of Adam

    def __str__(self) -> str:
        return f"{architecture(self.hidden)} run {self.run + 1}"

    def seed_of(self, purpose: str) -> int:
        """Return the seed of something random that belongs to this run."""
        return seed_for(self.seed, self.hidden, self.run, purpose)

    def snapshots(self, place: Place, epochs: tuple[float, ...], last: float) -> list[Snapshot]:
        """Train up to `last`, or find the training; return the snapshots at `epochs`."""
        data = dataset(place.data, self.data)
        return train(
            [data.n_in, *self.hidden, data.n_classes],
            data,
            epochs=last or 1.0,
            snapshot_epochs=epochs,
            rng=self.seed_of("training"),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            run_dir=place.run_dir,
            progress=False,
        )


def architecture(hidden: tuple[int, ...]) -> str:
    """Return the name that tables and legends give to a network, e.g. ``[64, 64, 64]``."""
    return f"[{', '.join(map(str, hidden))}]"


class OfFields:
    """A cell, a dataclass, whose result depends on its fields and on no other cell, unless it says so."""

    VERSION: ClassVar[int] = 1

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that the result depends on."""
        return _told(vars(self))

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Nothing."""
        return ()


def _told(fields: Mapping[str, Any]) -> dict[str, Any]:
    # Cells that are not certified keep the names that they had before any could be.
    return {key: value for key, value in fields.items() if key != "certify" or value}


_Trained = TypeVar("_Trained", bound=Trained, covariant=True)


@dataclass(frozen=True)
class Training(OfFields, Generic[_Trained]):
    """A whole training; resumed from its last snapshot when it was stopped."""

    chain: _Trained
    epochs: tuple[float, ...]  # moments at which snapshots are kept

    def __str__(self) -> str:
        return f"training {self.chain}"

    def compute(self, place: Place) -> Result:
        """Return steps, accuracies and losses of all snapshots, which are left in the folder of trainings."""
        taken = self.chain.snapshots(place, self.epochs, max(self.epochs))
        return {
            "step": [snapshot.step for snapshot in taken],
            "test_accuracy": [snapshot.test_accuracy for snapshot in taken],
            "train_loss": [snapshot.train_loss for snapshot in taken],
        }


@dataclass(frozen=True)
class AtSnapshot(OfFields):
    """What measures of one snapshot share."""

    training: Training[Trained]  # only its chain matters to the result, not its other moments
    epoch: float  # one of its moments

    @property
    def settings(self) -> Mapping[str, Any]:
        """All fields, but of the training only its chain."""
        return {"chain": self.training.chain} | {key: v for key, v in _told(vars(self)).items() if key != "training"}

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The training."""
        return (self.training,)

    def snapshot(self, place: Place) -> Snapshot:
        """Load the network; where the folder of trainings was deleted, train again."""
        return self.training.chain.snapshots(place, (self.epoch,), self.epoch)[0]


@dataclass(frozen=True)
class LineCounts(AtSnapshot):
    """Regions on whole lines through the origin and random training examples (sec. 3.1)."""

    lines: int = 100  # how many different examples; the same at every moment of a run
    certify: bool = False

    def __str__(self) -> str:
        return f"lines, {self.training.chain}, epoch {self.epoch:g}"

    def compute(self, place: Place) -> Result:
        """Count activation and linear regions on each line."""
        chain = self.training.chain
        data, network = dataset(place.data, chain.data), self.snapshot(place).network
        rng = np.random.default_rng(chain.seed_of("lines"))
        examples = data.examples(rng.permutation(len(data.y_train))[: self.lines])
        return line_counts(network, examples, self.certify)


def line_counts(network: Network, directions: FloatArray, certify: bool = False) -> Result:
    """Count the regions of both kinds on whole lines through the origin."""
    counting = Counting(certify)
    parts = counting.partitions(network, [Line(np.zeros(network.n_in), direction) for direction in directions])
    return counting.told() | {
        "activation_regions": [part.n_regions for part in parts],
        "linear_regions": [part.n_linear_regions for part in parts],
        "snapped_signs": sum(part.diagnostics.get("snapped_signs", 0) for part in parts),  # none where all is proved
    }


@dataclass(frozen=True)
class Distances(AtSnapshot):
    """Distances of random points to the nearest boundary (sec. 3.2)."""

    # Drawn normally with the componentwise mean and variance of the training set, or random examples.
    sample: Sample = "normal"
    points: int = 10_000  # how many; the same at every moment of a run

    @property
    def settings(self) -> Mapping[str, Any]:
        """The same, and how fine the histogram is."""
        return {**super().settings, "bins_per_decade": BINS_PER_DECADE}

    def __str__(self) -> str:
        return f"distances of {self.sample} points, {self.training.chain}, epoch {self.epoch:g}"

    def compute(self, place: Place) -> Result:
        """Return moments, quantiles and the histogram of log10 distances."""
        chain = self.training.chain
        points = _points(place.data, chain.data, self.sample, self.points, chain.seed_of(f"{self.sample} points"))
        found = boundary_distance(self.snapshot(place).network, points)
        usual = found[(found > 0) & np.isfinite(found)]
        logs = np.log10(usual)
        bins = np.floor(logs * BINS_PER_DECADE).astype(np.int64)
        first = int(bins.min()) if bins.size else 0
        return {
            "mean": float(found.mean()),
            "sd": float(found.std()) if np.isfinite(found).all() else np.nan,
            "quantiles": np.quantile(found, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist(),
            "log10_mean": float(logs.mean()) if logs.size else np.nan,
            "log10_sd": float(logs.std()) if logs.size else np.nan,
            "zero": int(np.count_nonzero(found == 0)),
            "infinite": int(np.count_nonzero(np.isinf(found))),
            "first_bin": first,
            "counts": np.bincount(bins - first).tolist(),
        }


def dataset(source: str, fingerprint: str) -> Dataset:
    """Load a data set, once for each process, and raise InvalidValueError if it is not the one meant.

    It is another one when a file changed, or another machine has another.
    """
    if _load(source).fingerprint != fingerprint:
        _load.cache_clear()
    found = _load(source)
    if found.fingerprint != fingerprint:
        raise InvalidValueError(
            f"`data` is {source!r} with the fingerprint {found.fingerprint[:12]}..., but this sweep needs "
            f"{fingerprint[:12]}.... Give every worker the same data set, and leave it alone while a sweep runs."
        )
    return found


@lru_cache(maxsize=1)
def _load(source: str) -> Dataset:
    return load_dataset(source)


@lru_cache(maxsize=1)
def _points(source: str, fingerprint: str, sample: Sample, count: int, seed: int) -> FloatArray:
    # Kept, since the next cell usually measures the same points at the next moment.
    data, rng = dataset(source, fingerprint), np.random.default_rng(seed)
    if sample == "normal":
        return rng.normal(data.mean, np.sqrt(data.variance), size=(count, data.n_in))
    size = len(data.y_train if sample == "train" else data.y_test)
    return data.examples(rng.permutation(size)[:count], sample)


_ALONE = threading.Lock()


def compute(cell: Cell, place: Place) -> Result:
    """Compute a cell in this process, on one thread; cells of one process wait for each other.

    The number of threads is a property of the process, and on it depends in which order sums are made.
    """
    with _ALONE, one_blas_thread(), _without_chatter():
        return cell.compute(place)


@contextmanager
def _without_chatter() -> Iterator[None]:
    # A training tells that its snapshots were found: good to know once, not for thousands of cells.
    logger = logging.getLogger("linregions.training")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
