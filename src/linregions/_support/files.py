"""Write whole files or none, and read NPZ files without trusting them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.foreign_files import recognise
from linregions._support.leftovers import sweep, temporary_beside
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError

_BRIEF = 200  # characters


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str], who: str, name: str = "path", named: Callable[[Path], str] | None = None
) -> Iterator[Path]:
    """Yield a temporary name beside `path`; move it to `path` on success, remove it on failure.

    With `named`, the last part of `path` is replaced by what that says of the finished file. What dead processes left
    in the folder is removed.
    """
    target = as_path(path, name, who)
    temporary = temporary_beside(target)
    try:
        with _writing(target, who, name):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISDIR(os.stat(target).st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target.parent)
            temporary.touch()
        yield temporary
        if named is not None:
            target = target.with_name(named(temporary))
        with _writing(target, who, name):
            temporary.replace(target)
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(target: Path, who: str, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InvalidValueError(
            f"`{name}` is {os.fspath(target)!r}, which cannot be written ({getattr(error, 'strerror', error)}), but "
            f"{who} needs a writable place. Choose another folder or change its permissions."
        ) from None


def as_path(path: Any, name: str, who: str) -> Path:
    """Return `path` as a Path, or raise."""
    try:
        return Path(os.fspath(path))
    except TypeError:
        raise InvalidTypeError(
            f"`{name}` is {type(path).__name__}, but {who} needs a file name. Give a string or pathlib.Path."
        ) from None


def brief(value: object) -> str:
    """Return what a message repeats of a file, which may be megabytes of anything, without marks of its own."""
    text = str(value).replace("`", "'")
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."


def write_npz(path: str | os.PathLike[str], arrays: dict[str, npt.NDArray[Any]], who: str) -> None:
    """Write `arrays` as a compressed NPZ at `path`, whole or not at all."""
    with replacing(path, who) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]


def read_npz(path: str | os.PathLike[str], who: str) -> dict[str, npt.NDArray[Any]]:
    """Read every array of an NPZ file without pickle; raise FileFormatError when it is damaged or foreign."""
    source = as_path(path, "path", who)
    shown = f"`path` is {os.fspath(source)!r}"
    if not os.path.isfile(source):  # not `source.is_file()`, which raises where a name is too long
        found = "a folder" if os.path.isdir(source) else "where there is no file"
        raise InvalidValueError(
            f"{shown}, {found}, but {who} needs an NPZ file. Check the spelling and the current folder."
        )
    try:
        foreign = recognise(source)
        if foreign is not None:
            raise FileFormatError(f"{shown}, {foreign.name}, but {who} needs an NPZ archive. {foreign.way}")
        archive = np.load(source, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise FileFormatError(f"{shown}, a single array, but {who} needs an NPZ archive. Write it with `save`.")
        with archive:
            arrays = {key: archive[key] for key in archive.files}
        other = next((key for key, array in arrays.items() if not isinstance(array, np.ndarray)), None)
        if other is not None:
            raise FileFormatError(
                f"{shown}, an archive with {brief(other)!r} in it, which is no array, but {who} needs an NPZ archive. "
                "Write it with `save`."
            )
        return arrays
    except FileFormatError:
        raise
    except Exception as error:  # a damaged file makes the readers of zip and npy raise nearly anything
        raise FileFormatError(
            f"{shown}, which is truncated or no plain NPZ ({brief(error)}), but {who} needs an NPZ archive without "
            "pickled objects. Write it again with `save`."
        ) from None
