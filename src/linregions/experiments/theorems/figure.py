"""The picture of the theorems: a panel for each statement, drawn from saved tables alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from linregions._support.tables import Row
from linregions.experiments.findings import with_error
from linregions.experiments.saved import Saved
from linregions.experiments.summary import names_of
from linregions.experiments.theorems.checks import PAPER
from linregions.plotting import looks, plot_curve
from linregions.plotting.colors import LAYER_COLORS

_CURVE_NAMES = {
    "interval": "interval, 1 input",
    "segment": "segment, 3 inputs",
    "polygon": "polygonal curve, 3 inputs",
    "circle": "circle, 3 inputs",
}


def draw(saved: Saved) -> Any:
    """Draw every statement as a panel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15.5, 18.5), layout="constrained")
    panels: list[Callable[[Any, Saved], None]] = [
        draw_equalities, draw_curve_sizes, draw_curve_arrangements,
        draw_density_sizes, draw_density_arrangements, draw_distances,
        draw_bounds, draw_growth, draw_breakpoints,
        draw_tubes, draw_second_moments, draw_logarithms,
    ]  # fmt: skip
    for letter, ax, panel in zip("abcdefghijkl", figure.subplots(4, 3).ravel(), panels, strict=True):
        panel(ax, saved)
        title = ax.get_title()
        ax.set_title("")
        ax.set_title(f"({letter}) {title}", fontsize="medium", loc="left")
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.set_axisbelow(True)
    return figure


def _legend(ax: Any, **options: Any) -> None:
    ax.legend(frameon=False, fontsize="small", **options)


def draw_equalities(ax: Any, saved: Saved) -> None:
    """Draw measured over predicted volume, with two standard errors."""
    rows = saved.table("equalities")
    inputs = names_of(rows, "n_in")
    for n_in, look in zip(inputs, looks(list(map(str, inputs))).values(), strict=True):
        for k in names_of(rows, "k"):
            chosen = [row for row in rows if row["n_in"] == n_in and row["k"] == k]
            if chosen:
                x, ratio, error = _columns(chosen, "case", "ratio", "ratio_stderr")
                face = {1: look.color, 2: "white"}.get(k, "0.75")
                label = f"{n_in} input{'s' * (n_in > 1)}, k = {k}"
                _marks(ax, x, ratio, error, look, label, markerfacecolor=face, linewidth=1.2)
    ax.axhline(1.0, color="0.4", linewidth=1)
    worst = max(abs(row["z"]) for row in rows)
    ax.set(xlabel="case (see the table)", ylabel="measured / predicted")
    ax.set_title(f"Theorems 3 and 6, {len(rows)} cases: largest |z| = {worst:.1f}")
    _legend(ax, ncols=3, loc="upper center")
    _room(ax, 0.35)


def _room(ax: Any, share: float) -> None:
    """Leave room for a legend above what is drawn."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + share * (high - low))


def _columns(rows: Sequence[Row], *names: str) -> list[Any]:
    return [np.array([row[name] for row in rows], dtype=float) for name in names]


def _marks(ax: Any, x: Any, y: Any, error: Any, look: Any, label: str, **more: Any) -> None:
    """Draw measurements as marks with two standard errors."""
    options = {"marker": look.marker, "linestyle": "none", "color": look.color, "markersize": 5, **more}
    ax.errorbar(x, y, 2 * error, label=label, **options)


def _with_errors(ax: Any, rows: Sequence[Row], x: str, y: str, look: Any, label: str, predicted: str = "") -> None:
    """Draw measurements as marks with two standard errors, and a prediction as a line through them."""
    rows = sorted(rows, key=lambda row: row[x])
    places, values, errors = _columns(rows, x, y, f"{y}_stderr")
    join = "none" if predicted else look.linestyle
    _marks(ax, places, values, errors, look, label, linestyle=join, linewidth=1.2, capsize=2)
    if predicted:
        expected, error = _columns(rows, predicted, f"{predicted}_stderr")
        plot_curve(ax, places, expected, 2 * error, replace(look, marker=""))


def draw_curve_sizes(ax: Any, saved: Saved) -> None:
    """Draw regions on each curve against the number of neurons, at depth 3."""
    rows = [row for row in saved.table("curves") if row["depth"] == 3 and row["activation"] == "relu"]
    wide = [row for row in rows if row["biases"] != PAPER]
    for kind, look in looks(names_of(wide, "curve")).items():
        chosen = [row for row in wide if row["curve"] == kind]
        _with_errors(ax, chosen, "neurons", "measured", look, _CURVE_NAMES[kind], "predicted")
    neurons = np.array(sorted(set(names_of(wide, "neurons"))), dtype=float)
    ax.plot(neurons, 0.08 * neurons, ":", color="0.4", label="slope 1")
    _log_log(ax, neurons)
    ax.set(xlabel="neurons, in three equal layers", ylabel="breakpoints per unit of length")
    ax.set_title(f"Theorem 1, ReLU, biases {wide[0]['biases']}; lines: Theorem 3")
    _legend(ax)


def _log_log(ax: Any, ticks: Sequence[float] | Any) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    low, high = ax.get_ylim()
    values = [one * 10.0**power for power in range(-3, 5) for one in (1, 2, 5)]
    _ticks(ax, [value for value in values if low <= value <= high])


def _ticks(ax: Any, ticks: Sequence[float]) -> None:
    """Write plain numbers on a logarithmic axis."""
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _equal_neurons(rows: Sequence[Row], saved: Saved) -> list[Row]:
    total = sum(saved.settings["arrangements"][0])
    return [row for row in rows if row["neurons"] == total]


def _depth_axis(ax: Any, rows: Sequence[Row]) -> None:
    """Label depths with the widths that make equally many neurons."""
    names = {row["depth"]: row["hidden"].strip("[]").split(", ")[0] for row in rows}
    ax.set_xscale("log")
    ax.set_xticks(sorted(names), [f"{depth} × {names[depth]}" for depth in sorted(names)], fontsize="small")
    ax.minorticks_off()
    ax.set_xlabel(f"depth × width, {rows[0]['neurons']} neurons in all")
    ax.set_ylim(bottom=0)


def draw_curve_arrangements(ax: Any, saved: Saved) -> None:
    """Draw breakpoints per neuron against the arrangement of equally many neurons."""
    rows = _equal_neurons(saved.table("curves"), saved)
    circle = [row for row in rows if row["curve"] == "circle"]
    groups = [("circle, ReLU", [row for row in circle if row["activation"] == "relu" and row["biases"] == PAPER])]
    groups += [("circle, ReLU", [row for row in circle if row["activation"] == "relu" and row["biases"] != PAPER])]
    for t in (1, 2, 3):
        chosen = [row for row in circle if row["activation"] == f"zigzag{t}"]
        groups.append((f"circle, zigzag with T = {t}", chosen))
    names = [f"{name}, {chosen[0]['biases']}" for name, chosen in groups]
    for (name, look), (_, chosen) in zip(looks(names).items(), groups, strict=True):
        _with_errors(ax, chosen, "depth", "per_neuron", look, name, "predicted_per_neuron")
    _depth_axis(ax, rows)
    ax.set_ylabel("breakpoints per length, neuron and T")
    ax.set_title("Theorem 1: arrangement and T; lines: Theorem 6")
    _room(ax, 0.45)
    _legend(ax, loc="upper right")


def _draw_cubes(ax: Any, rows: Sequence[Row], x: str, y: str) -> None:
    """Draw a column against another one, the cubes of each law in a look of their own."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        what = "ReLU" if row["activation"] == "relu" else f"zigzag, T = {row['T']}"
        groups.setdefault(f"{what}, {row['biases']}, {row['n_in']} inputs", []).append(row)
    for (name, chosen), look in zip(groups.items(), looks(list(groups)).values(), strict=True):
        _with_errors(ax, chosen, x, y, look, name)


def draw_density_sizes(ax: Any, saved: Saved) -> None:
    """Draw the volume density in the cube against the number of neurons, at depth 3."""
    rows = [row for row in saved.table("cubes") if row["depth"] == 3]
    _draw_cubes(ax, rows, "neurons", "density")
    neurons = np.array(sorted(set(names_of(rows, "neurons"))), dtype=float)
    ax.plot(neurons, 0.1 * neurons, ":", color="0.4", label="slope 1")
    _log_log(ax, neurons)
    ax.set(xlabel="neurons, in three equal layers", ylabel="volume density of the boundary")
    ax.set_title("Theorem 2: density in the unit cube")
    low, high = ax.get_ylim()
    ax.set_ylim(0.3 * low, high)  # room for the legend
    _legend(ax, loc="lower right")


def draw_density_arrangements(ax: Any, saved: Saved) -> None:
    """Draw the density per neuron and breakpoint against the arrangement."""
    rows = _equal_neurons(saved.table("cubes"), saved)
    _draw_cubes(ax, rows, "depth", "density_per_neuron")
    _depth_axis(ax, rows)
    ax.set_ylabel("density per neuron and T")
    ax.set_title("Theorem 2: arrangement and T")


def draw_distances(ax: Any, saved: Saved) -> None:
    """Draw the mean distance times neurons and breakpoints against the arrangement."""
    rows = _equal_neurons(saved.table("cubes"), saved)
    _draw_cubes(ax, rows, "depth", "distance_times_neurons")
    _depth_axis(ax, rows)
    ax.set_yscale("log")
    ticks = (0.5, 1, 2, 3, 5, 10, 20)
    _ticks(ax, ticks)
    ax.set_ylim(0.5, None)
    ax.set_ylabel("mean distance × neurons × T")
    ax.set_title("Theorem 2: distance (laws as in (d))")


def draw_bounds(ax: Any, saved: Saved) -> None:
    """Draw upper and lower bounds over the measured density."""
    rows = saved.table("bounds")
    x = np.arange(1, len(rows) + 1)
    for column, name, color, marker in (
        ("upper_printed", "(15), with the factor $2^k$", LAYER_COLORS[4], "v"),
        ("upper", "(9), (15) without it", LAYER_COLORS[0], "v"),
        ("lower", "(10)", LAYER_COLORS[1], "^"),
        ("proved", "proof of (10), all constants", LAYER_COLORS[3], "D"),
    ):
        values = np.array([math.nan if row[column] is None else row[column] / row["measured"] for row in rows])
        shown = (values > 1e-4) & (values < 1e4)
        ax.plot(x[shown], values[shown], marker, color=color, markersize=5, linestyle="none", label=name)
    ax.axhline(1.0, color="0.3", linewidth=1.2)
    ax.set_yscale("log")
    ax.set_ylim(1e-4, 1e4)
    ax.set(xlabel="case (see the table)", ylabel="bound / measured volume")
    ax.set_title("Corollaries 4 and 7 (bounds below 1e-4 not shown)")
    _legend(ax, loc="lower right", ncols=2)


def draw_growth(ax: Any, saved: Saved) -> None:
    """Draw C_grad of several orders against the sum of inverse widths, with the slopes of the lognormal limit."""
    rows = saved.table("growth")
    slopes = saved.table("slopes")
    for entry, look in zip(slopes, looks([str(entry["order"]) for entry in slopes]).values(), strict=True):
        chosen = [row for row in rows if row["order"] == entry["order"]]
        x, c_grad, error = _columns(chosen, "below", "c_grad", "c_grad_stderr")
        label = f"m = {entry['order']:g}: slope {with_error(entry['slope'], entry['slope_stderr'])}"
        _marks(ax, x, c_grad, error, look, label)
        exact = [(row["below"], row["exact"]) for row in chosen if row["exact"] is not None]
        ax.plot(*np.array(exact).reshape(-1, 2).T, "+", color="black", markersize=7, zorder=3)
        grid = np.linspace(0, x.max(), 50)
        limit = c_grad[x == x.min()].mean() * np.exp(entry["limit"] * grid)
        ax.plot(grid, limit, color=look.color, linestyle=look.linestyle, linewidth=1)
    ax.set_yscale("log")
    _ticks(ax, [1.0, 1.5, 2, 3, 5, 8])
    ax.set(xlabel="$\\sum_{j<d} 1/n_j$", ylabel="$\\sup\\, E[\\|\\nabla z\\|^m]^{1/m}$")
    ax.set_title("$C_{grad}$; crosses: exact; lines: slope 5/8 (m − 2) of wide layers")
    _legend(ax)


def draw_breakpoints(ax: Any, saved: Saved) -> None:
    """Draw the constant of Corollary 8 against T, with T in the denominator and in the numerator."""
    rows = [row for row in saved.table("cubes") if row["activation"].startswith("zigzag")]
    for column, name, shift, look in zip(
        ("c_T_below", "c_T_above"),
        ("T in the denominator", "T in the numerator, as printed"),
        (-0.05, 0.05),
        looks("ab").values(),
        strict=True,
    ):
        t, c = _columns(rows, "T", column)
        ax.plot(t + shift, c, look.marker, color=look.color, markersize=5, alpha=0.7, label=name)
    ax.axhline(0.25, color="0.3", linewidth=1.2)
    ax.text(1.02, 0.235, "1/4: proved with T below", va="top", fontsize="small")
    ax.set_yscale("log")
    _ticks(ax, [0.05, 0.1, 0.25, 0.5, 1.0])
    ax.set_xticks([1, 2, 3])
    ax.set(xlabel="T", ylabel="largest c")
    ax.set_title("Corollary 8: the constant c, every arrangement")
    _legend(ax, loc="lower left")


def draw_tubes(ax: Any, saved: Saved) -> None:
    """Draw the areas of tubes and the bound of Lemma 12."""
    rows = [row for row in saved.table("tubes") if row["network"] == 0]
    laws = names_of(rows, "activation")
    for law, look in zip(laws, looks(laws).values(), strict=True):
        chosen = [row for row in rows if row["activation"] == law and row["kind"] == "activation"]
        radius, area, error, bound = _columns(chosen, "radius", "area", "area_stderr", "bound")
        name = f"{law} {chosen[0]['hidden']}"
        ax.plot(radius, bound, color=look.color, linestyle=look.linestyle, linewidth=1.2, label=f"{name}: bound")
        _marks(ax, radius, area, error, look, f"{name}: area")
    ax.set_xscale("log")
    ax.set_yscale("log")
    radii = names_of(rows, "radius")
    ax.set_xticks(radii, [f"{radius:g}" for radius in radii])
    ax.minorticks_off()
    ax.set(xlabel="radius $\\varepsilon$", ylabel="area of the tube")
    ax.set_title("Lemma 12, boundaries in a square of side 2")
    _legend(ax)


def _draw_fact(ax: Any, saved: Saved, equation: int) -> None:
    rows = [row for row in saved.table("facts") if row["equation"] == equation]
    names = names_of(rows, "hidden")
    for name, look in zip(names, looks(names).values(), strict=True):
        chosen = [row for row in rows if row["hidden"] == name]
        names_of_columns = ("layer", "measured", "measured_stderr", "exact", "printed")
        x, measured, error, exact, printed = _columns(chosen, *names_of_columns)
        _marks(ax, x, measured, error, look, name)
        ax.plot(x, exact, "-", color=look.color, linewidth=1.2)
        ax.plot(x, printed, ":", color=look.color, linewidth=1.6)
    ax.set_xticks(sorted(set(names_of(rows, "layer"))))
    ax.set_xlabel("hidden layer $\\ell$ of the neuron")


def draw_second_moments(ax: Any, saved: Saved) -> None:
    """Draw eq. (32), right and printed."""
    _draw_fact(ax, saved, 32)
    ax.set_ylabel("$\\frac{1}{2} E[z(x)^2]$")
    ax.set_title("Eq. (32): marks measured, solid right, dotted printed")
    _legend(ax)


def draw_logarithms(ax: Any, saved: Saved) -> None:
    """Draw eq. (34), right and printed."""
    _draw_fact(ax, saved, 34)
    ax.set_ylabel("$E[\\log n_{in} (\\partial z / \\partial x_1)^2]$")
    ax.set_title("Eq. (34): marks measured, solid right, dotted printed")
    _legend(ax)
