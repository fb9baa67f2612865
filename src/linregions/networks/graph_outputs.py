"""Outputs of graphs on known regions: affine maps by rows sent forward, sizes of terms, affine functions of outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY
from linregions.networks.graph import INPUT, Graph, Layout, Step, Term, apply_terms
from linregions.networks.local_maps import on_pieces

Pieces = Sequence[npt.NDArray[np.uint8]]


def maps_along(graph: Graph, rows: FloatArray, pieces: Pieces) -> FloatArray:
    """Return the outputs as affine maps in the coordinates of rows, shape (F, n_out, k).

    Parameters
    ----------
    graph : Graph
    rows : ndarray of float64, shape (k, n_in), or (F, k, n_in) for regions of different domains
        What each coordinate adds to the input; the last row is the point where all coordinates are 0.
    pieces : sequence of ndarray of uint8, each (F, units)
        Piece of every unit, step by step.
    """
    k, n = rows.shape[-2], pieces[0].shape[0]
    given = {INPUT: rows[..., graph.input_layout.order].reshape(-1, graph.n_in)}
    n_given = 1 if rows.ndim == 2 else n
    tensors: dict[int, FloatArray] = {}
    for number, step in enumerate(graph.steps):
        # What reads the input is the same in all regions of a domain.
        stack = apply_terms(step, given, n_given * k, only=given).reshape(n_given, k, -1)
        if any(term.source != INPUT for term in step.terms):
            stack = stack + apply_terms(step, tensors, n * k, only=tensors).reshape(n, k, -1)
        stack[:, -1] += step.bias
        slopes, intercepts = on_pieces(step.activation, pieces[number])
        stack = stack * slopes[:, None, :]
        stack[:, -1] += intercepts
        tensors[number] = stack.reshape(n * k, -1)
        for term in step.terms:
            if term.source != INPUT and graph.last_use[term.source] == number:
                tensors.pop(term.source, None)
    result = np.empty((n, graph.n_out, k))
    result[:, graph.steps[-1].layout.order] = stack.transpose(0, 2, 1)
    return result


def dense_matrix(term: Term, source: Layout, own: Layout, weight: FloatArray) -> FloatArray:
    """Return a matrix times that of a term, by units of the source; columns of the matrix in the order of the user."""
    matrix = np.zeros((weight.shape[0], source.n_units))
    n_inputs, n_own = source.n_channels, own.n_channels
    for out in range(own.n_sites):
        rows = weight[:, own.order[out * n_own : (out + 1) * n_own]]
        for tap in range(int(term.offsets[out]), int(term.offsets[out + 1])):
            begin = int(term.site[tap]) * n_inputs
            matrix[:, begin : begin + n_inputs] += rows @ term.blocks[term.block[tap]].T
    return matrix


def with_outputs(graph: Graph, weight: FloatArray, constant: FloatArray) -> tuple[Graph, npt.NDArray[np.int64]]:
    """Return the graph whose outputs are ``weight @ outputs + constant``, without copies of earlier ones.

    All other steps stay, and with them neurons and switches. Also returns which rows of `weight` were kept.
    """
    last = graph.steps[-1]
    layouts = {INPUT: graph.input_layout} | {k: step.layout for k, step in enumerate(graph.steps)}
    sources = sorted({term.source for term in last.terms})
    matrices = {source: np.zeros((weight.shape[0], layouts[source].n_units)) for source in sources}
    for term in last.terms:
        matrices[term.source] += dense_matrix(term, layouts[term.source], last.layout, weight)
    bias = weight[:, last.layout.order] @ last.bias + constant
    _, kept = np.unique(np.column_stack([*matrices.values(), bias]), axis=0, return_index=True)
    kept.sort()
    terms = tuple(_one_site_term(source, matrices[source][kept], layouts[source]) for source in sources)
    step = Step(terms, bias[kept], Layout(1, kept.size, np.arange(kept.size)), IDENTITY, last.name)
    made = dataclasses.replace(graph, steps=(*graph.steps[:-1], step), output_shape=(kept.size,))
    return made, kept.astype(np.int64)


def in_unit(graph: Graph, exponent: int) -> Graph:
    """Return the graph with outputs in units of a power of two."""
    last = graph.steps[-1]
    terms = tuple(term._replace(blocks=np.ldexp(term.blocks, -exponent)) for term in last.terms)
    step = dataclasses.replace(last, terms=terms, bias=np.ldexp(last.bias, -exponent))
    return dataclasses.replace(graph, steps=(*graph.steps[:-1], step))


def _one_site_term(source: int, matrix: FloatArray, layout: Layout) -> Term:
    blocks = np.ascontiguousarray(matrix.reshape(-1, layout.n_sites, layout.n_channels).transpose(1, 2, 0))
    sites = np.flatnonzero(blocks.any(axis=(1, 2)))
    return Term(source, np.array([0, sites.size]), sites, np.arange(sites.size), blocks[sites])


def root_mean_squares(graph: Graph, sizes: FloatArray, *, biases: bool) -> FloatArray:
    """Return how large the terms are whose sums the outputs are, for inputs of some sizes, (S, n_in) -> (S, n_out)."""
    n = sizes.shape[0]
    tensors: dict[int, FloatArray] = {INPUT: sizes[:, graph.input_layout.order]}
    for number, step in enumerate(graph.steps):
        heaviest = max((float(np.abs(term.blocks).max(initial=0.0)) for term in step.terms), default=0.0)
        largest = max((float(tensors[term.source].max(initial=0.0)) for term in step.terms), default=0.0)
        own = np.zeros((n, step.layout.n_units))
        if heaviest and largest:  # in units of the largest, so that squares neither overflow nor vanish all
            squared = tuple(term._replace(blocks=np.square(term.blocks / heaviest)) for term in step.terms)
            scaled = {source: np.square(tensor / largest) for source, tensor in tensors.items()}
            squares = apply_terms(dataclasses.replace(step, terms=squared), scaled, n)
            own = heaviest * largest * np.sqrt(squares)
        if biases:
            own = own + np.abs(step.bias)
        if number + 1 < len(graph.steps):
            own = own * np.max(np.abs(step.activation.slopes))
            own = own + biases * np.max(np.abs(step.activation.intercepts))
        tensors[number] = own
        for term in step.terms:
            if term.source != INPUT and graph.last_use[term.source] == number:
                tensors.pop(term.source, None)
    result = np.empty((n, graph.n_out))
    result[:, graph.steps[-1].layout.order] = own
    return result
