"""What a tracker keeps between sittings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linregions._support.fingerprints import checksum_of_mapping
from linregions._support.tables import plain
from linregions.errors import InvalidValueError
from linregions.tracking.schedule import KINDS_OF_TIME

_WHO = "Tracker.load_state_dict"
_KNOWN = {"format", "probes", "rows", "next_step", "seconds", "record_seconds", "checksum"}


def checksum_of_state(state: Mapping[str, Any]) -> str:
    """Return what tells damage to a state, however it was kept."""
    return checksum_of_mapping(plain(state))


def _is_whole(state: Mapping[str, Any]) -> bool:
    """Return whether a state fits its checksum; those of earlier versions have none, and no other entries either."""
    try:
        expected = checksum_of_state(state)
    except (TypeError, ValueError, RecursionError):
        return False
    return state.get("checksum", expected) == expected and _KNOWN.issuperset(state)


def read_state(state: Mapping[str, Any], probes: Mapping[str, str]) -> dict[str, Any]:
    """Check what `Tracker.state_dict` made and return what is in it, or raise InvalidValueError.

    Probes are names and fingerprints of the tracker's own, which must be those of the state.
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
    if not _is_whole(state):
        raise InvalidValueError(
            f"`state` is not what `state_dict` returned (its checksum differs), but {_WHO} needs it whole. "
            "Take another copy of it."
        )
    return found
