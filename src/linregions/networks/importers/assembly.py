"""Steps in the making: those that the output needs become a graph, each in the layout that suits it."""

from __future__ import annotations

from collections.abc import Sequence

from linregions.networks.graph import INPUT, Graph, Layout, Step
from linregions.networks.importers.layouts import (
    Draft,
    Shape,
    candidates,
    channels_first,
    choose,
    is_full,
    of_input,
)
from linregions.networks.importers.matrices import n_entries
from linregions.networks.importers.site_matrix import SiteMatrix
from linregions.networks.importers.taps import as_term, fits, n_pairs
from linregions.networks.importers.tournaments import Windows, as_maxima

# Images with so many entries in their matrices get their layout at once, if it is beyond doubt: that saves the memory.
_LARGE = 1 << 21


class Assembly:
    """The steps of a graph, in topological order, and its windows.

    Parameters
    ----------
    inputs : sequence of tuple of int
        Shapes without the batch axis.
    n_in : int
    """

    def __init__(self, inputs: Sequence[Shape], n_in: int) -> None:
        self.inputs, self.n_in = list(inputs), n_in
        self.drafts: list[Draft] = []
        self.windows: list[Windows] = []
        self._fixed: dict[int, Layout] = {}

    def add(self, draft: Draft) -> int:
        """Enter a step, and return its number."""
        self.drafts.append(draft)
        number = len(self.drafts) - 1
        if any(isinstance(matrix, SiteMatrix) for matrix in draft.terms.values()):
            self._settle_by_sites(number, draft)
        elif sum(map(n_entries, draft.terms.values())) >= _LARGE and len(draft.shapes[0]) > 2:
            self._settle(number, draft)
        return number

    def width(self, source: int) -> int:
        """Return how many units a tensor has."""
        return self.n_in if source == INPUT else self.drafts[source].n_units

    def graph(self, output_shape: Shape) -> Graph:
        """Return the graph whose output is the last step, without those that it does not need."""
        kept = self._needed()
        number = {old: new for new, old in enumerate(kept)} | {INPUT: INPUT}
        drafts = [self.drafts[old] for old in kept]
        for draft in drafts:
            draft.terms = {number[source]: matrix for source, matrix in draft.terms.items()}
        fixed = {number[old]: layout for old, layout in self._fixed.items() if old in number}
        layouts = choose(drafts, self.inputs, self.n_in, fixed)
        steps = []
        for k, draft in enumerate(drafts):
            layout = layouts[k]
            terms = {source: as_term(source, draft.terms[source], layout, layouts[source]) for source in draft.terms}
            for old, term in draft.taps.items():
                terms[number[old]] = term._replace(source=number[old])
            ordered = tuple(terms[source] for source in sorted(terms))
            steps.append(Step(ordered, draft.bias[layout.order], layout, draft.activation, draft.name))
            draft.terms, draft.taps = {}, {}
        windows = [each.renumbered(number) for each in self.windows if each.steps[-1] in number]
        maxima = as_maxima(windows, layouts)
        shape = self.inputs[0] if len(self.inputs) == 1 else (self.n_in,)
        return Graph(layouts[INPUT], tuple(steps), shape, output_shape, maxima)

    def _settle(self, number: int, draft: Draft) -> None:
        """Give a step the usual layout, and make its taps, if their blocks are full."""
        own = candidates(draft.shapes)[0]
        read: dict[int, Layout] = {}
        for source, matrix in draft.terms.items():
            read[source] = self._fixed.get(source) or self._usual(source)
            if not is_full(matrix, own, read[source], n_pairs):
                return
        self._fixed.update(read)
        self._fixed[number] = own
        draft.taps = {source: as_term(source, matrix, own, read[source]) for source, matrix in draft.terms.items()}
        draft.terms = {}

    def _settle_by_sites(self, number: int, draft: Draft) -> None:
        """Give a step and what it reads the layouts that its matrices by sites have, where all agree."""
        for source, matrix in list(draft.terms.items()):
            if not isinstance(matrix, SiteMatrix):
                continue
            (out, into), sides = matrix.channels, {}
            for tensor, channels, sites in ((number, out, matrix.n_out), (source, into, matrix.n_in)):
                sides[tensor] = self._fixed.get(tensor) or channels_first((channels, sites))
            if fits(matrix, sides[number], sides[source]):
                self._fixed.update(sides)
                draft.taps[source] = matrix.as_term(source)
                del draft.terms[source]

    def _usual(self, source: int) -> Layout:
        if source == INPUT:
            return of_input(self.inputs, self.n_in)[0]
        return candidates(self.drafts[source].shapes)[0]

    def _needed(self) -> list[int]:
        needed, last = set(), [len(self.drafts) - 1]
        while last:
            number = last.pop()
            if number not in needed and number != INPUT:
                needed.add(number)
                last.extend(self.drafts[number].sources)
        return sorted(needed)
