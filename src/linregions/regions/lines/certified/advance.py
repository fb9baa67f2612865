"""A step taken along a stretch: decided, cut, and what comes out of its activation at old and new points."""

from __future__ import annotations

import numpy as np

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, TINY, U
from linregions.exact.filter import FloatNetwork, FloatStep, Rows, Sums, norms_of
from linregions.networks.graph import INPUT, Graph, IndexArray
from linregions.regions.lines.certified.decide import Cuts, cuts_of, sides_of, signs_of, spread
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.rows import Bits, Past, Points, Stretch


def take_step(floats: FloatNetwork, stretch: Stretch, court: Court) -> Stretch:
    """Take a step along a stretch, and return the stretch with what it cuts."""
    k, graph = stretch.step, floats.graph
    step, points = floats.step(k), stretch.points
    sums = step.sums(stretch.tensors, points.weight)
    tensors = {source: rows for source, rows in stretch.tensors.items() if _is_read_after(graph, source, k)}
    if not step.n_breakpoints:
        nothing = Past(np.zeros((1, 0), dtype=np.uint8), np.zeros(stretch.size, dtype=np.int64))
        if graph.last_use[k] > k:
            tensors[k] = step.activated(sums.rows, points.weight)
        return Stretch(k + 1, points, stretch.order, tensors, [*stretch.past, nothing], stretch.exact)
    above, number, switch = signs_of(step, sums, stretch, court)
    start, end = sides_of(above, number, switch, stretch)
    cuts = cuts_of(step, sums, start != end, stretch, court)
    # Points that are added: one for all cuts that tie.
    which = np.cumsum(~cuts.tie) - 1
    n = np.bincount(cuts.interval[~cuts.tie], minlength=stretch.size)
    place = np.arange(stretch.size) + np.cumsum(n) - n
    after = which + cuts.interval + 1
    bits = spread(start, end, cuts, after, place, n)
    parent = np.repeat(np.arange(stretch.size), n + 1)
    order = np.empty(parent.size, dtype=np.int64)
    order[place] = stretch.order
    order[after] = stretch.size + which
    best = _best_known(cuts, which)
    weight = points.weight[cuts.far[best]]
    tensors = {source: _joined(rows, _between(rows, cuts, best, weight)) for source, rows in tensors.items()}
    if graph.last_use[k] > k:
        here = _between(sums.rows, cuts, best, weight)
        units, breakpoints = np.divmod(cuts.switch, step.n_breakpoints)
        here.values[which, units] = step.levels[units, breakpoints]
        tensors[k] = _activated(step, sums, here, above, bits, order)
    past = [Past(old, at[parent]) for old, at in stretch.past]
    past.append(Past(bits, np.arange(parent.size)))
    return Stretch(k + 1, _with_points(stretch, cuts, best, weight), order, tensors, past, stretch.exact)


def _is_read_after(graph: Graph, source: int, k: int) -> bool:
    if source == INPUT:
        return any(term.source == INPUT for step in graph.steps[k + 1 :] for term in step.terms)
    return graph.last_use[source] > k


def _best_known(cuts: Cuts, which: IndexArray) -> IndexArray:
    """Return for each point the cut that tells best where it is."""
    if not cuts.tie.any():
        return np.arange(which.size)
    order = np.lexsort((cuts.blur, which))
    return order[np.flatnonzero(np.diff(which[order], prepend=-1))]


def _between(rows: Rows, cuts: Cuts, best: IndexArray, weight: FloatArray) -> Rows:
    """Return a tensor at the points that are added; it is affine between those that are there."""
    near, far, share, blur = (column[best] for column in (cuts.near, cuts.far, cuts.share, cuts.blur))
    values, change = rows.values[near], rows.values[far]
    if (weight == 1.0).all():
        change -= values
    else:
        change -= weight[:, None] * values
    size = norms_of(change)
    change *= share[:, None]
    change += values
    one, other = rows.error[near], rows.error[far]
    error = np.where(weight == 1.0, np.maximum(one, other), one + (share + blur) * other)
    error = error + blur * size + 4 * U * (rows.norm[near] + share * size) + TINY * change.shape[1]
    norm = np.where(
        weight == 1.0, np.maximum(rows.norm[near], rows.norm[far]), rows.norm[near] + share * rows.norm[far]
    )
    return Rows(change, np.where(np.isfinite(error), error * SLACK, np.inf), norm * SLACK)


def _joined(rows: Rows, more: Rows) -> Rows:
    return Rows(*(np.concatenate(pair) for pair in zip(rows, more, strict=True)))


def _activated(step: FloatStep, sums: Sums, here: Rows, above: np.ndarray, bits: Bits, order: IndexArray) -> Rows:
    """Return what comes out of the activation at old points, and at new ones."""
    n = len(sums.weight)
    if not step.is_rectifier:
        found = step.activated(_joined(sums.rows, here), np.concatenate([sums.weight, np.ones(len(here.norm))]))
        # Slopes on unbounded intervals are those of the outermost pieces.
        (ends,) = np.nonzero(sums.weight == 0)
        piece = np.where(above[ends, :: step.n_breakpoints], step.n_breakpoints, 0)
        found.values[ends] = step.slopes[piece] * sums.rows.values[ends]
        found.norm[ends] = norms_of(found.values[ends])
        return found
    values = np.empty((order.size, step.n_units))
    np.maximum(sums.rows.values, 0.0, out=values[:n])
    np.maximum(here.values, 0.0, out=values[n:])
    error, norm = (np.concatenate(pair) for pair in zip(sums.rows[1:], here[1:], strict=True))
    # Where no unit is above on either side, all are off, and nothing is left of errors.
    some = np.asarray(bits.any(axis=1))
    is_off = np.empty(order.size, dtype=np.bool_)
    is_off[order] = ~some
    is_off[order[1:]] &= ~some[:-1]
    is_off[:n] = ~above.any(axis=1)
    values[is_off], error[is_off], norm[is_off] = 0.0, 0.0, 0.0
    return Rows(values, error, norm)


def _with_points(stretch: Stretch, cuts: Cuts, best: IndexArray, weight: FloatArray) -> Points:
    """Return the points, with those that are added."""
    points = stretch.points
    near, far, share, blur = (column[best] for column in (cuts.near, cuts.far, cuts.share, cuts.blur))
    change = points.t[far] - weight * points.t[near]
    t = points.t[near] + share * change
    error = np.where(weight == 1.0, np.maximum(points.blur[near], points.blur[far]), points.blur[near])
    error = error + blur * np.abs(change) + 4 * U * (np.abs(points.t[near]) + np.abs(share * change))
    added = (
        t,
        np.where(np.isfinite(error), error * SLACK, np.inf),
        np.ones(best.size),
        points.line[near],
        points.leg[stretch.order[cuts.interval[best]]],
        np.full(best.size, stretch.step),
        cuts.switch[best],
    )
    return Points(*(np.concatenate(pair) for pair in zip(points, added, strict=True)))
