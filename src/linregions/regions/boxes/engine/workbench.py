"""The buffers of a thread: a bench with room to begin with, which grows where it has to."""

from __future__ import annotations

import numpy as np

from linregions.errors import InvalidValueError
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.kernels import bench as B
from linregions.regions.boxes.kernels.bench import Bench, Output, Plan

# Fields that grow, with the axis along which they do.
_POOLS = {
    "entry": 0, "crossing": 0, "earlier": 0, "off": 0, "label": 0, "sign": 0, "key": 0, "pattern": 0, "next_rows": 0,
    "vertex": 0, "slots": 0, "place": 0, "error": 0, "flags": 0, "zeros_at": 0, "word": 0, "zero": 0, "part": 1,
    "part_slots": 1, "part_value": 1, "cut": 0, "cut_slots": 0,
}  # fmt: skip
_ENTRIES, _VERTICES, _PART = 64, 4096, 512


def make_bench(plan: Plan, d: int, with_patterns: bool) -> Bench:
    """Allocate the buffers for a plan."""
    n_layers, widest = plan.constant_size.shape
    columns = int((plan.widths * plan.n_breakpoints).max(initial=1))
    words = -(-columns // 64)
    n_switches = plan.words_on.shape[0]
    return Bench(
        counts=np.zeros(10, dtype=np.int64),
        fit=np.zeros(1, dtype=np.uint64),
        margin=np.full(1, np.inf),
        entry=np.zeros((_ENTRIES, 10), dtype=np.int64),
        crossing=np.zeros((_ENTRIES, max(words, 1)), dtype=np.uint64),
        earlier=np.zeros(_ENTRIES, dtype=np.uint64),
        off=np.zeros(_ENTRIES, dtype=np.uint64),
        label=np.zeros((_ENTRIES, B.N_SLOTS), dtype=np.int32),
        sign=np.zeros((_ENTRIES, B.N_SLOTS), dtype=np.int8),
        key=np.zeros((_ENTRIES, 2), dtype=np.uint64),
        pattern=np.zeros((_ENTRIES, -(-n_switches // 64) if with_patterns else 0), dtype=np.uint64),
        next_rows=np.zeros((_ENTRIES, d + 1, plan.rows.shape[1])),
        vertex=np.zeros(2 * _VERTICES, dtype=np.int32),
        slots=np.zeros(2 * _VERTICES, dtype=np.uint64),
        frame=np.zeros((n_layers, 4), dtype=np.int64),
        column=np.zeros((n_layers, columns), dtype=np.int32),
        rows=np.zeros((n_layers, d + 1, widest)),
        place=np.zeros((_VERTICES, d)),
        error=np.zeros(_VERTICES),
        flags=np.zeros(_VERTICES, dtype=np.uint8),
        zeros_at=np.full((_VERTICES, 2), -1, dtype=np.int64),
        word=np.zeros(4 * _VERTICES * words, dtype=np.uint64),
        zero=np.zeros(1024, dtype=np.int32),
        part=np.zeros((3, _PART), dtype=np.int32),
        part_slots=np.zeros((3, _PART), dtype=np.uint64),
        part_value=np.zeros((2, _PART)),
        cut=np.zeros(_PART, dtype=np.int32),
        cut_slots=np.zeros(_PART, dtype=np.uint64),
        value=np.zeros((3, widest)),
        piece=np.zeros(widest, dtype=np.int64),
        active=np.zeros(widest + 4, dtype=np.int64),
        factor=np.zeros((d + 1, widest + 4)),
        normal=np.zeros(d + 1),
        chosen_size=np.zeros(d),
        beside=np.zeros((B.N_SLOTS, B.N_SLOTS), dtype=np.uint64),
        system=np.zeros((B.N_SLOTS + 1, 2 * d + 2)),
        chosen=np.zeros((d, 2 * d + 1)),
    )


def make_output(d: int, words: int, cells: int = 2048, vertices: int = 1 << 15, labels: int = 1 << 15) -> Output:
    """Allocate room for some cells."""
    return Output(
        filled=np.zeros(3, dtype=np.int64),
        cell_offsets=np.zeros(cells + 1, dtype=np.int64),
        points=np.zeros((vertices, d)),
        slots=np.zeros(vertices, dtype=np.uint64),
        vertex_keys=np.zeros((vertices, 2), dtype=np.uint64),
        tight=np.zeros(vertices, dtype=np.uint8),
        slot_offsets=np.zeros(cells + 1, dtype=np.int64),
        slot_labels=np.zeros(labels, dtype=np.int32),
        slot_signs=np.zeros(labels, dtype=np.int8),
        cell_keys=np.zeros((cells, 2), dtype=np.uint64),
        pattern_words=np.zeros((cells, words), dtype=np.uint64),
    )


def grown(bench: Bench) -> Bench:
    """Return the bench with twice the room, and all that is in it."""
    made = {}
    for name, axis in _POOLS.items():
        array = getattr(bench, name)
        made[name] = np.concatenate([array, np.zeros_like(array)], axis=axis)
    return bench._replace(**made)


def put_root(bench: Bench, frame: BoxFrame) -> Bench:
    """Make the domain itself the only node of a bench, which is returned with room for it."""
    start = frame.start()
    n, n_slots = start.error.size, start.sides.size
    if n_slots >= B.N_SLOTS:
        raise InvalidValueError(
            f"`domain` has {n_slots} sides, but its cells need fewer than {B.N_SLOTS}. Give one with fewer, such as "
            "a Box, and select regions by their centroids."
        )
    while n > bench.error.size // 2 or n * frame.sides.shape[0] > bench.zero.size:
        bench = grown(bench)
    bench.place[:n], bench.error[:n], bench.slots[:n] = start.place, start.error, start.slots
    bench.flags[:n] = np.where(start.error > 0.0, 0, B.PLACED)
    bench.zeros_at[:n, 0] = -1
    n_zeros = 0
    for v, (slots, zeros) in enumerate(zip(start.slots.tolist(), start.zeros, strict=True)):
        if slots.bit_count() != zeros.size:
            bench.zero[n_zeros : n_zeros + zeros.size] = -1 - zeros
            bench.zeros_at[v] = n_zeros, n_zeros + zeros.size
            n_zeros += zeros.size
    bench.vertex[:n] = np.arange(n)
    bench.label[0, :n_slots] = -1 - start.sides
    bench.sign[0, :n_slots] = -1
    bench.earlier[0] = (1 << n_slots) - 1
    bench.off[0] = bench.earlier[0]
    bench.key[0] = 0
    bench.pattern[0] = 0
    entry = bench.entry[0]
    entry[:] = 0
    entry[B.COUNT], entry[B.LAYER], entry[B.CROSSED], entry[B.POOL] = n, -1, -1, n
    entry[B.SIMPLE], entry[B.SLOTS], entry[B.ZEROS] = np.all(np.bitwise_count(start.slots) == frame.d), n_slots, n_zeros
    bench.counts[:] = 0
    bench.counts[B.ENTRIES], bench.counts[B.LISTS] = 1, n_zeros
    bench.margin[0] = np.inf
    return bench
