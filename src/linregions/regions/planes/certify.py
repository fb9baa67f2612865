"""Windows whose partition is proved, or found anew in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from linregions.domains.windows import PlaneWindow
from linregions.errors import NumericalError
from linregions.exact.bounds import check_arithmetic
from linregions.exact.planes.engine import exact_regions
from linregions.exact.planes.proposal import Refuted
from linregions.networks.network import Network
from linregions.networks.switches import pack_patterns
from linregions.regions.options import Options
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.proofs import prove_partition


def certified(
    network: Network,
    window: PlaneWindow,
    options: Options,
    find: Callable[[Network, PlaneWindow, Options], PlanePartition],
) -> PlanePartition:
    """Return the partition of a window that `find` finds in floats, if it can be proved, else the exact one."""
    check_arithmetic()
    try:
        part = find(network, window, options)
        proof, _ = prove_partition(part)
    except (NumericalError, Refuted):
        return _mended(network, window, options)
    told = {"undecided": 0, "certified": True, "exact_decisions": proof.n_exact, "mended": False}
    return replace(part, diagnostics={**part.diagnostics, **told})


def _mended(network: Network, window: PlaneWindow, options: Options) -> PlanePartition:
    """Return the partition that the exact engine finds."""
    found = exact_regions(network, window)
    diagnostics = {
        "undecided": 0, "snapped_signs": 0, "merged_ties": 0, "smallest_margin": np.inf,
        "relative_tolerance": options.tolerances.relative, "cells": 1,
        "certified": True, "exact_decisions": found.n_exact, "mended": True,
    }  # fmt: skip
    return PlanePartition(network, window, *found[:8], pack_patterns(network, found.patterns), diagnostics)
