"""Where finished cells go: buffers that grow, with patterns or without."""

from __future__ import annotations

import numpy as np

from linregions.regions.planes.kernels import records


def make_output(*, size: int, n_words: int, n_cells: int, patterns: bool) -> records.Output:
    """Return an output with room for `size` vertices and what belongs to them."""
    return records.Output(
        filled=np.zeros(5, dtype=np.int64),
        xy=np.empty((size, 2)),
        root_v=np.empty(size, dtype=np.int32),
        edge=np.empty((3, 2 * size), dtype=np.int32),
        f_off=np.zeros(size + 1, dtype=np.int32),
        side=np.empty((2, 4 * size), dtype=np.int32),
        f_word=np.empty((size if patterns else 0, n_words), dtype=np.uint64),
        chain=np.empty((2, size), dtype=np.int32),
        cell_size=np.zeros((n_cells, 5), dtype=np.int64),
    )


def for_patterns(out: records.Output, patterns: bool) -> records.Output:
    """Return an output with room for patterns, or without, which is a view of no rows."""
    words = out.f_word if out.f_word.base is None else out.f_word.base
    if patterns and words.shape[0] < out.xy.shape[0]:
        words = np.empty((out.xy.shape[0], words.shape[1]), dtype=np.uint64)
    return out._replace(f_word=words if patterns else words[:0])


def larger_output(old: records.Output, size: int) -> records.Output:
    """Return a larger output with what is in the old one."""
    n_words, n_cells = old.f_word.shape[1], old.cell_size.shape[0]
    new = make_output(size=size, n_words=n_words, n_cells=n_cells, patterns=old.f_word.shape[0] > 0)
    n_v, n_e, n_f, n_s, n_c = (int(k) for k in old.filled)
    new.filled[:] = old.filled
    new.xy[:n_v], new.root_v[:n_v], new.edge[:, :n_e] = old.xy[:n_v], old.root_v[:n_v], old.edge[:, :n_e]
    new.f_off[: n_f + 1], new.side[:, :n_s] = old.f_off[: n_f + 1], old.side[:, :n_s]
    new.chain[:, :n_c] = old.chain[:, :n_c]
    if old.f_word.shape[0] > 0:
        new.f_word[:n_f] = old.f_word[:n_f]
    new.cell_size[:] = old.cell_size
    return new
