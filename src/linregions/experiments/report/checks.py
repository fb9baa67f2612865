"""What tables say about a statement of the paper: a sentence with error bars, and whether the statement holds."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

import numpy as np

from linregions._support.tables import Row
from linregions._support.validation import FloatArray
from linregions.experiments.figures.fig6 import BAND, SAMPLES
from linregions.experiments.findings import (
    Finding,
    all_hold,
    by_run,
    is_above,
    mean_of,
    moments_of,
    runs_in,
    turn_of,
    with_error,
)
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs

# Set-up ---------------------------------------------------------------------------------------------------------------


def accuracy(*found: Saved) -> Finding:
    """Compare test accuracies at the end of training with the range of the paper."""
    networks: dict[tuple[Hashable, ...], Row] = {}
    for saved in found:
        rows = saved.rows if saved.name != "fig7" else saved.table("moments")
        end = max(names_of(rows, "epoch"))
        how = tuple(saved.settings.get(key) for key in ("batch_size", "learning_rate"))
        for row in rows:
            if row["epoch"] == end:
                # Figures 5, 6 and 7 share trainings, and rows for different sample points are of one network.
                key = (saved.name == "fig8", saved.seed, *how, _hidden(row, saved), end, row["run"])
                networks[key] = row | {"architecture": _hidden(row, saved)}
    parts, inside = [], []
    for row in over_runs(list(networks.values()), ("architecture", "epoch"), ("test_accuracy",)):
        text = with_error(row["test_accuracy"], row["test_accuracy_stderr"], 100, " %")
        count = "one run" if row["runs"] == 1 else f"{row['runs']} runs"
        parts.append(f"{row['architecture']} after {row['epoch']:g} epochs: {text} ({count})")
        inside.append(0.95 <= round(row["test_accuracy"], 3) <= 0.98)
    return Finding("Test accuracy at the end, mean over runs:", all(inside), tuple(parts))


def _hidden(row: Row, saved: Saved) -> str:
    return str(row["architecture"]) if "architecture" in row else str(saved.settings["hidden"])


# Figures 1, 2, 3 and 4 ------------------------------------------------------------------------------------------------


def far_below_exponential(saved: Saved) -> Finding:
    """Compare the number of regions in the plane with 2^#neurons."""
    row = saved.rows[0]
    exponent = row["neurons"] * np.log10(2.0)
    return Finding(
        f"{row['regions']:,} regions (10^{np.log10(row['regions']):.1f}) of one network with {row['neurons']} neurons, "
        f"where eq. (1) allows 2^{row['neurons']} = 10^{exponent:.1f}.",
        bool(row["regions"] <= row["neurons"] ** 2),
    )


def straight_first_layer(saved: Saved) -> Finding:
    """Check that the boundaries of each neuron of the first layer lie on one line, and all of them do something."""
    part = saved.plane("layers-1")
    worst, seen = 0.0, 0
    for neuron in range(part.network.n_neurons):
        edges = part.edges[part.edge_neuron == neuron]
        if len(edges):
            points = part.vertices[np.unique(edges)]
            worst = max(worst, float(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[-1]))
            seen += 1
    return Finding(
        f"{seen} of {part.network.n_neurons} neurons of the first layer have a boundary in the square; the "
        f"corners of each lie on one straight line to within {worst:.0e}.",
        worst < 1e-9 * max(1.0, float(np.abs(part.vertices).max())),
    )


def convex_regions(saved: Saved) -> Finding:
    """Check every corner of every region of the whole network."""
    last = saved.rows[-1]
    part = saved.plane(f"layers-{last['hidden_layers']}")
    starts, corners = part.face_offsets[:-1], part.vertices[part.face_vertices]
    following = np.arange(1, len(corners) + 1)
    following[part.face_offsets[1:] - 1] = starts
    sides = corners[following] - corners
    after = sides[following]
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    reflex = int(np.count_nonzero(turns < -1e-12))
    counts = ", ".join(f"{row['regions']:,}" for row in saved.rows)
    return Finding(
        f"{counts} regions after 1 to {last['hidden_layers']} hidden layers of one network; of the last "
        f"{last['regions']:,}, with {last['linear_regions']:,} linear regions, {reflex} corners point inwards.",
        reflex == 0,
    )


def sawtooth_size(saved: Saved) -> Finding:
    """Check teeth, neurons and exact counts of the sawtooth."""
    right = [row["neurons"] == 3 * row["n"] + 4 and row["regions_before"] == 2 ** (row["n"] + 1) for row in saved.rows]
    first, last = saved.rows[0], saved.rows[-1]
    return Finding(
        f"For n = {first['n']} to {last['n']}: 3n + 4 neurons and exactly 2^(n+1) linear regions on [0, 1], two a "
        f"tooth, in {sum(right)} of {len(right)} cases; the largest has {last['neurons']} neurons and "
        f"{last['regions_before']:,} regions.",
        all(right),
    )


def noise_ruins_the_sawtooth(saved: Saved) -> Finding:
    """Compare counts before and after noise, and how fast they grow."""
    last = saved.rows[-1]
    n, mean = columns_of(saved.rows, "n", "mean")
    text = (
        f"n = {last['n']}: {last['regions_before']:,} regions before, {with_error(last['mean'], last['stderr'])} "
        f"after, over {last['draws']:,} draws (median {last['q50']:,.0f}, 90 % of them {last['q05']:,.0f} to "
        f"{last['q95']:,.0f}); {100 * last['share_with_fewer']:.4g} % of draws have fewer."
    )
    more = [row["n"] for row in saved.rows if row["mean"] - 2 * row["stderr"] > row["regions_before"]]
    if more:
        text += f" At n = {', '.join(map(str, more))} noise adds regions on average."
    if len(n) > 2:
        half = len(n) // 2
        rate = float(np.exp(np.polyfit(n[half:], np.log(mean[half:]), 1)[0]))
        text += f" With noise the mean grows by a factor of {rate:.2f} for each n (2 without)."
    return Finding(text, bool(last["mean"] + 2 * last["stderr"] < last["regions_before"] / 2))


def proportional_to_neurons(saved: Saved) -> Finding:
    """Compare regions per neuron of many networks on the whole input axis."""
    if not saved.tables:
        return Finding("No further networks were drawn.", None)
    rows = saved.table("initialisation")
    mean, error = columns_of(rows, "linear_regions_per_neuron", "linear_regions_per_neuron_stderr")
    spread = float(np.ptp(mean) / mean.mean())
    low, high = int(np.argmin(mean)), int(np.argmax(mean))
    return Finding(
        f"Linear regions per neuron, mean over {rows[0]['runs']:,} networks: from "
        f"{with_error(mean[low], error[low])} for {rows[low]['architecture']} to {with_error(mean[high], error[high])} "
        f"for {rows[high]['architecture']}; {len(rows)} architectures with {min(r['neurons'] for r in rows)} to "
        f"{max(r['neurons'] for r in rows)} neurons differ by {spread:.1%}.",
        spread < 0.1,
    )


# Figure 5 -------------------------------------------------------------------------------------------------------------

_PER_NEURON = "activation_regions_per_neuron"


def _each(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    names = names_of(rows, "architecture")
    return [(name, [row for row in rows if row["architecture"] == name]) for name in names]


def _at_start(rows: Sequence[Row], column: str) -> tuple[list[str], FloatArray]:
    """Return what each architecture has before training, as texts and as means."""
    if names_of(rows, "epoch")[0] != 0:
        return [], np.empty(0)
    starts = [(name, *mean_of(by_run(group, column)[1][:, 0])) for name, group in _each(rows)]
    return [f"{name} {with_error(mean, error)}" for name, mean, error in starts], np.array([s[1] for s in starts])


_NO_START = Finding("No moment before training was measured.", None)


def one_region_per_neuron(saved: Saved) -> Finding:
    """Compare regions per neuron before training with 1."""
    texts, means = _at_start(saved.rows, _PER_NEURON)
    if not texts:
        return _NO_START
    linear = _at_start(saved.rows, "linear_regions_per_neuron")[1]
    measured = f"Activation regions per neuron ({runs_in(saved.rows)} of {saved.settings['lines']} lines); "
    measured += f"linear regions: {linear.min():.3f} to {linear.max():.3f}."
    return Finding(measured, bool(np.all(np.abs(means - 1) <= 0.1)), tuple(texts))


def near_the_start(saved: Saved) -> Finding:
    """Compare the counts through training with those before."""
    parts, inside = [], []
    for name, rows in _each(saved.rows):
        epochs, values = by_run(rows, _PER_NEURON)
        if epochs[0] != 0:
            return _NO_START
        ratio = values.mean(axis=0) / values[:, 0].mean()
        low, high = int(np.argmin(ratio)), int(np.argmax(ratio))
        parts.append(f"{name} {ratio[low]:.2f} (epoch {epochs[low]:g}) to {ratio[high]:.2f} (epoch {epochs[high]:g})")
        inside.append(bool(ratio[low] >= 0.5 and ratio[high] <= 2))
    return Finding("Mean number of regions over that before training:", all(inside), tuple(parts))


def dips_and_rebounds(saved: Saved) -> Finding:
    """Tell for each architecture with several hidden layers whether regions get fewer and then more again."""
    groups = _each(saved.rows)
    deep = [(name, *turn_of(rows, _PER_NEURON, 1)) for name, rows in groups if "," in name]
    flat = [name for name, _ in groups if "," not in name]
    found = _all_turns("Regions per neuron", saved.rows, deep)
    rest = f"{', '.join(flat)}: with one hidden layer a line meets every neuron once, before and after"
    return Finding(found.measured, found.holds, (*found.items, rest) if flat else found.items)


def _all_turns(what: str, rows: Sequence[Row], found: Sequence[tuple[str, str, bool | None]]) -> Finding:
    items = tuple(f"{name} {text}" for name, text, _ in found)
    return Finding(f"{what} ({runs_in(rows)}):", all_hold(holds for *_, holds in found), items)


def only_neurons_count(saved: Saved) -> Finding:
    """Compare architectures with equally many neurons before training."""
    starts: dict[int, list[tuple[str, float, float]]] = {}
    for name, rows in _each(saved.rows):
        epochs, values = by_run(rows, "activation_regions")
        if epochs[0] == 0:
            starts.setdefault(rows[0]["neurons"], []).append((name, *mean_of(values[:, 0])))
    groups = {neurons: group for neurons, group in starts.items() if len(group) > 1}
    if not groups:
        return Finding("No two architectures with equally many neurons were measured before training.", None)
    parts, alike = [], []
    for neurons, group in groups.items():
        listed = ", ".join(f"{name} {with_error(mean, error)}" for name, mean, error in group)
        parts.append(f"{neurons} neurons: {listed}")
        alike += [abs(a[1] - b[1]) <= 0.1 * max(a[1], b[1]) for a, b in itertools.combinations(group, 2)]
    return Finding("Regions before training:", all(alike), tuple(parts))


# Figures 6 and 7 ------------------------------------------------------------------------------------------------------


def _of_sample(saved: Saved, sample: str) -> list[Row]:
    return [row for row in saved.rows if row["sample"] == sample]


def within_the_band(saved: Saved) -> Finding:
    """Compare mean distance times neurons with the paper's band; the first kind of points decides."""
    parts, fits = [], []
    for sample in names_of(saved.rows, "sample"):
        rows = over_runs(_of_sample(saved, sample), ("architecture", "epoch"), ("distance_times_neurons",))
        low, high = (choose(rows, key=lambda row: row["distance_times_neurons"]) for choose in (min, max))
        ends = [
            f"{with_error(row['distance_times_neurons'], row['distance_times_neurons_stderr'])} "
            f"({row['architecture']}, epoch {row['epoch']:g})"
            for row in (low, high)
        ]
        (values,) = columns_of(rows, "distance_times_neurons")
        inside = float(np.mean((values >= BAND[0]) & (values <= BAND[1])))
        outside = [row for row in rows if not BAND[0] <= row["distance_times_neurons"] <= BAND[1]]
        where = f", all but those of {moments_of(outside)}" if outside else ""
        text = f"{ends[0]} to {ends[1]}; {inside:.0%} of the means lie between the curves{where}"
        parts.append(f"{SAMPLES[sample]}: {text}")
        fits.append(bool(values.min() >= 0.9 * BAND[0] and values.max() <= 1.1 * BAND[1]))
    text = f"Mean distance times #neurons ({runs_in(saved.rows)} of {saved.settings['points']:,} points):"
    return Finding(text, fits[0], tuple(parts))


def same_product_at_the_start(saved: Saved) -> Finding:
    """Compare distance times neurons of all architectures before training."""
    rows = _of_sample(saved, names_of(saved.rows, "sample")[0])
    texts, means = _at_start(rows, "distance_times_neurons")
    if len(texts) < 2:
        return Finding("No two architectures were measured before training.", None)
    spread = float(np.ptp(means) / means.mean())
    return Finding(f"Distance times #neurons before training; spread {spread:.0%}:", spread <= 0.2, tuple(texts))


def grows_then_shrinks(saved: Saved) -> Finding:
    """Tell for each architecture whether distances first grow and then shrink."""
    rows = _of_sample(saved, names_of(saved.rows, "sample")[0])
    found = [(name, *turn_of(group, "distance_times_neurons", -1)) for name, group in _each(rows)]
    return _all_turns("Distance times #neurons", rows, found)


def alike_on_data(saved: Saved) -> Finding:
    """Compare distances of training and test examples with those of normal points."""
    samples = names_of(saved.rows, "sample")
    if len(samples) < 2:
        return Finding("Only one kind of sample points was measured.", None)
    by = ("architecture", "epoch")
    averaged = {sample: over_runs(_of_sample(saved, sample), by, ("distance",)) for sample in samples}
    means = {sample: columns_of(rows, "distance")[0] for sample, rows in averaged.items()}
    parts, alike = [], []
    for sample in samples[1:]:
        ratio = means[sample] / means[samples[0]]
        times = f"{ratio.min():.2f} to {ratio.max():.2f} times those of {SAMPLES[samples[0]]}"
        parts.append(f"{SAMPLES[sample]}: {times}")
        alike.append(bool(ratio.min() >= 0.5 and ratio.max() <= 2))
    return Finding("Mean distances, over all architectures and moments:", all(alike), tuple(parts))


def same_distribution(saved: Saved) -> Finding:
    """Measure how much the histograms before training and later overlap."""
    parts, alike = [], []
    for name, rows in _each(saved.table("histogram")):
        epochs = names_of(rows, "epoch")
        first, *others = (columns_of(rows, "share", epoch=epoch)[0] for epoch in epochs)
        for epoch, later in zip(epochs[1:], others, strict=True):
            overlap = float(np.minimum(first, later).sum() / max(first.sum(), later.sum()))
            parts.append(f"{name}: at epochs {epochs[0]:g} and {epoch:g} they share {overlap:.0%} of their area")
            alike.append(overlap >= 0.8)
    for name, rows in _each(saved.table("moments")):
        epochs, widths = by_run(rows, "log10_sd")
        listed = ", ".join(f"{with_error(*mean_of(widths[:, k]))} at epoch {epoch:g}" for k, epoch in enumerate(epochs))
        parts.append(f"{name}: standard deviation of log10 distance {listed}")
    return Finding(f"Histograms, mean over runs ({runs_in(saved.rows)}):", all(alike), tuple(parts))


def towards_larger_regions(saved: Saved) -> Finding:
    """Measure how the mean log distance moves."""
    parts, larger = [], []
    for name, rows in _each(saved.table("moments")):
        epochs, values = by_run(rows, "log10_mean")
        for k in range(1, len(epochs)):
            shift = values[:, k] - values[:, 0]
            factor = f"a factor of {10 ** float(shift.mean()):.2g}"
            parts.append(f"{name}: {with_error(*mean_of(shift))} up to epoch {epochs[k]:g}, {factor}")
            larger.append(is_above(shift))
    return Finding(f"Shift of the mean log10 distance ({runs_in(saved.rows)}):", all_hold(larger), tuple(parts))


def orders_of_magnitude(saved: Saved) -> Finding:
    """Measure how many decades hold all but one in a thousand distances."""
    decades = []
    rows = saved.table("histogram")
    for name, epoch in itertools.product(names_of(rows, "architecture"), names_of(rows, "epoch")):
        low, share = columns_of(rows, "log10_low", "share", architecture=name, epoch=epoch)
        total = np.cumsum(share) / share.sum()
        decades.append(float(low[np.searchsorted(total, 0.9995)] - low[np.searchsorted(total, 0.0005)]))
    return Finding(
        f"99.9 % of the distances lie within {min(decades):.1f} to {max(decades):.1f} orders of magnitude.",
        min(decades) >= 2,
    )


# Figure 8 -------------------------------------------------------------------------------------------------------------


def order_of_neurons_squared(saved: Saved) -> Finding:
    """Compare counts in the square drawn, and in larger ones, with #neurons squared."""
    means = over_runs(saved.rows, ("epoch",), ("regions", "regions_per_neuron_squared"))
    low, high = (choose(means, key=lambda row: row["regions"]) for choose in (min, max))
    ends = [f"{with_error(row['regions'], row['regions_stderr'])} (epoch {row['epoch']:g})" for row in (low, high)]
    shares = [row["regions_per_neuron_squared"] for row in (low, high)]
    text = (
        f"In the square of {saved.settings['scale']:g} circumradii: {ends[0]} to {ends[1]} regions, that is "
        f"{shares[0]:.2f} to {shares[1]:.2f} times #neurons² = {saved.rows[0]['neurons'] ** 2:,} "
        f"({runs_in(saved.rows)})."
    )
    if "scales" in saved.tables:
        scales = over_runs(saved.table("scales"), ("scale",), ("regions_per_neuron_squared",))
        enough = [row["scale"] for row in scales if _same_order(row["regions_per_neuron_squared"])]
        where = f"From {min(enough):g} circumradii on, squares reach" if enough else "No square reaches"
        text += f" {where} that order."
    return Finding(text, all(_same_order(share) for share in shares))


def _same_order(ratio: float) -> bool:
    return bool(abs(np.log10(ratio)) <= 0.5)


def forty_thousand(saved: Saved) -> Finding:
    """Tell whether any square holds #neurons squared regions."""
    if "scales" not in saved.tables:
        return Finding("No squares of other sizes were counted.", None)
    means = over_runs(saved.table("scales"), ("epoch", "scale", "neurons"), ("regions",))
    neurons = means[0]["neurons"]
    lines = 1 + neurons + neurons * (neurons - 1) // 2
    best = max(means, key=lambda row: row["regions"])
    of_epoch = sorted((row for row in means if row["epoch"] == best["epoch"]), key=lambda row: row["scale"])
    first, before = of_epoch[0], of_epoch[max(of_epoch.index(best) - 1, 0)]
    text = (
        f"At epoch {best['epoch']:g} the count goes from {with_error(first['regions'], first['regions_stderr'])} in a "
        f"square of {first['scale']:g} circumradii to at most {with_error(best['regions'], best['regions_stderr'])} in "
        f"one of {best['scale']:g}, by {best['regions'] / before['regions'] - 1:.0%} over the last step from "
        f"{before['scale']:g} on. That is {best['regions'] / neurons**2:.2f} times #neurons² = {neurons**2:,}, and "
        f"{best['regions'] / lines:.2f} times the {lines:,} regions into which {neurons} straight lines cut a plane."
    )
    return Finding(text, bool(best["regions"] >= 0.75 * neurons**2))


def expand_then_contract(saved: Saved) -> Finding:
    """Tell whether regions in the square get fewer and then more again."""
    text, holds = turn_of(saved.rows, "regions", 1)
    return Finding(f"{text} ({runs_in(saved.rows)}).", holds)
