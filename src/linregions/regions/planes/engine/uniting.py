"""Regions of networks with maxima: faces that only comparisons of losing entries cut apart are one."""

from __future__ import annotations

import numpy as np

from linregions.networks.network import Network
from linregions.networks.switches import canonical_words
from linregions.regions.planes.engine.graph_plan import flat_of
from linregions.regions.planes.kernels import records, uniting
from linregions.regions.planes.kernels.assembly import LEFT, RIGHT
from linregions.regions.planes.kernels.workspace import N_EDGES, N_FACES, SWITCH


def has_maxima(network: Network) -> bool:
    """Whether some switches of a network are comparisons."""
    return not network.is_chain and network.graph.maxima.step.size > 0


def starts_with_maxima(network: Network) -> bool:
    """Whether the lines that bound cells may be comparisons, which may not bound regions."""
    flat = flat_of(network) if has_maxima(network) else None
    return flat is not None and int(flat.of[0]) in network.numbering.comparing


def unite_faces(network: Network, out: records.Output, n_cells: int) -> None:
    """Unite faces of equal patterns across comparisons, in place, and give all faces the bits of their patterns.

    Where another switch lies on the same line as a comparison, and only that one matters, it gives the edge its name.
    """
    n_e, n_f = int(out.filled[N_EDGES]), int(out.filled[N_FACES])
    words = out.f_word[:n_f] = canonical_words(network, out.f_word[:n_f])
    faces = np.empty((n_e, 2), dtype=np.int32)
    uniting.faces_of_edges(out, faces)
    switch = out.edge[SWITCH, :n_e]
    compares = np.flatnonzero((switch >= 0) & (faces >= 0).all(axis=1))
    compares = compares[network.numbering.switch_comparison[switch[compares]] >= 0]
    changed = words[faces[compares, LEFT]] ^ words[faces[compares, RIGHT]]
    differs = changed.any(axis=1)
    dissolved = np.zeros(n_e, dtype=np.bool_)
    dissolved[compares[~differs]] = True
    named, changed = compares[differs], changed[differs]
    own = switch[named]
    matters = changed[np.arange(named.size), own // 64] >> (own % 64).astype(np.uint64) & np.uint64(1) == 1
    named, changed = named[~matters], changed[~matters]
    word = (changed != 0).argmax(axis=1)
    lowest = changed[np.arange(named.size), word]
    lowest &= ~lowest + np.uint64(1)
    switch[named] = 64 * word + np.log2(lowest.astype(np.float64)).astype(np.int64)  # a power of two
    if dissolved.any():
        uniting.unite(out, n_cells, faces, dissolved)
