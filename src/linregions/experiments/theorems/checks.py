"""What the tables of the theorems say about each statement: a sentence with error bars, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from linregions._support.tables import Row
from linregions.experiments.findings import Finding, with_error
from linregions.experiments.saved import Saved
from linregions.experiments.summary import names_of
from linregions.experiments.theorems.tables import Z_LIMIT, powers

# The exponent of a power law counts as right within this, and regions per neuron as the same.
EXPONENT_ERROR, SPREAD = 0.1, 0.1
# Arrangements with a larger sum of inverse widths are too narrow for "approximately": constants grow with it.
NARROW = 0.5
#: The paper's law of the biases, as tables name it.
PAPER = "N(0, 0.001²)"


def volume_formula(saved: Saved) -> Finding:
    """Compare both sides of Theorems 3 and 6."""
    rows = saved.table("equalities")
    worst = max(rows, key=lambda row: abs(row["z"]))
    items = []
    for k in sorted(names_of(rows, "k")):
        chosen = [row for row in rows if row["k"] == k]
        most = max(abs(row["z"]) for row in chosen)
        items.append(f"k = {k}: {len(chosen)} cases, largest |z| {most:.2f}")
    far = [row["case"] for row in rows if abs(row["z"]) >= Z_LIMIT]
    both = " and ".join(with_error(worst[key], worst[f"{key}_stderr"]) for key in ("measured", "predicted"))
    return Finding(
        f"{len(rows)} cases with {', '.join(map(str, names_of(rows, 'n_in')))} inputs, depths 1 to "
        f"{max(row['depth'] for row in rows)}, T from 1 to {max(row['T'] for row in rows)}: measured and predicted "
        f"differ most in case {worst['case']}, {both}, which is {worst['z']:.1f} standard errors."
        + (f" Too far apart: cases {', '.join(map(str, far))}." if far else ""),
        not far,
        tuple(items),
    )


def _growth(rows: Sequence[Row], column: str, name: str) -> Finding:
    exponents = powers(rows, column)
    sign = -1 if column == "distance" else 1
    parts = [
        f"{curve}, {n_in} input{'s' * (n_in > 1)}, {activation}, {biases}: {exponent:.2f}"
        for (curve, n_in, activation, biases), exponent in exponents.items()
    ]
    holds = all(abs(exponent - sign) <= EXPONENT_ERROR for exponent in exponents.values())
    return Finding(f"{name}, at depth 3, goes as the number of neurons to the power:", holds, tuple(parts))


def regions_grow_linearly(saved: Saved) -> Finding:
    """Fit the growth of the number of regions along curves with the number of neurons."""
    return _growth(saved.table("curves"), "measured", "The number of breakpoints")


def density_grows_linearly(saved: Saved) -> Finding:
    """Fit the growth of the volume density with the number of neurons."""
    return _growth(saved.table("cubes"), "density", "The volume density")


def distance_shrinks(saved: Saved) -> Finding:
    """Fit how the mean distance shrinks with the number of neurons."""
    return _growth(saved.table("cubes"), "distance", "The mean distance")


def only_neurons_count(saved: Saved) -> Finding:
    """Compare regions per neuron of arrangements of equally many neurons at the paper's initialisation."""
    return _arrangements(saved, lambda biases: biases == PAPER)


def only_neurons_count_with_wide_biases(saved: Saved) -> Finding:
    """Compare regions per neuron of arrangements of equally many neurons with biases of constant width."""
    return _arrangements(saved, lambda biases: biases != PAPER)


def _arrangements(saved: Saved, wanted: Callable[[str], bool]) -> Finding:
    total = sum(saved.settings["arrangements"][0])
    rows = [row for row in saved.table("curves") if row["neurons"] == total and row["activation"] == "relu"]
    rows = [row for row in rows if wanted(row["biases"])]
    parts, alike = [], []
    for kind in names_of(rows, "curve"):
        chosen = sorted((row for row in rows if row["curve"] == kind), key=lambda row: row["depth"])
        wide = [row for row in chosen if row["depth"] ** 2 / total <= NARROW]
        texts = [f"{row['hidden']} {with_error(row['per_neuron'], row['per_neuron_stderr'])}" for row in wide]
        parts.append(f"{kind}: {'; '.join(texts)}")
        low, high = (choose(row["per_neuron"] for row in wide) for choose in (min, max))
        alike.append(high - low <= SPREAD * high)
    return Finding(f"Breakpoints per neuron and unit of length, {total} neurons:", all(alike), tuple(parts))


def proportional_to_breakpoints(saved: Saved) -> Finding:
    """Compare regions per neuron for one to three breakpoints."""
    total = sum(saved.settings["arrangements"][0])
    rows = [row for row in saved.table("curves") if row["neurons"] == total and row["activation"] != "relu"]
    parts, alike = [], []
    for kind in names_of(rows, "curve"):
        for hidden in names_of(rows, "hidden"):
            chosen = sorted(
                (row for row in rows if (row["curve"], row["hidden"]) == (kind, hidden)), key=lambda row: row["T"]
            )
            values = [row["per_neuron"] for row in chosen]
            if chosen[0]["depth"] ** 2 / total > NARROW:
                continue
            texts = [with_error(row["per_neuron"], row["per_neuron_stderr"]) for row in chosen]
            parts.append(f"{kind}, {hidden}: {', '.join(texts)} for T = 1, 2, 3")
            alike.append(max(values) <= 1.5 * min(values))
    return Finding("Breakpoints per neuron, T and unit of length:", all(alike), tuple(parts))


def _bound(rows: Sequence[Row], column: str, bound: str, sign: int, name: str, items: tuple[str, ...] = ()) -> Finding:
    known = [row for row in rows if row[bound]]
    broken = [row for row in known if sign * (row[column] - row[bound]) > Z_LIMIT * row[f"{column}_stderr"]]
    ratios = [(row[bound] / row[column]) ** sign for row in known if row[column]]
    ends = f"{min(ratios):.3g} to {max(ratios):.3g}" if max(ratios) < 1e4 else f"at least {min(ratios):.3g}"
    return Finding(f"{name}: {ends} in {len(known)} cases.", not broken, items)


def upper_bound(saved: Saved) -> Finding:
    """Compare (9) and (15), without the factor 2, with measurements."""
    return _bound(saved.table("bounds"), "measured", "upper", 1, "Bound without the factor 2, over measured volume")


def lower_bound(saved: Saved) -> Finding:
    """Compare (10) with measurements, and the bound that its proof gives."""
    rows = [row for row in saved.table("bounds") if row["exponent"] is not None]
    proved = _bound(rows, "measured", "proved", -1, "Measured volume over the bound of the proof, where that is not 0")
    largest = max(row["exponent"] for row in rows)
    return Finding(
        f"(10) with a square root in eta, and without a constant, needs C' of at least {largest:.3g} in {len(rows)} "
        f"cases with k of 1 or 2. {proved.measured}",
        proved.holds,
    )


def gradient_constant(saved: Saved) -> Finding:
    """Fit the growth of C_grad."""
    parts = [
        f"m = {row['order']:g}: slope {with_error(row['slope'], row['slope_stderr'])}; wide layers {row['limit']:.3f}"
        for row in saved.table("slopes")
    ]
    holds = all(row["slope"] <= row["limit"] + Z_LIMIT * row["slope_stderr"] for row in saved.table("slopes"))
    return Finding("log of sup E[‖∇z‖^m]^(1/m) against the sum of 1/n_j below the last layer:", holds, tuple(parts))


def distance_bound(saved: Saved) -> Finding:
    """Compare Corollaries 5 and 8, with T in the denominator and c = 1/4, with measurements."""
    rows = saved.table("cubes")
    items = []
    for t in sorted(set(names_of(rows, "T"))):
        chosen = [row for row in rows if row["T"] == t and row["activation"].startswith("zigzag")]
        if chosen:
            below, above = (min(row[key] for row in chosen) for key in ("c_T_below", "c_T_above"))
            items.append(f"T = {t}: largest c {below:.3f} with T in the denominator, {above:.3f} with it above")
    return _bound(rows, "distance", "distance_bound", -1, "Mean distance over the bound with c = 1/4", tuple(items))


def tube_bound(saved: Saved) -> Finding:
    """Compare areas of tubes with Lemma 12."""
    return _bound(saved.table("tubes"), "area", "bound", 1, "Bound over area of the tube")


def initialisation(saved: Saved) -> Finding:
    """Compare equations (31) to (34) with simulation, in the right reading and as printed."""
    rows = saved.table("facts")
    parts, holds = [], []
    for equation in (31, 32, 33, 34):
        chosen = [row for row in rows if row["equation"] == equation]
        right, printed = (max(abs(row[key]) for row in chosen) for key in ("z", "z_printed"))
        as_printed = "a bound" if equation == 31 else f"|z| up to {printed:.3g}"
        parts.append(f"({equation}): right reading |z| up to {right:.2f}; as printed {as_printed}")
        holds.append(right < Z_LIMIT)
    return Finding("Exact values against simulation:", all(holds), tuple(parts))
