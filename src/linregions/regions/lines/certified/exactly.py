"""What floats leave open on lines, settled in integers: the sign of a unit at a point, the order of two cuts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cmp_to_key

import numpy as np
import numpy.typing as npt

from linregions.domains.windows import LineDomain, Path, Ray, Segment
from linregions.exact import signs
from linregions.exact.forms import Cell, Cells, ExactNetwork, rows_between, rows_of
from linregions.exact.integers import quotient
from linregions.exact.signs import Point
from linregions.networks.network import Network
from linregions.regions.lines.certified.rows import GIVEN, Bits, Stretch

# Straight lines whose cells are held at once.
_HELD = 4
# Where more than one in so many units is asked for, all are found at once.
_MANY = 8


class Court:
    """Settles doubts on some lines."""

    def __init__(self, network: Network, domains: Sequence[LineDomain]) -> None:
        self._network, self._domains = network, domains
        self._steps = network.graph.steps
        self._cells: OrderedDict[tuple[int, int], Cells] = OrderedDict()
        self.asked = np.zeros(len(domains), dtype=np.int64)  # decisions on each line
        self.mended = np.zeros(len(domains), dtype=np.int64)  # those of them where floats were wrong

    def sign(self, stretch: Stretch, place: int, switch: int) -> int:
        """Return the sign of a switch of the next step at a point, told by its place in the order."""
        interval = self._beside(stretch, place)
        unit, breakpoint = self._split(stretch.step, switch)
        form = self._cell(stretch, interval, stretch.step).form(unit, breakpoint)
        return signs.at(form, self.point(stretch, place))

    def roots(self, stretch: Stretch, interval: int, switches: Sequence[int]) -> tuple[list[int], list[bool]]:
        """Return the order of cuts in an interval, and whether each, in this order, is where the one before it is."""
        cell = self._cell(stretch, interval, stretch.step)
        if _MANY * len(switches) > self._steps[stretch.step].layout.n_units:
            _ = cell.sums  # all at once
        places = [signs.root(cell.form(*self._split(stretch.step, switch))) for switch in switches]

        def compare(a: int, b: int) -> int:
            return signs.order(places[a], places[b])

        found = sorted(range(len(places)), key=cmp_to_key(compare))
        ties = [k > 0 and signs.order(places[found[k - 1]], places[found[k]]) == 0 for k in range(len(found))]
        return found, ties

    def point(self, stretch: Stretch, place: int) -> Point:
        """Return where a point lies on its straight part, told by its place in the order."""
        number = int(stretch.order[place])
        points, interval = stretch.points, self._beside(stretch, place)
        born = int(points.born[number])
        if born == GIVEN:
            leg, weight = int(points.leg[stretch.order[interval]]), int(points.weight[number])
            return (weight, int(points.t[number]) - leg * weight)
        found = stretch.exact.get(number)
        if found is None:
            form = self._cell(stretch, interval, born).form(*self._split(born, int(points.switch[number])))
            found = stretch.exact[number] = signs.root(form)
        return found

    def t(self, stretch: Stretch, place: int) -> float:
        """Return the float nearest to a point's place on its line."""
        w, x = self.point(stretch, place)
        leg = int(stretch.points.leg[stretch.order[self._beside(stretch, place)]])
        return quotient(x + leg * w, w)

    def _split(self, step: int, switch: int) -> tuple[int, int]:
        return divmod(switch, self._steps[step].activation.n_breakpoints)

    @staticmethod
    def _beside(stretch: Stretch, place: int) -> int:
        """Return an interval at a point: the one after it, or before it where a line ends."""
        line = stretch.points.line
        order = stretch.order
        is_last = place + 1 == order.size or line[order[place + 1]] != line[order[place]]
        return place - 1 if is_last else place

    def _cell(self, stretch: Stretch, interval: int, step: int) -> Cell:
        number = int(stretch.order[interval])
        line, leg = int(stretch.points.line[number]), int(stretch.points.leg[number])
        path = [self._pieces(k, past.bits[past.at[interval]]) for k, past in enumerate(stretch.past[:step])]
        return self._cells_of(line, leg).cell(path)

    def _pieces(self, k: int, bits: Bits) -> npt.NDArray[np.uint8]:
        step = self._steps[k]
        if not step.activation.n_breakpoints:
            return np.zeros(step.layout.n_units, dtype=np.uint8)
        return np.asarray(bits.reshape(step.layout.n_units, -1).sum(axis=1, dtype=np.uint8))

    def _cells_of(self, line: int, leg: int) -> Cells:
        found = self._cells.get((line, leg))
        if found is None:
            domain = self._domains[line]
            if isinstance(domain, Ray):
                rows = rows_of(domain.origin, domain.direction)
            elif isinstance(domain, Path):
                rows = rows_between(domain.points[leg], domain.points[leg + 1])
            else:
                assert isinstance(domain, Segment)
                rows = rows_between(domain.a, domain.b)
            found = self._cells[line, leg] = Cells(ExactNetwork.of(self._network), rows)
            if len(self._cells) > _HELD:
                self._cells.popitem(last=False)
        return found
