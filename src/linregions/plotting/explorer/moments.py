"""What a page holds of one partition of a window: its polygons, and what changes from each region to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.plotting.colors import pattern_colors
from linregions.plotting.explorer.packing import Pack
from linregions.plotting.pictures import Picture
from linregions.plotting.region_colors import by_gradient, class_pieces, classes_in_the_middle

# How many entries of patterns are unpacked together.
_BLOCK = 1 << 24
# Above as many affine functions colours that need them all are left out, since they would not fit in memory.
_MOST_FUNCTIONS = 30_000_000
# Of networks with more numbers than these a page holds the affine maps of regions, rounded, in their place.
_MOST_WEIGHTS = 300_000
_MOST_MAP_NUMBERS = 24_000_000


def moment_of(picture: Picture, numbers: Mapping[str, FloatArray], decision: str | None) -> tuple[dict[str, Any], Pack]:
    """Return what a page says of one partition, and its arrays."""
    pack, network = Pack(), picture.network
    edges = _add_polygons(pack, picture)
    _add_changes(pack, picture, *edges)
    description: dict[str, Any] = {
        "regions": len(picture.face_offsets) - 1,
        "neurons": network.n_neurons,
        "outputs": network.n_out,
        "offsets": [int(k) for k in network.neuron_offsets],
        "decision": decision,
    }
    colors = _blockwise(picture, pattern_colors)
    pack.add("color_pattern", _bytes_of(colors))
    if description["regions"] * network.n_out <= _MOST_FUNCTIONS:
        pack.add("color_gradient", _bytes_of(by_gradient(picture, None, None)))
        _add_classes(pack, picture, decision == "argmin")
    if decision is not None:
        pack.add("decision", picture.decision_boundary(decision).segments)
    labels = picture.linear_labels
    if int(labels.max()) + 1 < len(labels):
        pack.add("linear", labels)
    description["linear_regions"] = int(labels.max()) + 1
    for k, values in enumerate(numbers.values()):
        pack.add(f"number_{k}", values)
    description["numbers"] = list(numbers)
    description["maps"] = _add_outputs(pack, picture)
    description["arrays"] = pack.places
    return description, pack


def _add_polygons(pack: Pack, picture: Picture) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Add corners and sides; return the edges as regions first have them, and the regions on their two sides.

    Vertices and edges are numbered as regions first have them, so that most corners are the next new vertex, and edges
    need not be told at all.
    """
    corners, sides = picture.face_vertices, np.diff(picture.face_offsets)
    order, new = _as_first_met(corners)
    highest = np.maximum.accumulate(new)
    pack.add("sides", sides)
    pack.add("corners", np.concatenate([[0], highest[:-1] + 1]) - new)
    pack.add("vertices", picture.vertices[order])
    edges, _ = _as_first_met(picture.face_edges)
    _, first = np.unique(picture.face_edges, return_index=True)
    face = np.repeat(np.arange(sides.size), sides)
    own = face[np.sort(first)]
    pack.add("neuron", picture.edge_neuron[edges].astype(np.int64) + 1)
    beside = picture.edge_faces[edges]
    return edges, own, np.where(beside[:, 0] == own, beside[:, 1], beside[:, 0])


def _as_first_met(numbers: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the numbers in the order in which they first come up, and each by its place in it."""
    found, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return found[order], rank[inverse.ravel()]


def _add_changes(
    pack: Pack, picture: Picture, edges: npt.NDArray[Any], own: npt.NDArray[Any], other: npt.NDArray[Any]
) -> None:
    """Add the pattern of the first region, and how it changes across edges.

    Across nearly all edges one neuron moves by one piece, so that a bit says all. The rest is a table of edge, neuron,
    and its pieces on both sides.
    """
    network, words = picture.network, picture.pattern_words
    pack.add("first_pattern", unpack_patterns(network, words[:1])[0])
    rises = np.zeros(edges.size, dtype=np.uint8)
    neuron = picture.edge_neuron[edges]
    inner = np.flatnonzero(neuron >= 0)
    rest: list[npt.NDArray[Any]] = [np.zeros((0, 4), dtype=np.int64)]
    size = max(1, _BLOCK // max(1, network.n_neurons))
    for begin in range(0, inner.size, size):
        block = inner[begin : begin + size]
        before, after = (unpack_patterns(network, words[side[block]]) for side in (own, other))
        row, changed = np.nonzero(before != after)
        step = after[row, changed].astype(np.int64) - before[row, changed]
        plain = (np.bincount(row, minlength=block.size)[row] == 1) & (changed == neuron[block[row]]) & (abs(step) == 1)
        rises[block[row[plain]]] = step[plain] > 0
        row, changed = row[~plain], changed[~plain]
        rest.append(np.stack([block[row], changed, before[row, changed], after[row, changed]], axis=1))
    pack.add("rises", np.packbits(rises, bitorder="little"))
    pack.add("several", np.concatenate(rest))


def _blockwise(picture: Picture, function: Callable[[npt.NDArray[np.uint8]], FloatArray]) -> FloatArray:
    """Apply a function of patterns to all regions, a block at a time."""
    words, network = picture.pattern_words, picture.network
    size = max(1, _BLOCK // max(1, network.n_neurons))
    blocks = [unpack_patterns(network, words[begin : begin + size]) for begin in range(0, len(words), size)]
    return np.concatenate([function(block) for block in blocks])


def _bytes_of(colors: FloatArray) -> npt.NDArray[np.uint8]:
    return np.round(255.0 * colors).astype(np.uint8)


def _add_classes(pack: Pack, picture: Picture, smallest: bool) -> None:
    """Add the class of each region, and the pieces of those in which it changes."""
    pieces, classes = class_pieces(picture, smallest)
    pack.add("class", classes_in_the_middle(picture, smallest))
    pack.add("piece_class", np.asarray(classes, dtype=np.int64))
    pack.add("piece_sides", np.array([len(piece) for piece in pieces], dtype=np.int64))
    pack.add("piece_corners", np.concatenate([np.zeros((0, 2)), *pieces]))


def _add_outputs(pack: Pack, picture: Picture) -> dict[str, Any] | None:
    """Add what outputs follow from: the layers of a small chain, or else the affine maps of all regions.

    None where neither fits in a page.
    """
    network, n_regions = picture.network, len(picture.face_offsets) - 1
    n_maps = 3 * n_regions * network.n_out
    if network.is_chain:
        n_weights = sum(layer.weight.size for layer in network.layers[1:])
        if n_weights <= _MOST_WEIGHTS or 2 * n_weights <= n_maps:
            return _add_layers(pack, picture, network)
    if n_maps > _MOST_MAP_NUMBERS:
        return None
    # About the window's middle, so that rounding is relative to what is shown.
    middle = picture.window.polygon.mean(axis=0)
    maps = picture.affine_maps.copy()
    maps[:, :, 2] += maps[:, :, :2] @ middle
    pack.add("maps", maps.astype(np.float32))
    return {"kind": "maps", "middle": middle.tolist()}


def _add_layers(pack: Pack, picture: Picture, network: Network) -> dict[str, Any]:
    """Add the layers of a chain, the first one restricted to the plane."""
    rows = network.layers[0].linear(np.vstack([picture.window.basis, picture.window.origin]))
    rows[2] += network.layers[0].bias
    pack.add("rows", rows)
    layers = []
    for k, (layer, activation) in enumerate(zip(network.layers[1:], network.activations, strict=True)):
        pack.add(f"weight_{k}", layer.weight)
        pack.add(f"bias_{k}", layer.bias)
        pieces = {"slopes": list(activation.slopes), "intercepts": activation.intercepts.tolist()}
        layers.append({"inputs": layer.weight.shape[1], "outputs": layer.weight.shape[0], **pieces})
    return {"kind": "layers", "first": rows.shape[1], "layers": layers}
