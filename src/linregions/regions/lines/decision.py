"""Where the class changes along a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray


@dataclass(frozen=True, eq=False)
class DecisionPoints:
    """Where the class changes along a line.

    Parameters
    ----------
    t : ndarray of float64, shape (K,)
        Parameters, strictly increasing.
    classes : ndarray of int64, shape (K, 2)
        The class before and after each.
    diagnostics : dict
        ``undecided``: comparisons of two outputs, where a region ends or others tie, whose difference is within
        rounding of zero. Where it is 0, and that of the partition, no class or point is missing or wrong.

    Notes
    -----
    As in planes (`DecisionBoundary`): of outputs that tie the lowest number is the class, and where the class
    does not change there is no point.
    """

    t: FloatArray
    classes: npt.NDArray[np.int64]
    diagnostics: dict[str, Any] = field(default_factory=dict)
