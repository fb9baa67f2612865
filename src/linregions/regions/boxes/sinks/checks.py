"""What every run over a box checks: that the volumes of its cells sum to its own."""

from __future__ import annotations

import numpy as np

from linregions.domains.solids import Box
from linregions.errors import NumericalError

# Sums of volumes are right to rounding, and a cell that is lost between ties is as small.
_DEFECT = 1e-9


def volume_defect(total: float, domain: Box) -> float:
    """Return by how much the sum of volumes is off, in units of the domain's volume.

    Raises
    ------
    NumericalError
        If it is off by more than rounding.
    """
    volume = float(np.prod(domain.high - domain.low))
    defect = total / volume - 1.0
    if not abs(defect) < _DEFECT:
        raise NumericalError(
            f"`network` has in float64 cells whose volumes sum to {total:.12g} in a box of {volume:.12g}, but they "
            "must fill it: signs near ties were taken wrongly. Pass `tolerances=Tolerances(relative=...)` with another "
            "width, or move the box slightly."
        )
    return defect
