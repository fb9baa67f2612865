"""A step taken along a stretch: decided, cut, and what comes out of its activation at old and new points."""

from __future__ import annotations

import numpy as np

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, TINY, U, gamma
from linregions.exact.filter import FloatNetwork, FloatStep, Rows, Sums, norms_of
from linregions.networks.graph import INPUT, Graph, IndexArray
from linregions.regions.lines.certified.decide import Cuts, Signs, cuts_of, sides_of, signs_of
from linregions.regions.lines.certified.exactly import Court
from linregions.regions.lines.certified.kernels.passes import between, rectify, spread
from linregions.regions.lines.certified.rows import Bits, Past, Points, Stretch


def take_step(floats: FloatNetwork, stretch: Stretch, court: Court) -> Stretch:
    """Take a step along a stretch, and return the stretch with what it cuts."""
    k, graph = stretch.step, floats.graph
    step, points = floats.step(k), stretch.points
    tensors = {source: rows for source, rows in stretch.tensors.items() if _is_read_after(graph, source, k)}
    if not step.n_breakpoints:
        nothing = Past(np.zeros((1, 0), dtype=np.uint8), np.zeros(stretch.size, dtype=np.int64))
        if graph.last_use[k] > k:
            tensors[k] = step.activated(step.sums(stretch.tensors, points.weight).rows, points.weight)
        return Stretch(k + 1, points, stretch.order, tensors, [*stretch.past, nothing], stretch.exact)
    sums, signs = signs_of(step, stretch, court)
    start, end = sides_of(signs, stretch)
    cuts = cuts_of(step, sums, start, end, stretch, court)
    # Points that are added: one for all cuts that tie.
    which = np.cumsum(~cuts.tie) - 1
    n = np.bincount(cuts.interval[~cuts.tie], minlength=stretch.size)
    place = np.arange(stretch.size) + np.cumsum(n) - n
    after = which + cuts.interval + 1
    parent = np.repeat(np.arange(stretch.size), n + 1)
    bits = np.empty((parent.size, start.shape[1]), dtype=np.uint8)
    spread(start, cuts.interval, cuts.switch, cuts.tie.view(np.uint8), after, bits)
    order = np.empty(parent.size, dtype=np.int64)
    order[place] = stretch.order
    order[after] = stretch.size + which
    best = _best_known(cuts, which)
    weight = points.weight[cuts.far[best]]
    tensors = {source: _joined(rows, _between(rows, cuts, best, weight)) for source, rows in tensors.items()}
    if graph.last_use[k] > k:
        if step.is_rectifier:
            tensors[k] = _rectified(sums, cuts, best, weight, which, signs, bits, order)
        else:
            here = _between(sums.rows, cuts, best, weight)
            units, breakpoints = np.divmod(cuts.switch, step.n_breakpoints)
            here.values[which, units] = step.levels[units, breakpoints]
            tensors[k] = _activated(step, sums, here, signs)
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


def _between(rows: Rows, cuts: Cuts, best: IndexArray, weight: FloatArray, into: FloatArray | None = None) -> Rows:
    """Return a tensor at the points that are added; it is affine between those that are there.

    What a rectifier makes of it is written `into` an array, if one is given.
    """
    near, far, share, blur = (column[best] for column in (cuts.near, cuts.far, cuts.share, cuts.blur))
    values = np.empty((near.size, rows.values.shape[1])) if into is None else into
    squares = np.empty(near.size)
    between(np.ascontiguousarray(rows.values), near, far, share, weight, into is not None, values, squares)
    size = np.sqrt(squares) * (1.0 + gamma(values.shape[1] + 4))
    # Squares that leave the range tell nothing.
    size[~((squares > 2.0**-900) & (squares < 2.0**1000))] = np.inf
    size[squares == 0] = np.sqrt(values.shape[1]) * 2.0**-530
    one, other = rows.error[near], rows.error[far]
    error = np.where(weight == 1.0, np.maximum(one, other), one + (share + blur) * other)
    error = error + blur * size + 4 * U * (rows.norm[near] + share * size) + TINY * values.shape[1]
    norm = np.where(
        weight == 1.0, np.maximum(rows.norm[near], rows.norm[far]), rows.norm[near] + share * rows.norm[far]
    )
    return Rows(values, np.where(np.isfinite(error), error * SLACK, np.inf), norm * SLACK)


def _joined(rows: Rows, more: Rows) -> Rows:
    return Rows(*(np.concatenate(pair) for pair in zip(rows, more, strict=True)))


def _activated(step: FloatStep, sums: Sums, here: Rows, signs: Signs) -> Rows:
    """Return what comes out of an activation at old points, and at new ones."""
    found = step.activated(_joined(sums.rows, here), np.concatenate([sums.weight, np.ones(len(here.norm))]))
    # Slopes on unbounded intervals are those of the outermost pieces.
    (ends,) = np.nonzero(sums.weight == 0)
    piece = np.where(signs.above[ends, :: step.n_breakpoints], step.n_breakpoints, 0)
    found.values[ends] = step.slopes[piece] * sums.rows.values[ends]
    found.norm[ends] = norms_of(found.values[ends])
    return found


def _rectified(
    sums: Sums, cuts: Cuts, best: IndexArray, weight: FloatArray, which: IndexArray, signs: Signs, bits: Bits,
    order: IndexArray,
) -> Rows:  # fmt: skip
    """Return what comes out of a rectifier at old points, and at new ones, of which some cuts made each."""
    n, rows = len(sums.weight), sums.rows
    values = np.empty((order.size, rows.values.shape[1]))
    rectify(rows.values, values[:n])
    here = _between(rows, cuts, best, weight, values[n:])
    here.values[which, cuts.switch] = 0.0
    error, norm = (np.concatenate(pair) for pair in zip(rows[1:], here[1:], strict=True))
    # Where no unit is above on either side, all are off, and nothing is left of errors.
    if (signs.n_above == 0).any():
        is_off = np.empty(order.size, dtype=np.bool_)
        some = np.asarray(bits.any(axis=1))
        is_off[order] = ~some
        is_off[order[1:]] &= ~some[:-1]
        is_off[:n] = signs.n_above == 0
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
