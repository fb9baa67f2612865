"""Signs and orders, which have right answers: points as whole numbers, on the line or plane of some affine forms.

A *form* is a tuple of integers ``(c, s_1, .. s_d)``: the function ``c + s_1 t_1 + .. + s_d t_d`` times a positive
number. A *point* is one, too: ``(w, w t_1, .. w t_d)`` with w > 0, or w = 0 for a direction in which there is no end.
"""

from __future__ import annotations

from fractions import Fraction

from linregions.exact.integers import quotient

Form = tuple[int, ...]
Point = tuple[int, ...]


def sign(number: int) -> int:
    """Return -1, 0 or 1."""
    return (number > 0) - (number < 0)


def at(form: Form, point: Point) -> int:
    """Return the sign of a form at a point; at a direction, of its slope."""
    return sign(sum(a * b for a, b in zip(form, point, strict=True)))


def point(*coordinates: float) -> Point:
    """Return the point with these coordinates, which are taken as they are."""
    exact = [Fraction(number) for number in coordinates]
    w = max(number.denominator for number in exact)  # powers of two
    return (w, *(int(number * w) for number in exact))


def root(form: Form) -> Point:
    """Return the point of a line where a form, whose slope is not zero, is zero."""
    c, s = form
    return (s, -c) if s > 0 else (-s, c)


def determinant(a: Form, b: Form) -> int:
    """Return the determinant of two pairs."""
    return a[0] * b[1] - a[1] * b[0]


def meeting(a: Form, b: Form) -> Point | None:
    """Return the point of a plane where two forms are zero; None if they are so nowhere or on a line."""
    w = a[1] * b[2] - a[2] * b[1]
    if not w:
        return None
    x, y = a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return (w, x, y) if w > 0 else (-w, -x, -y)


def determinant_3(a: Form, b: Form, c: Form) -> int:
    """Return the determinant of three triples."""
    return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])


def order(one: Point, other: Point) -> int:
    """Return the sign of ``t_1`` of a point less that of another one; only one may be a direction."""
    return sign(one[1] * other[0] - other[1] * one[0])


def coordinates(where: Point) -> tuple[float, ...]:
    """Return the floats nearest to the coordinates of a point."""
    return tuple(quotient(number, where[0]) for number in where[1:])
