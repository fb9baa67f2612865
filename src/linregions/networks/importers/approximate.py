"""Models with smooth activations -> piecewise-linear networks, on request, with what that changes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from linregions._support.validation import FloatArray, as_float_array, as_integer, as_points
from linregions.errors import InvalidValueError
from linregions.networks.graph import Graph
from linregions.networks.importers.onnx.from_file import import_file
from linregions.networks.importers.stand_ins import StandIns
from linregions.networks.network import Network
from linregions.networks.smooth import NAMES
from linregions.networks.surrogates import MOST_PIECES, ActivationSurrogate, Surrogate

_WHO = "approximate"
_RANDOM_POINTS = 64


def approximate(
    module: Any,
    example_input: Any = None,
    *,
    activation: str | Sequence[str],
    pieces: int = 32,
    low: float = -6.0,
    high: float = 6.0,
    points: Any = None,
    drop_last: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    scale: Any = None,
    shift: Any = None,
) -> Surrogate:
    r"""Convert a model with smooth activations to a Network with piecewise-linear ones in their place.

    Regions of the result are those of the surrogate: a smooth network has none. How far off it is comes with it.

    Parameters
    ----------
    module : torch.nn.Module, str or path-like
        As for `from_torch`, but for the activations, or an ONNX file or a program of ``torch.export`` (``.pt2``). It is
        not changed.
    example_input : torch.Tensor or array_like, or a tuple or dict of them, optional
        As for `from_torch`. Of a file the shapes are known.
    activation : str or sequence of str
        What to replace: ``"gelu"``, ``"silu"`` (or ``"swish"``), ``"mish"``, ``"elu"``, ``"selu"``, ``"celu"``,
        ``"softplus"``, ``"sigmoid"``, ``"log_sigmoid"``, ``"tanh"``, ``"erf"``, ``"hardswish"``. Others stay refused.
    pieces : int
        Linear pieces between `low` and `high`, where the activation is curved, at most 254; there is one more on each
        side. Each end of a piece is a breakpoint, which makes regions. The error falls as ``pieces ** -2``.
    low, high : float
        Between them each piece agrees with the activation at its ends, which are closer where it bends more. Outside
        the surrogate goes on with the slope of the activation's asymptote. The error there does not depend on `pieces`.
    points : array_like, shape (N, n_in), optional
        Points of the network at which outputs are compared; images may keep their shape. By default those of
        `example_input`, and 64 normal ones.
    drop_last, scale, shift
        As for `from_torch`.
    input_shapes : dict of str to sequence of int, optional
        As for `from_onnx`.

    Returns
    -------
    Surrogate
        ``.network`` is for every function of the library. ``print`` it to read how far off activations and outputs
        are. Errors of activations are bounds; those of outputs are the largest at the points that were compared.

    Raises
    ------
    InvalidValueError
        If `activation` is unknown or the output does not depend on one, or `pieces`, `low`, `high` or `points`
        do not fit; and as `from_torch` or `from_onnx`.
    UnsupportedModuleError
        If the model computes anything else that is not piecewise linear and continuous.
    FileFormatError
        If the file is damaged.
    InvalidTypeError
        If `module` is neither a ``torch.nn.Module`` nor a path.
    MissingDependencyError
        If torch or scipy is not installed, or for a file onnx or scipy.

    Notes
    -----
    Knots have equal integrals of \|f''\| ** 0.5 between them, which makes the errors of all pieces about equal. The
    largest difference is bounded by that at points w apart plus ``max |f''| w ** 2 / 8``.

    Activations that are written out, as ``x * sigmoid(x)`` or the GELU of ONNX files by Erf are, are found by their
    values: operators that act on each entry of one tensor are followed, and what agrees with an activation everywhere,
    but for constants in single precision (1e-6 of 1 + \\|x\\|), is taken for it.

    Examples
    --------
    >>> import torch
    >>> import linregions as lr
    >>> _ = torch.manual_seed(0)
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.GELU(), torch.nn.Linear(8, 1))
    >>> surrogate = lr.approximate(module, activation="gelu", pieces=16)
    >>> print(surrogate.activations[0])
    gelu: 8 neurons in 18 pieces, off by at most 0.006 between -6 and 6, 6e-09 outside; inputs seen -2.05 to 1.93
    >>> lr.count_regions(surrogate.network, lr.PlaneWindow.of_inputs(-3, 3))
    1501
    """
    wanted = _wanted(activation)
    number = as_integer(pieces, "pieces", _WHO, 1)
    if number > MOST_PIECES:
        raise InvalidValueError(
            f"`pieces` is {number}, but {_WHO} needs at most {MOST_PIECES}, since patterns hold pieces as bytes. Give "
            "`low` and `high` that are closer instead."
        )
    limits = [float(as_float_array(end, name, _WHO, ndim=0)) for end, name in ((low, "low"), (high, "high"))]
    if not limits[0] < limits[1]:
        raise InvalidValueError(
            f"`low` is {limits[0]:g} and `high` {limits[1]:g}, but {_WHO} needs an interval. Give `low` below `high`."
        )
    stand_ins = StandIns(wanted, number, limits[0], limits[1])
    made = _imported(module, example_input, drop_last, input_shapes, (scale, shift), stand_ins)
    network = Network.from_graph(made.graph)
    if missing := sorted(wanted - stand_ins.used):
        raise InvalidValueError(
            f"`activation` names {', '.join(map(repr, missing))}, but `module` computes none, and {_WHO} needs one "
            "to replace. Leave it out, or use `from_torch` or `from_onnx` where nothing has to be replaced."
        )
    if points is not None:
        trial = as_points(points, "points", _WHO, network.n_in)
    else:
        drawn = made.points(np.random.default_rng(0).normal(size=(_RANDOM_POINTS, network.n_in)))
        trial = drawn if made.examples is None else np.concatenate([made.examples, drawn])
    theirs = made.original(trial)
    ours = network(trial)
    inputs = made.graph.pre_activations(trial)
    return Surrogate(
        network,
        tuple(_placed(each, made.graph, inputs) for each in stand_ins.made),
        trial,
        np.abs(ours - theirs).max(axis=1, initial=0.0),
        float(np.abs(theirs).max(initial=0.0)),
        int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()) if network.n_out > 1 else 0,
    )


class _Imported(NamedTuple):
    """What came of a model."""

    graph: Graph
    original: Callable[[FloatArray], FloatArray]  # the model itself, of points of the network
    examples: FloatArray | None  # as points of the network
    points: Callable[[FloatArray], FloatArray]  # from what the model takes to points of the network


def _imported(
    module: Any,
    example_input: Any,
    drop_last: str | None,
    input_shapes: Mapping[str, Sequence[int]] | None,
    normalisation: tuple[Any, Any],
    stand_ins: StandIns,
) -> _Imported:
    """Return the graph of a model with stand-ins, checked, and the model."""
    is_file = isinstance(module, str | os.PathLike)
    is_program = is_file and os.fspath(module).lower().endswith(".pt2")
    if is_file and example_input is not None:
        raise InvalidValueError(
            f"`example_input` is given, but {_WHO} needs none for a file. Leave it out, and give `input_shapes` where "
            "the file leaves sizes open."
        )
    if input_shapes is not None and (is_program or not is_file):
        raise InvalidValueError(
            f"`input_shapes` is given, but {_WHO} needs it for ONNX files only. Give `example_input` with a module."
        )
    if is_file and not is_program:
        file = import_file(module, drop_last, input_shapes, normalisation, stand_ins)
        return _Imported(file.graph, file.model, None, file.points)
    from linregions.networks.importers.torch.file import import_program
    from linregions.networks.importers.torch.model import import_checked

    if is_program:
        made = import_program(module, drop_last, normalisation, stand_ins)
    else:
        made = import_checked(module, example_input, drop_last, normalisation, stand_ins, _WHO)
    return _Imported(made.graph, made.module, made.examples, made.points)


def _wanted(activation: Any) -> set[str]:
    names = [activation] if isinstance(activation, str) else activation
    known = ", ".join(map(repr, NAMES))
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidValueError(
            f"`activation` is {activation!r}, but {_WHO} needs its name, or several. Give one or more of {known}."
        )
    wanted = set()
    for name in names:
        word = name.lower().replace("_", "").replace("-", "").replace(" ", "")
        if word not in NAMES:
            raise InvalidValueError(
                f"`activation` is {name!r}, but {_WHO} needs a smooth activation with asymptotes. Give one or more of "
                f"{known}; others have to be replaced in the model."
            )
        wanted.add(NAMES[word])
    return wanted


def _placed(made: ActivationSurrogate, graph: Graph, inputs: Sequence[FloatArray]) -> ActivationSurrogate:
    """Say which steps have a surrogate, and what they were given."""
    steps = [(step, z) for step, z in zip(graph.steps, inputs, strict=True) if step.activation is made.function]
    return dataclasses.replace(
        made,
        layers=tuple(step.name for step, _ in steps),
        n_neurons=sum(step.layout.n_units for step, _ in steps),
        smallest=float(min((z.min() for _, z in steps), default=np.nan)),
        largest=float(max((z.max() for _, z in steps), default=np.nan)),
    )
