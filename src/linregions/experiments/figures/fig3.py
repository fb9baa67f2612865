"""Figure 3: Telgarsky's sawtooth, and what noise on its weights and biases leaves of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.progress import ProgressBar
from linregions.domains.windows import Segment
from linregions.errors import InvalidValueError
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of
from linregions.networks.constructions import perturbed, sawtooth_network
from linregions.plotting import plot_line

NAME = "fig3"
NEEDS = ("plot",)
_EXACT, _NOISY, _NEURONS = "#0072B2", "#D55E00", "#009E73"


@dataclass(frozen=True)
class Settings:
    """Which sawtooths, and how often and how much each is perturbed.

    Parameters
    ----------
    ns : tuple of int
        Numbers n; the sawtooth has 2^n teeth.
    sd : float
        Standard deviation of the normal noise on every weight and bias.
    draws : int
        Perturbations of each sawtooth.
    shown : int
        The n whose graphs are drawn, one of `ns`; with that noise which leaves the median number of regions.
    """

    ns: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    sd: float = 0.1
    draws: int = 400
    shown: int = 5


QUICK = Settings()
FULL = Settings(ns=tuple(range(1, 13)), draws=4000)


def measure(settings: Settings, context: Context) -> Measurement:
    """Count the linear regions on [0, 1] before and after many draws of the noise."""
    if settings.shown not in settings.ns:
        raise InvalidValueError(
            f"`shown` is {settings.shown}, but figure 3 needs one of `ns`, {list(settings.ns)}. Choose one of these."
        )
    rng, segment = np.random.default_rng(context.seed), Segment(np.zeros(1), np.ones(1))
    counts = np.zeros((len(settings.ns), settings.draws), dtype=np.int64)
    rows, parts, counting = [], {}, context.counting
    with ProgressBar(counts.size, "perturbed sawtooths", "network", context.progress) as bar:
        for n, found in zip(settings.ns, counts, strict=True):
            network, before = sawtooth_network(n), copy.deepcopy(rng)
            for k in range(settings.draws):
                (found[k],) = counting.counts(perturbed(network, settings.sd, rng), segment, ["linear"])
            bar.update(settings.draws)
            if n == settings.shown:
                for _ in range(int(np.argmin(np.abs(found - np.median(found)))) + 1):  # the same draws again
                    typical = perturbed(network, settings.sd, before)
                shown = {"sawtooth": network, "perturbed": typical}
                parts = {name: counting.partition(one, segment) for name, one in shown.items()}
            (exact,) = counting.counts(network, segment, ["linear"])
            rows.append(row(n, network.n_neurons, exact, found))
    arrays = {"n": np.array(settings.ns), "counts": counts}
    return Measurement(rows, arrays, parts)


def row(n: int, neurons: int, exact: int, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return what the table says about one sawtooth."""
    spread = float(counts.std(ddof=1)) if len(counts) > 1 else float("nan")
    quantiles = {f"q{q:02}": float(np.quantile(counts, q / 100)) for q in (5, 25, 50, 75, 95)}
    return {
        "n": n,
        "neurons": neurons,
        "teeth": 2**n,
        "regions_before": exact,
        "draws": len(counts),
        "mean": float(counts.mean()),
        "stderr": spread / len(counts) ** 0.5,
        "sd": spread,
        "min": int(counts.min()),
        **quantiles,
        "max": int(counts.max()),
        "share_with_fewer": float(np.mean(counts < exact)),
    }


def draw(saved: Saved) -> Any:
    """Draw the sawtooth, a typical perturbation, and how the counts are distributed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 6.8), layout="constrained")
    (left, right), (growth, histogram) = figure.subplots(2, 2)
    sd, shown = saved.settings["sd"], saved.settings["shown"]
    for ax, key, color in ((left, "sawtooth", _EXACT), (right, "perturbed", _NOISY)):
        part = saved.line(key)
        graph = plot_line(part, ax, breakpoints=False).graphs[0]
        corners = part.breakpoints[part.is_linear_boundary]
        graph.set(color=color, marker="o", markersize=3.0, markevery=np.isin(graph.get_xdata(), corners))
        ax.set(xlabel="input", ylabel="output")
        what = f"{2**shown} teeth from {3 * shown + 4} neurons"
        name = what if key == "sawtooth" else f"noise of sd {sd:g}, median draw"
        ax.set_title(f"{name}: {part.n_linear_regions} linear regions", fontsize="medium")
    _draw_growth(saved, growth)
    _draw_histogram(saved, histogram)
    return figure


def _draw_growth(saved: Saved, ax: Any) -> None:
    n, before, neurons, mean, error = columns_of(saved.rows, "n", "regions_before", "neurons", "mean", "stderr")
    ax.plot(n, before, "o-", color=_EXACT, markersize=4, label="sawtooth: $2^{n+1}$")
    for low, high, share, alpha in (("q05", "q95", 90, 0.18), ("q25", "q75", 50, 0.32)):
        band = columns_of(saved.rows, low, high)
        ax.fill_between(n, *band, color=_NOISY, alpha=alpha, linewidth=0, label=f"with noise, {share} % of draws")
    ax.errorbar(n, mean, error, fmt="s-", color=_NOISY, markersize=4, label="with noise, mean")
    ax.plot(n, neurons, ":", color=_NEURONS, linewidth=2, label="number of neurons, $3n+4$")
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xticks(n)
    ax.set(xlabel="$n$", ylabel="linear regions on [0, 1]")
    ax.legend(frameon=False, fontsize="small")
    ax.set_title(f"{saved.rows[0]['draws']:,} draws for each $n$", fontsize="medium")


def _draw_histogram(saved: Saved, ax: Any) -> None:
    last = saved.rows[-1]
    counts = saved.arrays["counts"][-1]
    top = max(last["regions_before"], last["max"])
    bins = np.linspace(0.5, top + 0.5, min(top, 60) + 1)
    ax.hist(counts, bins=bins.tolist(), color=_NOISY, edgecolor="white", linewidth=0.3)
    for value, color, style, name in (
        (last["regions_before"], _EXACT, "-", f"without noise: {last['regions_before']:,}"),
        (last["mean"], "#222222", "--", f"mean: {last['mean']:,.1f} ± {last['stderr']:.1f}"),
        (last["neurons"], _NEURONS, ":", f"number of neurons: {last['neurons']}"),
    ):
        ax.axvline(value, color=color, linestyle=style, linewidth=1.6, label=name)
    ax.set(xlabel="linear regions on [0, 1]", ylabel="draws")
    ax.legend(frameon=False, fontsize="small")
    ax.set_title(f"{last['teeth']:,} teeth ($n={last['n']}$) with noise", fontsize="medium")
