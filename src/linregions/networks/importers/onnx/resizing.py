"""Resize and Upsample: a matrix along each axis, or a gather where every new entry is an old one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from linregions._support.files import brief
from linregions._support.validation import FloatArray
from linregions.networks.importers import operators
from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import (
    Array,
    RuleError,
    axis_of,
    label,
    misfit,
    number_of,
    room,
    variable,
    whole_numbers,
)
from linregions.networks.importers.values import Builder, Value


class _Rule(NamedTuple):
    """How new places are mapped to old ones, and what is made of the entries around."""

    mode: str = "nearest"
    coordinates: str = "asymmetric"
    rounding: str = "floor"
    cubic: float = -0.75
    inside_only: bool = False


def upsample(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return Upsample, which newer versions call Resize."""
    given = node.attributes.get("scales") if node.opset < 9 else _constant(inputs, 1, "scales")
    if given is None:
        raise misfit("has no scales")
    return [_resized(builder, node, inputs[0], np.asarray(given, dtype=np.float64), None, _Rule(_mode(node)))]


def resize(builder: Builder, node: Node, inputs: list[Any]) -> list[Any]:
    """Return Resize, nearest, linear or cubic."""
    value = inputs[0]
    if node.opset < 11:
        scales, sizes = _constant(inputs, 1, "scales"), None
        rule = _Rule(_mode(node))
    else:
        scales, sizes = _constant(inputs, 2, "scales"), _constant(inputs, 3, "sizes")
        rule = _Rule(
            _mode(node),
            node.attributes.get("coordinate_transformation_mode", "half_pixel"),
            node.attributes.get("nearest_mode", "round_prefer_floor"),
            number_of(node, "cubic_coeff_a", -0.75),
            bool(node.attributes.get("exclude_outside", 0)),
        )
    if node.attributes.get("antialias", 0):
        raise RuleError("smooths before it shrinks (antialias)", "interpolation alone", "Export the model without it.")
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise RuleError("keeps the aspect ratio", "sizes that are given", "Export the model for the size itself.")
    rank = len(value.shape)
    axes = node.attributes.get("axes")
    if axes is not None:
        if not isinstance(axes, list):
            raise misfit(f"has axes = {brief(axes)}")
        places = [axis_of(axis, rank) for axis in axes]
        scales, sizes = (
            _filled(given, places, whole) for given, whole in ((scales, [1.0] * rank), (sizes, value.shape))
        )
    if scales is not None and scales.size == 0:
        scales = None
    if sizes is not None and sizes.size == 0:
        sizes = None
    return [_resized(builder, node, value, scales, sizes, rule)]


def _filled(given: Array | None, axes: list[int], whole: Any) -> Array | None:
    if given is None or given.size == 0:
        return None
    filled = np.array(whole, dtype=given.dtype)
    filled[axes] = given
    return filled


def _constant(inputs: list[Any], place: int, what: str) -> Array | None:
    given = inputs[place] if len(inputs) > place else None
    if isinstance(given, Value):
        raise variable(f"its {what}")
    return given


def _mode(node: Node) -> str:
    mode = node.attributes.get("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear", "cubic"):
        raise misfit(f"has the mode {brief(mode)!r}")
    return "linear" if mode == "bilinear" else str(mode)


def _resized(
    builder: Builder, node: Node, value: Value, scales: Array | None, sizes: Array | None, rule: _Rule
) -> Value:
    if (scales is None) == (sizes is None):
        raise misfit("has both or neither of scales and sizes")
    shape = value.shape
    if sizes is not None:
        counts = whole_numbers(sizes, "sizes")
        if len(counts) != len(shape) or min(counts) < 1:
            raise misfit(f"makes the sizes {brief(counts)} of {shape}")
        factors = [count / size for count, size in zip(counts, shape, strict=True)]
    else:
        assert scales is not None
        factors = [float(factor) for factor in scales.ravel()]
        if len(factors) != len(shape) or not all(math.isfinite(factor) and factor > 0 for factor in factors):
            raise misfit(f"has the scales {brief(factors)} for {shape}")
        counts = [math.floor(size * factor) for size, factor in zip(shape, factors, strict=True)]
    room(counts)
    changed = [k for k, size in enumerate(shape) if counts[k] != size or factors[k] != 1.0]
    for k in changed:
        room((counts[k], shape[k]))
    if rule.mode == "nearest":
        index = builder.index(value)
        for k in changed:
            index = np.take(index, _nearest(shape[k], counts[k], factors[k], rule), axis=k)
        return builder.gather(value, index, label(node))
    interpolate = _linear if rule.mode == "linear" else _cubic
    matrices = {k: interpolate(shape[k], counts[k], factors[k], rule) for k in changed}
    builder.matrices.must_fit(math.prod(counts) * math.prod(2 if rule.mode == "linear" else 4 for _ in changed))
    return operators.along(builder, value, matrices, label(node))


def _old_places(n: int, count: int, factor: float, rule: _Rule) -> FloatArray:
    """Return the place in the old axis that each place of the new one stands for."""
    new = np.arange(count, dtype=np.float64)
    kind = rule.coordinates
    if kind == "asymmetric":
        return new / factor
    if kind == "align_corners":
        # With the factor that was given, which need not be count / n.
        length = n * factor
        return new * ((n - 1) / (length - 1)) if length != 1 else np.zeros(count)
    if kind == "pytorch_half_pixel" and n * factor <= 1:
        return np.zeros(count)
    if kind in ("half_pixel", "pytorch_half_pixel"):
        return (new + 0.5) / factor - 0.5
    if kind == "half_pixel_symmetric":
        adjusted = count / (n * factor)
        return n / 2 * (1 - adjusted) + (new + 0.5) / factor - 0.5
    if kind == "tf_half_pixel_for_nn":
        return (new + 0.5) / factor
    raise RuleError(
        f"has the coordinates {brief(kind)!r}",
        "half_pixel, pytorch_half_pixel, half_pixel_symmetric, align_corners or asymmetric",
        "Export the model with one of these.",
    )


def _nearest(n: int, count: int, factor: float, rule: _Rule) -> Array:
    places = _old_places(n, count, factor, rule)
    if rule.rounding == "round_prefer_floor":
        whole = np.ceil(places - 0.5)
    elif rule.rounding == "round_prefer_ceil":
        whole = np.floor(places + 0.5)
    elif rule.rounding in ("floor", "ceil"):
        whole = np.floor(places) if rule.rounding == "floor" else np.ceil(places)
    else:
        raise misfit(f"has nearest_mode = {brief(rule.rounding)!r}")
    return np.clip(whole, 0, n - 1).astype(np.int64)


def _linear(n: int, count: int, factor: float, rule: _Rule) -> FloatArray:
    places = np.clip(_old_places(n, count, factor, rule), 0, n - 1)
    low = np.minimum(np.floor(places).astype(np.int64), n - 1)
    return _weighted(n, low[:, None] + np.arange(2), np.stack([1 - (places - low), places - low], axis=1))


def _cubic(n: int, count: int, factor: float, rule: _Rule) -> FloatArray:
    places = _old_places(n, count, factor, rule)
    low = np.floor(places).astype(np.int64)
    near, a = places - low, rule.cubic
    far = [near + 1, near, 1 - near, 2 - near]
    weights = np.stack(
        [
            ((a * far[0] - 5 * a) * far[0] + 8 * a) * far[0] - 4 * a,
            ((a + 2) * far[1] - (a + 3)) * far[1] ** 2 + 1,
            ((a + 2) * far[2] - (a + 3)) * far[2] ** 2 + 1,
            ((a * far[3] - 5 * a) * far[3] + 8 * a) * far[3] - 4 * a,
        ],
        axis=1,
    )
    entries = low[:, None] + np.arange(-1, 3)
    if rule.inside_only:
        weights = np.where((entries >= 0) & (entries < n), weights, 0.0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    return _weighted(n, entries, weights)


def _weighted(n: int, entries: Array, weights: FloatArray) -> FloatArray:
    """Return the matrix that adds weighted entries, those outside taken at the edge."""
    matrix = np.zeros((len(entries), n))
    np.add.at(matrix, (np.arange(len(entries))[:, None], np.clip(entries, 0, n - 1)), weights)
    return matrix
