"""A network and a part of its input space in other units, so that no square of a size is out of range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linregions.domains.windows import power_of_two
from linregions.errors import NumericalError
from linregions.networks.graph import INPUT, Graph, Step
from linregions.networks.network import Network

# Sizes whose squares, and those of what is much smaller or larger, are numbers.
_LARGE, _SMALL = 2.0**250, 2.0**-250


def unit_for(size: float) -> float:
    """Return the power of two in whose units to measure what has some size; 1 for ordinary sizes."""
    return 1.0 if _SMALL < size < _LARGE else power_of_two(size / 2)


def in_units(network: Network, unit: float, name: str, who: str) -> Network:
    """Return a network of inputs that are measured in another unit, a power of two."""
    if unit == 1.0:
        return network
    weights = network.layers[0].weight if network.is_chain else None
    with np.errstate(over="ignore"):
        scaled = _scaled_graph(network.graph, unit) if weights is None else weights * unit
    blocks = [scaled] if isinstance(scaled, np.ndarray) else [term.blocks for step in scaled for term in step.terms]
    if not all(np.all(np.isfinite(block)) for block in blocks):
        raise NumericalError(
            f"`{name}` overflows where inputs are as large as {unit:.0e}, but {who} needs finite values. "
            "Scale its weights, or the domain."
        )
    if not isinstance(scaled, np.ndarray):
        return Network.from_graph(replace(network.graph, steps=scaled))
    first, *others = network.layers
    return Network.from_layers([(scaled, first.bias), *((la.weight, la.bias) for la in others)], network.activations)


def _scaled_graph(graph: Graph, unit: float) -> tuple[Step, ...]:
    """Return the steps of a graph, what they read of the input times a power of two."""
    return tuple(
        replace(
            step,
            terms=tuple(
                term._replace(blocks=term.blocks * unit) if term.source == INPUT else term for term in step.terms
            ),
        )
        for step in graph.steps
    )
