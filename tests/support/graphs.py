"""Random graphs of networks, built directly as records: skips, concatenation, shared blocks, maxima, any order.

``random_graph(rng)`` returns a small one. Nothing here evaluates a graph; that is done exactly in
`tests/reference/graph_exact.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

import linregions as lr
from linregions import PiecewiseLinear
from linregions.networks.graph import INPUT, NO_MAXIMA, Graph, Layout, Maxima, Step, Term

Matrix = np.ndarray
ACTIVATIONS: tuple[PiecewiseLinear, ...] = (
    lr.RELU,
    lr.RELU,
    lr.RELU,
    lr.leaky_relu(0.25),
    lr.ABS,
    lr.HARD_TANH,
    PiecewiseLinear((-1.0, 0.0, 0.5), (0.5, -1.0, 2.0, 0.0), anchor=(0.0, 0.25), name="three breaks"),
)
KINDS = ("dense", "convolution", "residual", "concatenation", "max", "identity")


@dataclass(frozen=True)
class Form:
    """Affine forms of earlier tensors, in the order of the user: what a value of an importer is."""

    terms: dict[int, Matrix]  # (forms, units of the tensor in the user's order)
    bias: np.ndarray

    @property
    def size(self) -> int:
        return self.bias.size

    def then(self, matrix: Matrix, bias: np.ndarray | float = 0.0) -> Form:
        """Return a linear map of the forms, plus a bias."""
        return Form({source: matrix @ own for source, own in self.terms.items()}, matrix @ self.bias + bias)

    def __add__(self, other: Form) -> Form:
        terms = dict(self.terms)
        for source, own in other.terms.items():
            terms[source] = terms[source] + own if source in terms else own
        return Form(terms, self.bias + other.bias)

    def __sub__(self, other: Form) -> Form:
        return self + other.then(-np.eye(other.size))

    def __getitem__(self, rows: Sequence[int]) -> Form:
        return self.then(np.eye(self.size)[list(rows)])


def stacked(forms: Sequence[Form], sizes: dict[int, int]) -> Form:
    """Return forms one after the other."""
    sources = sorted({source for form in forms for source in form.terms})
    terms = {
        source: np.vstack([form.terms.get(source, np.zeros((form.size, sizes[source]))) for form in forms])
        for source in sources
    }
    return Form(terms, np.concatenate([form.bias for form in forms]))


def term_of(matrix: Matrix, source: int, inputs: Layout, outputs: Layout) -> Term:
    """Cut a matrix in the user's order to taps: equal blocks are shared, blocks of zeros left out."""
    units = matrix[np.ix_(outputs.order, inputs.order)]
    offsets, site, block, blocks, known = [0], [], [], [], {}
    for out in range(outputs.n_sites):
        rows = units[out * outputs.n_channels : (out + 1) * outputs.n_channels]
        for where in range(inputs.n_sites):
            part = np.ascontiguousarray(rows[:, where * inputs.n_channels : (where + 1) * inputs.n_channels].T)
            if not part.any():
                continue
            key = part.tobytes()
            if key not in known:
                known[key] = len(blocks)
                blocks.append(part)
            site.append(where)
            block.append(known[key])
        offsets.append(len(site))
    shape = (len(blocks), inputs.n_channels, outputs.n_channels)
    return Term(
        source,
        np.array(offsets, dtype=np.int64),
        np.array(site, dtype=np.int64),
        np.array(block, dtype=np.int64),
        np.array(blocks).reshape(shape),
    )


def random_layout(rng: np.random.Generator, size: int) -> Layout:
    """Return a layout of some units: any number of sites that divides them, often in an order of its own."""
    sites = int(rng.choice([n for n in range(1, size + 1) if size % n == 0]))
    order = rng.permutation(size) if rng.integers(2) else np.arange(size)
    return Layout(sites, size // sites, order.astype(np.int64))


@dataclass
class Builder:
    """Steps as they are added, each named by its number."""

    rng: np.random.Generator
    n_in: int
    steps: list[Step] = field(default_factory=list)
    layouts: dict[int, Layout] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    comparisons: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    windows: list[tuple[int, int]] = field(default_factory=list)  # size, after

    def __post_init__(self) -> None:
        self.layouts[INPUT], self.sizes[INPUT] = random_layout(self.rng, self.n_in), self.n_in

    def tensor(self, number: int) -> Form:
        """Return a tensor as forms."""
        return Form({number: np.eye(self.sizes[number])}, np.zeros(self.sizes[number]))

    def step(self, form: Form, activation: PiecewiseLinear, name: str = "") -> Form:
        """Add a step that makes a tensor of forms; return this tensor."""
        number, layout = len(self.steps), random_layout(self.rng, form.size)
        terms = tuple(
            term_of(matrix, source, self.layouts[source], layout)
            for source, matrix in form.terms.items()
            if matrix.any()
        )
        name = name or f"step {number}"
        self.steps.append(Step(terms, form.bias[layout.order], layout, activation, name))
        self.layouts[number], self.sizes[number] = layout, form.size
        return self.tensor(number)

    def max(self, entries: Form, windows: Sequence[Sequence[int]]) -> Form:
        """Add a tournament of windows, each of some of the entries; return the winners as forms."""
        after = len(self.steps) - 1
        first = len(self.windows)
        # Of each window what is left, in the order of the entries: number (entry, or ~comparison) and form.
        left = [[(e, entries[[row]]) for e, row in enumerate(window)] for window in windows]
        made = [0] * len(windows)
        self.windows += [(len(window), after) for window in windows]
        while any(len(some) > 1 for some in left):
            pairs = [(w, i) for w, some in enumerate(left) for i in range(0, len(some) - 1, 2)]
            number = len(self.steps)
            forms = [left[w][i + 1][1] - left[w][i][1] for w, i in pairs]
            wins = self.step(stacked(forms, self.sizes), lr.RELU, f"max {number}")
            unit = np.argsort(self.layouts[number].order)
            after_round: list[dict[int, tuple[int, Form]]] = [{} for _ in windows]
            for k, (w, i) in enumerate(pairs):
                self.comparisons.append((first + w, number, int(unit[k]), left[w][i][0], left[w][i + 1][0]))
                after_round[w][i] = (~made[w], left[w][i][1] + wins[[k]])
                made[w] += 1
            left = [
                [after_round[w][i] if i in after_round[w] else some[i] for i in range(0, len(some), 2)]
                for w, some in enumerate(left)
            ]
        return stacked([some[0][1] for some in left], self.sizes)

    def finish(self, output: Form) -> Graph:
        """Return the graph with the output."""
        self.step(output, lr.IDENTITY, "output")
        maxima = NO_MAXIMA
        if self.windows:
            columns = np.array(self.comparisons, dtype=np.int64).reshape(-1, 5).T
            size, after = np.array(self.windows, dtype=np.int64).T
            maxima = Maxima(*columns, size, after, tuple(f"windows {k}" for k in range(np.unique(after).size)))
        return Graph(self.layouts[INPUT], tuple(self.steps), (self.n_in,), (output.size,), maxima)

    def weights(self, rows: int, columns: int, *, shared: bool = False) -> Matrix:
        """Return a random matrix, sparse at times; shared: with equal blocks along its diagonals."""
        dense = self.rng.normal(size=(rows, columns)) * np.sqrt(2.0 / columns)
        if shared:
            kernel = self.rng.normal(size=rows + columns)
            gap = np.subtract.outer(np.arange(rows), np.arange(columns))
            dense = np.where(np.abs(gap) <= 1, kernel[gap + columns], 0.0)
        elif self.rng.integers(3) == 0:
            dense *= self.rng.random(dense.shape) < 0.5
        return dense


def random_graph(
    rng: np.random.Generator,
    n_in: int | None = None,
    *,
    n_out: int | None = None,
    stages: int | None = None,
    kinds: Sequence[str] = KINDS,
    activations: Sequence[PiecewiseLinear] = ACTIVATIONS,
    most: int = 6,
    exact: bool = False,
) -> Graph:
    """Return a small random graph.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_in, n_out, stages : int, optional
        Inputs (2 to 4), outputs (1 to 3) and stages after the first (2 to 4).
    kinds : sequence of str
        What stages may be: of `KINDS`.
    activations : sequence of PiecewiseLinear
        Which there are.
    most : int
        Units of a step, 2 at least.
    exact : bool
        Whether weights are small multiples of 1/8, so that sums have no rounding and ties are common.
    """
    n_in = int(rng.integers(2, 5)) if n_in is None else n_in
    builder = Builder(rng, n_in)

    def weights(rows: int, columns: int, *, shared: bool = False) -> Matrix:
        made = builder.weights(rows, columns, shared=shared)
        return np.round(made * 8) / 8 if exact else made

    def bias(n: int) -> np.ndarray:
        made = rng.normal(size=n) * 0.5
        return np.round(made * 8) / 8 if exact else made

    def activation() -> PiecewiseLinear:
        return activations[rng.integers(len(activations))]

    n = int(rng.integers(2, most + 1))
    value = builder.step(builder.tensor(INPUT).then(weights(n, n_in), bias(n)), activation())
    earlier = [builder.tensor(INPUT), value]
    for _ in range(int(rng.integers(2, 5)) if stages is None else stages):
        kind = kinds[rng.integers(len(kinds))]
        if kind == "convolution":
            value = builder.step(
                value.then(weights(value.size, value.size, shared=True), float(bias(1)[0])), activation()
            )
        elif kind == "residual":
            skip = earlier[rng.integers(len(earlier))]
            n = int(rng.integers(2, most + 1))
            if skip.size >= n:
                skip = skip[list(rng.permutation(skip.size)[:n])]
            else:
                skip = skip.then(weights(n, skip.size))
            value = builder.step(value.then(weights(n, value.size), bias(n)) + skip, activation())
        elif kind == "concatenation":
            skip = earlier[rng.integers(len(earlier))]
            value = stacked([value, skip], builder.sizes)
            if rng.integers(2):
                value = builder.step(value, lr.IDENTITY)
        elif kind == "max":
            size = int(rng.integers(1, 5))
            rows = [list(rng.permutation(value.size)[:size]) for _ in range(int(rng.integers(1, most // 2 + 1)))]
            value = builder.max(value, [[int(e) for e in sorted(row)] for row in rows])
        elif kind == "identity":
            value = builder.step(value, lr.IDENTITY)
        else:
            n = int(rng.integers(2, most + 1))
            value = builder.step(value.then(weights(n, value.size), bias(n)), activation())
        earlier.append(value)
    n_out = int(rng.integers(1, 4)) if n_out is None else n_out
    return builder.finish(value.then(weights(n_out, value.size), bias(n_out)))
