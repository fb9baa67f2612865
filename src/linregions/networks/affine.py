"""Affine steps and what stands between them, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray, as_float_array, frozen
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.activations import PiecewiseLinear, as_activation


@dataclass(frozen=True, eq=False)
class AffineLayer:
    """One dense affine step ``x -> weight @ x + bias``.

    Parameters
    ----------
    weight : ndarray of float64, shape (n_out, n_in)
    bias : ndarray of float64, shape (n_out,)
    """

    weight: FloatArray
    bias: FloatArray

    def linear(self, stack: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Apply the linear part to a stack of tensors, shape (..., n_in) -> (..., n_out); into `out` if given."""
        return np.asarray(np.matmul(stack, self.weight.T, out=out))

    def __call__(self, stack: FloatArray) -> FloatArray:
        """Apply the whole step to a stack of tensors, shape (..., n_in) -> (..., n_out)."""
        return np.asarray(self.linear(stack) + self.bias)


def affine_layers(layers: Iterable[Any], who: str) -> tuple[AffineLayer, ...]:
    """Return the affine steps of weights and biases, in pairs or one after the other, or raise."""
    steps: list[AffineLayer] = []
    try:
        pairs = [tuple(pair) for pair in _paired(list(layers), who)]
    except TypeError:
        raise InvalidTypeError(
            f"`layers` is no list of pairs, but {who} needs (weight, bias) pairs. Give e.g. `[(W0, b0), (W1, b1)]`."
        ) from None
    if not pairs:
        raise InvalidValueError(
            f"`layers` is empty, but {who} needs at least one (weight, bias). Give the output layer at least."
        )
    for k, pair in enumerate(pairs):
        if len(pair) != 2:
            raise InvalidTypeError(
                f"`layers[{k}]` has {len(pair)} entries, but {who} needs (weight, bias). "
                "Give zeros for a layer without bias."
            )
        weight = as_float_array(pair[0], f"layers[{k}] weight", who, ndim=2)
        bias = as_float_array(pair[1], f"layers[{k}] bias", who, ndim=1)
        if weight.size == 0:
            raise InvalidValueError(
                f"`layers[{k}]` weight has shape {weight.shape}, but {who} needs at least one unit and one "
                "input. Leave the layer out."
            )
        if bias.shape[0] != weight.shape[0]:
            raise InvalidValueError(
                f"`layers[{k}]` has a weight of shape {weight.shape} and a bias of shape {bias.shape}, but "
                f"{who} needs one bias for each row. Transpose the weight if it is stored as (n_in, n_out)."
            )
        if steps and weight.shape[1] != steps[-1].weight.shape[0]:
            raise InvalidValueError(
                f"`layers[{k}]` weight takes {weight.shape[1]} inputs, but {who} needs the "
                f"{steps[-1].weight.shape[0]} outputs of layer {k - 1}. Check the order of the layers."
            )
        steps.append(AffineLayer(frozen(weight), frozen(bias)))
    return tuple(steps)


def hidden_activations(given: Any, n_hidden: int, who: str) -> tuple[PiecewiseLinear, ...]:
    """Return one activation for each hidden layer, or raise."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != n_hidden:
            raise InvalidValueError(
                f"`activation` has {len(given)} entries, but {who} needs {n_hidden}, one after each layer but "
                "the last. Give one for all, or one for each hidden layer."
            )
        return tuple(as_activation(entry, "activation", who) for entry in given)
    return (as_activation(given, "activation", who),) * n_hidden


def _paired(layers: list[Any], who: str) -> list[Any]:
    """Return weights and biases in pairs, also if they come one after the other."""
    n_axes = [_axes(entry) for entry in layers]
    if not n_axes or n_axes[0] != 2 or set(n_axes[1::2]) - {1}:
        return layers
    if len(layers) % 2:
        raise InvalidValueError(
            f"`layers` has {len(layers)} arrays one after the other, but {who} needs a bias after each weight. "
            "Give zeros for a layer without bias."
        )
    return list(zip(layers[::2], layers[1::2], strict=True))


def _axes(entry: Any) -> int:
    """Return the number of axes of an array or of nested lists; -1 for anything else, such as (weight, bias)."""
    if hasattr(entry, "ndim"):
        return int(entry.ndim)
    try:
        return np.ndim(entry)
    except Exception:  # ragged, or lists of tensors
        return -1
