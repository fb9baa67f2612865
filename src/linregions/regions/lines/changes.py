"""Where the largest of several piecewise-linear functions of one variable changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.regions.adjacency import IndexArray

# Rounding of a parameter t, relative to its size.
_GRAIN = 2.0**-51


def clear_winners(starts: FloatArray, ends: FloatArray, slack: float) -> IndexArray:
    """Return which function is ahead by more than `slack` at both ends of each span, -1 for none; shapes (S, n)."""
    winner = np.argmax(starts, axis=1)
    at = np.arange(winner.size)
    clear = winner == np.argmax(ends, axis=1)
    if starts.shape[1] > 1:
        for values in (starts, ends):
            others = values.copy()
            others[at, winner] = -np.inf
            with np.errstate(invalid="ignore"):
                clear &= values[at, winner] - others.max(axis=1) > slack
    return np.where(clear, winner, -1).astype(np.int64)


@dataclass(frozen=True)
class Functions:
    """Some linear functions on a span, which begins at distance 0; two values tie within the sum of their bands."""

    start: FloatArray  # (n,) values at the one end
    end: FloatArray  # (n,) at the other; for an infinite span slopes
    slope: FloatArray  # (n,)
    start_band: FloatArray  # (n,) of the values
    end_band: FloatArray  # (n,)
    length: float  # inf for an infinite span
    grain: float  # how far places may be moved by rounding

    def differ(self, others: IndexArray, c: int) -> npt.NDArray[np.bool_]:
        """Tell which of some functions are not the same as function c."""
        return np.asarray(
            (self.start[others] != self.start[c])
            | (self.end[others] != self.end[c])
            | (self.slope[others] != self.slope[c])
        )

    def overtaking(self, others: IndexArray, c: int) -> tuple[FloatArray, FloatArray]:
        """Return where some functions, which rise faster, pass function c, and how far from there that may be."""
        gain, behind = self.end[others] - self.end[c], self.start[c] - self.start[others]
        at_start, at_end = self.start_band[others] + self.start_band[c], self.end_band[others] + self.end_band[c]
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isinf(self.length):
                where = behind / gain
                return where, (at_start + np.abs(where) * at_end) / gain + self.grain
            share = behind / (behind + gain)
            return share * self.length, np.maximum(at_start, at_end) / (behind + gain) * self.length + self.grain


def changes_on_span(functions: Functions) -> tuple[list[tuple[float, int]], int]:
    """Follow the largest of some linear functions along one span.

    Returns from which distance from the start on which function is the largest, the first at 0 (of those that tie on
    the whole span the lowest); and how many values tied with the largest, at an end or where it changes, though the
    functions are not the same.
    """
    start, end, undecided = functions.start, functions.end, 0

    def best(primary: FloatArray, band: FloatArray, secondary: FloatArray, other_band: FloatArray) -> int:
        nonlocal undecided
        chosen = int(np.argmax(primary))
        tied = np.flatnonzero(np.abs(primary - primary[chosen]) <= band + band[chosen])
        chosen = int(tied[np.argmax(secondary[tied])])
        same = tied[np.abs(secondary[tied] - secondary[chosen]) <= other_band[tied] + other_band[chosen]]
        chosen = int(same[0])
        if primary is end and np.isinf(functions.length):  # of slopes that are the same floats `undecided_slopes` tells
            undecided += int(np.sum(end[tied] != end[chosen]))
        else:
            undecided += int(np.sum(functions.differ(tied, chosen)))
        return chosen

    now = best(start, functions.start_band, end, functions.end_band)
    last = best(end, functions.end_band, start, functions.start_band)
    changes, reached = [(0.0, now)], -np.inf
    while now != last:
        rising = np.flatnonzero(end - end[now] > functions.end_band + functions.end_band[now])
        if not rising.size:  # what is left ties with it at the end
            break
        where, around = functions.overtaking(rising, now)
        # Where several overtake it in one point, the fastest goes on.
        first = np.flatnonzero(where <= where.min())
        chosen = first[np.argmax(end[rising[first]])]
        following = int(rising[chosen])
        # Others that may pass there, or may have passed before the last change.
        close = rising[where - around <= where[chosen] + around[chosen]]
        undecided += int(np.sum(functions.differ(close, following)))
        undecided += bool(where[chosen] - around[chosen] <= reached)
        reached = float(where[chosen] + around[chosen])
        place = max(float(where.min()), changes[-1][0])
        if place == changes[-1][0] and place > 0.0:
            changes.pop()
        changes.append((place, following))
        now = following
    return changes, undecided


def changes_on_spans(
    start: FloatArray,
    sign: FloatArray,
    length: FloatArray,
    starts: FloatArray,
    ends: FloatArray,
    slopes: FloatArray,
    winner: IndexArray,
    open_spans: npt.NDArray[np.intp],
    start_bands: FloatArray,
    end_bands: FloatArray,
) -> tuple[FloatArray, IndexArray, int]:
    """Follow the largest of n functions along all of S spans, which lie one after another.

    Each span begins at `start`, and goes forwards (`sign` 1) or backwards (-1) from there, a `length` far. Values there
    and at the other end (of infinite spans: slopes), and slopes by distance from `start`, have shape (S, n). The
    `winner` is clearly ahead on all of a span, -1 for the `open_spans`, for which bands of their values are given.

    Returns where the largest changes, (K,); from which to which, (K, 2); how many comparisons were taken as ties.
    """
    places, classes, undecided = start.copy(), winner.copy(), 0
    places[0] = -np.inf
    more: list[tuple[float, int, int]] = []  # place, span, function from there on
    for k, start_band, end_band in zip(open_spans.tolist(), start_bands, end_bands, strict=True):
        ends_at = abs(start[k]) + (length[k] if np.isfinite(length[k]) else 0.0)
        changes, close = changes_on_span(
            Functions(starts[k], ends[k], slopes[k], start_band, end_band, float(length[k]), _GRAIN * float(ends_at))
        )
        undecided += close
        if sign[k] < 0.0:  # seen from its right end
            classes[k] = changes[-1][1]
            crossed = [(start[k] - s, c) for (s, _), (_, c) in zip(changes[1:], changes[:-1], strict=True)]
        else:
            classes[k] = changes[0][1]
            crossed = [(min(start[k] + s, start[k] + length[k]), c) for s, c in changes[1:]]
        more += [(float(place), k, c) for place, c in crossed]
    span = np.arange(places.size)
    if more:
        added, of, after = (np.array(column) for column in zip(*more, strict=True))
        inside = np.append(np.zeros(places.size), np.ones(of.size))  # what happens in a span comes after its beginning
        places, span, classes = np.append(places, added), np.append(span, of), np.append(classes, after)
        order = np.lexsort((places, inside, span))
        places, classes = places[order], classes[order]
    last = np.append(places[1:] != places[:-1], True)  # of several in one place only the last lasts
    places, classes = places[last], classes[last]
    change = np.flatnonzero(classes[1:] != classes[:-1])
    return places[change + 1], np.stack([classes[change], classes[change + 1]], axis=1), undecided
