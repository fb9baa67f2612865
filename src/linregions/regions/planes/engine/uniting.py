"""Regions of networks with maxima: faces that only comparisons of losing entries cut apart are one."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from linregions.networks.network import Network
from linregions.networks.switches import has_maxima
from linregions.regions.planes.engine.graph_plan import flat_of
from linregions.regions.planes.kernels import records, uniting
from linregions.regions.planes.kernels.workspace import N_EDGES


def starts_with_maxima(network: Network) -> bool:
    """Whether the lines that bound cells may be comparisons, which may not bound regions."""
    flat = flat_of(network) if has_maxima(network) else None
    return flat is not None and int(flat.of[0]) in network.numbering.comparing


def windows_of(network: Network) -> uniting.Windows:
    """Return a network's comparisons for the kernels, made once for each."""
    if network not in _windows:
        numbering = network.numbering
        tournament, switch = numbering.tournament, numbering.comparison_switch
        mask = np.zeros((numbering.n_switches + 63) // 64, dtype=np.uint64)
        np.bitwise_or.at(mask, switch // 64, np.uint64(1) << (switch % 64).astype(np.uint64))
        _windows[network] = uniting.Windows(
            numbering.switch_comparison,
            switch,
            tournament.window,
            np.ascontiguousarray(tournament.entry),
            np.ascontiguousarray(tournament.earlier),
            tournament.last,
            mask,
        )
    return _windows[network]


_windows: WeakKeyDictionary[Network, uniting.Windows] = WeakKeyDictionary()


def unite_faces(network: Network, out: records.Output, n_cells: int, patterns: bool) -> None:
    """Unite faces of equal patterns across comparisons, in place.

    If patterns are wanted, bits of comparisons that do not matter become 0, so that equal patterns have equal bits.
    """
    n_e, windows = int(out.filled[N_EDGES]), windows_of(network)
    faces, dissolved = np.empty((n_e, 2), dtype=np.int32), np.empty(n_e, dtype=np.bool_)
    uniting.faces_of_edges(out, faces)
    uniting.same_sides(out, windows, faces, dissolved)
    if dissolved.any():
        uniting.unite(out, n_cells, faces, dissolved)
    if patterns:
        uniting.clear_losers(out, windows)
