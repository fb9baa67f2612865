"""Distance to the boundary of a linear region of a graph: the search of `linear`, with windows of maxima.

All gradients of a region are held at once, so this is for small networks; larger ones are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import lengths_of, power_of_two
from linregions.errors import UnsupportedModuleError
from linregions.measures.distances.linear import FAR, NEAR, SAME, Found, LinearRegions, Pieces, Region, Side
from linregions.measures.input_units import in_units
from linregions.networks.good import good_neurons
from linregions.networks.graph import INPUT, apply_terms, with_absolute_weights
from linregions.networks.graph_maps import differences
from linregions.networks.local_maps import ROUNDING, on_pieces
from linregions.networks.network import Network
from linregions.networks.numbering import NONE, Group

BoolArray = npt.NDArray[np.bool_]
Pattern = npt.NDArray[np.uint8]
# Heights and gradients of some functions, and for each whether it meets a plane.
Meets = Callable[[FloatArray, FloatArray, FloatArray], BoolArray]
_MOST_NUMBERS = 1 << 25


@dataclass(frozen=True, eq=False)
class _Local:
    """What the units of all steps are where a pattern holds."""

    values: list[FloatArray]  # by step, (units,) at the point
    gradients: list[FloatArray]  # (units, n_in)
    bits: npt.NDArray[np.uint8]  # (comparisons,)


class GraphLinearRegions(LinearRegions):
    """Searches of one graph; its pieces are a pattern, and its units neurons."""

    def __init__(self, network: Network, most_sides: int = 20_000) -> None:
        self.network, self.most_sides = network, most_sides
        self.graph, self.numbering = network.graph, network.numbering
        self.axes = np.eye(network.n_in)
        self.aside = np.random.default_rng(0).normal(size=network.n_in)

    def neuron(self, unit: int) -> int:
        """Return the flat number of a unit that switches."""
        return unit

    def good(self, is_open: npt.NDArray[np.generic]) -> BoolArray:
        """Return which neurons are good, from a pattern."""
        return np.asarray(good_neurons(self.network, np.asarray(is_open, dtype=np.uint8)[None])[0])

    def found(self, x: FloatArray, activation_distance: float, number: int, who: str) -> Found:
        """Return the nearest boundary of the linear region of a point, which is called `number` in messages."""
        size = self.network.n_in * sum(step.layout.n_units for step in self.graph.steps)
        if size > _MOST_NUMBERS:
            raise UnsupportedModuleError(
                f"`points` {number} is nearest to a neuron that is not good, in a graph with {size:,} entries of "
                f"gradients, but {who} with kind='linear' needs at most {_MOST_NUMBERS:,} to look beyond it. "
                "Take kind='activation', whose distance is a lower bound."
            )
        if activation_distance == 0 or NEAR < activation_distance < FAR:
            return self.search(x, number, who)
        unit = power_of_two(activation_distance)
        scaled = GraphLinearRegions(in_units(self.network, unit, "network", who), self.most_sides)
        found = scaled.search(x / unit, number, who)
        return Found(found.distance * unit, found.neuron, found.point * unit)

    def _open(self, pieces: Pieces) -> Pattern:  # type: ignore[override]
        return pieces[0].astype(np.uint8)

    def _local(self, x: FloatArray, pattern: Pattern) -> _Local:
        """Return values at a point and gradients where a pattern holds, without what is nothing but rounding."""
        graph, pieces = self.graph, self.numbering.pieces(pattern[None])
        tensors: dict[int, FloatArray] = {INPUT: self.axes[:, graph.input_layout.order]}
        values: dict[int, FloatArray] = {INPUT: x[None, graph.input_layout.order]}
        sums, gradients = [], []
        for k, step in enumerate(graph.steps[:-1]):
            rows = apply_terms(step, tensors, x.size)
            sizes = apply_terms(with_absolute_weights(step), {key: np.abs(own) for key, own in tensors.items()}, x.size)
            rows[:, np.abs(rows).max(axis=0) <= ROUNDING * sizes.max(axis=0)] = 0.0
            z = apply_terms(step, values, 1) + step.bias
            slopes, intercepts = on_pieces(step.activation, pieces[k][0])
            sums.append(z[0])
            gradients.append(rows.T)
            tensors[k], values[k] = rows * slopes, z * slopes + intercepts
        bits = self.numbering.tournament.bits(pattern[None, self.numbering.window_neuron])[0]
        return _Local(sums, gradients, bits)

    def _entries(self, local: _Local, window: int) -> dict[int, tuple[float, FloatArray]]:
        """Return height and gradient of each entry of a window above its winner, the winner apart."""
        tournament, maxima = self.numbering.tournament, self.graph.maxima
        last = int(tournament.last[window])
        if last < 0:
            return {}
        found = {}
        for entry, lost in differences(tournament.earlier, tournament.entry, local.bits > 0, last).items():
            height, gradient, most = 0.0, np.zeros(self.network.n_in), 0.0
            for c, sign in lost:
                k, unit = int(maxima.step[c]), int(maxima.unit[c])
                height += sign * float(local.values[k][unit])
                gradient = gradient + sign * local.gradients[k][unit]
                most += float(np.abs(local.gradients[k][unit]).max())
            if lost:
                vanishes = np.abs(gradient).max() <= ROUNDING * most
                found[entry] = height, np.zeros_like(gradient) if vanishes else gradient
        return found

    def _own(self, local: _Local, group: Group) -> tuple[FloatArray, FloatArray]:
        """Return values and gradients of a group's neurons, which are no windows."""
        order = np.argsort(self.graph.steps[group.step].layout.order)
        return local.values[group.step][order], local.gradients[group.step][order]

    def _decided(
        self, group: Group, local: _Local, before: _Local, old: Pattern, meets: Meets, way: FloatArray
    ) -> Pattern:
        """Return the pieces of a group: those of neurons that meet a plane as they are on its side `way`."""
        own = old[group.first : group.first + group.size].copy()
        if group.step != NONE:
            values, gradients = self._own(local, group)
            spread = lengths_of(gradients) + lengths_of(self._own(before, group)[1])
            rise = gradients @ way
            first = own.copy()
            for t, at in enumerate(self.graph.steps[group.step].activation.breakpoints):
                here = ((first == t) | (first == t + 1)) & meets(values - at, gradients, spread)
                own[here] = np.where(rise[here] > SAME * spread[here], t + 1, t)
            return own
        for i, window in enumerate(group.windows.tolist()):
            earlier = self._entries(before, window)
            rises = {int(own[i]): 0.0}
            for entry, (height, gradient) in self._entries(local, window).items():
                was = earlier[entry][1] if entry in earlier else gradient
                spread = lengths_of(np.stack([gradient, was])).sum(keepdims=True)
                if meets(np.array([height]), gradient[None], spread)[0]:
                    slope = float(gradient @ way)
                    rises[entry] = slope if abs(slope) > SAME * float(spread[0]) else 0.0
            most = max(rises.values())
            own[i] = min(entry for entry, slope in rises.items() if slope == most)
        return own

    def _settled(self, x: FloatArray, start: _Local, pattern: Pattern, meets: Meets, way: FloatArray) -> Pattern:
        """Return the pattern on one side of a plane, from that on the other: group by group, since later ones read."""
        local = start
        for group in self.numbering.groups:
            own = self._decided(group, local, start, pattern, meets, way)
            if not np.array_equal(own, pattern[group.first : group.first + group.size]):
                pattern = pattern.copy()
                pattern[group.first : group.first + group.size] = own
                local = self._local(x, pattern)
        return pattern

    def _pieces_at(self, x: FloatArray) -> Pieces:
        """Return the pattern on one side of a point at least: what ties there goes where `aside` leads it."""
        pattern = np.asarray(self.network.patterns(x))
        start = self._local(x, pattern)

        def meets(heights: FloatArray, gradients: FloatArray, spread: FloatArray) -> BoolArray:
            return np.asarray((heights == 0) & (spread > 0))

        return (self._settled(x, start, pattern, meets, self.aside).astype(np.int64),)

    def _region(self, x: FloatArray, pieces: Pieces) -> Region:
        pattern = self._open(pieces)
        local = self._local(x, pattern)
        heights: list[float] = []
        normals: list[FloatArray] = []
        sides: list[Side] = []  # a side says ``height + normal @ y <= 0``
        for group in self.numbering.groups:
            if group.step == NONE:
                for i, window in enumerate(group.windows.tolist()):
                    for above, gradient in self._entries(local, window).values():
                        heights.append(above)
                        normals.append(gradient)
                        sides.append(Side(group.first + i, True))
                continue
            points = self.graph.steps[group.step].activation.breakpoints
            for i, (z, normal) in enumerate(zip(*self._own(local, group), strict=True)):
                piece = int(pattern[group.first + i])
                if piece < len(points):
                    heights.append(float(z) - points[piece])
                    normals.append(normal)
                    sides.append(Side(group.first + i, True))
                if piece > 0:
                    heights.append(points[piece - 1] - float(z))
                    normals.append(-normal)
                    sides.append(Side(group.first + i, False))
        rows = np.array(normals).reshape(-1, self.network.n_in)
        norms = lengths_of(rows)
        kept = norms > 0
        limits = -np.array(heights)[kept] / norms[kept]
        sides = [side for side, keeps in zip(sides, kept.tolist(), strict=True) if keeps]
        return Region(pieces, rows, np.array(heights), sides, rows[kept] / norms[kept, None], limits)

    def _beyond(self, region: Region, row: int, x: FloatArray) -> tuple[Pieces, npt.NDArray[np.int64]]:
        """Return the pattern beyond a side, and which neurons switch there: all that meet in the same plane."""
        normal, offset = region.normals[row], -region.limits[row]
        pattern = self._open(region.pieces)

        def meets(heights: FloatArray, gradients: FloatArray, spread: FloatArray) -> BoolArray:
            factors = gradients @ normal
            rest = lengths_of(gradients - factors[:, None] * normal)
            scale = spread * (abs(offset) + float(np.linalg.norm(x))) + abs(heights)
            on_plane = abs(heights - factors * offset) <= SAME * scale
            return np.asarray((spread > 0) & (rest <= SAME * spread) & on_plane)

        beyond = self._settled(x, self._local(x, pattern), pattern, meets, normal)
        return (beyond.astype(np.int64),), np.flatnonzero(beyond != pattern)
