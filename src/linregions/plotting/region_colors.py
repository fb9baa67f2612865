"""What the colour of a region in a plane means, and which it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_integer
from linregions.errors import InvalidValueError
from linregions.plotting.colors import LAYER_COLORS, OUTPUT_COLORS, gradient_colors, oklab_to_srgb, pattern_colors
from linregions.plotting.pictures import Picture

COLOR_BY = ("gradient", "pattern", "linear", "class", "layer", "output", "area")
# Those whose colours stand for numbers, with a colour map.
BY_NUMBER = ("output", "area")
# How much of its own colour a region has beside white, where colours stand for few things and lines go over them.
_STRENGTH = 0.6
# Pieces of regions smaller than this, relative to the region, are rounding.
_LEAST_PIECE = 1e-12


def chosen_outputs(partition: Picture, output: int | None) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return which output each region is coloured by, and its value in the mean of the region's corners."""
    maps = partition.affine_maps
    values = _in_the_middle(partition)
    if output is None:
        chosen = np.argmax(values, axis=1)
    else:
        number = as_integer(output, "output", "plot_plane", 0)
        if number >= maps.shape[1]:
            raise InvalidValueError(
                f"`output` is {number}, but plot_plane needs one below the number of outputs, {maps.shape[1]}. "
                "Count outputs from 0."
            )
        chosen = np.full(len(maps), number)
    return chosen, values[np.arange(len(maps)), chosen]


def by_gradient(partition: Picture, output: int | None, scale: float | None) -> FloatArray:
    """Return a colour for each region that tells direction and size of the gradient of an output."""
    chosen, _ = chosen_outputs(partition, output)
    maps = partition.affine_maps[np.arange(len(chosen)), chosen, :2]
    gradients = np.linalg.solve(partition.window.triangle.T, maps.T).T
    if scale is None:
        share = partition.areas / partition.areas.sum()
        scale = float(np.sqrt(share @ np.sum(gradients**2, axis=1)))
    return gradient_colors(gradients, scale, partition.patterns)


def by_linear_region(partition: Picture) -> FloatArray:
    """Return a colour for each region, the same in all parts of a linear region: that of the first one's pattern."""
    labels = partition.linear_labels
    _, first = np.unique(labels, return_index=True)
    return np.asarray(pattern_colors(partition.patterns[first])[labels])


def newest_layers(partition: Picture) -> npt.NDArray[np.intp]:
    """Return for each region the last layer that has a boundary around it, from 0; -1 where there is none."""
    offsets = np.asarray(partition.network.neuron_offsets)
    layer = np.searchsorted(offsets, partition.edge_neuron, side="right") - 1  # -1 on the window's border
    return np.asarray(np.maximum.reduceat(layer[partition.face_edges], partition.face_offsets[:-1]))


def layer_color(layer: int) -> FloatArray:
    """Return the colour of regions whose newest boundary belongs to a layer; white for none."""
    return _pale(LAYER_COLORS[layer % len(LAYER_COLORS)]) if layer >= 0 else np.ones(3)


def class_color(number: int) -> FloatArray:
    """Return the colour of a class, the same in every picture."""
    if number < len(OUTPUT_COLORS):
        return _pale(OUTPUT_COLORS[number])
    angle = 2.399963 * number  # the golden angle: neighbours differ most
    return oklab_to_srgb(0.68 + 0.12 * np.sin(1.7 * number), 0.12 * np.cos(angle), 0.12 * np.sin(angle))


def classes_in_the_middle(partition: Picture, smallest: bool = False) -> npt.NDArray[np.intp]:
    """Return the class of each region in the mean of its corners: its largest or smallest output."""
    return np.asarray(np.argmax(_scores(_in_the_middle(partition), smallest), axis=1))


def class_pieces(partition: Picture, smallest: bool = False) -> tuple[list[FloatArray], list[int]]:
    """Cut the regions in which the class changes; return the pieces, (corners, 2) in plane coordinates, and classes.

    Of several outputs the class is the largest or the smallest one, of a single one whether it is above zero, or below.
    """
    starts, sizes = partition.face_offsets[:-1], np.diff(partition.face_offsets)
    face = np.repeat(np.arange(sizes.size), sizes)
    corners = partition.vertices[partition.face_vertices]
    maps = partition.affine_maps
    values = np.einsum("sok,sk->so", maps[face][:, :, :2], corners) + maps[face][:, :, 2]
    winners = np.argmax(_scores(values, smallest), axis=1)
    # An affine function that is largest in all corners is so everywhere between.
    mixed = np.flatnonzero(np.minimum.reduceat(winners, starts) != np.maximum.reduceat(winners, starts))
    pieces, classes = [], []
    for f in mixed.tolist():
        polygon = corners[starts[f] : starts[f] + sizes[f]]
        own = _scores(maps[f].T, smallest).T
        least = _LEAST_PIECE * _doubled_area(polygon)
        for k in range(len(own)):
            piece = _where_largest(polygon, own, k)
            if len(piece) > 2 and _doubled_area(piece) > least:
                pieces.append(piece)
                classes.append(k)
    return pieces, classes


def _where_largest(polygon: FloatArray, maps: FloatArray, k: int) -> FloatArray:
    """Return the part of a convex polygon in which no affine function exceeds function k."""
    piece = polygon
    for j in range(len(maps)):
        if j == k or len(piece) < 3:
            continue
        difference = maps[k] - maps[j]
        inside = piece @ difference[:2] + difference[2]
        if np.all(inside >= 0) and (k < j or np.any(inside > 0)):  # of equal ones the first counts
            continue
        if np.all(inside <= 0):
            return piece[:0]
        after, inside_after = np.roll(piece, -1, axis=0), np.roll(inside, -1)
        crossed = (inside > 0) != (inside_after > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(crossed, inside / (inside - inside_after), 0.0)
        crossings = piece + share[:, None] * (after - piece)
        both = np.stack([piece, crossings], axis=1).reshape(-1, 2)
        piece = both[np.stack([inside > 0, crossed], axis=1).ravel()]
    return piece


def _doubled_area(polygon: FloatArray) -> float:
    u, v = (polygon - polygon[0]).T
    return float(np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v))


def _in_the_middle(partition: Picture) -> FloatArray:
    """Return the outputs of each region in the mean of its corners, shape (F, n_out)."""
    starts, sizes = partition.face_offsets[:-1], np.diff(partition.face_offsets)
    middle = np.add.reduceat(partition.vertices[partition.face_vertices], starts, axis=0) / sizes[:, None]
    maps = partition.affine_maps
    return np.asarray(np.einsum("fok,fk->fo", maps[:, :, :2], middle) + maps[:, :, 2])


def _scores(outputs: FloatArray, smallest: bool) -> FloatArray:
    """Return numbers among which the first largest is the class; those of a single output tell its sign."""
    signed = -outputs if smallest else outputs
    return np.hstack([np.zeros_like(signed), signed]) if outputs.shape[1] == 1 else signed


def _pale(color: str) -> FloatArray:
    full = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.asarray(1.0 - _STRENGTH * (1.0 - full))
