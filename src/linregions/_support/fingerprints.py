"""What settings, arrays and files are known by: digests, the same in every version, so that results are found again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def digest_of_text(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_arrays(arrays: Iterable[tuple[str, npt.NDArray[Any]]]) -> str:
    """Return the SHA-256 of some arrays, each after a text that tells it from others, in hexadecimal."""
    digest = hashlib.sha256()
    for head, array in arrays:
        digest.update(head.encode())
        whole = np.ascontiguousarray(array)
        # What is no number, as dates in a damaged file, has no buffer.
        digest.update(whole.data if whole.dtype.kind in "biufc" else whole.tobytes())
    return digest.hexdigest()


def digest_of_source(source: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return what named arrays, such as those of a network and a window, are known by."""
    # A single number is taken for an array of one.
    found = {name: np.ascontiguousarray(source[name]) for name in sorted(source)}
    return digest_of_arrays((f"{name} {array.dtype} {array.shape} ", array) for name, array in found.items())


def checksum_of_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return what tells damage to named arrays, whatever their order: their names, types, shapes and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name}\0{array.dtype.str}{array.shape}\0".encode())
        whole = np.ascontiguousarray(array)
        digest.update(whole.data if whole.dtype.kind in "biufc" and whole.size else whole.tobytes())
    return f"blake2b-128 {digest.hexdigest()}"


def digest_of_object(value: Any) -> str:
    """Return a digest of the class of something, and of its fields if it is a dataclass."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    digest.update(type(value).__name__.encode() + b"\0")
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, str | int | float):
        digest.update(repr(value).encode())
    elif isinstance(value, list | tuple):
        for entry in value:
            _feed(digest, entry)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(digest, getattr(value, field.name))
    digest.update(b"\1")


def checksum_of_mapping(content: Mapping[str, Any]) -> str:
    """Return what tells damage to something made of JSON's types; its own entry ``checksum`` is left out."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return checksum_of_text(json.dumps(rest, sort_keys=True))


def checksum_of_text(text: str) -> str:
    """Return what tells damage to a text: sixteen digits."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def checksum_of_file(path: Path) -> str:
    """Return what tells damage to a file: sixteen digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
