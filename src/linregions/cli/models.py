"""Read the network that a command is about."""

from __future__ import annotations

from pathlib import Path

from linregions._support.foreign_files import recognise
from linregions.errors import InvalidValueError
from linregions.networks.network import Network


def read_model(path: str) -> Network:
    """Return the network in an NPZ file, or say how to make one; of files of other programs also the way from there."""
    if Path(path).is_file() and recognise(Path(path)) is not None:
        return Network.load(path)  # says what it is, and the way from there
    if Path(path).suffix != ".npz":
        raise InvalidValueError(
            f"`MODEL` is {path!r}, but linregions reads models from .npz files. Write it with `Network.save`, after "
            "`linregions.from_torch` for a PyTorch module, or as an NPZ with arrays W0, b0, W1, b1, ...."
        )
    return Network.load(path)
