"""Names of files in the making: by them a later process knows whose they are, and removes those of the dead."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
from functools import cache
from pathlib import Path

from linregions._support.fingerprints import digest_of_text

_NAME = re.compile(r"\.linregions-(?P<place>[0-9a-f]{12})-(?P<pid>\d{1,9})-(?P<start>\d{1,18})-[0-9a-f]{8}(\..*)?")
_LONGEST_SUFFIX = 16
_swept: set[tuple[int, str]] = set()


def temporary_beside(target: Path) -> Path:
    """Return a new name in the folder of `target`, with its ending, that says which process uses it."""
    suffix = target.suffix if len(target.suffix) <= _LONGEST_SUFFIX else ""
    pid = os.getpid()
    return target.parent / f".linregions-{_place()}-{pid}-{_start_of(pid)}-{secrets.token_hex(4)}{suffix}"


def sweep(folder: Path) -> None:
    """Remove what processes that no longer live left half-written in a folder; the first time it is asked for only.

    Nothing else is touched: no file of a living process, and none of another machine or container, where the same
    number may be another process.
    """
    key = os.getpid(), os.path.abspath(folder)
    if key in _swept:
        return
    _swept.add(key)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found and found["place"] == _place() and _is_dead(int(found["pid"]), int(found["start"])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


@cache
def _place() -> str:
    """Return where numbers of processes mean the same: this host since it was started, or this container."""
    words = [platform.node()]
    with contextlib.suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with contextlib.suppress(OSError):
        words.append(os.readlink("/proc/self/ns/pid"))
    return digest_of_text("\0".join(words))[:12]


def _start_of(pid: int) -> int:
    """Return when a process was started, in ticks of the system's clock; 0 where that cannot be told."""
    status = _status(pid)
    return status[1] if status else 0


def _is_dead(pid: int, start: int) -> bool:
    """Return whether there is surely no process of this number that was started then."""
    if os.name != "posix":  # there a signal of 0 would end it
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # of another user, say
        pass
    status = _status(pid)
    return status is not None and (status[0] in "ZX" or status[1] != start)


def _status(pid: int) -> tuple[str, int] | None:
    """Return the state of a process and when it was started, None where there is no /proc or it hides that."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = text[text.rindex(")") + 1 :].split()  # before it stands the program's name, which may have blanks
        return fields[0], int(fields[19])
    except (OSError, ValueError, IndexError):
        return None
