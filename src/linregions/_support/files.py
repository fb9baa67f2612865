"""Write whole files or none, and read NPZ files without trusting them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from linregions._support.archives import DamagedArchiveError, read_archive, write_archive
from linregions._support.foreign_files import recognise
from linregions._support.leftovers import sweep, temporary_beside
from linregions.errors import (
    FileFormatError,
    InvalidTypeError,
    InvalidValueError,
    MemoryLimitError,
    UncheckedFileWarning,
)

_BRIEF = 200  # characters
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_told: set[str] = set()  # folders of files without checksums that were told of


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
        with _writing(target, who, name, (OSError,)):  # as where the disk is full
            yield temporary
        if named is not None:
            target = target.with_name(named(temporary))
        with _writing(target, who, name):
            temporary.replace(target)
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(
    target: Path, who: str, name: str, errors: tuple[type[Exception], ...] = (OSError, ValueError)
) -> Iterator[None]:
    try:
        yield
    except errors as error:  # ValueError: a NUL in the name
        found, number = getattr(error, "strerror", None) or error, getattr(error, "errno", None)
        needed, way = "a writable place", "Choose another folder or change its permissions."
        if number in _FULL:
            needed = "room for the whole file"
            way = "Free some space, raise the limit on the size of files (`ulimit -f`), or choose another folder."
        raise InvalidValueError(
            f"`{name}` is {os.fspath(target)!r}, which cannot be written ({found}), but {who} needs {needed}. {way}"
        ) from None
    except MemoryError:
        raise MemoryLimitError(
            f"`{name}` is {os.fspath(target)!r}, for which the process got no more memory, but {who} needs some to "
            "write a file. Free some, or raise the limit of the process (`ulimit -v`)."
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


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]], who: str) -> None:
    """Write `arrays` with a checksum as a compressed NPZ at `path`, whole or not at all."""
    with replacing(path, who) as temporary:
        write_archive(temporary, arrays)


def read_npz(path: str | os.PathLike[str], who: str, *, again: str = "") -> dict[str, npt.NDArray[Any]]:
    """Read every array of an NPZ file without pickle; raise FileFormatError when it is damaged or foreign.

    Where a file says that we wrote it, or that can only be so, and then `again` is how it is written again, a warning
    tells if it has no checksum.
    """
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
        with open(source, "rb") as handle:
            if handle.read(6) == b"\x93NUMPY":
                raise DamagedArchiveError("a single array", "Write it with `save`.")
        arrays, checked = read_archive(source)
    except FileFormatError:
        raise
    except DamagedArchiveError as error:
        raise FileFormatError(
            f"{shown}, {brief(error.found)}, but {who} needs an NPZ archive as it was written, without pickled "
            f"objects. {error.way or 'Write it again with `save`.'}"
        ) from None
    except MemoryError:
        raise MemoryLimitError(
            f"{shown}, for which the process got no more memory, but {who} needs all its arrays. Free some, or raise "
            "the limit of the process (`ulimit -v`)."
        ) from None
    except Exception as error:  # a damaged file makes the readers of zip and npy raise nearly anything
        raise FileFormatError(
            f"{shown}, which is truncated or no plain NPZ ({brief(error)}), but {who} needs an NPZ archive without "
            "pickled objects. Write it again with `save`."
        ) from None
    if not checked and (again or str(arrays.get("format", "")).startswith("linregions-")):
        tell_unchecked(source, who, again or "Load it and write it again with `save`.")
    return arrays


def tell_unchecked(path: Path, who: str, again: str) -> None:
    """Warn that a file of an earlier version has no checksum, once for each folder."""
    folder = os.path.abspath(path.parent)
    if folder in _told:
        return
    _told.add(folder)
    warnings.warn(
        f"`path` is {os.fspath(path)!r}, which an earlier version wrote without a checksum, so that {who} cannot tell "
        f"whether a number in it was damaged. {again} (Other files of this folder are not named.)",
        UncheckedFileWarning,
        stacklevel=_outside(),
    )


def _outside() -> int:
    """Return how many calls up the caller stands who is no part of the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("linregions."):
        frame, level = frame.f_back, level + 1
    return level
