"""Read a module in training into a Network, without touching it."""

from __future__ import annotations

import contextlib
import copy
import importlib
from typing import Any

from linregions._support.validation import require
from linregions.networks.importers import from_torch
from linregions.networks.network import Network

_WHO = "Tracker"


def network_of(module: Any, example_input: Any) -> Network:
    """Return the function that the module computes in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Module or Network
    example_input : torch.Tensor or array_like, optional
        As in `from_torch`.
    """
    if isinstance(module, Network):
        return module
    torch = _torch()
    if isinstance(module, torch.nn.Module):
        module = _unwrapped(torch, module)
        if any(child.training for child in module.modules()):
            # Deep copies neither draw random numbers nor carry gradients along.
            with contextlib.suppress(Exception):  # `from_torch` copies as well, and says why it cannot
                module = copy.deepcopy(module).eval()
    return from_torch(module, example_input)


def not_finite(module: Any) -> str:
    """Say which parameter holds NaN or infinity; an empty string where none does.

    Parameters
    ----------
    module : torch.nn.Module
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        return ""  # `from_torch` says what is wrong
    for name, parameter in _unwrapped(torch, module).named_parameters():
        if torch.nn.parameter.is_lazy(parameter) or parameter.is_meta:
            continue
        if not bool(torch.isfinite(parameter.detach()).all()):
            return f"NaN or infinity in {name}"
    return ""


def _torch() -> Any:
    return require("torch", "torch", _WHO, lambda: importlib.import_module("torch"))


def _unwrapped(torch: Any, module: Any) -> Any:
    """Return the module within `torch.compile` and the wrappers for several devices."""
    wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in getattr(module, "_modules", {}):
            module = module._orig_mod
        else:
            return module
