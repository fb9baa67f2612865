"""What tables of our own experiment say of the paper's laws for networks that share weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from linregions._support.tables import Row
from linregions.experiments.figures.conv import INPUTS, NETWORKS
from linregions.experiments.figures.fig6 import BAND
from linregions.experiments.findings import Finding, runs_in, with_error
from linregions.experiments.saved import Saved
from linregions.experiments.summary import names_of, over_runs

_REGIONS, _DISTANCE = "activation_regions_per_neuron", "distance_times_neurons"
_SHARING = [sharing for sharing, _ in NETWORKS.values()]
_BESIDE = dict(NETWORKS.values())
_NOTHING_BESIDE = Finding("No dense network was measured beside.", None)
_NO_START = Finding("No moment before training was measured.", None)


def _means(rows: Sequence[Row], column: str) -> list[dict[str, Any]]:
    """Return the mean over runs of every network, input and moment."""
    return over_runs(rows, ("network", "width", "neurons", "inputs", "epoch"), (column,))


def _starts(rows: Sequence[Row], column: str) -> list[dict[str, Any]]:
    return [row for row in _means(rows, column) if row["epoch"] == 0]


def _told(row: Row, column: str) -> str:
    return f"{row['network']} of {row['neurons']:,} {with_error(row[column], row[f'{column}_stderr'])}"


def _by_inputs(rows: Sequence[Row], tell: Callable[[Sequence[Row]], str]) -> tuple[str, ...]:
    """Return one text for each kind of input."""
    groups = [(inputs, [row for row in rows if row["inputs"] == inputs]) for inputs in names_of(rows, "inputs")]
    return tuple(f"{INPUTS[inputs]}: {tell(group)}" for inputs, group in groups)


def one_region_per_neuron(saved: Saved) -> Finding:
    """Compare regions per neuron before training with 1, of networks that share weights."""
    rows = _starts(saved.rows, _REGIONS)
    if not rows:
        return _NO_START
    shared = [row for row in rows if row["network"] in _SHARING]
    starts = _starts(saved.rows, "linear_regions_per_neuron")
    linear = [row["linear_regions_per_neuron"] for row in starts if row["network"] in _SHARING]
    low, high = min(linear), max(linear)
    text = f"Activation regions per neuron before training ({runs_in(saved.rows)} of {saved.settings['lines']} lines); "
    text += f"linear regions of those that share weights: {low:.2f} to {high:.2f}."
    items = _by_inputs(rows, lambda group: ", ".join(_told(row, _REGIONS) for row in group))
    return Finding(text, all(abs(row[_REGIONS] - 1) <= 0.1 for row in shared), items)


def grows_with_neurons(saved: Saved) -> Finding:
    """Fit the power with which regions go as neurons, for each network and input, before training and at the end."""
    rows = _means(saved.rows, "activation_regions")
    epochs = sorted(names_of(rows, "epoch"))
    if len(names_of(rows, "width")) < 2:
        return Finding("Networks of one size only were measured.", None)
    parts, near = [], []
    for inputs, network in itertools.product(names_of(rows, "inputs"), names_of(rows, "network")):
        powers = []
        for epoch in (epochs[0], epochs[-1]):
            of = [r for r in rows if (r["inputs"], r["network"], r["epoch"]) == (inputs, network, epoch)]
            neurons, regions = ([r[key] for r in of] for key in ("neurons", "activation_regions"))
            powers.append(float(np.polyfit(np.log(neurons), np.log(regions), 1)[0]))
        parts.append(f"{INPUTS[inputs]}: {network} {powers[0]:.2f}, then {powers[1]:.2f}")
        near += [abs(power - 1) <= 0.25 for power in powers] if network in _SHARING else []
    text = f"Power of #neurons at epochs {epochs[0]:g} and {epochs[-1]:g} ({runs_in(saved.rows)}):"
    if len(names_of(saved.rows, "run")) < 2:
        return Finding(f"{text[:-1]}; two sizes of one run each tell too little:", None, tuple(parts))
    return Finding(text, all(near), tuple(parts))


def near_the_start(saved: Saved) -> Finding:
    """Compare the counts through training with those before."""
    rows = _means(saved.rows, _REGIONS)
    first = {(r["network"], r["width"], r["inputs"]): r[_REGIONS] for r in rows if r["epoch"] == 0}
    if not first:
        return _NO_START
    parts, inside = [], []
    for (network, width, inputs), start in first.items():
        of = [r for r in rows if (r["network"], r["width"], r["inputs"]) == (network, width, inputs)]
        low, high = (choose(of, key=lambda row: row[_REGIONS]) for choose in (min, max))
        ratios = [row[_REGIONS] / start for row in (low, high)]
        ends = " to ".join(f"{q:.2f} (epoch {row['epoch']:g})" for q, row in zip(ratios, (low, high), strict=True))
        parts.append(f"{network} of {of[0]['neurons']:,}, {INPUTS[inputs]}: {ends}")
        inside += [ratios[0] >= 0.5 and ratios[1] <= 2] if network in _SHARING else []
    return Finding("Mean number of regions over that before training:", all(inside), tuple(parts))


def not_more_than_dense(saved: Saved) -> Finding:
    """Compare regions with those of a dense network of as many neurons in every layer, at every moment."""
    ratios = _over_dense(saved.rows, "activation_regions")
    if not ratios:
        return _NOTHING_BESIDE
    text = "Regions over those of a dense network of as many neurons in every layer, all sizes and moments:"
    return Finding(text, all(max(group) <= 2 for group in ratios.values()), _spans(ratios, "regions"))


def within_the_band(saved: Saved) -> Finding:
    """Compare mean distance times neurons with the paper's band, of networks that share weights."""
    means = _means(saved.table("distances"), _DISTANCE)

    def told(rows: Sequence[Row]) -> str:
        parts = []
        for network in names_of(rows, "network"):
            values = [row[_DISTANCE] for row in rows if row["network"] == network]
            parts.append(f"{network} {min(values):.2g} to {max(values):.2g}")
        return ", ".join(parts)

    shared = [row[_DISTANCE] for row in means if row["network"] in _SHARING]
    inside = 0.9 * BAND[0] <= min(shared) and max(shared) <= 1.1 * BAND[1]
    rows = saved.table("distances")
    text = f"Mean distance times #neurons, over all moments ({runs_in(rows)} of {saved.settings['points']:,} points"
    unproved, chance = sum(row["unproved"] for row in rows), max(row["chance"] for row in rows)
    if unproved:
        text += f"; {unproved:,} of {sum(row['points'] for row in rows):,} distances are too large with a chance of up "
        text += f"to {chance:.0e} each, the others are proved"
    text += "):"
    return Finding(text, inside, _by_inputs(means, told))


def only_dark_margins(saved: Saved) -> Finding:
    """Compare regions and distances with dense networks, on inputs with and without dark margins."""
    regions = _over_dense(saved.rows, "activation_regions")
    distances = _over_dense(saved.table("distances"), "distance")
    groups = [*regions.items(), *distances.items()]
    with_margins, without = (
        [_alike(values) for (inputs, _), values in groups if (inputs == "noise") == noise] for noise in (False, True)
    )
    text = "Over those of a dense network of as many neurons in every layer, all sizes and moments:"
    items = (*_spans(regions, "regions"), *_spans(distances, "distances"))
    if not with_margins or not without:
        return Finding("Inputs of one kind only were measured beside dense networks.", None, items)
    return Finding(text, all(without) and not all(with_margins), items)


def _alike(ratios: Sequence[float]) -> bool:
    return min(ratios) >= 0.5 and max(ratios) <= 2


def _over_dense(rows: Sequence[Row], column: str) -> dict[tuple[str, str], list[float]]:
    """Return means over those of the dense network beside, by kind of input and network."""
    means = {(r["network"], r["width"], r["inputs"], r["epoch"]): r[column] for r in _means(rows, column)}
    ratios: dict[tuple[str, str], list[float]] = {}
    for (network, *where), value in means.items():
        other = means.get((_BESIDE.get(network, ""), *where))
        if other is not None:
            ratios.setdefault((where[1], network), []).append(value / other)
    return ratios


def _spans(ratios: dict[tuple[str, str], list[float]], what: str) -> tuple[str, ...]:
    return tuple(
        f"{what}, {INPUTS[inputs]}: {network} {min(values):.2f} to {max(values):.2f}"
        for (inputs, network), values in ratios.items()
    )
