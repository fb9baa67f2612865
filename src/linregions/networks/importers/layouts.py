"""Which units of a tensor make a site: chosen where the taps multiply least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY, PiecewiseLinear
from linregions.networks.graph import INPUT, Layout, Term
from linregions.networks.importers.matrices import Matrix, n_entries
from linregions.networks.importers.taps import n_pairs

# What a tap costs beside its multiplications, in multiplications.
_TAP = 8
# A usual layout is kept without a search where its blocks hold so few zeros, and unless another costs so much less.
_FULL = 0.5
_MUCH_LESS = 0.6
# Entries a row of what is no more than a permutation, a pool or a comparison.
_FEW = 4
# Steps that read a tensor and are asked what they would like.
_ASKED = 3

Shape = tuple[int, ...]
Counts = Callable[[Matrix, Layout, Layout], int]


@dataclass(eq=False)
class Draft:
    """A step before it has sites: matrices by flat order of the user's tensors.

    `shapes` are those that the tensor has or had, in this same order: its own is the first. What has its layout
    already has `taps` in place of `terms`.
    """

    terms: dict[int, Matrix]
    bias: FloatArray
    shapes: tuple[Shape, ...]
    activation: PiecewiseLinear = IDENTITY
    name: str = ""
    taps: dict[int, Term] = field(default_factory=dict)

    @property
    def sources(self) -> list[int]:
        """What it reads."""
        return sorted({*self.terms, *self.taps})

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.bias.size)


def channels_first(shape: Shape) -> Layout:
    """Return the layout with the first axis as channels, a site for each place on the others."""
    channels, sites = shape[0], int(np.prod(shape[1:], dtype=np.int64))
    return Layout(sites, channels, np.arange(channels * sites).reshape(channels, sites).T.ravel())


def channels_last(shape: Shape) -> Layout:
    """Return the layout with the last axis as channels."""
    channels, sites = shape[-1], int(np.prod(shape[:-1], dtype=np.int64))
    return Layout(sites, channels, np.arange(channels * sites))


def one_site(n: int) -> Layout:
    """Return the layout of a vector."""
    return Layout(1, n, np.arange(n))


def side_by_side(shapes: Sequence[Shape]) -> Layout | None:
    """Return the layout of several images of one size, flat one after the other, with all their channels at a site."""
    if len(shapes) < 2 or any(len(shape) < 2 or shape[1:] != shapes[0][1:] for shape in shapes):
        return None
    return channels_first((sum(shape[0] for shape in shapes), *shapes[0][1:]))


def candidates(shapes: Iterable[Shape]) -> list[Layout]:
    """Return the layouts that a tensor may have, the usual one first."""
    found: dict[tuple[int, bool], Layout] = {}
    n = 0
    for shape in shapes:
        n = int(np.prod(shape, dtype=np.int64))
        if len(shape) > 1:
            first, last = channels_first(shape), channels_last(shape)
            if first.n_sites > 1 and first.n_channels > 0:
                found.setdefault((first.n_channels, True), first)
            if last.n_sites > 1 and last.n_channels > 1:
                found.setdefault((last.n_channels, False), last)
        found.setdefault((n, False), one_site(n))
    found.setdefault((1, True), Layout(n, 1, np.arange(n)))
    return list(found.values())


def of_input(shapes: Sequence[Shape], n_in: int) -> list[Layout]:
    """Return the layouts that the input may have, the usual one first."""
    options = candidates(shapes if len(shapes) == 1 else [(n_in,)])
    together = side_by_side(shapes)
    return options if together is None else [together, *options]


def choose(drafts: Sequence[Draft], inputs: Sequence[Shape], n_in: int, fixed: dict[int, Layout]) -> dict[int, Layout]:
    """Return a layout for each draft and for the input, in topological order, each with a look at what reads it."""
    chosen = dict(fixed)
    pairs = _counted()
    readers: dict[int, list[int]] = {}
    for number, draft in enumerate(drafts):
        for source in draft.terms:
            readers.setdefault(source, []).append(number)
    options = {number: candidates(draft.shapes) for number, draft in enumerate(drafts)}
    options[INPUT] = of_input(inputs, n_in)
    options.update({number: [layout] for number, layout in fixed.items()})
    for number in (INPUT, *range(len(drafts))):
        if number in fixed:
            continue
        terms = {} if number == INPUT else drafts[number].terms
        read = [(reader, drafts[reader].terms[number]) for reader in readers.get(number, [])[:_ASKED]]
        chosen[number] = _best(options[number], terms, read, options, chosen, pairs)
    return chosen


def _counted() -> Counts:
    """Return `n_pairs`, remembering what it was asked; all matrices and layouts live as long as the choice takes."""
    known: dict[tuple[int, int, int], int] = {}

    def pairs(matrix: Matrix, out: Layout, into: Layout) -> int:
        key = (id(matrix), id(out), id(into))
        if key not in known:
            known[key] = n_pairs(matrix, out, into)
        return known[key]

    return pairs


def _best(
    offered: list[Layout],
    terms: dict[int, Matrix],
    read: list[tuple[int, Matrix]],
    options: dict[int, list[Layout]],
    chosen: dict[int, Layout],
    pairs: Counts,
) -> Layout:
    usual = offered[0]
    if len(offered) == 1 or _suits(usual, terms, read, options, chosen, pairs):
        return usual
    costs = [_cost(layout, terms, read, options, chosen, pairs) for layout in offered]
    best = int(np.argmin(costs))
    return offered[best] if costs[best] < _MUCH_LESS * costs[0] else usual


def _suits(
    usual: Layout,
    terms: dict[int, Matrix],
    read: list[tuple[int, Matrix]],
    options: dict[int, list[Layout]],
    chosen: dict[int, Layout],
    pairs: Counts,
) -> bool:
    """Tell whether the blocks are nearly full on both sides."""
    own = all(is_full(matrix, usual, chosen[source], pairs) for source, matrix in terms.items())
    return own and all(is_full(matrix, options[reader][0], usual, pairs) for reader, matrix in read)


def is_full(matrix: Matrix, out: Layout, into: Layout, pairs: Counts) -> bool:
    """Tell whether the blocks of a matrix hold few zeros."""
    if min(out.n_channels, into.n_channels) == 1 and out.n_sites * into.n_sites > 1:
        return False
    entries = n_entries(matrix)
    # Diagonal blocks are as full as they can be.
    diagonal = entries <= _FEW * out.n_units
    size = max(out.n_channels, into.n_channels) if diagonal else out.n_channels * into.n_channels
    return entries >= _FULL * size * pairs(matrix, out, into)


def _cost(
    layout: Layout,
    terms: dict[int, Matrix],
    read: list[tuple[int, Matrix]],
    options: dict[int, list[Layout]],
    chosen: dict[int, Layout],
    pairs: Counts,
) -> float:
    own = sum(_taps(matrix, layout, chosen[source], pairs) for source, matrix in terms.items())
    return own + sum(min(_taps(matrix, other, layout, pairs) for other in options[reader]) for reader, matrix in read)


def _taps(matrix: Matrix, out: Layout, into: Layout, pairs: Counts) -> float:
    return pairs(matrix, out, into) * float(out.n_channels * into.n_channels + _TAP)
