"""The public function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from linregions._support.validation import FloatArray
from linregions.networks.importers.normalisation import scale_and_shift
from linregions.networks.importers.onnx.model import decided, read_model
from linregions.networks.importers.onnx.model import input_shapes as shapes_of
from linregions.networks.network import Network

if TYPE_CHECKING:
    from linregions.networks.graph import Graph
    from linregions.networks.importers.stand_ins import StandIns

_WHO = "from_onnx"


def from_onnx(
    path: str | os.PathLike[str],
    *,
    drop_last: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    scale: Any = None,
    shift: Any = None,
) -> Network:
    """Read a piecewise-linear network from an ONNX file.

    Parameters
    ----------
    path : str or path-like
        The model. Weights in other files are read from its own folder only.
    drop_last : {"softmax", "sigmoid", "argmax"}, optional
        Leave out this function where it makes an output: regions are then those of the logits, which are the same.
    input_shapes : dict of str to sequence of int, optional
        Shapes of inputs, by name, where the file leaves more than the batch open; the batch axis included.
    scale, shift : float or array_like, optional
        Normalisation of the raw inputs: the network is ``x -> model(scale * x + shift)``. One number, one a channel
        for images of shape (channels, height, width), or an array that broadcasts to the inputs' shape.

    Returns
    -------
    Network
        In float64, with the weights of the file. A first axis of unknown, named or single size is the batch: points
        are given without it, flat, or as images. Several inputs are concatenated flat in the order of the file, several
        outputs likewise.

    Raises
    ------
    UnsupportedModuleError
        If an operator is not piecewise linear, jumps, or has no rule: with the node, and the way out for its kind.
    FileFormatError
        If the file is damaged, its names make no graph, or weights are missing or lie outside its folder.
    InvalidValueError
        If there is no such file, shapes are unknown, an argument does not fit, or the network does not reproduce the
        model.
    MemoryLimitError
        If it declares larger tensors than can be worked with.
    MissingDependencyError
        If onnx or scipy is not installed.

    Notes
    -----
    Standard operators of opset 7 to the newest that the installed onnx knows. Constants are folded; batch normalisation
    uses its running statistics. Attributes, such as a slope of 0.01, are single precision in the format, and are
    taken as that. The network is compared with onnx's reference implementation of the operators, in float64, at random
    points and on both sides of breakpoints.

    Examples
    --------
    >>> import linregions as lr
    >>> network = lr.from_onnx("resnet.onnx", drop_last="softmax", scale=1 / 255)  # doctest: +SKIP
    """
    return Network.from_graph(import_file(path, drop_last, input_shapes, (scale, shift)).graph)


class Imported(NamedTuple):
    """What came of a file."""

    graph: Graph
    model: Callable[[FloatArray], FloatArray]  # the model itself, of points of the network
    points: Callable[[FloatArray], FloatArray]  # from what the model takes to points of the network


def import_file(
    path: Any,
    drop_last: str | None,
    input_shapes: Mapping[str, Sequence[int]] | None,
    normalisation: tuple[Any, Any],
    stand_ins: StandIns | None = None,
) -> Imported:
    """Return the graph of a file, compared with the file, or with the file that has stand-ins in their places."""
    model = read_model(path)
    # Only here, since these need scipy, which reading does not.
    from linregions.networks.importers.check import check_against
    from linregions.networks.importers.onnx.evaluation import Evaluation
    from linregions.networks.importers.onnx.inlining import BranchDecided
    from linregions.networks.importers.onnx.smooth_operators import with_stand_ins
    from linregions.networks.importers.onnx.walk import build, without_last

    shapes = shapes_of(model, input_shapes)
    batch = all(len(shape) > 1 and shape[0] == 1 for shape in shapes)
    own = [shape[1:] if batch else shape for shape in shapes]
    factors, offsets = scale_and_shift(*normalisation, own, _WHO)
    read = model
    while True:
        model = read if drop_last is None else without_last(read, drop_last)
        changed = model if stand_ins is None else with_stand_ins(model, stand_ins)
        try:
            graph: Graph = build(changed, shapes, factors, offsets)
            break
        except BranchDecided as branch:
            read = decided(read, branch.number, branch.holds)
    check_against(
        graph,
        Evaluation(changed, shapes, factors, offsets),
        "path",
        _WHO,
        "Please report this file: its operators are read wrongly.",
    )
    whole = Evaluation(model, shapes, factors, offsets)
    return Imported(graph, whole, lambda rows: (rows - offsets) / factors)
