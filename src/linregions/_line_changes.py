"""Where the largest of several piecewise-linear functions of one variable changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray

IndexArray = npt.NDArray[np.int64]


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


def changes_on_span(
    start: FloatArray, end: FloatArray, start_band: FloatArray, end_band: FloatArray, length: float
) -> tuple[list[tuple[float, int]], int]:
    """Follow the largest of some linear functions along one span.

    Parameters
    ----------
    start, end : (n,)
        Their values at its two ends; for an infinite span the second are slopes.
    start_band, end_band : (n,)
        Two values tie where they differ by no more than the sum of their bands.
    length : float
        inf for an infinite span.

    Returns
    -------
    changes : list of (float, int)
        From which distance from the start on which function is the largest; the first is at 0. Of those that tie on
        the whole span the lowest.
    undecided : int
        How many values tied with the largest at an end though the functions are not the same.
    """
    undecided = 0

    def best(primary: FloatArray, band: FloatArray, secondary: FloatArray, other_band: FloatArray) -> int:
        nonlocal undecided
        chosen = int(np.argmax(primary))
        tied = np.flatnonzero(np.abs(primary - primary[chosen]) <= band + band[chosen])
        chosen = int(tied[np.argmax(secondary[tied])])
        same = tied[np.abs(secondary[tied] - secondary[chosen]) <= other_band[tied] + other_band[chosen]]
        chosen = int(same[0])
        undecided += int(np.sum((start[tied] != start[chosen]) | (end[tied] != end[chosen])))
        return chosen

    now = best(start, start_band, end, end_band)
    last = best(end, end_band, start, start_band)
    changes = [(0.0, now)]
    while now != last:
        rising = np.flatnonzero(end - end[now] > end_band + end_band[now])
        if not rising.size:  # what is left ties with it at the end
            break
        gain, behind = end[rising] - end[now], start[now] - start[rising]
        with np.errstate(invalid="ignore", over="ignore"):
            where = behind / gain if np.isinf(length) else behind / (behind + gain) * length
        # Where several overtake it in one point, the fastest goes on.
        first = np.flatnonzero(where <= where.min())
        following = int(rising[first[np.argmax(end[rising[first]])]])
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
    winner: IndexArray,
    open_spans: npt.NDArray[np.intp],
    start_bands: FloatArray,
    end_bands: FloatArray,
) -> tuple[FloatArray, IndexArray, int]:
    """Follow the largest function along all spans, which lie one after another.

    Parameters
    ----------
    start, sign, length : (S,)
        Where each span begins, whether it goes forwards (1) or backwards (-1) from there, and how far.
    starts, ends : (S, n)
        Values there and at the other end (infinite spans: slopes).
    winner : (S,)
        Function that is clearly ahead on all of a span; -1 for the spans of `open_spans`.
    open_spans : (F,)
    start_bands, end_bands : (F, n)
        Bands of their values.

    Returns
    -------
    Where the largest changes, shape (K,); from which to which, (K, 2); how many comparisons were taken as ties
    """
    places, classes, undecided = start.copy(), winner.copy(), 0
    places[0] = -np.inf
    more: list[tuple[float, int, int]] = []  # place, span, function from there on
    for k, start_band, end_band in zip(open_spans.tolist(), start_bands, end_bands, strict=True):
        changes, close = changes_on_span(starts[k], ends[k], start_band, end_band, float(length[k]))
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
