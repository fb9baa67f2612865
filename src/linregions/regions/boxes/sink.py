"""What becomes of the cells of a box: the interface between the engine that finds them and what keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch


@dataclass(frozen=True)
class BoxSummary:
    """What the engine knows when all cells are done."""

    n_cells: int
    diagnostics: dict[str, Any]
    is_general: bool  # whether no sign was taken for zero, and the domain is simple
    # If so and cells are not wanted:
    euler: int  # alternating sum of the numbers of faces
    fits: bool  # whether each facet inside the domain is met from both its sides


class BoxSink(ABC):
    """Something that takes cells as they are found.

    `digest` is called once for each batch, in any thread or process and in any order. What it returns is given to
    `collect`, in the order of the cells and in the thread of the caller.
    """

    #: Whether cells are wanted, and not only their number.
    needs_cells: bool = True

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:  # noqa: B027
        """Start anew: called before any batch, and again if all work is done once more in another band."""

    @abstractmethod
    def digest(self, batch: CellBatch) -> Any:
        """Return what is needed of a batch. Keep no reference to its arrays."""

    @abstractmethod
    def collect(self, digested: Any) -> None:
        """Take what `digest` returned, in the order of the cells."""

    @abstractmethod
    def finish(self, summary: BoxSummary) -> Any:
        """Return the result."""
