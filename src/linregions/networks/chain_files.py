"""Chains of dense layers as plain named arrays, for NPZ files, and back, without trusting the file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief
from linregions.errors import FileFormatError
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.affine import AffineLayer

_FORMAT = "linregions-network-1"
_Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def chain_to_arrays(
    layers: Sequence[AffineLayer], activations: Sequence[PiecewiseLinear]
) -> dict[str, npt.NDArray[Any]]:
    """Return layers and activations as named arrays."""
    arrays: dict[str, npt.NDArray[Any]] = {"format": np.array(_FORMAT), "depth": np.array(len(layers))}
    for k, layer in enumerate(layers):
        arrays[f"W{k}"], arrays[f"b{k}"] = layer.weight, layer.bias
    for k, activation in enumerate(activations):
        arrays[f"activation{k}_name"] = np.array(activation.name)
        arrays[f"activation{k}_breakpoints"] = np.array(activation.breakpoints)
        arrays[f"activation{k}_slopes"] = np.array(activation.slopes)
        arrays[f"activation{k}_anchor"] = np.array(activation.anchor)
    return arrays


def chain_from_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], path: str | os.PathLike[str], who: str
) -> tuple[list[_Pair], list[PiecewiseLinear]]:
    """Return weights with biases, and activations, from a file's arrays, or raise FileFormatError."""
    found = f"`path` is {os.fspath(path)!r}, which holds"
    if "format" in arrays and str(arrays["format"]) != _FORMAT:
        raise FileFormatError(
            f"{found} the format {brief(arrays['format'])!r}, but {who} needs {_FORMAT!r}. "
            "Write it with this version's `Network.save`."
        )
    # One layer more than there are biases, say, is a file that lost something, not a smaller network.
    depth = sum(re.fullmatch(r"W\d+", key) is not None for key in arrays)
    needed = {f"{letter}{k}" for k in range(depth) for letter in "Wb"}
    given = {key for key in arrays if re.fullmatch(r"[Wb]\d+", key)}
    if depth == 0 or given != needed or not _is_number(arrays.get("depth"), depth):
        raise FileFormatError(
            f"{found} {', '.join(sorted(arrays)[:6]) or 'nothing'}{', ...' if len(arrays) > 6 else ''}, but {who} "
            "needs the arrays W0, b0, W1, b1, ... of every layer. Write it with `Network.save`."
        )
    activations: list[PiecewiseLinear] = []
    for k in range(depth - 1):
        keys = [f"activation{k}_{part}" for part in ("breakpoints", "slopes", "anchor", "name")]
        missing = [key for key in keys if key not in arrays]
        if len(missing) == len(keys):
            activations.append(RELU)
            continue
        if missing:
            raise FileFormatError(
                f"{found} no {missing[0]}, but {who} needs every part of an activation. "
                "Write it with `Network.save`, or leave all parts out for ReLU."
            )
        breakpoints, slopes, anchor, name = (arrays[key] for key in keys)
        activations.append(PiecewiseLinear(breakpoints, slopes, anchor, str(name)))  # type: ignore[arg-type]
    return [(arrays[f"W{k}"], arrays[f"b{k}"]) for k in range(depth)], activations


def _is_number(array: npt.NDArray[Any] | None, number: int) -> bool:
    """Return whether an array is this single integer; files of others have none."""
    return array is None or (array.dtype.kind in "iu" and array.shape == () and int(array) == number)
