"""Windows whose partition is proved, or found anew in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from linregions._support.limits import exceeded
from linregions._support.progress import ProgressBar
from linregions.domains.windows import PlaneWindow
from linregions.errors import NumericalError
from linregions.exact.bounds import check_arithmetic
from linregions.exact.planes.engine import exact_regions
from linregions.exact.planes.proof import VALUES_AT_ONCE
from linregions.exact.planes.proposal import Refuted
from linregions.networks.network import Network
from linregions.networks.switches import pack_patterns
from linregions.regions.options import Options
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.proofs import prove_partition

# What the exact engine holds for each region, and for each of its corners and each switch of a layer.
_BYTES_OF_A_REGION, _BYTES_OF_A_SIGN = 2000, 14
# And a proof for each corner of a region, and for each of the values that are computed at a time.
_BYTES_OF_A_CORNER, _BYTES_OF_A_VALUE = 200, 48
_ARRAYS = (
    "vertices", "edges", "edge_neuron", "edge_faces", "face_offsets", "face_vertices", "face_edges", "pattern_words",
)  # fmt: skip


def certified(
    network: Network,
    window: PlaneWindow,
    options: Options,
    find: Callable[[Network, PlaneWindow, Options], PlanePartition],
) -> PlanePartition:
    """Return the partition of a window that `find` finds in floats, if it can be proved, else the exact one."""
    check_arithmetic()
    try:
        with np.errstate(all="ignore"):  # what overflows is not proved
            part = find(network, window, options)
        _check_that_it_fits(part, options)
        proof, _ = prove_partition(part, options.threads)
    except (NumericalError, Refuted):
        return _mended(network, window, options)
    told = {
        "undecided": 0,
        "certify_advised": False,
        "certified": True,
        "exact_decisions": proof.n_exact,
        "mended": False,
    }
    return replace(part, diagnostics={**part.diagnostics, **told})


def _check_that_it_fits(part: PlanePartition, options: Options) -> None:
    """Raise if there is no room to prove a partition beside it."""
    limit = options.memory_limit
    if limit is not None and (needed := proof_bytes(part, options.threads)) > limit:
        raise exceeded(limit, options.who, needed, "to keep and to prove the regions of this window")


def proof_bytes(part: PlanePartition, threads: int) -> int:
    """Return about what a partition and its proof take: what follows its size, and a block of values in each thread."""
    kept = sum(getattr(part, name).nbytes for name in _ARRAYS)
    widest = max([layer.n_units * layer.n_breakpoints for layer in part.network.numbering.layout] + [1])
    block = min(VALUES_AT_ONCE, part.vertices.shape[0] * widest)
    return int(kept + _BYTES_OF_A_CORNER * part.face_vertices.size + threads * _BYTES_OF_A_VALUE * block)


def _mended(network: Network, window: PlaneWindow, options: Options) -> PlanePartition:
    """Return the partition that the exact engine finds."""
    limit, layout = options.memory_limit, network.numbering.layout
    widest = max([layer.n_units * layer.n_breakpoints for layer in layout] + [1])
    each = _BYTES_OF_A_REGION + _BYTES_OF_A_SIGN * widest
    steps = sum(layer.n_breakpoints > 0 for layer in layout)
    with ProgressBar(max(steps, 1), "exact arithmetic", "layer", options.progress) as bar:

        def note(n_regions: int) -> None:
            bar.update(1, f"{n_regions:,} regions")
            if limit is not None and n_regions * each > limit:
                raise exceeded(limit, options.who, 2 * n_regions * each, "to find this window's regions exactly")

        found = exact_regions(network, window, note)
    diagnostics = {
        "undecided": 0, "snapped_signs": 0, "merged_ties": 0, "smallest_margin": np.inf,
        "relative_tolerance": options.tolerances.relative, "cells": 1, "certify_advised": False,
        "certified": True, "exact_decisions": found.n_exact, "mended": True,
    }  # fmt: skip
    return PlanePartition(network, window, *found[:8], pack_patterns(network, found.patterns), diagnostics)
