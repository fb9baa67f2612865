"""What floats left open at the vertices of a proposal, decided in integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.exact.forms import Cell, Cells, ExactNetwork
from linregions.exact.planes.frame import Frame
from linregions.exact.planes.proposal import Columns
from linregions.exact.signs import Form, Point, at, meeting
from linregions.networks.network import Network


class Court:
    """Exact forms of columns as faces see them, and exact vertices."""

    def __init__(self, network: Network, frame: Frame, columns: Columns) -> None:
        self.network, self.frame, self.columns = network, frame, columns
        self.exact = ExactNetwork.of(network)
        self.cells = Cells(self.exact, frame.rows)
        self.n_decisions = 0
        self._face, self._path = -1, [np.zeros(0, dtype=np.uint8)]
        self._bits = np.zeros(0, dtype=np.uint8)
        self._points: dict[int, Point | None] = {}
        self._forms: dict[int, Form] = {}
        self._steps: dict[int, Cell] = {}

    def see(self, face: int, bits: npt.NDArray[np.uint8]) -> None:
        """Look from a face with the bits of all switches given."""
        if face == self._face:
            return
        self._face, self._bits, self._forms, self._steps = face, bits, {}, {}
        self._path = []
        for layer in self.columns.layout:
            if layer.n_breakpoints:
                own = bits[layer.own].reshape(-1, layer.n_breakpoints).sum(axis=1, dtype=np.uint8)
            else:
                own = np.zeros(layer.n_units, dtype=np.uint8)
            self._path.append(own)

    def form(self, column: int) -> Form:
        """Return a column's form, times a positive number: what is to be compared with zero, without its sign."""
        found = self._forms.get(column)
        if found is None:
            found = self._forms[column] = self._form(column)
        return found

    def _form(self, column: int) -> Form:
        columns = self.columns
        if column >= columns.first_side:
            return self.frame.sides[column - columns.first_side]
        if column >= columns.first_entry:
            return self._entry(column - columns.first_entry)
        k = int(columns.step_of_switch[column])
        layer = columns.layout[k]
        return self._cell(k).form(*divmod(column - layer.first, layer.n_breakpoints))

    def _cell(self, k: int) -> Cell:
        if k not in self._steps:
            self._steps[k] = self.cells.cell(self._path[:k])
        return self._steps[k]

    def _entry(self, leaf: int) -> Form:
        """Return what an entry is above the winner."""
        terms = []
        for comparison, weight in path_of(self.columns, self._bits, leaf):
            k = int(self.network.graph.maxima.step[comparison])
            unit = int(self.network.graph.maxima.unit[comparison])
            sums = self._cell(k).sums
            exponent = sums.exponent + int(self.exact.scales[k][unit])
            terms.append((weight, sums.numbers[:, unit], exponent))
        least = min((exponent for _, _, exponent in terms), default=0)
        total = [0, 0, 0]
        for weight, numbers, exponent in terms:
            for c in range(3):
                total[c] += weight * (int(numbers[c]) << (exponent - least))
        return tuple(total)

    def vertex(self, vertex: int, one: int, other: int) -> Point | None:
        """Return where two columns are zero, as the face seen has them; None if that is no point."""
        if vertex not in self._points:
            self._points[vertex] = meeting(self.form(one), self.form(other))
        return self._points[vertex]

    def sign(self, column: int, point: Point) -> int:
        """Return the sign of a column at a point."""
        self.n_decisions += 1
        return at(self.form(column), point)

    def forget_points(self) -> None:
        """Forget the points, once what is asked of them is done."""
        self._points = {}


def path_of(columns: Columns, bits: npt.NDArray[np.uint8], leaf: int) -> list[tuple[int, int]]:
    """Return comparisons with weights whose sums add up to what an entry is above the winner.

    A comparison sums ``right - left``, and returns ``left + piece * (right - left)``.
    """
    tournament, found = columns.tournament, []
    at, side = int(tournament.leaf[leaf]), int(tournament.leaf_side[leaf])
    switches = columns.network.numbering.comparison_switch
    while at >= 0:
        weight = side - int(bits[switches[at]])
        if weight:
            found.append((at, weight))
        at, side = int(tournament.parent[at]), int(tournament.side[at])
    return found
