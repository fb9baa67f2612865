"""Distance to the boundary of a linear region, through neighbouring activation regions where no good neuron switches.

For nearly every point the nearest switch is one of a good neuron, and then this is the distance to that boundary as
well. Where it is not, the region beyond belongs to the same linear region, and other regions beyond that. They are
visited in the order of their distance from the point, until a side is met where a good neuron switches.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import lengths_of, power_of_two
from linregions.errors import NumericalError
from linregions.measures.distances.polytope import nearest_point
from linregions.networks.network import Network

# Relative: which gradients rounding explains and which distances tie; which planes are the same; how deep inside a
# side a point must be found for the side to be one.
_ROUNDING, SAME, _INSIDE = 2.0**-42, 1e-9, 1e-9
# Distances from the nearest switch on whose squares, and those of lengths about as large, are in range.
NEAR, FAR = 2.0**-300, 2.0**300
BoolArray = npt.NDArray[np.bool_]
Pieces = tuple[npt.NDArray[np.int64], ...]  # of every hidden layer: which piece of the activation each unit is on


class Found(NamedTuple):
    """The nearest boundary of a linear region."""

    distance: float  # inf where there is none
    neuron: int  # -1 where there is none
    point: FloatArray  # NaN where there is none


class Side(NamedTuple):
    """A side of a region, where a unit is at a breakpoint."""

    unit: int
    upper: bool  # whether it is the upper breakpoint of the unit's piece


@dataclass(frozen=True, eq=False)
class Region:
    """An activation region in coordinates whose origin is the point; row k says ``normals[k] @ y <= limits[k]``."""

    pieces: Pieces
    gradients: FloatArray  # (n_units, d)
    values: FloatArray  # (n_units,) at the origin
    sides: list[Side]
    normals: FloatArray
    limits: FloatArray


class LinearRegions:
    """Searches of one network, each of `most_sides` sides of regions at the most."""

    def __init__(self, network: Network, most_sides: int = 20_000) -> None:
        self.network, self.most_sides = network, most_sides
        self.hidden = network.layers[:-1]
        self.units = np.concatenate([[0], np.cumsum(network.widths[1:-1])]).astype(np.int64)
        self.links = [layer.weight != 0 for layer in network.layers[1:]]
        self.tables = [activation.table for activation in network.activations]
        # What all neurons see of the input is its part in the rows of the first layer.
        few = network.n_in > self.hidden[0].weight.shape[0]
        self.axes: FloatArray = np.linalg.qr(self.hidden[0].weight.T)[0] if few else np.eye(network.n_in)
        # Any direction that is nobody's: towards it a point on a boundary is taken to lie.
        self.aside = np.random.default_rng(0).normal(size=network.n_in)

    def neuron(self, unit: int) -> int:
        """Return the flat number of a unit that switches."""
        layer = int(np.searchsorted(self.units, unit, side="right")) - 1
        return self.network.neuron_offsets[layer] + unit - int(self.units[layer])

    def good(self, is_open: BoolArray) -> BoolArray:
        """Return which units are good, from which are open, both of shape (..., n_units)."""
        good = np.zeros_like(is_open)
        reached: Any = None
        for k in range(len(self.hidden) - 1, -1, -1):
            own = slice(self.units[k], self.units[k + 1])
            if reached is None:
                good[..., own] = self.links[k].any(axis=0)
            elif self.links[k].all():
                good[..., own] = reached.any(axis=-1)[..., None]
            else:
                good[..., own] = reached.astype(np.float32) @ self.links[k].astype(np.float32) > 0
            reached = good[..., own] & is_open[..., own]
        return good

    def found(self, x: FloatArray, activation_distance: float, number: int, who: str) -> Found:
        """Return the nearest boundary of the linear region of a point, which is called `number` in messages."""
        if activation_distance == 0 or NEAR < activation_distance < FAR:
            return self.search(x, number, who)
        # In other units of the inputs, a power of two.
        unit = power_of_two(activation_distance)
        first = self.network.layers[0]
        with np.errstate(over="ignore"):
            steps = [(layer.weight, layer.bias) for layer in self.network.layers]
            steps[0] = first.weight * unit, first.bias
        if not np.all(np.isfinite(steps[0][0])):
            raise NumericalError(
                f"`points` {number} is {activation_distance:g} from the nearest switch, where gradients overflow, but "
                f"{who} needs squares of distances that are finite. Scale the points or the weights down."
            )
        scaled = LinearRegions(Network.from_layers(steps, self.network.activations), self.most_sides)
        found = scaled.search(x / unit, number, who)
        return Found(found.distance * unit, found.neuron, found.point * unit)

    def search(self, x: FloatArray, number: int, who: str) -> Found:
        """Find it in the units that there are."""
        start = self._region(x, self._pieces_at(x))
        best, neurons, nearest = np.inf, set[int](), np.full(x.shape, np.nan)
        regions = [start]
        seen = {self._key(start.pieces)}
        # Distance, whether it is that of the side or only a bound, and which side of which region.
        queue: list[tuple[float, int, int, int]] = []
        self._enqueue(queue, start, 0, 0.0)
        n_sides = 0
        while queue and queue[0][0] <= best * (1.0 + _ROUNDING):
            distance, exact, r, row = heapq.heappop(queue)
            region = regions[r]
            if not exact:
                n_sides += 1
                if n_sides > self.most_sides:
                    raise NumericalError(
                        f"`points` {number} has {n_sides} sides of regions within {distance:g} where no good "
                        f"neuron switches, but {who} needs at most {self.most_sides} before a linear boundary. "
                        "Take kind='activation', whose distance is a lower bound."
                    )
                y = self._on_side(region, row, x)
                if y is not None:
                    # Rounding must not put a side before the region that it leads out of.
                    heapq.heappush(queue, (max(distance, float(np.linalg.norm(y))), 1, r, row))
                continue
            beyond, switched = self._beyond(region, row, x)
            good = self.good(self._open(region.pieces)) | self.good(self._open(beyond))
            names = [self.neuron(int(unit)) for unit in switched if good[unit]]
            if names:
                if distance < best:
                    best = distance
                    y = self._on_side(region, row, x)
                    nearest = x if y is None else x + self.axes @ y
                neurons.update(names)
            elif self._key(beyond) not in seen:
                seen.add(self._key(beyond))
                regions.append(self._region(x, beyond))
                self._enqueue(queue, regions[-1], len(regions) - 1, distance)
        return Found(best, min(neurons, default=-1), nearest)

    def _key(self, pieces: Pieces) -> bytes:
        return b"".join(each.astype(np.uint8).tobytes() for each in pieces)

    def _open(self, pieces: Pieces) -> BoolArray:
        return np.concatenate([table.slopes[each] != 0 for table, each in zip(self.tables, pieces, strict=True)])

    def _pieces_at(self, x: FloatArray) -> Pieces:
        """Return the pieces on one side of a point at least: a unit at its breakpoint goes where `aside` leads it."""
        values, step, size, pieces = x, self.aside, abs(self.aside), []
        for k, layer in enumerate(self.hidden):
            z, dz, most = layer.weight @ values + layer.bias, layer.weight @ step, abs(layer.weight) @ size
            table, height = self.tables[k], z[:, None]
            rising = dz > _ROUNDING * most
            piece = (height > table.breakpoints).sum(axis=1) + (rising & (height == table.breakpoints).any(axis=1))
            pieces.append(piece)
            slope = table.slopes[piece]
            values, step, size = table.at(z, piece), slope * dz, abs(slope) * most
        return tuple(pieces)

    def _affine(self, x: FloatArray, pieces: Pieces) -> tuple[FloatArray, FloatArray]:
        """Return gradients and values of all units, without what is nothing but rounding."""
        rows, values, sizes = self.axes, x, np.abs(self.axes)
        gradients, everywhere = [], []
        for k in range(len(self.hidden)):
            rows, values, sizes = self._through(k, rows, values, sizes)
            gradients.append(rows)
            everywhere.append(values)
            slope, values = self.tables[k].slopes[pieces[k]], self.tables[k].at(values, pieces[k])
            rows, sizes = slope[:, None] * rows, abs(slope)[:, None] * sizes
        return np.concatenate(gradients), np.concatenate(everywhere)

    def _through(
        self, k: int, rows: FloatArray, values: FloatArray, sizes: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Apply an affine step; sizes are sums of absolute values, against which rounding is told."""
        layer = self.hidden[k]
        rows, sizes = layer.weight @ rows, abs(layer.weight) @ sizes
        return np.where(abs(rows) <= _ROUNDING * sizes, 0.0, rows), layer.weight @ values + layer.bias, sizes

    def _region(self, x: FloatArray, pieces: Pieces) -> Region:
        gradients, values = self._affine(x, pieces)
        norms = lengths_of(gradients)
        sides, normals, limits = [], [], []
        for k, (breaks, *_) in enumerate(self.tables):
            for i, piece in enumerate(pieces[k]):
                unit = int(self.units[k]) + i
                if not norms[unit] > 0:
                    continue
                normal = gradients[unit] / norms[unit]
                if piece < breaks.size:
                    sides.append(Side(unit, True))
                    normals.append(normal)
                    limits.append((breaks[piece] - values[unit]) / norms[unit])
                if piece > 0:
                    sides.append(Side(unit, False))
                    normals.append(-normal)
                    limits.append((values[unit] - breaks[piece - 1]) / norms[unit])
        d = gradients.shape[1]
        return Region(pieces, gradients, values, sides, np.array(normals).reshape(-1, d), np.array(limits))

    def _enqueue(self, queue: list[tuple[float, int, int, int]], region: Region, r: int, distance: float) -> None:
        for row, limit in enumerate(region.limits):
            heapq.heappush(queue, (max(distance, abs(float(limit))), 0, r, row))

    def _on_side(self, region: Region, row: int, x: FloatArray) -> FloatArray | None:
        """Return the point of a side that is nearest to the origin, None if it is no side of the region."""
        order = np.concatenate([[row], np.flatnonzero(np.arange(region.limits.size) != row)])
        normals, limits = region.normals[order], region.limits[order]
        y = nearest_point(normals, limits, 1)
        if y is None:
            return None
        # Others in the same plane apart, there must be points inside.
        along = normals[1:] @ normals[0]
        reach = max(float(np.linalg.norm(x)), float(np.linalg.norm(y)))
        same = (abs(along) > 1 - SAME) & (abs(limits[1:] - along * limits[0]) <= SAME * reach)
        kept = np.concatenate([[True], ~same])
        depth = np.where(np.arange(kept.sum()) > 0, _INSIDE * (reach or 1.0), 0.0)
        return y if nearest_point(normals[kept], limits[kept] - depth, 1) is not None else None

    def _beyond(self, region: Region, row: int, x: FloatArray) -> tuple[Pieces, npt.NDArray[np.int64]]:
        """Return the pieces beyond a side, and which units switch there: all whose breakpoint is the same plane."""
        normal, offset = region.normals[row], -region.limits[row]  # the side is ``normal @ y + offset = 0``
        rows, values, sizes = self.axes, x, np.abs(self.axes)
        pieces, switched = [], []
        for k, old in enumerate(region.pieces):
            rows, values, sizes = self._through(k, rows, values, sizes)
            piece = old.copy()
            factors = rows @ normal
            rest = lengths_of(rows - factors[:, None] * normal)
            spread = lengths_of(rows) + lengths_of(region.gradients[self.units[k] : self.units[k + 1]])
            for t, at in enumerate(self.tables[k].breakpoints):
                height = values - at - factors * offset
                scale = spread * (abs(offset) + float(np.linalg.norm(x))) + abs(at) + abs(values)
                here = ((old == t) | (old == t + 1)) & (spread > 0)
                here &= (rest <= SAME * spread) & (abs(height) <= SAME * scale)
                piece[here] = np.where(factors[here] > SAME * spread[here], t + 1, t)
            pieces.append(piece)
            switched.append(self.units[k] + np.flatnonzero(piece != old))
            slope, values = self.tables[k].slopes[piece], self.tables[k].at(values, piece)
            rows, sizes = slope[:, None] * rows, abs(slope)[:, None] * sizes
        return tuple(pieces), np.concatenate(switched)
