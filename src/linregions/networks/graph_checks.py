"""Graphs checked and made read-only: what is not sound must not come as far as an engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import INPUT, Graph, IndexArray, Layout, Maxima, Step, Term

_REMEDY = "Make graphs with an importer, e.g. `from_torch` or `from_onnx`."
#: Patterns hold winners as bytes.
MOST_ENTRIES = 256


def checked(graph: Any, who: str) -> Graph:
    """Return a graph whose arrays cannot be changed, or raise where its parts do not fit each other.

    Arrays that are read-only already are taken as they are, without a copy.

    Raises
    ------
    InvalidTypeError
        If it is no graph.
    InvalidValueError
        If it is not sound.
    """
    if not isinstance(graph, Graph):
        raise InvalidTypeError(
            f"`graph` is {type(graph).__name__}, but {who} needs a linregions.networks.graph.Graph. {_REMEDY}"
        )
    checks = _Checks(who)
    layouts = {INPUT: checks.layout(graph.input_layout, "input_layout")}
    checks.need(len(graph.steps) > 0, "has no steps", "at least one, the output")
    steps = []
    for k, step in enumerate(graph.steps):
        made = checks.step(step, k, layouts)
        steps.append(made)
        layouts[k] = made.layout
    last = steps[-1].activation
    checks.need(
        last.breakpoints == () and last.slopes == (1.0,) and last.anchor[0] == last.anchor[1],
        f"has the activation {last.name} after its last step",
        "the identity there",
    )
    for name, shape, layout in (
        ("input_shape", graph.input_shape, layouts[INPUT]),
        ("output_shape", graph.output_shape, layouts[len(steps) - 1]),
    ):
        sizes = [isinstance(n, int | np.integer) and n > 0 for n in shape]
        checks.need(
            all(sizes) and math.prod(shape) == layout.n_units,
            f"has the {name} {shape} for {layout.n_units} units",
            "a shape of as many",
        )
    maxima = checks.maxima(graph.maxima, steps)
    return Graph(
        layouts[INPUT],
        tuple(steps),
        tuple(int(n) for n in graph.input_shape),
        tuple(int(n) for n in graph.output_shape),
        maxima,
    )


def _kept(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that cannot be changed, itself where it is so and lies in order."""
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C", copy=True)
        array.flags.writeable = False
    return array


class _Checks:
    """Checks of parts of a graph for one caller."""

    def __init__(self, who: str) -> None:
        self.who = who

    def need(self, sound: Any, found: str, needed: str) -> None:
        """Raise unless something is sound."""
        if not sound:
            raise InvalidValueError(f"`graph` {found}, but {self.who} needs {needed}. {_REMEDY}")

    def numbers(self, value: Any, what: str, shape: tuple[int | None, ...]) -> npt.NDArray[np.float64]:
        """Return finite float64 of some shape."""
        array = self._array(value, what, shape, "fiu")
        if not np.isfinite(array).all():
            self.need(False, f"has NaN or infinite numbers in {what}", "finite ones")
        return _kept(array.astype(np.float64, copy=False))

    def indices(self, value: Any, what: str, shape: tuple[int | None, ...], low: int, high: int) -> IndexArray:
        """Return whole numbers from `low` on and below `high`."""
        array = self._array(value, what, shape, "iu")
        if array.size and not (low <= array.min() and array.max() < high):
            self.need(False, f"has a number out of range in {what}", f"numbers from {low} to {high - 1}")
        return _kept(array.astype(np.int64, copy=False))

    def _array(self, value: Any, what: str, shape: tuple[int | None, ...], kinds: str) -> npt.NDArray[Any]:
        is_array = isinstance(value, np.ndarray) and (value.dtype.kind in kinds or not value.size)
        self.need(is_array, f"has {what} that is no array of numbers", "one")
        fits = len(shape) == value.ndim and all(n in (None, m) for n, m in zip(shape, value.shape, strict=True))
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        self.need(fits, f"has {what} of shape {value.shape}", f"shape {wanted} there")
        return np.asarray(value)

    def layout(self, layout: Any, what: str) -> Layout:
        """Return a layout."""
        self.need(isinstance(layout, Layout), f"has no layout as {what}", "one")
        sizes = (layout.n_sites, layout.n_channels)
        whole = all(isinstance(n, int | np.integer) and n > 0 for n in sizes)
        self.need(whole, f"has a layout of {sizes} sites and channels as {what}", "at least one of each")
        n = int(sizes[0]) * int(sizes[1])
        order = self._array(layout.order, f"the order of {what}", (None,), "iu")
        self.need(order.size == n, f"has an order of {order.size} units in {what}, which has {n}", "one number each")
        order = self.indices(order, f"the order of {what}", (n,), 0, n)
        self.need((np.bincount(order, minlength=n) == 1).all(), f"has units twice in {what}", "a permutation")
        return Layout(int(sizes[0]), int(sizes[1]), order)

    def step(self, step: Any, k: int, layouts: dict[int, Layout]) -> Step:
        """Return step k, which may read the tensors whose layouts are known."""
        self.need(isinstance(step, Step), f"has something else than a step as step {k}", "steps")
        layout = self.layout(step.layout, f"step {k}")
        known = isinstance(step.activation, PiecewiseLinear)
        self.need(known, f"has no PiecewiseLinear as activation of step {k}", "one")
        bias = self.numbers(step.bias, f"the bias of step {k}", (layout.n_units,))
        terms = []
        for i, term in enumerate(step.terms):
            self.need(isinstance(term, Term), f"has something else than a term in step {k}", "terms")
            known = isinstance(term.source, int | np.integer) and int(term.source) in layouts
            self.need(known, f"reads tensor {term.source} in step {k}", "an earlier one, or -1 for the input")
            terms.append(self.term(term, f"term {i} of step {k}", layouts[int(term.source)], layout))
        return Step(tuple(terms), bias, layout, step.activation, str(step.name))

    def term(self, term: Term, what: str, source: Layout, own: Layout) -> Term:
        """Return a term between two layouts."""
        blocks = self.numbers(term.blocks, f"the blocks of {what}", (None, source.n_channels, own.n_channels))
        site = self.indices(term.site, f"the sites of {what}", (None,), 0, source.n_sites)
        block = self.indices(term.block, f"the taps of {what}", (site.size,), 0, len(blocks))
        offsets = self.indices(term.offsets, f"the offsets of {what}", (own.n_sites + 1,), 0, site.size + 1)
        increasing = offsets[0] == 0 and offsets[-1] == site.size and (np.diff(offsets) >= 0).all()
        self.need(increasing, f"has offsets that do not hold all taps in {what}", "increasing ones")
        return Term(int(term.source), offsets, site, block, blocks)

    def maxima(self, maxima: Any, steps: list[Step]) -> Maxima:
        """Return the comparisons of maxima."""
        self.need(isinstance(maxima, Maxima), "has no record of its maxima", "one")
        size = self._array(maxima.size, "the sizes of windows", (None,), "iu")
        largest = int(size.max(initial=0))
        if largest > MOST_ENTRIES:
            raise InvalidValueError(
                f"`graph` has a maximum of {largest} entries, but {self.who} needs at most {MOST_ENTRIES}, since "
                "patterns hold winners as bytes. Take the maximum in two steps, of groups and of these."
            )
        size = self.indices(size, "the sizes of windows", (None,), 1, MOST_ENTRIES + 1)
        n, n_windows = int((size - 1).sum()), size.size
        after = self.indices(maxima.after, "the places of windows", (n_windows,), INPUT, len(steps))
        window = self.indices(maxima.window, "the windows of comparisons", (n,), 0, n_windows)
        step = self.indices(maxima.step, "the steps of comparisons", (n,), 0, len(steps))
        unit = self.indices(maxima.unit, "the units of comparisons", (n,), 0, 1 << 62)
        low, high = -int(size.max(initial=1)), int(size.max(initial=1))
        left = self.indices(maxima.left, "the left sides of comparisons", (n,), low, high)
        right = self.indices(maxima.right, "the right sides of comparisons", (n,), low, high)
        for k in np.unique(step).tolist():
            units = unit[step == k]
            n_units = steps[k].layout.n_units
            self.need((units < n_units).all(), f"compares a unit that step {k} does not have", "existing units")
            is_relu = steps[k].activation.breakpoints == (0.0,) and steps[k].activation.slopes == (0.0, 1.0)
            is_relu = is_relu and steps[k].activation.anchor[0] == steps[k].activation.anchor[1] == 0.0
            self.need(is_relu, f"compares by {steps[k].activation.name} in step {k}", "a ReLU")
            compared = np.bincount(units, minlength=n_units)
            self.need((compared <= 1).all(), f"compares twice by a unit of step {k}", "a unit for each comparison")
            self.need(
                not _varies(steps[k])[compared == 0].any(),
                f"has units in step {k} that compare nothing beside those that compare",
                "them in a step of their own",
            )
        counts = np.bincount(window, minlength=n_windows)
        self.need((counts == size - 1).all(), "has a window with too many or few comparisons", "one fewer than entries")
        self._tournaments(window, left, right, size)
        names = tuple(str(name) for name in maxima.names)
        return Maxima(window, step, unit, left, right, size, after, names)

    def _tournaments(self, window: IndexArray, left: IndexArray, right: IndexArray, size: IndexArray) -> None:
        """Check that each window is one tournament in which entries stay in order, so that ties go to the lowest."""
        n = window.size
        starts = np.concatenate([[0], np.cumsum(size - 1)]).astype(np.int64)
        own = np.argsort(window, kind="stable")
        number = np.empty(n, dtype=np.int64)
        number[own] = np.arange(n) - starts[window[own]]
        sides = np.stack([left, right])
        fits = np.where(sides >= 0, sides < size[window], ~sides < number)
        self.need(fits.all(), "compares what a window does not have yet", "entries and winners of earlier comparisons")
        # The lowest and the highest entry below each comparison.
        lowest, highest = np.zeros((2, n), dtype=np.int64)
        for k in range(int((size - 1).max(initial=0))):
            who = own[starts[:-1][size - 1 > k] + k]
            ends = []
            for side in sides[:, who]:
                earlier = own[np.where(side < 0, starts[window[who]] + ~side, starts[window[who]])]
                ends.append((np.where(side < 0, lowest[earlier], side), np.where(side < 0, highest[earlier], side)))
            self.need((ends[0][1] < ends[1][0]).all(), "compares entries out of order", "lower ones on the left")
            lowest[who], highest[who] = ends[0][0], ends[1][1]
        # Sides are twice as many as comparisons; with one fewer winners than these, all are met once or some twice.
        uses = np.zeros((2, int(size.max(initial=1)), size.size), dtype=np.int64)
        for side in sides:
            np.add.at(uses, ((side < 0).astype(np.int64), np.where(side < 0, ~side, side), window), 1)
        self.need((uses <= 1).all(), "compares an entry or a winner twice", "each once")


def _varies(step: Step) -> npt.NDArray[np.bool_]:
    """Tell which units have a weight that is not zero."""
    varies = np.zeros((step.layout.n_sites, step.layout.n_channels), dtype=np.bool_)
    for term in step.terms:
        site = np.repeat(np.arange(step.layout.n_sites), np.diff(term.offsets))
        np.logical_or.at(varies, site, (term.blocks != 0).any(axis=1)[term.block])
    return varies.ravel()
