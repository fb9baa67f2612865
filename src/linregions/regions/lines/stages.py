"""What one thread needs to take lines through the layers: stages, rows and switches, and how many bytes these are."""

from __future__ import annotations

import numpy as np

from linregions._support.aligned import aligned_empty, aligned_zeros
from linregions.regions.lines.kernels.decisions import RESERVED, Layer, Points, Rows, Stage, Switches
from linregions.regions.lines.plan import Plan, source_bytes

# Points that all layers have seen take little room, so there may be so many times as many of them.
LAST_ROWS = 8
NONE = np.zeros((0, 0))


def make_stage(layer: Layer, is_first: bool, n_rows: int) -> Stage:
    """Return the stage of a layer with room for some rows."""
    n, n_inputs = layer.weight.shape
    n_breaks, n_words = layer.breakpoints.size, (n + 63) // 64
    n_rows += RESERVED
    return Stage(
        h=NONE if is_first else aligned_empty((n_rows, n_inputs)),
        z=aligned_empty((n_rows, n)),
        magnitudes=aligned_empty((n_rows, n)) if is_first else NONE,
        low=np.empty(n_rows),
        above=np.empty((n_rows, n_breaks * n_words), dtype=np.uint64),
        zero=np.empty((n_rows, n_breaks * n_words), dtype=np.uint64),
        cuts=np.empty((5, n * n_breaks + 1)),
        cut_numbers=np.empty((6, n * n_breaks + 1), dtype=np.int64),
        row=aligned_empty((n,)),
        active=np.empty(0 if is_first else n_inputs + 4 + n_rows, dtype=np.int64),
        packed=NONE if is_first else aligned_zeros((8, max(n, n_inputs))),
        change=NONE if is_first else np.empty((4, n_inputs + 1)),
        state=np.zeros(8, dtype=np.int64),
    )


def make_rows(n: int, n_inputs: int) -> Rows:
    """Return room for n rows, some of whose inputs may bend."""
    n += RESERVED
    return Rows(
        t=np.empty(n),
        w=np.empty(n),
        uncertainty=np.empty(n),
        doubt=np.empty(n),
        noise=np.empty(n),
        grain=np.empty(n),
        norm=np.empty(n),
        steep=np.empty(n),
        names=np.empty(n, np.int64),
        line=np.empty(n, np.int64),
        ends=np.empty((n, 2), np.int64),
        share=np.empty((n, 2)),
        kinks=np.empty((n, (n_inputs + 63) // 64), np.uint64),
    )


def make_points(n: int) -> Points:
    """Return room for n points that all layers have seen."""
    return Points(t=np.empty(n), names=np.empty(n, np.int64), line=np.empty(n, np.int64))


def make_switches(n: int) -> Switches:
    """Return room for n switches."""
    return Switches(
        name=np.empty(n, np.int64),
        neuron=np.empty(n, np.int32),
        breakpoint=np.empty(n, np.int32),
        direction=np.empty(n, np.int8),
    )


def room_for_switches(plan: Plan) -> int:
    """Return how many switches there is room for at first: those of an interval at least."""
    return max([plan.knobs.switches, *(2 * layer.bias.size * layer.breakpoints.size for layer in plan.layers)])


def worker_bytes(plan: Plan, n_rows: int) -> int:
    """Return what the stages of one thread take."""
    total = 17 * room_for_switches(plan) + 112 * (LAST_ROWS * n_rows + RESERVED) + source_bytes(plan, n_rows)
    for k, layer in enumerate(plan.layers):
        n, n_inputs = layer.weight.shape
        n_breaks = layer.breakpoints.size
        n_words = (n + 63) // 64
        row = 8 * (16 + n + (n_inputs if k else n) + (2 * n_breaks + 1) * n_words)
        total += (
            (n_rows + RESERVED) * row
            + 88 * (n * n_breaks + 1)
            + 8 * n
            + (8 * (5 * n_inputs + 8 + 8 * max(n, n_inputs)) if k else 0)
        )
    return total
