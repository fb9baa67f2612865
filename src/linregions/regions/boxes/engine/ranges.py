"""Whether what a network adds up in a box stays in the range of float64."""

from __future__ import annotations

import numpy as np

from linregions.errors import InvalidValueError
from linregions.regions.boxes.engine.stages import LEAST, Stage


def check_range(stages: list[Stage]) -> None:
    """Raise if signs would be decided by numbers that overflow, or have lost digits since they are so small.

    Raises
    ------
    InvalidValueError
    """
    for k, stage in enumerate(stages):
        size = stage.constant_size + stage.slope_size
        bad = np.flatnonzero(~np.isfinite(size) | (stage.is_fed & (size < LEAST)))
        if bad.size:
            raise InvalidValueError(
                f"`network` adds up numbers of about {size[bad[0]]:.2g} in neuron {bad[0]} of its layer {k} in this "
                f"box, but its cells need numbers from {LEAST:.2g} to {np.finfo(float).max:.2g}. Multiply the weights "
                "and biases of layers by powers of two, or give a box of another size."
            )
