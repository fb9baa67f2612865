"""What a module is called with, from the caller's example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from linregions._support.validation import FloatArray, as_float_array
from linregions.errors import InvalidValueError

_WHO = "from_torch"


class Inputs(NamedTuple):
    """What a module is called with: positional or by keyword, each with a batch axis."""

    names: tuple[str, ...]  # of keywords; empty for positional ones
    arrays: tuple[FloatArray, ...]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes with a batch of one."""
        return [(1, *array.shape[1:]) for array in self.arrays]

    def rows(self) -> FloatArray:
        """Return the examples as flat points."""
        return np.concatenate([array.reshape(len(array), -1) for array in self.arrays], axis=1)

    def call(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return arguments and keywords."""
        if self.names:
            return (), dict(zip(self.names, tensors, strict=True))
        return tuple(tensors), {}


def as_inputs(torch: Any, module: Any, example: Any) -> Inputs:
    """Return the caller's example, or one for a module that tells its size, as arrays with a batch axis."""
    if example is None:
        example = _guessed(torch, module)
    if isinstance(example, Mapping):
        names, parts = tuple(map(str, example)), list(example.values())
    elif isinstance(example, tuple) or (
        isinstance(example, list) and example and all(isinstance(part, torch.Tensor) for part in example)
    ):
        names, parts = (), list(example)
    else:
        names, parts = (), [example]
    arrays = []
    for part in parts:
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu()
        array = as_float_array(part, "example_input", _WHO)
        if array.size == 0 or array.ndim == 0:
            raise InvalidValueError(
                f"`example_input` has shape {array.shape}, but {_WHO} needs at least one input. "
                "Give shape (batch, ...) or (n_in,), and a tuple for several inputs."
            )
        arrays.append(array[None] if array.ndim == 1 else array)
    if not arrays or len({len(array) for array in arrays}) > 1:
        raise InvalidValueError(
            f"`example_input` has {[len(array) for array in arrays]} points, but {_WHO} needs as many of each input. "
            "Give all with the same batch axis."
        )
    return Inputs(names, tuple(arrays))


def _guessed(torch: Any, module: Any) -> FloatArray:
    """Return an example for a Sequential that begins with a Linear."""
    first = module
    while isinstance(first, torch.nn.Sequential) and len(first):
        first = next(iter(first._modules.values()))
    if type(first) is torch.nn.Linear:
        return np.zeros((1, first.in_features))
    raise InvalidValueError(
        f"`example_input` is missing, but {_WHO} needs the shape of what {type(module).__name__} takes. "
        "Give an example with a batch axis, e.g. `example_input=torch.zeros(1, 3, 32, 32)` for images."
    )
