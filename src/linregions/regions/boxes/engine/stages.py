"""The stages of a network: layers that switch, each an affine function of the input and of what earlier ones give."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import INPUT, Step, apply_terms
from linregions.networks.network import Network
from linregions.networks.switches import switch_layout
from linregions.regions.boxes.frame import BoxFrame, affine_at

# Where sums are at least this, what underflows in them is less than any rounding.
LEAST = 2.0**-960


class Stage(NamedTuple):
    """A layer before its activation, and that."""

    rows: FloatArray  # (d + 1, n): what comes from the input, the constant first
    sources: list[tuple[int, FloatArray]]  # earlier stages, and weights (n of the source, n) of what they give
    constant_size: FloatArray  # (n,): terms of the constant before they cancel, in the quadratic mean
    slope_size: FloatArray  # (n,): those of the coefficients
    activation: PiecewiseLinear
    first_switch: int
    is_fed: npt.NDArray[np.bool_]  # (n,): whether anything but zeros is added up


def stages_of(network: Network, frame: BoxFrame) -> list[Stage]:
    """Return the stages of a chain, or of a graph without maxima."""
    return _of_chain(network, frame) if network.is_chain else _of_graph(network, frame)


def _after(size: tuple[FloatArray, FloatArray], activation: PiecewiseLinear) -> tuple[FloatArray, FloatArray]:
    """Return the sizes of what an activation makes of numbers of some sizes."""
    knots, heights = activation.knots
    steepest = max(map(abs, activation.slopes))
    return steepest * (size[0] + np.abs(knots).max()) + np.abs(heights).max(), steepest * size[1]


def _product_size(weight: FloatArray, size: FloatArray) -> FloatArray:
    """Return the quadratic mean of weight * size over each row, shape (n,), also where squares leave the range."""
    terms = np.abs(weight) * size
    most = terms.max(axis=1, initial=0.0)
    inverse = np.divide(1.0, most, out=np.zeros_like(most), where=(most >= LEAST) & (most < np.inf))
    return np.asarray(np.where(inverse > 0, most * np.sqrt(np.square(terms * inverse[:, None]).sum(axis=1)), most))


def _of_chain(network: Network, frame: BoxFrame) -> list[Stage]:
    stages: list[Stage] = []
    size, gives = (np.zeros(0), np.zeros(0)), np.ones(frame.d, dtype=np.bool_)
    for k, (layer, activation) in enumerate(zip(network.layers[:-1], network.activations, strict=True)):
        rows = np.zeros((frame.d + 1, layer.bias.size))
        sources = []
        is_fed = np.asarray(np.any(layer.weight[:, gives], axis=1) | (layer.bias != 0.0))
        if k == 0:
            rows[0], rows[1:] = affine_at(layer.weight, layer.bias, frame.center), (layer.weight * frame.scale).T
            size = np.abs(rows[0]), np.abs(rows[1:]).sum(axis=0)
        else:
            rows[0] = layer.bias
            sources = [(k - 1, np.ascontiguousarray(layer.weight.T))]
            size = np.hypot(_product_size(layer.weight, size[0]), layer.bias), _product_size(layer.weight, size[1])
        stages.append(Stage(rows, sources, *size, activation, switch_layout(network)[k].first, is_fed))
        size = _after(size, activation)
        gives = (is_fed & any(activation.slopes)) | bool(np.abs(activation.knots).any())
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
            first, is_fed = switch_layout(network)[k].first, np.asarray(rows.any(axis=0))
            stages.append(Stage(np.ascontiguousarray(rows[: 1 + d]), sources, *size, step.activation, first, is_fed))
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
