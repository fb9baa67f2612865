"""Graphs as plain named arrays, for NPZ files, and back, without trusting the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief
from linregions.errors import FileFormatError, LinRegionsError
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import Graph, Layout, Maxima, Step, Term
from linregions.networks.graph_checks import checked

FORMAT = "linregions-graph-1"
_PARTS = ("window", "step", "unit", "left", "right", "size", "after")
_TERM = ("offsets", "site", "block", "blocks")
Arrays = Mapping[str, npt.NDArray[Any]]


def graph_to_arrays(graph: Graph) -> dict[str, npt.NDArray[Any]]:
    """Return a graph as named arrays."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "format": np.array(FORMAT),
        "steps": np.array(len(graph.steps)),
        "input_shape": np.array(graph.input_shape, dtype=np.int64),
        "output_shape": np.array(graph.output_shape, dtype=np.int64),
    }
    _pack_layout(arrays, "input", graph.input_layout)
    for k, step in enumerate(graph.steps):
        key = f"step{k}"
        _pack_layout(arrays, key, step.layout)
        arrays[f"{key}_bias"] = step.bias
        arrays[f"{key}_name"] = np.array(step.name)
        arrays[f"{key}_sources"] = np.array([term.source for term in step.terms], dtype=np.int64)
        arrays[f"{key}_breakpoints"] = np.array(step.activation.breakpoints)
        arrays[f"{key}_slopes"] = np.array(step.activation.slopes)
        arrays[f"{key}_anchor"] = np.array(step.activation.anchor)
        arrays[f"{key}_activation"] = np.array(step.activation.name)
        for i, term in enumerate(step.terms):
            for part in _TERM:
                arrays[f"{key}_term{i}_{part}"] = getattr(term, part)
    for part in _PARTS:
        arrays[f"maxima_{part}"] = getattr(graph.maxima, part)
    arrays["maxima_names"] = np.array(graph.maxima.names, dtype=np.str_)
    return arrays


def graph_from_arrays(arrays: Arrays, path: str | os.PathLike[str], who: str) -> Graph:
    """Return the graph in a file's arrays, or raise FileFormatError."""
    try:
        return checked(_unpacked(arrays), who)
    except KeyError as error:
        found, needed = f"no array {brief(error.args[0])!r}", "every part of a graph"
    except (LinRegionsError, TypeError, ValueError, OverflowError, IndexError) as error:
        found, needed = f"a graph that is not sound ({brief(error)})", "the graph of a network"
    raise FileFormatError(
        f"`path` is {os.fspath(path)!r}, which holds {found}, but {who} needs {needed}. Write it with `Network.save`."
    )


def _unpacked(arrays: Arrays) -> Graph:
    n_steps = _number(arrays["steps"])
    steps = []
    # A step needs arrays of its own, so that a huge number ends at the first that is not there.
    for k in range(n_steps):
        key = f"step{k}"
        sources = _vector(arrays[f"{key}_sources"])
        terms = [
            Term(int(source), *(arrays[f"{key}_term{i}_{part}"] for part in _TERM)) for i, source in enumerate(sources)
        ]
        activation = PiecewiseLinear(
            arrays[f"{key}_breakpoints"],  # type: ignore[arg-type]
            arrays[f"{key}_slopes"],  # type: ignore[arg-type]
            arrays[f"{key}_anchor"],  # type: ignore[arg-type]
            str(arrays[f"{key}_activation"]),
        )
        steps.append(
            Step(tuple(terms), arrays[f"{key}_bias"], _layout(arrays, key), activation, str(arrays[f"{key}_name"]))
        )
    shapes = [tuple(_vector(arrays[f"{end}_shape"]).tolist()) for end in ("input", "output")]
    names = tuple(str(name) for name in np.atleast_1d(arrays["maxima_names"]).ravel())
    maxima = Maxima(**{part: arrays[f"maxima_{part}"] for part in _PARTS}, names=names)
    return Graph(_layout(arrays, "input"), tuple(steps), shapes[0], shapes[1], maxima)


def _pack_layout(arrays: dict[str, npt.NDArray[Any]], key: str, layout: Layout) -> None:
    arrays[f"{key}_layout"] = np.array([layout.n_sites, layout.n_channels], dtype=np.int64)
    arrays[f"{key}_order"] = layout.order


def _layout(arrays: Arrays, key: str) -> Layout:
    sites, channels = _vector(arrays[f"{key}_layout"]).tolist()
    return Layout(sites, channels, arrays[f"{key}_order"])


def _vector(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"an array of shape {array.shape} and dtype {array.dtype} stands for whole numbers")
    return array


def _number(array: npt.NDArray[Any]) -> int:
    if array.shape != () or array.dtype.kind not in "iu":
        raise ValueError(f"an array of shape {array.shape} and dtype {array.dtype} stands for a whole number")
    return int(array)
