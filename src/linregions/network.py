"""Networks: affine steps with a piecewise-linear activation after each but the last."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._files import read_npz, write_npz
from linregions._validation import FloatArray, as_float_array, as_integer, frozen
from linregions.activations import RELU, PiecewiseLinear
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError

_FORMAT = "linregions-network-1"


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


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A feed-forward network with piecewise-linear activations, in float64, that never changes.

    Make one with `Network.from_layers`, `random_network`, `from_torch` or `Network.load`.

    Parameters
    ----------
    layers : tuple of AffineLayer
        The affine steps, in order; the last one has no activation after it.
    activations : tuple of PiecewiseLinear, one fewer than layers
        The activation after each step but the last.

    Notes
    -----
    *Neurons* are the units of hidden layers whose activation has at least one breakpoint; they are numbered
    through all layers in order (`neuron_offsets`). Units of an identity layer can never switch and are not
    counted. The paper writes a neuron as ``phi(z(x) - b_z)``; here ``bias = -b_z`` as in every framework.

    References
    ----------
    Hanin & Rolnick (2019), section 5 and Appendix A.
    """

    layers: tuple[AffineLayer, ...]
    activations: tuple[PiecewiseLinear, ...]

    @classmethod
    def from_layers(
        cls,
        layers: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
        activation: PiecewiseLinear | Sequence[PiecewiseLinear] = RELU,
    ) -> Network:
        """Build a network from weights and biases.

        Parameters
        ----------
        layers : iterable of (weight, bias)
            Weight of shape (n_out, n_in) and bias of shape (n_out,) of each affine step ``W @ x + b``.
        activation : PiecewiseLinear or sequence of them
            Applied between the steps: one for all, or one for each step but the last.

        Returns
        -------
        Network

        Raises
        ------
        InvalidValueError
            If there is no layer, shapes do not fit each other, or a number is NaN or infinite.
        InvalidTypeError
            If a layer is no pair or an activation no `PiecewiseLinear`.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
        >>> net([[-3.0], [2.0]])  # |x|
        array([[3.],
               [2.]])
        """
        who = "Network.from_layers"
        steps: list[AffineLayer] = []
        try:
            pairs = [tuple(pair) for pair in layers]
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
        n_hidden = len(steps) - 1
        given: Any = activation  # a caller without type checks may hand in anything
        if isinstance(given, PiecewiseLinear):
            chosen: tuple[Any, ...] = (given,) * n_hidden
        elif isinstance(given, Sequence) and not isinstance(given, str):
            chosen = tuple(given)
            if len(chosen) != n_hidden:
                raise InvalidValueError(
                    f"`activation` has {len(chosen)} entries, but {who} needs {n_hidden}, one after each layer but "
                    "the last. Give one for all, or one for each hidden layer."
                )
        else:
            chosen = (given,)
        for entry in chosen:
            if not isinstance(entry, PiecewiseLinear):
                raise InvalidTypeError(
                    f"`activation` holds {entry!r} ({type(entry).__name__}), but {who} needs PiecewiseLinear. "
                    "Use e.g. `linregions.RELU` or build a `linregions.PiecewiseLinear`."
                )
        return cls(tuple(steps), chosen)

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.layers[0].weight.shape[1])

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.layers[-1].weight.shape[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of units in the input, every hidden layer and the output."""
        return (self.n_in, *(int(layer.weight.shape[0]) for layer in self.layers))

    @cached_property
    def neuron_offsets(self) -> tuple[int, ...]:
        """Number of neurons before each hidden layer, and at the end the number of all."""
        offsets = [0]
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            offsets.append(offsets[-1] + (layer.weight.shape[0] if activation.n_breakpoints else 0))
        return tuple(offsets)

    @property
    def n_neurons(self) -> int:
        """Number of neurons: hidden units whose activation has a breakpoint."""
        return self.neuron_offsets[-1]

    def locate_neuron(self, neuron: int) -> tuple[int, int]:
        """Return (hidden layer, index in the layer) of a neuron's flat number, both from 0.

        Raises
        ------
        InvalidValueError
            If there is no such neuron.
        """
        number = as_integer(neuron, "neuron", "locate_neuron", 0)
        if number >= self.n_neurons:
            raise InvalidValueError(
                f"`neuron` is {number}, but locate_neuron needs one below the number of neurons, {self.n_neurons}. "
                "Border edges have the number -1 and no neuron."
            )
        layer = int(np.searchsorted(self.neuron_offsets, number, side="right")) - 1
        return layer, number - self.neuron_offsets[layer]

    def _inputs(self, x: npt.ArrayLike, who: str) -> FloatArray:
        points = as_float_array(x, "x", who)
        if points.ndim == 0 or points.shape[-1] != self.n_in:
            raise InvalidValueError(
                f"`x` has shape {points.shape}, but this network needs a last axis of {self.n_in} inputs. "
                f"Reshape it to (..., {self.n_in})."
            )
        return points

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate the network.

        Parameters
        ----------
        x : array_like, shape (..., n_in)

        Returns
        -------
        ndarray of float64, shape (..., n_out)
        """
        values = self._inputs(x, "Network")
        for layer, activation in zip(self.layers, (*self.activations, None), strict=True):
            values = layer(values)
            if activation is not None:
                values = activation(values)
        return values

    def pre_activations(self, x: npt.ArrayLike) -> list[FloatArray]:
        """Return the pre-activation (bias included) of every hidden layer, each of shape (..., width)."""
        values = self._inputs(x, "pre_activations")
        result = []
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            result.append(layer(values))
            values = activation(result[-1])
        return result

    def patterns(self, x: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return the activation pattern at each point: the linear piece that every neuron is on.

        Parameters
        ----------
        x : array_like, shape (..., n_in)

        Returns
        -------
        ndarray of uint8, shape (..., n_neurons)
            Number of breakpoints strictly below the pre-activation: 0 or 1 for ReLU, 0..T in general.
        """
        pieces = [
            activation.pieces(values)
            for values, activation in zip(self.pre_activations(x), self.activations, strict=True)
            if activation.n_breakpoints
        ]
        if not pieces:
            return np.zeros((*np.shape(x)[:-1], 0), dtype=np.uint8)
        return np.concatenate(pieces, axis=-1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an NPZ file (no pickle), whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.npz``; missing folders are made.

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        write_npz(path, network_to_arrays(self), "Network.save")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a network written by `save`, or any NPZ with arrays ``W0, b0, W1, b1, ...`` (then ReLU).

        Raises
        ------
        InvalidValueError
            If there is no such file, or it holds NaN or layers that do not fit.
        FileFormatError
            If the file is truncated, pickled or holds no network.
        """
        return network_from_arrays(read_npz(path, "Network.load"), path, "Network.load")

    def __repr__(self) -> str:
        names = {activation.name for activation in self.activations}
        return (
            f"Network({' -> '.join(map(str, self.widths))}, {self.n_neurons} neurons, "
            f"activation {', '.join(sorted(names)) or 'none'})"
        )


def network_to_arrays(network: Network) -> dict[str, npt.NDArray[Any]]:
    """Return a network as named arrays, for an NPZ file."""
    arrays: dict[str, npt.NDArray[Any]] = {"format": np.array(_FORMAT), "depth": np.array(len(network.layers))}
    for k, layer in enumerate(network.layers):
        arrays[f"W{k}"], arrays[f"b{k}"] = layer.weight, layer.bias
    for k, activation in enumerate(network.activations):
        arrays[f"activation{k}_name"] = np.array(activation.name)
        arrays[f"activation{k}_breakpoints"] = np.array(activation.breakpoints)
        arrays[f"activation{k}_slopes"] = np.array(activation.slopes)
        arrays[f"activation{k}_anchor"] = np.array(activation.anchor)
    return arrays


def network_from_arrays(arrays: dict[str, npt.NDArray[Any]], path: str | os.PathLike[str], who: str) -> Network:
    """Build a network from the arrays of `network_to_arrays`, read from `path`, or raise FileFormatError."""
    found = f"`path` is {os.fspath(path)!r}, which holds"
    if "format" in arrays and str(arrays["format"]) != _FORMAT:
        raise FileFormatError(
            f"{found} the format {str(arrays['format'])!r}, but {who} needs {_FORMAT!r}. "
            "Write it with this version's `Network.save`."
        )
    # One layer more than there are biases, say, is a file that lost something, not a smaller network.
    depth = sum(re.fullmatch(r"W\d+", key) is not None for key in arrays)
    needed = {f"{letter}{k}" for k in range(depth) for letter in "Wb"}
    given = {key for key in arrays if re.fullmatch(r"[Wb]\d+", key)}
    if depth == 0 or given != needed or ("depth" in arrays and not np.array_equal(arrays["depth"], depth)):
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
    return Network.from_layers([(arrays[f"W{k}"], arrays[f"b{k}"]) for k in range(depth)], activations)
