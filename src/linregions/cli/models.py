"""Read the network that a command is about."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.foreign_files import recognise
from linregions._support.points import read_points
from linregions.errors import InvalidValueError
from linregions.networks.importers import from_onnx
from linregions.networks.network import Network

_ENDINGS = (".npz", ".onnx", ".nnet", ".pt2")


def add_model(parser: ArgumentParser) -> None:
    """Add the model, and what is left out of it or done before it."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx, .nnet, .pt2 or .npz file")
    add_model_options(parser)


def add_model_options(parser: ArgumentParser) -> None:
    """Add what is left out of a model or done before it."""
    parser.add_argument(
        "--drop-last",
        choices=("softmax", "sigmoid", "argmax"),
        help="leave out this last function of an ONNX model: the regions are those of its logits",
    )
    for name, what in (
        ("scale", "inputs of an ONNX model are multiplied by"),
        ("shift", "is added to them after that"),
    ):
        parser.add_argument(
            f"--input-{name}",
            metavar="NUMBER",
            help=f"what {what}: a number, one a channel as 0.5,0.4,0.3, or a file of them",
        )


def model_of(arguments: Namespace) -> Network:
    """Return the network that the options choose."""
    scale, shift = (_numbers(getattr(arguments, f"input_{name}"), f"--input-{name}") for name in ("scale", "shift"))
    return read_model(arguments.model, arguments.drop_last, scale, shift)


def read_model(path: str, drop_last: str | None = None, scale: Any = None, shift: Any = None) -> Network:
    """Return the network in a file, or say how to make one.

    Parameters
    ----------
    path : str
        A file ending in ``.npz``, ``.onnx``, ``.nnet`` or ``.pt2``. Of model files of other programs the message says
        the format and the way from there.
    drop_last, scale, shift
        As `from_onnx` takes them, for such files alone.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValueError, FileFormatError, UnsupportedModuleError
        If it has another ending, is not there, or holds no network that is piecewise linear.
    """
    found = recognise(Path(path)) if Path(path).is_file() else None
    if found is None and Path(path).suffix.lower() not in _ENDINGS:
        raise InvalidValueError(
            f"`MODEL` is {path!r}, but linregions reads models from .npz, .onnx, .nnet and .pt2 files. Write it with "
            "`Network.save`, after `linregions.from_torch` for a PyTorch module, or as an NPZ with arrays W0, b0, W1, "
            "b1, ...."
        )
    if found is not None and found.reader == "onnx":
        return from_onnx(path, drop_last=drop_last, scale=scale, shift=shift)
    given = {"--drop-last": drop_last, "--input-scale": scale, "--input-shift": shift}
    wrong = next((name for name, value in given.items() if value is not None), None)
    if wrong is not None:
        raise InvalidValueError(
            f"`{wrong}` is given with {path!r}, but it needs an ONNX model. Leave it out, or export the model as ONNX."
        )
    return Network.load(path)


def _numbers(text: str | None, option: str) -> Any:
    if text is None:
        return None
    try:
        numbers = np.array([float(word) for word in text.split(",")])
        return float(numbers[0]) if numbers.size == 1 else numbers
    except ValueError:
        pass
    if not Path(text).is_file():
        raise InvalidValueError(
            f"`{option}` is {text!r}, but linregions needs numbers, separated by commas, or a file of them. "
            "Give e.g. 0.5,0.4,0.3."
        )
    return read_points(text, "linregions", option.removeprefix("--")).ravel()
