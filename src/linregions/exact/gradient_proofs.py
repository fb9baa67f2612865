"""Gradients that seem to be equal, compared as whole numbers: no chance is left."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.exact.forms import Cells, ExactNetwork
from linregions.exact.integers import Whole, aligned
from linregions.networks.network import Network


def gradients_differ(
    network: Network, patterns: npt.NDArray[np.uint8], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.bool_]:
    """Tell for each pair of rows of `patterns`, (R, n_neurons), whether the gradients of the network differ, (E,).

    The gradient is that of all outputs in all inputs, in integers. This takes long; `gradients.gradient_boundaries`
    proves at once that most gradients differ, and leaves to this what seems to be equal.
    """
    differs = np.zeros(left.shape[0], dtype=np.bool_)
    if not left.size:
        return differs
    n_steps, rows = len(network.graph.steps), np.zeros((network.n_in + 1, network.n_in), dtype=object)
    rows[1:][np.diag_indices(network.n_in)] = 1
    for k, pair in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        # Both share the cells of the steps before the first in which they differ.
        cells = Cells(ExactNetwork.of(network), Whole(rows, 0))
        pieces = network.numbering.pieces(patterns[list(pair)])
        one, other = (cells.cell([step[i] for step in pieces[: n_steps - 1]]).sums for i in (0, 1))
        a, b, _ = aligned(Whole(one.numbers[1:], one.exponent), Whole(other.numbers[1:], other.exponent))
        differs[k] = bool((a != b).any())
    return differs
