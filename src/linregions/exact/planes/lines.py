"""Lines of switches and of a window's sides, and the points where two of them meet: floats, exact where asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.exact.bounds import U
from linregions.exact.forms import Cell, Cells
from linregions.exact.planes.frame import Frame
from linregions.exact.signs import Form, Point, at, coordinates, meeting
from linregions.networks.numbering import LayerSwitches

Bits = npt.NDArray[np.uint8]
#: Three coefficients, and a bound on the error of each.
FloatForm = tuple[float, float, float, float, float, float]
# Points that are not known better than this, in a window of about 1, are found exactly and rounded.
_WELL_KNOWN = 2.0**-30
_SMALL, _LARGE = 2.0**-300, 2.0**300


class Line(NamedTuple):
    """Where a switch of a step is, as a cell sees it."""

    step: int
    cell: int  # number of a cell as they are before the step
    switch: int  # of all switches


class Lines:
    """All lines of a window that was cut so far; the first ones are its sides."""

    def __init__(self, frame: Frame, cells: Cells, layout: tuple[LayerSwitches, ...]) -> None:
        self.layout, self._cells = layout, cells
        self.switches: list[int] = [-1] * len(frame.sides)
        self._lines: list[Line | None] = [None] * len(frame.sides)
        self._forms: list[Form | None] = list(frame.sides)
        self._bits: dict[int, Bits] = {}  # of cells before a step
        self._seen: tuple[int, int, Cell] | None = None

    def begin_step(self, k: int, bits: Bits) -> None:
        """Take note of the cells that see the lines of a step."""
        self._bits[k] = bits

    def add(self, line: Line) -> int:
        """Return the number of a new line."""
        self._lines.append(line)
        self._forms.append(None)
        self.switches.append(line.switch)
        return len(self._lines) - 1

    def form(self, number: int) -> Form:
        """Return a line's form, exactly."""
        found = self._forms[number]
        if found is None:
            line = self._lines[number]
            assert line is not None
            found = self._forms[number] = self.form_of(*line)
        return found

    def form_of(self, k: int, cell: int, switch: int) -> Form:
        """Return the form of a switch of step k as a cell sees it, exactly."""
        layer = self.layout[k]
        unit, breakpoint = divmod(switch - layer.first, layer.n_breakpoints)
        return self._cell(k, cell).form(unit, breakpoint)

    def _cell(self, k: int, number: int) -> Cell:
        if self._seen is not None and self._seen[:2] == (k, number):
            return self._seen[2]
        bits = self._bits[k][number]
        path = []
        for layer in self.layout[:k]:
            own = bits[layer.own]
            if not layer.n_breakpoints:
                own = np.zeros(layer.n_units, dtype=np.uint8)
            elif layer.n_breakpoints > 1:
                own = own.reshape(-1, layer.n_breakpoints).sum(axis=1, dtype=np.uint8)
            path.append(own)
        found = self._cells.cell(path)
        self._seen = (k, number, found)
        return found


class Points:
    """All points met so far."""

    def __init__(self, lines: Lines, corners: tuple[Point, ...]) -> None:
        self.lines, self.n_exact = lines, 0
        n = len(corners)
        self.between: list[tuple[int, int]] = [((k - 1) % n, k) for k in range(n)]
        self._exact: dict[int, Point] = dict(enumerate(corners))
        self.x: list[float] = []
        self.y: list[float] = []
        self.dx: list[float] = []
        self.dy: list[float] = []
        for corner in corners:
            self._append(*_rounded(corner))

    def __len__(self) -> int:
        return len(self.x)

    def exact(self, number: int) -> Point:
        """Return a point, exactly."""
        found = self._exact.get(number)
        if found is None:
            one, other = self.between[number]
            meets = meeting(self.lines.form(one), self.lines.form(other))
            if meets is None:
                raise AssertionError("two lines that meet are parallel")
            found = self._exact[number] = meets
        return found

    def side_of(self, form: Form, number: int) -> int:
        """Return the sign of a form at a point, exactly."""
        self.n_exact += 1
        return at(form, self.exact(number))

    def add_between(self, one: int, other: int, x: float, y: float, dx: float, dy: float) -> int:
        """Return the number of the point where two lines meet, which is about this one, known so well."""
        number = len(self.x)
        self.between.append((one, other))
        if dx < _WELL_KNOWN and dy < _WELL_KNOWN:
            self._append(x, y, dx, dy)
        else:
            self._append(*_rounded(self.exact(number)))
        return number

    def _append(self, x: float, y: float, dx: float, dy: float) -> None:
        self.x.append(x)
        self.y.append(y)
        self.dx.append(dx)
        self.dy.append(dy)


def _rounded(point: Point) -> tuple[float, float, float, float]:
    x, y = coordinates(point)
    return x, y, 2 * U * abs(x) + 2.0**-1074, 2 * U * abs(y) + 2.0**-1074


def meeting_of_floats(p: FloatForm, q: FloatForm) -> tuple[float, float, float, float]:
    """Return where two forms are zero, and how well that is known; bounds are infinite where it is not."""
    p0, p1, p2, e0, e1, e2 = _scaled(p)
    q0, q1, q2, f0, f1, f2 = _scaled(q)
    w = p1 * q2 - p2 * q1
    dw = _off(p1, p2, e1, e2, q1, q2, f1, f2)
    room = abs(w) - 2.0 * dw
    if not room > _SMALL:
        return 0.0, 0.0, np.inf, np.inf
    x, y = (p2 * q0 - p0 * q2) / w, (p0 * q1 - p1 * q0) / w
    dx = (_off(p2, p0, e2, e0, q2, q0, f2, f0) + abs(x) * dw) / room + 4 * U * abs(x)
    dy = (_off(p0, p1, e0, e1, q0, q1, f0, f1) + abs(y) * dw) / room + 4 * U * abs(y)
    return x, y, dx * 1.000001, dy * 1.000001


def _scaled(p: FloatForm) -> FloatForm:
    """Return a form over its largest coefficient, about; none but tiny ones are rounded more than once."""
    size = max(abs(p[0]), abs(p[1]), abs(p[2]))
    if not _SMALL < size < _LARGE:
        return (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # found to be parallel to all, so that it is taken exactly
    if 2.0**-20 < size < 2.0**20:
        return p
    a, b, c = p[0] / size, p[1] / size, p[2] / size
    return (
        a, b, c, p[3] / size + 2 * U * abs(a) + _SMALL, p[4] / size + 2 * U * abs(b) + _SMALL,
        p[5] / size + 2 * U * abs(c) + _SMALL,
    )  # fmt: skip


def _off(a: float, b: float, da: float, db: float, c: float, d: float, dc: float, dd: float) -> float:
    """Return a bound on the error of ``a d - b c``."""
    return (
        abs(a) * dd + abs(d) * da + da * dd + abs(b) * dc + abs(c) * db + db * dc
        + 4 * U * (abs(a * d) + abs(b * c)) + 2.0**-600
    )  # fmt: skip
