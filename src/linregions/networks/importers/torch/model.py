"""PyTorch modules -> Network: layers in a row are read, everything else is exported and walked through."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from linregions._support.validation import FloatArray, as_float_array
from linregions.errors import InvalidValueError, UnsupportedModuleError
from linregions.networks.graph import Graph
from linregions.networks.importers.check import check_against
from linregions.networks.importers.normalisation import scale_and_shift
from linregions.networks.importers.stand_ins import StandIns
from linregions.networks.importers.torch.copies import check_mode, checked, load_torch, working_copy
from linregions.networks.importers.torch.inputs import Inputs, as_inputs
from linregions.networks.importers.torch.original import SINGLE, Original
from linregions.networks.importers.torch.sequential import from_layers_in_a_row, reads
from linregions.networks.importers.torch.walk import DROPS, Walk
from linregions.networks.importers.values import Builder
from linregions.networks.network import Network

_WHO = "from_torch"


def from_torch(
    module: Any,
    example_input: Any = None,
    *,
    drop_last: str | None = None,
    scale: Any = None,
    shift: Any = None,
) -> Network:
    """Convert a PyTorch module to a Network.

    Parameters
    ----------
    module : torch.nn.Module
        Of any architecture, as long as it computes a piecewise-linear function of each point: convolutions, batch
        norm, pooling, residual and dense connections, shared layers, in-place and functional code, a `forward` of its
        own; also compiled, wrapped in DataParallel, weight-normed, spectral-normed, parametrised or pruned. On any
        device, in any floating-point format, in evaluation mode. It is not changed.
    example_input : torch.Tensor or array_like, or a tuple or dict of them, optional
        What the model takes: shape (batch, ...), or (n_in,) for a vector. A tuple is for several inputs, a dict for
        inputs by keyword. Not needed for a model that begins with a Linear in a Sequential; otherwise only the shape
        counts, and its points are checked as well.
    drop_last : {"softmax", "sigmoid", "argmax"}, optional
        Leave out this operator (``"softmax"`` stands for the log-softmax, too) where it is the last: the regions are
        those of what it is applied to.
    scale, shift : float or array_like, optional
        The network is that of ``module(scale * x + shift)``, to take points that are not normalised yet: one number,
        one a channel, or an array that broadcasts to the inputs.

    Returns
    -------
    Network
        Of float64 numbers: those of the module, exactly, wherever no two of its operators are composed (as a batch
        norm is with the convolution before it). Inputs and outputs are flat, in PyTorch's order, e.g. channels, rows,
        columns; several inputs one after the other, in the order of the call; so are several outputs. Fully connected
        models are networks with layers.

    Raises
    ------
    UnsupportedModuleError
        If the module computes anything that is not piecewise linear or not continuous, named by its operator, node and
        position, with what to do about that kind.
    InvalidValueError
        If the module is in training mode and computes something else there, has parameters that are NaN, infinite or
        without values, needs an example, fails on it, mixes the points of a batch, or the network does not reproduce
        it.
    InvalidTypeError
        If `module` is no ``torch.nn.Module``.
    MemoryLimitError
        If it holds tensors or operators that are too large.
    MissingDependencyError
        If torch is not installed, or scipy, which all but layers in a row need.

    Notes
    -----
    A Sequential, nested or not, of Linear, ReLU, LeakyReLU, PReLU with one parameter, Hardtanh, ReLU6, Hardsigmoid,
    Flatten, Dropout, AlphaDropout and Identity is read layer by layer. Everything else goes through
    ``torch.export.export``, with a batch of one. The check runs a float64 copy of the module on the CPU, at random
    points, at points near breakpoints and at `example_input`. Hooks are part of the module, and are called.

    A maximum of several values counts as one neuron whose pieces are the values (ties go to the first of them).
    Operators that the output does not need are left out.

    Examples
    --------
    >>> import torch
    >>> import linregions as lr
    >>> layers = [torch.nn.Flatten(), torch.nn.Linear(784, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)]
    >>> lr.from_torch(torch.nn.Sequential(*layers))
    Network(784 -> 32 -> 10, 32 neurons, activation relu)
    """
    torch = load_torch()
    check_drop(drop_last)
    module = checked(torch, module)
    if drop_last is None and scale is None and shift is None:
        copied = working_copy(torch, module)
        if reads(torch, copied):
            return from_layers_in_a_row(torch, copied, example_input)
    return Network.from_graph(import_checked(module, example_input, drop_last, (scale, shift)).graph)


class Imported(NamedTuple):
    """What came of a module."""

    graph: Graph
    module: Callable[[FloatArray], FloatArray]  # the module itself, of points of the network, one by one
    examples: FloatArray | None  # as points of the network
    points: Callable[[FloatArray], FloatArray]  # from what the module takes to points of the network


def import_checked(
    module: Any,
    example_input: Any,
    drop_last: str | None,
    normalisation: tuple[Any, Any],
    stand_ins: StandIns | None = None,
    who: str = _WHO,
) -> Imported:
    """Return the graph of what a caller gave, checked; `who` is the caller, for messages of parameters."""
    torch = load_torch()
    check_drop(drop_last)
    module = checked(torch, module)
    check_mode(torch, module)
    for name, parameter in module.named_parameters():
        as_float_array(parameter, f"module.{name}", who)
    with quietly(torch):
        copied = working_copy(torch, module).eval()
        made = import_module(torch, module, copied, example_input, drop_last or "", normalisation, stand_ins)
    return made._replace(module=functools.partial(_quiet, torch, made.module))


def _quiet(torch: Any, function: Callable[[FloatArray], FloatArray], points: FloatArray) -> FloatArray:
    with quietly(torch):
        return function(points)


def import_module(
    torch: Any,
    module: Any,
    copied: Any,
    example_input: Any,
    drop_last: str = "",
    normalisation: tuple[Any, Any] = (None, None),
    stand_ins: StandIns | None = None,
) -> Imported:
    """Return the graph of a module, checked; `copied` is a float64 copy of it in evaluation mode."""
    inputs = as_inputs(torch, copied, example_input)
    program, runs, dtype = _exported(torch, module, copied, inputs)
    examples = None if example_input is None else inputs.rows()
    return walked(torch, program, runs, dtype, inputs, examples, drop_last, normalisation, stand_ins)


def walked(
    torch: Any,
    program: Any,
    runs: Callable[..., Any],
    dtype: Any,
    inputs: Inputs,
    examples: FloatArray | None,
    drop_last: str,
    normalisation: tuple[Any, Any],
    stand_ins: StandIns | None = None,
) -> Imported:
    """Return the graph of an exported program, compared with what `runs` on inputs of a format.

    With stand-ins it is compared with the program that has them in the places of its smooth activations.
    """
    builder = Builder(inputs.shapes, _WHO, batch=True)
    values = builder.inputs()
    factors = offsets = None
    if normalisation[0] is not None or normalisation[1] is not None:
        shapes = [shape[1:] for shape in inputs.shapes]
        factors, offsets = scale_and_shift(*normalisation, shapes, _WHO)
        ends = np.cumsum([0, *(value.n_units for value in values)])
        values = [
            builder.add(
                builder.scale(value, factors[low:high].reshape(value.shape)), offsets[low:high].reshape(value.shape)
            )
            for value, low, high in zip(values, ends[:-1], ends[1:], strict=True)
        ]
    walk = Walk(torch, program, builder, values, drop_last, stand_ins)
    outputs = walk.run()
    if drop_last and not walk.dropped:
        raise InvalidValueError(
            f"`drop_last` is {drop_last!r}, but {_WHO} finds no {drop_last} as the last operator of `module`. "
            "Leave it out."
        )
    if not outputs:
        raise InvalidValueError(f"`module` returns no tensor, but {_WHO} needs an output. Return one from `forward`.")
    graph = builder.finish(outputs)
    replaced = {} if stand_ins is None else stand_ins.replaced
    original = Original(torch, runs, inputs, program, (walk.dropped, replaced), dtype, walk.single)
    remedy = (
        "Remove hooks and whatever else changes the output from call to call; if there are none, this is a fault of "
        "linregions: please report it."
    )

    def given(points: FloatArray) -> FloatArray:
        return points if factors is None or offsets is None else points * factors + offsets

    def taken(rows: FloatArray) -> FloatArray:
        return rows if factors is None or offsets is None else (rows - offsets) / factors

    tolerance = SINGLE if walk.single else 1e-9
    examples = None if examples is None else taken(examples)
    check_against(graph, lambda points: original(given(points)), "module", _WHO, remedy, examples, tolerance)
    original.check_batch()
    whole = Original(torch, runs, inputs, program, (walk.dropped, {}), dtype, walk.single) if replaced else original
    return Imported(graph, lambda points: whole(given(points)), examples, taken)


def _exported(torch: Any, module: Any, copied: Any, inputs: Inputs) -> tuple[Any, Any, Any]:
    """Return the exported program, the copy that it is of, and the format of its inputs.

    A module that converts to another format on its way does not work in float64: then a copy in its own format.
    """
    failure: Exception | None = None
    for double in (True, False):
        runs = copied if double else working_copy(torch, module, double=False).eval()
        dtype = torch.float64 if double else _format(torch, runs)
        tensors = [torch.tensor(array[:1], dtype=dtype) for array in inputs.arrays]
        arguments, keywords = inputs.call(tensors)
        try:
            with torch.no_grad():
                runs(*inputs.call([tensor.clone() for tensor in tensors])[0], **inputs.call(tensors)[1])
        except Exception as error:
            failure = failure or error
            continue
        try:
            with torch.no_grad():
                program = torch.export.export(runs, arguments, keywords, strict=False).run_decompositions({})
        except Exception as error:
            raise UnsupportedModuleError(
                f"`module` cannot be exported by torch.export ({_brief(error)}), but {_WHO} needs its operators. Write "
                "its `forward` without control flow that depends on the numbers, and with tensors only."
            ) from error
        return program, runs, dtype
    shapes = ", ".join(str(shape) for shape in inputs.shapes)
    assert failure is not None
    raise InvalidValueError(
        f"`module` fails on an input of shape {shapes} ({_brief(failure)}), but {_WHO} needs its output. "
        "Give an `example_input` that it takes, with a batch axis: a batch of one must work."
    ) from failure


def _format(torch: Any, module: Any) -> Any:
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)


@contextlib.contextmanager
def quietly(torch: Any) -> Iterator[None]:
    """Leave PyTorch's random state as it is, and keep its own warnings to itself."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.autocast("cpu", enabled=False):
        warnings.simplefilter("ignore")
        yield


def check_drop(drop_last: str | None) -> None:
    """Raise if there is no such operator to be dropped."""
    if drop_last is not None and drop_last not in DROPS:
        raise InvalidValueError(
            f"`drop_last` is {drop_last!r}, but {_WHO} needs one of {', '.join(map(repr, DROPS))} or None. "
            "Choose one, or pass the part of the module without its last operator."
        )


def _brief(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
