"""Outputs of graphs that are the same floats on a region: whether the last step proves them to be the same function."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import INPUT, Step, Term, apply_terms
from linregions.networks.graph_outputs import dense_matrix
from linregions.networks.network import Network

BoolArray = npt.NDArray[np.bool_]


def are_same(network: Network, pattern: npt.NDArray[np.uint8], one: int, other: int) -> bool:
    """Tell whether two outputs differ only in the weights of units that are constant, which sum to the same.

    Each tensor is read by one term of the last step, as `Network.with_outputs` makes it.
    """
    graph = network.graph
    pieces = network.numbering.pieces(pattern[None])
    total = Fraction(0)
    for source, first, second in _weights(network, one, other):
        differ = first != second
        if source == INPUT:
            if differ.any():
                return False
            continue
        activation = graph.steps[source].activation
        own = pieces[source][0]
        if np.any(differ & (activation.table.slopes[own] != 0)):
            return False
        intercepts = activation.intercepts[own]
        for k in np.flatnonzero(differ & (intercepts != 0)).tolist():
            total += (Fraction(float(first[k])) - Fraction(float(second[k]))) * Fraction(float(intercepts[k]))
    last = graph.steps[-1]
    unit = np.argsort(last.layout.order)
    return total + Fraction(float(last.bias[unit[one]])) == Fraction(float(last.bias[unit[other]]))


def have_same_slope(
    network: Network, direction: FloatArray, pattern: npt.NDArray[np.uint8], one: int, other: int
) -> bool:
    """Tell whether two outputs differ only in the weights of units that do not vary in a direction."""
    graph = network.graph
    pieces = network.numbering.pieces(pattern[None])
    varies: dict[int, BoolArray] = {INPUT: direction[graph.input_layout.order] != 0}
    for k, step in enumerate(graph.steps[:-1]):
        links = tuple(term._replace(blocks=(term.blocks != 0).astype(np.float64)) for term in step.terms)
        rows = {source: own[None].astype(np.float64) for source, own in varies.items()}
        reached = apply_terms(Step(links, step.bias, step.layout), rows, 1)[0] > 0
        varies[k] = reached & (step.activation.table.slopes[pieces[k][0]] != 0)
    return not any(
        np.any((first != second) & varies[source]) for source, first, second in _weights(network, one, other)
    )


def _weights(network: Network, one: int, other: int) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Yield, for each tensor that the outputs read, the weights of both."""
    for term in network.graph.steps[-1].terms:
        yield term.source, _row(network, term, one), _row(network, term, other)


def _row(network: Network, term: Term, number: int) -> FloatArray:
    graph = network.graph
    layout = graph.input_layout if term.source == INPUT else graph.steps[term.source].layout
    weight = np.zeros((1, graph.n_out))
    weight[0, number] = 1.0
    return np.asarray(dense_matrix(term, layout, graph.steps[-1].layout, weight)[0])
