"""A network in the coordinates of a box, as the kernels want it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.networks.switches import count_switches
from linregions.regions.boxes.engine.ranges import check_range
from linregions.regions.boxes.engine.stages import stages_of
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.kernels.bench import Plan

WordArray = npt.NDArray[np.uint64]

_SEED = 0x9E3779B97F4A7C15


def hash_words(first: int, count: int) -> WordArray:
    """Return two words for each of some numbers, the same in every process: splitmix64."""
    with np.errstate(over="ignore"):
        z = (np.arange(2 * first, 2 * (first + count), dtype=np.uint64) + np.uint64(1)) * np.uint64(_SEED)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).reshape(count, 2)


def make_plan(network: Network, frame: BoxFrame, relative: float) -> Plan:
    """Flatten a chain, or a graph without maxima.

    Raises
    ------
    InvalidValueError
        If numbers leave the range of float64.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        stages = stages_of(network, frame)
    check_range(stages)
    n_layers, n_switches = len(stages), count_switches(network)
    widths = np.array([stage.rows.shape[1] for stage in stages], dtype=np.int64)
    columns = np.append(0, np.cumsum(widths))
    widest = int(widths.max(initial=1))
    most = max((stage.activation.n_breakpoints for stage in stages), default=0)
    breakpoints = np.zeros((n_layers, max(most, 1)))
    slopes, knots, heights = (np.zeros((n_layers, most + 1)) for _ in range(3))
    constant_size, slope_size = (np.zeros((n_layers, widest)) for _ in range(2))
    switch = np.zeros((3, n_switches), dtype=np.int32)
    own_reach = np.minimum(np.arange(n_layers) + 2, n_layers)  # the first stage that each one gives nothing to
    for k, stage in enumerate(stages):
        n, t = widths[k], stage.activation.n_breakpoints
        breakpoints[k, :t], slopes[k, : t + 1] = stage.activation.breakpoints, stage.activation.slopes
        knots[k, : t + 1], heights[k, : t + 1] = stage.activation.knots
        constant_size[k, :n], slope_size[k, :n] = stage.constant_size, stage.slope_size
        numbers = np.arange(n * t)
        own = slice(stage.first_switch, stage.first_switch + n * t)
        if t:
            switch[0, own], switch[1:, own] = k, np.divmod(numbers, t)
        for source, _ in stage.sources:
            own_reach[source] = max(own_reach[source], k + 1)
    span = columns[own_reach] - columns[1:]
    weights_at = np.append(0, np.cumsum(widths * span))
    weights = np.zeros(weights_at[-1])
    for k, stage in enumerate(stages):
        for source, weight in stage.sources:
            block = weights[weights_at[source] : weights_at[source + 1]].reshape(widths[source], span[source])
            begin = columns[k] - columns[source + 1]
            block[:, begin : begin + widths[k]] = weight
    words = hash_words(0, 2 * n_switches + frame.sides.shape[0])
    return Plan(
        widths=widths,
        n_breakpoints=np.array([stage.activation.n_breakpoints for stage in stages], dtype=np.int64),
        first_switch=np.array([stage.first_switch for stage in stages], dtype=np.int64),
        columns=columns,
        reach=columns[np.maximum.accumulate(own_reach)],
        span=span,
        weights=weights,
        weights_at=weights_at,
        breakpoints=breakpoints,
        slopes=slopes,
        knots=knots,
        heights=heights,
        rows=np.concatenate([np.zeros((frame.d + 1, 0)), *(stage.rows for stage in stages)], axis=1),
        constant_size=constant_size,
        slope_size=slope_size,
        switch=switch,
        sides=frame.sides,
        words_on=np.ascontiguousarray(words[:n_switches]),
        words_zero=np.ascontiguousarray(words[n_switches:]),
        scale=frame.scale,
        relative=relative,
    )
