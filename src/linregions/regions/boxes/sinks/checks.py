"""What every run over a box checks: that the volumes of its cells sum to its own."""

from __future__ import annotations

import numpy as np

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import NumericalError
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.measuring import Measurer

# Sums of volumes are right to rounding but for slivers between planes that are nearly one, which lose digits.
_DEFECT = 1e-7


def volume_of(domain: Box | Polytope) -> float:
    """Return the volume of a domain."""
    if isinstance(domain, Box):
        return float(np.prod(domain.high - domain.low))
    frame = BoxFrame.of(domain)
    start = frame.start()
    n, n_slots = start.slots.size, start.sides.size
    keys = np.stack([np.arange(n), np.arange(n)], axis=1).astype(np.uint64)
    batch = CellBatch(
        cell_offsets=np.array([0, n]),
        points=start.place * frame.scale,
        slots=start.slots,
        vertex_keys=keys,
        tight=np.zeros(n, dtype=np.uint8),
        slot_offsets=np.array([0, n_slots]),
        slot_labels=(-1 - start.sides).astype(np.int32),
        slot_signs=np.full(n_slots, -1, dtype=np.int8),
        cell_keys=keys[:1],
        pattern_words=np.zeros((1, 0), dtype=np.uint64),
    )
    return float(Measurer(frame.d).measure(batch).volumes[0])


def volume_defect(total: float, domain: Box | Polytope) -> float:
    """Return by how much the sum of volumes is off, in units of the domain's volume.

    Raises
    ------
    NumericalError
        If it is off by more than rounding.
    """
    volume = volume_of(domain)
    defect = total / volume - 1.0
    if not abs(defect) < _DEFECT:
        raise NumericalError(
            f"`network` has in float64 cells whose volumes sum to {total:.12g} in a domain of {volume:.12g}, but they "
            "must fill it: signs near ties were taken wrongly. Pass `tolerances=Tolerances(relative=...)` with another "
            "width, or move the box slightly."
        )
    return defect
