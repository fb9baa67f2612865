"""The arrays of a saved partition of a box, each checked, so that what follows from them needs no doubt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.saved_arrays import SavedArrays, words_of
from linregions.domains.polytopes import MOST_INPUTS, Polytope
from linregions.domains.solids import Box
from linregions.regions.boxes.arrays import BoxCells


def cells_of(saved: SavedArrays, n_breakpoints: npt.NDArray[np.int32], domain: Box | Polytope) -> BoxCells:
    """Return the arrays of a file, or raise FileFormatError."""
    d, most = domain.n_in, int(n_breakpoints.max(initial=0))
    if d > MOST_INPUTS:
        raise saved.wrong(f"whose box has {d} coordinates", f"at most {MOST_INPUTS}")
    n_sides = 2 * d + (len(domain.normals) if isinstance(domain, Polytope) else 0)
    vertices = saved.floats("vertices", None, d)
    corners = saved.integers("cell_vertices", np.int32, 0, len(vertices), None)
    offsets = saved.offsets("cell_offsets", len(corners), d + 1)
    n = offsets.size - 1
    if n < 1:
        raise saved.wrong("which has no region", "one at least")
    side = saved.integers("facet_side", np.int16, -1, n_sides, None)
    cells = saved.integers("facet_cells", np.int64, -1, n, len(side), 2)
    neuron = saved.integers("facet_neuron", np.int32, -1, n_breakpoints.size, len(side))
    if ((cells[:, 1] < 0) != (side >= 0)).any() or (cells[:, 0] < 0).any() or ((neuron < 0) != (side >= 0)).any():
        raise saved.wrong("whose facets lack a region or a neuron", "two regions and a neuron inside the domain")
    facet_vertices = saved.integers("facet_vertices", np.int32, 0, len(vertices), None)
    return BoxCells(
        vertices=vertices,
        cell_offsets=offsets,
        cell_vertices=corners,
        pattern_words=words_of(saved, n_breakpoints, n),
        volumes=saved.floats("volumes", n),
        centroids=saved.floats("centroids", n, d),
        facet_cells=cells,
        facet_neuron=neuron,
        facet_breakpoint=saved.integers("facet_breakpoint", np.int16, -1, most, len(side)),
        facet_side=side,
        facet_volumes=saved.floats("facet_volumes", len(side)),
        facet_offsets=saved.offsets("facet_offsets", len(facet_vertices), d, len(side)),
        facet_vertices=facet_vertices,
        strata_activation=saved.floats("strata_activation", d + 1),
        face_counts=saved.integers("face_counts", np.int64, 0, 1 << 62, d + 1),
        diagnostics=saved.mapping("diagnostics"),
    )
