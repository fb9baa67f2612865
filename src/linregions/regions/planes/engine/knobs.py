"""What a test, or somebody who measures, may want to change about the engine of planes. No result depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Room(NamedTuple):
    """What buffers have room for at first."""

    vertices: int
    columns: int
    pool: int
    output: int  # vertices of an output


_ROOM, _LITTLE_ROOM = Room(2048, 104, 1 << 16, 1 << 13), Room(512, 64, 1 << 14, 1 << 11)


@dataclass(frozen=True)
class Knobs:
    """How the engine goes about its work.

    Parameters
    ----------
    cell_switches : int or None
        Lines of the first layer that may cross a cell; None for what is fastest.
    room, little_room : Room
        Of the buffers of a thread, and of one with a limit on memory. 104 columns are whole cache lines to a vertex;
        few cells need more.
    seconds_in_kernel : float
        Compiled code hears no Ctrl-C, so it is left about this often.
    most_depth : int
        Parts of parts of a cell at most.
    most_lines, lines_in_block : int
        Lines of the first layer from which on blocks are made, and how many of them may cross a block.
    remote_batches : int
        Batches handed to an executor: enough to share work evenly, few enough to send.
    """

    cell_switches: int | None = None
    room: Room = _ROOM
    little_room: Room = _LITTLE_ROOM
    seconds_in_kernel: float = 0.1
    most_depth: int = 64
    most_lines: int = 384
    lines_in_block: int = 256
    remote_batches: int = 64


#: What is taken where nothing else is asked for.
USUAL = Knobs()
