"""Regions of a network along a line, in rational arithmetic: slow, exact, nothing shared with the fast code.

Every float is a dyadic rational, so each sign and each order has a right answer, and Fractions find it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from linregions import Line, Network, Path, PiecewiseLinear, Ray, Segment

Affine = tuple[Fraction, Fraction]  # (value at t = 0, change per unit t)


@dataclass(frozen=True)
class ExactPiece:
    """An interval on which the network is affine and every neuron stays on one piece; None is infinity."""

    low: Fraction | None
    high: Fraction | None
    pattern: tuple[int, ...]
    outputs: tuple[Affine, ...]


@dataclass(frozen=True)
class ExactLine:
    """What the twin finds: all pieces (corners of a path part them too), then what follows from them."""

    pieces: tuple[ExactPiece, ...]
    breakpoints: tuple[Fraction, ...]
    switches: tuple[tuple[tuple[int, int, int], ...], ...]  # (neuron, breakpoint, direction) at each breakpoint
    patterns: tuple[tuple[int, ...], ...]
    is_linear_boundary: tuple[bool, ...]

    @property
    def n_regions(self) -> int:
        return len(self.breakpoints) + 1

    @property
    def n_linear_regions(self) -> int:
        return sum(self.is_linear_boundary) + 1


class ExactActivation:
    """A piecewise-linear activation whose values at the breakpoints follow from its anchor without rounding."""

    def __init__(self, activation: PiecewiseLinear) -> None:
        self.breakpoints = [Fraction(point) for point in activation.breakpoints]
        self.slopes = [Fraction(slope) for slope in activation.slopes]
        t, value = Fraction(activation.anchor[0]), Fraction(activation.anchor[1])
        # phi = constant + q_0 x + sum_j (q_j - q_{j-1}) max(x - xi_j, 0); the anchor fixes the constant.
        self.intercepts = [Fraction(0)]
        for point, (left, right) in zip(self.breakpoints, itertools.pairwise(self.slopes), strict=True):
            self.intercepts.append(self.intercepts[-1] - (right - left) * point)
        shift = value - self(t)
        self.intercepts = [intercept + shift for intercept in self.intercepts]

    def piece(self, t: Fraction) -> int:
        return sum(point < t for point in self.breakpoints)

    def __call__(self, t: Fraction) -> Fraction:
        j = self.piece(t)
        return self.slopes[j] * t + self.intercepts[j]


def legs(domain: Segment | Ray | Line | Path) -> list[tuple[Fraction | None, Fraction | None, list[Affine]]]:
    """Return (low, high, coordinates as affine functions of t) of each straight part."""
    if isinstance(domain, Line | Ray):
        x = [(Fraction(p), Fraction(d)) for p, d in zip(domain.origin, domain.direction, strict=True)]
        return [(None if isinstance(domain, Line) else Fraction(0), None, x)]
    points = [domain.a, domain.b] if isinstance(domain, Segment) else list(domain.points)
    legs: list[tuple[Fraction | None, Fraction | None, list[Affine]]] = []
    for k, (start, end) in enumerate(itertools.pairwise(points)):
        x = []
        for a, b in zip(start, end, strict=True):
            change = Fraction(b) - Fraction(a)
            x.append((Fraction(a) - k * change, change))
        legs.append((Fraction(k), Fraction(k + 1), x))
    return legs


def _inside(low: Fraction | None, high: Fraction | None) -> Fraction:
    """Return a point inside an interval."""
    if low is None:
        return Fraction(0) if high is None else high - 1
    return low + 1 if high is None else (low + high) / 2


def _affine(weight: list[list[Fraction]], bias: list[Fraction], x: Sequence[Affine]) -> list[Affine]:
    return [
        (b + sum(w * v[0] for w, v in zip(row, x, strict=True)), sum((w * v[1] for w, v in zip(row, x, strict=True))))
        for row, b in zip(weight, bias, strict=True)
    ]


def exact_line(net: Network, domain: Segment | Ray | Line | Path) -> ExactLine:
    """Return the exact regions of `network` along `domain`."""
    weights = [[[Fraction(w) for w in row] for row in layer.weight] for layer in net.layers]
    biases = [[Fraction(b) for b in layer.bias] for layer in net.layers]
    activations = [ExactActivation(activation) for activation in net.activations]
    pieces: list[tuple[Fraction | None, Fraction | None, tuple[int, ...], list[Affine]]]
    pieces = [(low, high, (), x) for low, high, x in legs(domain)]
    for weight, bias, phi in zip(weights, biases, activations, strict=False):
        after = []
        for low, high, pattern, x in pieces:
            z = _affine(weight, bias, x)
            cuts = {(point - v) / s for v, s in z if s for point in phi.breakpoints}
            inner = sorted(c for c in cuts if (low is None or c > low) and (high is None or c < high))
            for left, right in itertools.pairwise([low, *inner, high]):
                t = _inside(left, right)
                on = [phi.piece(v + s * t) for v, s in z]
                h = [
                    (phi.slopes[j] * v + phi.intercepts[j], phi.slopes[j] * s) for j, (v, s) in zip(on, z, strict=True)
                ]
                after.append((left, right, pattern + (tuple(on) if phi.breakpoints else ()), h))
        pieces = after
    found = tuple(
        ExactPiece(low, high, pattern, tuple(_affine(weights[-1], biases[-1], x))) for low, high, pattern, x in pieces
    )
    return summary(found, lambda pattern: good_neurons(net, pattern))


def summary(
    pieces: tuple[ExactPiece, ...],
    good: Callable[[Sequence[int]], Sequence[bool]],
) -> ExactLine:
    """Return what follows from the pieces."""
    breakpoints, switches, patterns, linear = [], [], [pieces[0].pattern], []
    for left, right in itertools.pairwise(pieces):
        if left.pattern == right.pattern:
            continue
        events = []
        for neuron, (a, b) in enumerate(zip(left.pattern, right.pattern, strict=True)):
            events += [(neuron, j, 1 if b > a else -1) for j in range(min(a, b), max(a, b))]
        sides = [good(left.pattern), good(right.pattern)]
        assert left.high is not None
        breakpoints.append(left.high)
        switches.append(tuple(events))
        patterns.append(right.pattern)
        linear.append(any(side[neuron] for side in sides for neuron, _, _ in events))
    return ExactLine(pieces, tuple(breakpoints), tuple(switches), tuple(patterns), tuple(linear))


def exact_changes(
    line: ExactLine, *, decision: str = "argmax", output: int | None = None, level: float = 0.0
) -> list[tuple[Fraction, int, int]]:
    """Return where the class changes, and the classes before and after: by outputs, or above a level of one output.

    Of outputs that tie the lowest is the class; a single one is compared with the constant 0, which comes first.
    """
    changes: list[tuple[Fraction, int, int]] = []
    now: int | None = None
    for piece in line.pieces:
        if output is not None:
            compared = [(Fraction(level), Fraction(0)), piece.outputs[output]]
        else:
            sign = -1 if decision == "argmin" else 1
            compared = [(sign * v, sign * s) for v, s in piece.outputs]
            if len(compared) == 1:
                compared = [(Fraction(0), Fraction(0)), *compared]
        ties = {(w - v) / (s - r) for (v, s), (w, r) in itertools.combinations(compared, 2) if s != r}
        low, high = piece.low, piece.high
        inner = sorted(t for t in ties if (low is None or t > low) and (high is None or t < high))
        for left, right in itertools.pairwise([low, *inner, high]):
            t = _inside(left, right)
            values = [v + s * t for v, s in compared]
            winner = values.index(max(values))
            if now is not None and winner != now:
                assert left is not None
                changes.append((left, now, winner))
            now = winner
    return changes


def good_neurons(net: Network, pattern: Sequence[int]) -> list[bool]:
    """Return for each neuron whether a path of open neurons leads from it to an output, by walking the paths."""
    reaches = [True] * net.n_out  # does an output count as reached from this unit?
    good: list[bool] = []
    for k in range(len(net.activations) - 1, -1, -1):
        activation, weight = net.activations[k], net.layers[k + 1].weight
        width = weight.shape[1]
        leads = [any(weight[j, i] != 0 and reaches[j] for j in range(weight.shape[0])) for i in range(width)]
        on = [0] * width
        if activation.n_breakpoints:
            good = leads + good
            on = list(pattern[net.neuron_offsets[k] : net.neuron_offsets[k + 1]])
        reaches = [leads[i] and activation.slopes[on[i]] != 0 for i in range(width)]
    return good
