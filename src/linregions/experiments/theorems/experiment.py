"""The theorems: every statement of the paper that numbers can check, against exact partitions of random networks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linregions.experiments.context import Context, Measurement
from linregions.experiments.sweeps.sweep import sweep
from linregions.experiments.theorems import tables
from linregions.experiments.theorems.cases import COUNTED, EQUALITIES, Law
from linregions.experiments.theorems.cells import BothSides, Counts, Facts, Gradients, InCube, OnCurve, Tubes

NAME = "theorems"
NEEDS = ("plot",)
_WIDE = 2.0
#: Curves of Theorem 1 with the number of inputs each is drawn in.
CURVES = (("interval", 1), ("segment", 3), ("polygon", 3), ("circle", 3))


@dataclass(frozen=True)
class Settings:
    """How many networks, and which arrangements of neurons.

    Parameters
    ----------
    networks, points : int
        For each side of every equality with k = 1, and points in each network for its right side.
    pair_networks, pair_points : int
        The same for k of 2 and more; of 3 and more with eight times as many points.
    arrangements : tuple of tuple of int
        Hidden layers of networks with equally many neurons (Theorems 1 and 2).
    sizes : tuple of int
        Widths of three equal hidden layers (Theorems 1 and 2).
    arrangement_networks, arrangement_points : int
        For each curve and cube; the points are for the right side, for distances and for chords.
    growth_widths, growth_depths : tuple of int
        Equal hidden layers whose gradients show the growth of C_grad.
    growth_networks : int
    fact_networks : int
        For equations (31) to (34).
    tube_networks, tube_samples : int
        For Lemma 12.
    counted_networks : int
        For numbers of regions in boxes of one to five inputs.
    counted_widths : int
        How many of the widths in `cases.COUNTED` are taken, from the least.
    """

    networks: int = 150
    points: int = 32
    pair_networks: int = 80
    pair_points: int = 32
    arrangements: tuple[tuple[int, ...], ...] = ((48,), (24,) * 2, (16,) * 3, (8,) * 6)
    sizes: tuple[int, ...] = (16, 32, 64)
    arrangement_networks: int = 40
    arrangement_points: int = 16
    growth_widths: tuple[int, ...] = (8, 32)
    growth_depths: tuple[int, ...] = (1, 3, 6)
    growth_networks: int = 3000
    fact_networks: int = 5000
    tube_networks: int = 2
    tube_samples: int = 5000
    counted_networks: int = 10
    counted_widths: int = 3


QUICK = Settings()
FULL = Settings(
    networks=1000,
    points=64,
    pair_networks=400,
    pair_points=64,
    arrangements=((96,), (48,) * 2, (32,) * 3, (16,) * 6, (8,) * 12, (4,) * 24),
    sizes=(16, 32, 64, 128),
    arrangement_networks=100,
    arrangement_points=32,
    growth_widths=(8, 16, 32),
    growth_depths=(1, 2, 4, 8, 16),
    growth_networks=50_000,
    fact_networks=200_000,
    tube_networks=4,
    tube_samples=50_000,
    counted_networks=40,
    counted_widths=4,
)


def measure(settings: Settings, context: Context) -> Measurement:
    """Measure all statements, and tell in one row for each whether it holds."""
    plan = Plan.of(settings, context.seed, context.certify)
    results = sweep(plan.cells, context, NAME)
    made = {
        "equalities": tables.equalities([(cell, results[cell]) for cell in plan.equalities]),
        "curves": tables.curves([(cell, results[cell]) for cell in plan.curves]),
        "cubes": tables.cubes([(cell, results[cell]) for cell in plan.cubes]),
        "bounds": tables.bounds([(a, results[a], results[b]) for a, b in plan.bounded]),
        "facts": tables.facts([(cell, results[cell]) for cell in plan.facts]),
        "growth": tables.growth([(cell, results[cell]) for cell in plan.growth]),
        "tubes": tables.tubes([(cell, results[cell]) for cell in plan.tubes]),
        "counts": tables.counts([(cell, results[cell]) for cell in plan.counts]),
    }
    made["slopes"] = tables.slopes(made["growth"])
    z = np.array([row["z"] for row in made["equalities"]])
    return Measurement(tables.summary(made), {"z": z}, tables=made)


@dataclass(frozen=True)
class Plan:
    """The cells of all statements."""

    equalities: list[BothSides]
    bounded: list[tuple[BothSides, Gradients]]
    curves: list[OnCurve]
    cubes: list[InCube]
    facts: list[Facts]
    growth: list[Gradients]
    tubes: list[Tubes]
    counts: list[Counts]

    @property
    def cells(self) -> list[Any]:
        """All of them, each once."""
        gradients = [pair[1] for pair in self.bounded]
        listed = [*self.equalities, *gradients, *self.curves, *self.cubes, *self.facts, *self.growth, *self.tubes]
        listed += self.counts
        return list(dict.fromkeys(listed))

    @classmethod
    def of(cls, settings: Settings, seed: int, certify: bool = False) -> Plan:
        """Lay out the cells for some settings."""
        equalities = []
        for law, domain, k in EQUALITIES:
            networks, points = settings.networks, settings.points
            if k > 1:
                networks, points = settings.pair_networks, settings.pair_points
            if k > 2:
                points *= 8
            elif domain.kind == "box" and law.n_in > 2:  # one random section for each network: quick, but they differ
                networks *= 4
            equalities.append(BothSides(law, networks, seed, domain, k, points))
        bounded = []
        for cell in equalities:
            if cell.domain.kind == "box":
                orders, low, high = (float(cell.k),), cell.domain.low, cell.domain.high
                bounded.append((cell, Gradients(cell.law, _moments_of(cell, settings), seed, orders, low, high)))
        return cls(
            equalities,
            bounded,
            _curves(settings, seed, certify),
            _cubes(settings, seed),
            [Facts(law, settings.fact_networks, seed) for law in _FACTS],
            [
                Gradients(Law((4, *(width,) * depth, 1)), settings.growth_networks, seed)
                for width, depth in itertools.product(settings.growth_widths, settings.growth_depths)
            ],
            [
                Tubes(law, settings.tube_networks, seed, samples=settings.tube_samples, certify=certify)
                for law in (Law((2, 12, 12, 1), scale=0.5), Law((2, 8, 8, 1), "hard_tanh", "uniform", 1.0))
            ],
            [
                Counts(Law((n_in, width, width, 1), scale=1.0), settings.counted_networks, seed, certify=certify)
                for n_in, widths in COUNTED.items()
                for width in widths[: settings.counted_widths]
            ],
        )


_FACTS = (
    Law((3, 4, 3, 5, 1), scale=0.5),
    Law((5, 8, 8, 8, 8, 1), "relu", "uniform", 1.0),
    Law((1, 2, 1, 2, 1), scale=0.3),
)


def _moments_of(cell: BothSides, settings: Settings) -> int:
    # At 784 inputs a gradient of all neurons costs as much as a thousand at three.
    return settings.growth_networks if cell.law.n_in < 100 else max(200, settings.growth_networks // 50)


def _laws(hidden: tuple[int, ...], n_in: int) -> list[Law]:
    """Return the laws that Theorems 1 and 2 are shown with: ReLU, and activations with one to three breakpoints."""
    widths = (n_in, *hidden, 1)
    wide = Law(widths, "relu", "uniform", _WIDE)
    return [wide, Law(widths), *(replace(wide, activation=f"zigzag{t}", gain=1.0) for t in (1, 2, 3))]


def _shapes(settings: Settings) -> list[tuple[int, ...]]:
    """Return all hidden layers, those of equally many neurons first, each once."""
    return list(dict.fromkeys([*settings.arrangements, *((width,) * 3 for width in settings.sizes)]))


def _curves(settings: Settings, seed: int, certify: bool) -> list[OnCurve]:
    count, points = settings.arrangement_networks, settings.arrangement_points
    cells = []
    for hidden, (kind, n_in) in itertools.product(_shapes(settings), CURVES):
        relu, paper, *zigzags = _laws(hidden, n_in)
        laws = [relu]
        if kind in {"segment", "circle"}:  # on an interval around 0 nearly all regions of the paper's law are at 0
            laws.append(paper)
        if kind in {"interval", "circle"}:
            laws += zigzags
        cells += [OnCurve(law, count, seed, kind, points, certify) for law in laws]
    return cells


def _cubes(settings: Settings, seed: int) -> list[InCube]:
    count, points = settings.arrangement_networks, 4 * settings.arrangement_points
    cells = []
    for hidden in _shapes(settings):
        cells += [InCube(law, count, seed, points) for law in _laws(hidden, 2)]
        cells += [InCube(law, count, seed, points) for law in _laws(hidden, 10)[:1]]
    return cells
