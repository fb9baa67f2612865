"""MNIST: packed inside the package, unpacked once into a cache, and checked against the originals at every load."""

from __future__ import annotations

import hashlib
import importlib.resources
import logging
import lzma
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.archives import DamagedArchiveError, check_header
from linregions._support.files import as_path, replacing
from linregions.errors import FileFormatError, LinRegionsError

_LOG = logging.getLogger(__name__)
_WHO = "load_dataset"
_SHA256 = "e9b40985d011bd5a36195bdeb447f26b7824f3acd02e51a1636098d784d5fe98"
MNIST_LICENSE = "CC BY-SA 3.0, Yann LeCun and Corinna Cortes, derived from NIST (see LICENSE-MNIST.md)"
# Shape and MD5 sum of the original IDX file, in the order of the packed stream.
_PARTS = {
    "x_train": ((60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "x_test": ((10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "y_train": ((60000,), "a25bea736e30d166cdddb491f175f624"),
    "y_test": ((10000,), "27ae3e4e09519cfbb04c329615203637"),
}


def cache_folder(cache_dir: str | os.PathLike[str] | None) -> Path:
    """Return where MNIST is kept unpacked."""
    chosen = cache_dir or os.environ.get("LINREGIONS_CACHE_DIR")
    if chosen:
        return as_path(chosen, "cache_dir", _WHO)
    import platformdirs

    return Path(platformdirs.user_cache_dir("linregions", appauthor=False))


def load_mnist(folder: Path, sha256: str = _SHA256) -> dict[str, npt.NDArray[Any]]:
    """Return the four arrays, from the cache or from the package's own file, whose SHA-256 sum is known."""
    cache = folder / "mnist.npy"
    try:
        with open(cache, "rb") as handle:
            check_header(handle, os.fstat(handle.fileno()).st_size, cache.name)
            handle.seek(0)
            return _arrays(np.lib.format.read_array(handle, allow_pickle=False))
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, DamagedArchiveError) as error:  # FileFormatError is a ValueError, too
        _LOG.warning("the cached copy of MNIST, %s, is damaged (%s) and made again", cache, error)
    packed = importlib.resources.files("linregions").joinpath("data", "mnist.xz")
    try:
        data = packed.read_bytes()
    except OSError as error:
        raise FileFormatError(
            f"`source` is 'mnist', whose file {str(packed)!r} cannot be read ({error}), but {_WHO} needs it. "
            "Install linregions again."
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise FileFormatError(
            f"`source` is 'mnist', whose file {str(packed)!r} has the SHA-256 sum {digest[:12]}..., but {_WHO} needs "
            f"{sha256[:12]}.... Install linregions again."
        )
    stream = np.frombuffer(lzma.decompress(data, format=lzma.FORMAT_XZ), dtype=np.uint8)
    arrays = _arrays(stream)
    try:
        with replacing(cache, _WHO, "cache_dir") as temporary, open(temporary, "wb") as handle:
            np.lib.format.write_array(handle, stream, allow_pickle=False)
    except (LinRegionsError, OSError) as error:
        _LOG.warning("MNIST is unpacked in memory only, since its cache cannot be written: %s", error)
    return arrays


def _arrays(stream: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Cut the unpacked stream into its four arrays and check each against its original."""
    total = sum(int(np.prod(shape)) for shape, _ in _PARTS.values())
    if stream.dtype != np.uint8 or stream.shape != (total,):
        raise FileFormatError(f"{stream.dtype} values of shape {stream.shape} in place of {total} bytes")
    arrays, start = {}, 0
    for name, (shape, expected) in _PARTS.items():
        part = stream[start : start + int(np.prod(shape))]
        start += part.size
        digest = hashlib.md5(struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape), usedforsecurity=False)
        digest.update(part.data)
        if digest.hexdigest() != expected:
            raise FileFormatError(f"{name} has the MD5 sum {digest.hexdigest()} in place of {expected}")
        arrays[name] = part.reshape(shape)
    return arrays
