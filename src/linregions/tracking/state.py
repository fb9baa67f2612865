"""What a tracker keeps between sittings, and how it knows its probes again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from linregions.errors import InvalidValueError
from linregions.tracking.schedule import KINDS_OF_TIME

_WHO = "Tracker.load_state_dict"


def fingerprint(probe: Any) -> str:
    """Return a hash of a probe's class and, if it is a dataclass, of its fields.

    Parameters
    ----------
    probe : Probe
    """
    digest = hashlib.sha256()
    _feed(digest, probe)
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


def read_state(state: Mapping[str, Any], probes: Mapping[str, str]) -> dict[str, Any]:
    """Check a state and return what is in it.

    Parameters
    ----------
    state : mapping
        From `Tracker.state_dict`.
    probes : mapping of str
        Names and fingerprints of the tracker's own probes.

    Raises
    ------
    InvalidValueError
        If it is no such state or of other probes.
    """
    try:
        if state["format"] != "linregions-tracker-1":
            raise KeyError("format")
        kept = dict(state["probes"])
        found: dict[str, Any] = {
            "seconds": {name: float(state["seconds"][name]) for name in KINDS_OF_TIME},
            "record_seconds": float(state["record_seconds"]),
        }
        found["next_step"] = int(state["next_step"])
        found["rows"] = [dict(row) for row in state["rows"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidValueError(
            f"`state` is no state of a tracker (trouble with {error}), but {_WHO} needs one. "
            "Give what `state_dict` returned."
        ) from None
    for name in {**kept, **probes}:
        if kept.get(name) != probes.get(name):
            raise InvalidValueError(
                f"`state` has another probe {name!r} than this tracker, or only one of the two has it, but {_WHO} "
                "needs the same probes, so that rows compare. Build them from the same points and seed."
            )
    return found
