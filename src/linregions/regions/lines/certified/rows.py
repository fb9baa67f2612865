"""Part of some lines on its way through the steps of a network: its points in order, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import Line, LineDomain, Path, Ray
from linregions.exact.filter import Rows
from linregions.exact.signs import Point
from linregions.networks.graph import INPUT, IndexArray

Bits = npt.NDArray[np.uint8]
#: The birth of a point that was given with a line.
GIVEN = -1


class Past(NamedTuple):
    """On which side of its breakpoints each unit of a step is, in each interval."""

    bits: Bits  # (intervals there were, switches)
    at: IndexArray  # (R,) which of them an interval is a part of


class Points(NamedTuple):
    """Points of lines, R of them; ends without bound are among them, as directions."""

    t: FloatArray  # place on the line; -1 or 1 for an end without bound
    blur: FloatArray  # bound of the error of t
    weight: FloatArray  # 1, or 0 for an end without bound
    line: IndexArray  # which line
    leg: IndexArray  # which straight part of it begins here or goes on
    born: IndexArray  # the step that cut here, or GIVEN
    switch: IndexArray  # which of the step's switches did


@dataclass
class Stretch:
    """Points one after the other on some lines, and the intervals after each of them.

    Interval p lies between points ``order[p]`` and ``order[p + 1]``; the one after the last point of a line is none.
    """

    step: int  # the next one to be taken
    points: Points
    order: IndexArray  # (R,) points along the lines
    tensors: dict[int, Rows]  # what later steps read, at each point
    past: list[Past]  # of each step that was taken
    exact: dict[int, Point] = field(default_factory=dict)  # places of points, as integers

    @property
    def size(self) -> int:
        """Number of points."""
        return int(self.order.size)

    @property
    def is_last(self) -> npt.NDArray[np.bool_]:
        """Whether a point, in order, is the last one of its line here, so that no interval follows, (R,)."""
        line = self.points.line[self.order]
        return np.append(line[1:] != line[:-1], True)

    def halves(self) -> tuple[Stretch, Stretch] | None:
        """Return two parts with a point in common, or None if there are too few points."""
        if self.size < 3:
            return None
        middle = self.size // 2
        return self._part(0, middle + 1), self._part(middle, self.size)

    def _part(self, start: int, stop: int) -> Stretch:
        chosen = self.order[start:stop]
        tensors = {source: Rows(*(column[chosen] for column in rows)) for source, rows in self.tensors.items()}
        past = [Past(bits, at[start:stop]) for bits, at in self.past]
        points = Points._make(column[chosen] for column in self.points)
        return Stretch(self.step, points, np.arange(chosen.size), tensors, past)


def ends_of(domain: LineDomain) -> tuple[FloatArray, FloatArray]:
    """Return the places and weights of the points that a line begins with, in order."""
    if isinstance(domain, Line):
        return np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    if isinstance(domain, Ray):
        return np.array([0.0, 1.0]), np.array([1.0, 0.0])
    n = len(domain.points) if isinstance(domain, Path) else 2
    return np.arange(n, dtype=np.float64), np.ones(n)


def inputs_of(domains: Sequence[LineDomain]) -> FloatArray:
    """Return these points, or directions, of some lines, one line after the other."""
    rows: list[FloatArray] = []
    for domain in domains:
        if isinstance(domain, Line):
            rows += [-domain.direction, domain.origin, domain.direction]
        elif isinstance(domain, Ray):
            rows += [domain.origin, domain.direction]
        elif isinstance(domain, Path):
            rows += list(domain.points)
        else:
            rows += [domain.a, domain.b]
    return np.concatenate(rows).reshape(len(rows), -1)


def begin(domains: Sequence[LineDomain], first: int, inputs: Rows) -> Stretch:
    """Return the points some lines begin with; `first` is the number of the first line, `inputs` are at these."""
    parts = [ends_of(domain) for domain in domains]
    sizes = [t.size for t, _ in parts]
    n = sum(sizes)
    t, weight = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    legs = np.concatenate(
        [
            np.arange(size) if not isinstance(domain, Ray) else np.zeros(size, np.int64)
            for domain, size in zip(domains, sizes, strict=True)
        ]
    )
    points = Points(
        t=t,
        blur=np.zeros(n),
        weight=weight,
        line=np.repeat(np.arange(first, first + len(domains)), sizes),
        leg=legs.astype(np.int64),
        born=np.full(n, GIVEN, dtype=np.int64),
        switch=np.zeros(n, dtype=np.int64),
    )
    return Stretch(0, points, np.arange(n), {INPUT: inputs}, [])
