"""Which borders between activation regions are boundaries of linear or of gradient regions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.exact.gradients import gradient_boundaries
from linregions.networks.good import good_changes, paths_of
from linregions.networks.network import Network


def boundaries_between(
    network: Network,
    kind: str,
    patterns: npt.NDArray[np.uint8],
    left: npt.NDArray[np.int32],
    right: npt.NDArray[np.int32],
) -> npt.NDArray[np.bool_]:
    """Tell for each pair of neighbouring activation regions whether a boundary of a kind is between them, shape (E,).

    A linear boundary is where a good neuron switches, a gradient boundary where the gradient jumps; `left` and `right`
    are rows of the patterns.
    """
    if kind == "gradient":
        return gradient_boundaries(network, patterns, left, right)
    if not network.is_chain:
        return good_changes(network, patterns, left, right)
    from linregions.regions.planes.kernels.boundaries import linear_boundaries

    return np.asarray(linear_boundaries(paths_of(network), patterns, left, right))
