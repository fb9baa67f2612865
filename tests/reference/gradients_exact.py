"""The slow, exact twin of gradient regions: whole gradients in all inputs, in whole numbers, compared by entry."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from linregions import Network
from tests.reference.lines_exact import ExactLine
from tests.reference.planes_exact import Dyadic, ExactPartition


@lru_cache(maxsize=4)
def whole_numbers(net: Network) -> tuple[list[Any], list[Any]]:
    """Return the weights of all layers and the slopes of all activations, each over a power of two of its own."""
    weights = [Dyadic.of(layer.weight).values for layer in net.layers]
    return weights, [Dyadic.of(activation.slopes).values for activation in net.activations]


def exact_gradient(net: Network, pattern: Sequence[int]) -> tuple[int, ...]:
    """Return the entries of the gradient of all outputs in all inputs, over a power of two that the network fixes."""
    weights, slopes_of = whole_numbers(net)
    jacobian = weights[0]
    for k, (activation, slopes) in enumerate(zip(net.activations, slopes_of, strict=True)):
        low, high = net.neuron_offsets[k : k + 2]
        pieces = list(pattern[low:high]) if activation.n_breakpoints else [0] * jacobian.shape[0]
        jacobian = weights[k + 1] @ (slopes[pieces][:, None] * jacobian)
    return tuple(jacobian.ravel().tolist())


def exact_gradient_boundaries(exact: ExactPartition) -> list[bool]:
    """Tell for each edge of an exact partition whether the gradient differs on its two sides; False on the border."""
    gradients = [exact_gradient(exact.network, pattern) for pattern in exact.patterns]
    return [not edge.is_border and gradients[edge.left] != gradients[edge.right] for edge in exact.edges]


def exact_gradient_labels(exact: ExactPartition) -> list[int]:
    """Return the gradient region of each activation region, found by walking from region to region."""
    neighbours: dict[int, list[int]] = {k: [] for k in range(exact.n_regions)}
    for edge, is_boundary in zip(exact.edges, exact_gradient_boundaries(exact), strict=True):
        if not edge.is_border and not is_boundary:
            neighbours[edge.left].append(edge.right)
            neighbours[edge.right].append(edge.left)
    labels = [-1] * exact.n_regions
    for start in range(exact.n_regions):
        if labels[start] < 0:
            label, waiting = max(labels) + 1, [start]
            while waiting:
                region = waiting.pop()
                if labels[region] < 0:
                    labels[region] = label
                    waiting += neighbours[region]
    return labels


def exact_line_gradient_boundaries(net: Network, exact: ExactLine) -> list[bool]:
    """Tell for each breakpoint of an exact line whether the gradient differs on its two sides."""
    gradients = [exact_gradient(net, pattern) for pattern in exact.patterns]
    return [a != b for a, b in itertools.pairwise(gradients)]
