"""What a test, or somebody who measures, may want to change about the engine of planes. No result depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from linregions._support.remote import SMALL


class Room(NamedTuple):
    """What buffers have room for at first."""

    vertices: int
    columns: int
    pool: int
    output: int  # vertices of an output


_ROOM, _LITTLE_ROOM = Room(2048, 104, 1 << 16, 1 << 13), Room(512, 64, 1 << 14, 1 << 11)


@dataclass(frozen=True)
class Knobs:
    """How the engine goes about its work."""

    cell_switches: int | None = None  # lines of the first layer that may cross a cell; None for what is fastest
    room: Room = _ROOM  # of the buffers of a thread; 104 columns are whole cache lines to a vertex, and few cells need
    # more
    little_room: Room = _LITTLE_ROOM  # of one with a limit on memory
    seconds_in_kernel: float = 0.1  # compiled code hears no Ctrl-C, so it is left about this often
    most_depth: int = 64  # parts of parts of a cell at most
    most_lines: int = 384  # lines of the first layer from which on blocks are made
    lines_in_block: int = 256  # that may cross one
    values_at_once: int = 1 << 18  # of lines at corners of blocks, looked at together
    small_job: int = SMALL  # bytes of a job up to which it goes with every task of an executor
    remote_batches: int = 64  # handed to an executor: enough to share work evenly, few enough to send


#: What is taken where nothing else is asked for.
USUAL = Knobs()
