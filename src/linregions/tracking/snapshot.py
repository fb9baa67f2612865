"""Read a module in training into a Network, without touching it."""

from __future__ import annotations

import contextlib
import copy
import importlib
from typing import Any

from linregions._support.validation import require
from linregions.errors import InvalidValueError
from linregions.networks.importers import from_torch
from linregions.networks.importers.torch.copies import computed, unwrapped
from linregions.networks.network import Network

_WHO = "Tracker"


def read_network(module: Any, example_input: Any, first: bool) -> tuple[Network | None, str]:
    """Return the network of a module, or why there is none just now; the first one has to be there, or it raises."""
    trouble = "" if isinstance(module, Network) else _not_finite(module)
    if trouble:
        return None, trouble
    try:
        return _network_of(module, example_input), ""
    except InvalidValueError as error:
        if first:
            raise
        return None, str(error)


def _network_of(module: Any, example_input: Any) -> Network:
    """Return the function that a module, or Network, computes in evaluation mode; the input as in `from_torch`."""
    if isinstance(module, Network):
        return module
    torch = _torch()
    if isinstance(module, torch.nn.Module):
        module = unwrapped(torch, module)
        if any(child.training for child in module.modules()):
            # Deep copies neither draw random numbers nor carry gradients along.
            with contextlib.suppress(Exception):  # `from_torch` copies as well, and says why it cannot
                module = copy.deepcopy(module, computed(torch, module)).eval()
    return from_torch(module, example_input)


def _not_finite(module: Any) -> str:
    """Say which parameter of a module holds NaN or infinity; an empty string where none does."""
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        return ""  # `from_torch` says what is wrong
    for name, parameter in unwrapped(torch, module).named_parameters():
        if torch.nn.parameter.is_lazy(parameter) or parameter.is_meta:
            continue
        if not bool(torch.isfinite(parameter.detach()).all()):
            return f"NaN or infinity in {name}"
    return ""


def _torch() -> Any:
    return require("torch", "torch", _WHO, lambda: importlib.import_module("torch"))
