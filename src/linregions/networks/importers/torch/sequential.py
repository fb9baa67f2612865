"""``torch.nn.Sequential`` of fully connected layers -> Network, read layer by layer, checked against its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray, as_float_array
from linregions.errors import InvalidValueError
from linregions.networks.activations import HARD_SIGMOID, HARD_TANH, IDENTITY, RELU, RELU6, PiecewiseLinear, leaky_relu
from linregions.networks.importers.torch.copies import located
from linregions.networks.network import Network

_WHO = "from_torch"
_Affine = tuple[FloatArray, FloatArray]
_Step = _Affine | PiecewiseLinear


def reads(torch: Any, module: Any) -> bool:
    """Tell whether a module is layers in a row, of kinds that this reader knows."""
    rules = _Reader(torch).rules
    for _, layer in _leaves(torch, module):
        forward = getattr(type(layer), "forward", None)
        if forward not in rules or layer._forward_pre_hooks:  # weight_norm and prune compute the weight in such hooks
            return False
        if isinstance(layer, torch.nn.PReLU) and layer.weight.numel() != 1:
            return False
        if isinstance(layer, torch.nn.Flatten) and (layer.start_dim, layer.end_dim) != (1, -1):
            return False
    return True


def from_layers_in_a_row(torch: Any, module: Any, example_input: Any) -> Network:
    """Return the network of layers in a row, checked; the module is a float64 copy that may be changed."""
    reader = _Reader(torch)
    steps = [step for position, child in _leaves(torch, module) for step in reader.read(position, child)]
    example = None if example_input is None else _as_example(torch, example_input)
    n_in = _number_of_inputs(steps, example, reader.flattens_first)
    network = _assemble(steps, n_in)
    _check_output(torch, module.eval(), network, example)
    return network


def _leaves(torch: Any, module: Any, position: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers in the order in which nested Sequentials apply them."""
    if getattr(type(module), "forward", None) is not torch.nn.Sequential.forward:
        yield position, module
        return
    # `_modules`, since `named_children` leaves out a layer that is used a second time.
    for name, child in module._modules.items():
        yield from _leaves(torch, child, f"{position}.{name}" if position else name)


class _Reader:
    """One rule per kind of layer; a subclass with its own `forward` has none."""

    def __init__(self, torch: Any) -> None:
        nn = torch.nn
        self.flattens_first = False
        self._seen_linear = False
        rules: dict[Any, Callable[[str, Any], list[_Step]]] = {
            nn.Linear: self._linear,
            nn.ReLU: lambda position, module: [RELU],
            nn.LeakyReLU: lambda position, module: _leaky(module.negative_slope),
            nn.PReLU: self._prelu,
            nn.Hardtanh: lambda position, module: _clamp(module.min_val, module.max_val),  # and ReLU6, a subclass
            nn.Hardsigmoid: lambda position, module: [HARD_SIGMOID],
            nn.Flatten: self._flatten,
            nn.Dropout: self._dropout,
            nn.AlphaDropout: self._dropout,
            nn.Identity: lambda position, module: [],
        }
        self.rules = {kind.forward: rule for kind, rule in rules.items()}

    def read(self, position: str, module: Any) -> list[_Step]:
        """Return the steps of one layer: one, or none where it changes nothing."""
        return self.rules[type(module).forward](position, module)

    def _linear(self, position: str, module: Any) -> list[_Step]:
        self._seen_linear = True
        prefix = f"module.{position}." if position else "module."
        weight = as_float_array(module.weight, f"{prefix}weight", _WHO, ndim=2)
        if module.bias is None:
            return [(weight, np.zeros(weight.shape[0]))]
        return [(weight, as_float_array(module.bias, f"{prefix}bias", _WHO, ndim=1))]

    def _prelu(self, position: str, module: Any) -> list[_Step]:
        name = f"module.{position}.weight" if position else "module.weight"
        return _leaky(float(as_float_array(module.weight.reshape(()), name, _WHO, ndim=0)))

    def _flatten(self, position: str, module: Any) -> list[_Step]:
        self.flattens_first = self.flattens_first or not self._seen_linear
        return []

    def _dropout(self, position: str, module: Any) -> list[_Step]:
        if module.training and module.p > 0:
            raise InvalidValueError(
                f"`module` {located(position, type(module).__name__)} (p = {module.p:g}) in training mode, but {_WHO} "
                "needs a function without chance. Call `module.eval()` first."
            )
        return []


def _leaky(slope: float) -> list[_Step]:
    if slope == 1.0:
        return []
    return [RELU if slope == 0.0 else leaky_relu(slope)]


def _clamp(low: float, high: float) -> list[_Step]:
    """Return min(max(t, low), high); an infinite limit is none."""
    low, high = float(low), float(high)
    for known in (HARD_TANH, RELU6):
        if known.breakpoints == (low, high):
            return [known]
    points = [limit for limit in (low, high) if np.isfinite(limit)]
    if not points:
        return []
    slopes = [0.0] * bool(np.isfinite(low)) + [1.0] + [0.0] * bool(np.isfinite(high))
    return [PiecewiseLinear(tuple(points), tuple(slopes), (points[0], points[0]), name=f"clamp({low:g}, {high:g})")]


def _as_example(torch: Any, value: Any) -> FloatArray:
    """Return the example with a batch axis."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().to(torch.float64)
    example = as_float_array(value, "example_input", _WHO)
    if example.size == 0 or example.ndim == 0:
        raise InvalidValueError(
            f"`example_input` has shape {example.shape}, but {_WHO} needs at least one input. "
            "Give shape (batch, ...) or (n_in,)."
        )
    return example[None] if example.ndim == 1 else example


def _number_of_inputs(steps: list[_Step], example: FloatArray | None, flattens_first: bool) -> int:
    first = next((step for step in steps if not isinstance(step, PiecewiseLinear)), None)
    if example is None:
        if first is None:
            raise InvalidValueError(
                f"`module` has no Linear, so its number of inputs is unknown, but {_WHO} needs it. "
                "Give `example_input`."
            )
        return int(first[0].shape[1])
    n_in = int(np.prod(example.shape[1:]))
    if example.ndim > 2 and not flattens_first:
        raise InvalidValueError(
            f"`example_input` has shape {example.shape}, but {_WHO} needs vectors, shape (batch, n_in), for a model "
            "that does not flatten them. Put `nn.Flatten()` first."
        )
    if first is not None and first[0].shape[1] != n_in:
        raise InvalidValueError(
            f"`example_input` has shape {example.shape}, that is {n_in} inputs for each of {example.shape[0]} points, "
            f"but {_WHO} needs {first[0].shape[1]} for the first Linear. Add the batch axis with `example_input[None]` "
            "if it is missing."
        )
    return n_in


def _assemble(steps: list[_Step], n_in: int) -> Network:
    """Alternate affine steps and activations, with identities where one is missing."""
    layers: list[_Affine] = []
    activations: list[PiecewiseLinear] = []
    width = n_in
    for step in steps:
        if isinstance(step, PiecewiseLinear):
            if len(layers) == len(activations):
                layers.append((np.eye(width), np.zeros(width)))
            activations.append(step)
            continue
        if step[0].shape[1] != width:
            raise InvalidValueError(
                f"`module` has a Linear that takes {step[0].shape[1]} inputs after {width} units, but {_WHO} needs "
                "layers that fit. Check the order of the layers."
            )
        if len(layers) > len(activations):
            activations.append(IDENTITY)
        layers.append(step)
        width = step[0].shape[0]
    if len(layers) == len(activations):
        layers.append((np.eye(width), np.zeros(width)))
    return Network.from_layers(layers, activations)


def _check_output(torch: Any, module: Any, network: Network, example: FloatArray | None) -> None:
    """Compare with the module (in float64, evaluation mode) at fixed random points and at the example."""
    points = np.random.default_rng(0).normal(size=(16, network.n_in))
    points[8:] *= 10.0  # beyond the breakpoints of clamped activations, too
    batches = [points] if example is None else [points.reshape(16, *example.shape[1:]), example]
    theirs = np.concatenate([_run(torch, module, batch, network.n_out) for batch in batches])
    flat = np.concatenate([batch.reshape(len(batch), network.n_in) for batch in batches])
    error = np.abs(network(flat) - theirs)
    wrong = ~(error <= 1e-9 * _terms(network, flat).max(axis=0))
    if wrong.any():
        raise InvalidValueError(
            f"`module` is not reproduced by the imported layers (outputs differ by up to {error[wrong].max():.3g} at "
            f"{len(flat)} points), but {_WHO} needs them to agree. Remove hooks and whatever else changes the output."
        )


def _run(torch: Any, module: Any, batch: FloatArray, n_out: int) -> FloatArray:
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            output = np.asarray(module(torch.tensor(batch)).numpy())  # a copy: an in-place activation may come first
    except Exception as error:
        raise InvalidValueError(
            f"`module` fails on an input of shape {batch.shape} ({error}), but {_WHO} needs its output to check the "
            "import. Give an `example_input` that it takes."
        ) from error
    if output.shape != (len(batch), n_out):
        raise InvalidValueError(
            f"`module` returns shape {output.shape} for {len(batch)} points, but {_WHO} needs "
            f"{(len(batch), n_out)}, as the imported layers give. Remove hooks and whatever else changes the output."
        )
    return output


def _terms(network: Network, points: FloatArray) -> FloatArray:
    """Return what each output adds up, in absolute values, so that outputs near zero are judged fairly."""
    last = network.layers[-1]
    if len(network.layers) == 1:
        return np.abs(points) @ np.abs(last.weight).T + np.abs(last.bias)
    before, activation = network.layers[-2], network.activations[-1]
    z = network.pre_activations(points)
    inputs = points if len(z) == 1 else network.activations[-2](z[-2])
    sums = np.abs(inputs) @ np.abs(before.weight).T + np.abs(before.bias)
    hidden = np.abs(activation(z[-1])) + max(map(abs, activation.slopes)) * sums
    return np.asarray(hidden @ np.abs(last.weight).T + np.abs(last.bias))
