"""The stages of a network: layers that switch, each an affine function of the input and of what earlier ones give."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import INPUT, Step, apply_terms
from linregions.networks.network import Network
from linregions.networks.switches import switch_layout
from linregions.regions.boxes.frame import BoxFrame, affine_at


class Stage(NamedTuple):
    """A layer before its activation, and that."""

    rows: FloatArray  # (d + 1, n): what comes from the input, the constant first
    sources: list[tuple[int, FloatArray]]  # earlier stages, and weights (n of the source, n) of what they give
    constant_size: FloatArray  # (n,): terms of the constant before they cancel, in the quadratic mean
    slope_size: FloatArray  # (n,): those of the coefficients
    activation: PiecewiseLinear
    first_switch: int


def stages_of(network: Network, frame: BoxFrame) -> list[Stage]:
    """Return the stages of a chain, or of a graph without maxima."""
    return _of_chain(network, frame) if network.is_chain else _of_graph(network, frame)


def _after(size: tuple[FloatArray, FloatArray], activation: PiecewiseLinear) -> tuple[FloatArray, FloatArray]:
    """Return the sizes of what an activation makes of numbers of some sizes."""
    knots, heights = activation.knots
    steepest = max(map(abs, activation.slopes))
    return steepest * (size[0] + np.abs(knots).max()) + np.abs(heights).max(), steepest * size[1]


def _of_chain(network: Network, frame: BoxFrame) -> list[Stage]:
    stages: list[Stage] = []
    size = np.zeros(0), np.zeros(0)
    for k, (layer, activation) in enumerate(zip(network.layers[:-1], network.activations, strict=True)):
        rows = np.zeros((frame.d + 1, layer.bias.size))
        sources = []
        if k == 0:
            rows[0], rows[1:] = affine_at(layer.weight, layer.bias, frame.center), (layer.weight * frame.scale).T
            size = np.abs(rows[0]), np.abs(rows[1:]).sum(axis=0)
        else:
            rows[0] = layer.bias
            sources = [(k - 1, np.ascontiguousarray(layer.weight.T))]
            size = np.sqrt(layer.weight**2 @ size[0] ** 2 + layer.bias**2), np.sqrt(layer.weight**2 @ size[1] ** 2)
        stages.append(Stage(rows, sources, *size, activation, switch_layout(network)[k].first))
        size = _after(size, activation)
    return stages


def _of_graph(network: Network, frame: BoxFrame) -> list[Stage]:
    """Compose what does not switch: a tensor is a combination of the constant, the input, and what stages give."""
    graph, d = network.graph, frame.d
    switching = [k for k, step in enumerate(graph.steps[:-1]) if step.activation.n_breakpoints]
    sizes = [graph.steps[k].layout.n_units for k in switching]
    begins = np.cumsum([1 + d, *sizes])
    order = graph.input_layout.order
    tensors = {INPUT: np.zeros((begins[-1], d))}
    tensors[INPUT][0] = frame.center[order]
    tensors[INPUT][1 + order, np.arange(d)] = frame.scale[order]
    squares = {INPUT: np.stack([frame.center[order] ** 2, frame.scale[order] ** 2])}
    stages: list[Stage] = []
    for k, step in enumerate(graph.steps[:-1]):
        rows = apply_terms(step, tensors, int(begins[-1]))
        rows[0] += step.bias
        square = apply_terms(_squared(step), squares, 2)
        square[0] += step.bias**2
        size = np.sqrt(square[0]), np.sqrt(square[1])
        slopes, (knots, heights) = step.activation.slopes, step.activation.knots
        if k in switching:
            own = len(stages)
            parts = [(j, rows[begins[j] : begins[j + 1]]) for j in range(own)]
            sources = [(j, np.ascontiguousarray(part)) for j, part in parts if part.any()]
            first = switch_layout(network)[k].first
            stages.append(Stage(np.ascontiguousarray(rows[: 1 + d]), sources, *size, step.activation, first))
            rows = np.zeros_like(rows)
            rows[begins[own] : begins[own + 1]] = np.eye(step.layout.n_units)
        else:
            rows = slopes[0] * rows
            rows[0] += heights[0] - slopes[0] * knots[0]
        tensors[k] = rows
        squares[k] = np.square(_after(size, step.activation))
    return stages


def _squared(step: Step) -> Step:
    return replace(step, terms=tuple(term._replace(blocks=term.blocks**2) for term in step.terms))
