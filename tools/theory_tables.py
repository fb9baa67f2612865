"""Write the tables of docs/theory.md from what `linregions reproduce theorems` left: theory_tables.py RESULTS PAGE."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from linregions.experiments.findings import with_error
from linregions.experiments.report.claims import CLAIMS
from linregions.experiments.saved import Saved, load_saved
from linregions.experiments.summary import names_of

Row = dict[str, Any]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, numbers to the right."""
    lines = [head, ["---"] * len(head), *([entry.replace("|", "\\|") for entry in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def estimate(row: Row, key: str) -> str:
    """Return a mean with its standard error."""
    return with_error(row[key], row[f"{key}_stderr"])


def short(value: float | None) -> str:
    """Return a number to three digits, a dash where there is none or it is void."""
    if value is None or value == 0:
        return "–"
    return f"{value:.3g}" if 1e-3 < abs(value) < 1e5 else f"{value:.1e}"


def law(row: Row) -> list[str]:
    """Return what tells laws apart."""
    return [str(row["n_in"]), row["hidden"], row["activation"], str(row["T"]), row["biases"]]


LAW = ["inputs", "hidden layers", "activation", "T", "biases"]


def summary(saved: Saved) -> str:
    """Tell for every statement whether it holds, under which criterion."""
    lines = []
    for claim in CLAIMS:
        if claim.about == "theorems":
            found = claim.judge({"theorems": saved})
            verdict = "holds" if found.holds else "does not hold"
            place = claim.place[0].upper() + claim.place[1:]
            lines += [f"- **{place}: {verdict}.** *Criterion: {claim.criterion}.* {found.measured}"]
            lines += [f"  - {item}" for item in found.items]
    return "\n".join(lines)


def equalities(saved: Saved) -> str:
    """Both sides of Theorems 3 and 6."""
    rows = [
        [
            str(row["case"]),
            *law(row),
            row["domain"],
            str(row["k"]),
            estimate(row, "measured"),
            estimate(row, "predicted"),
            f"{row['z']:+.2f}",
        ]
        for row in saved.table("equalities")
    ]
    return markdown(["case", *LAW, "K", "k", "measured", "predicted", "z"], rows)


def bounds(saved: Saved) -> str:
    """Corollaries 4 and 7."""
    rows = []
    for number, row in enumerate(saved.table("bounds")):
        entries = [short(row[key]) for key in ("c_grad", "upper", "upper_slack", "lower", "proved", "proved_slack")]
        if not row["proved"]:
            entries[-1] = "–"
        rows.append([str(number + 1), *law(row), row["domain"], str(row["k"]), estimate(row, "measured"), *entries])
    head = ["case", *LAW, "K", "k", "measured", "$C_{grad}$", "(9), (15)", "slack", "(10)", "proof of (10)", "slack"]
    return markdown(head, rows)


def by_arrangement(rows: Sequence[Row], first: Callable[[Row], list[str]], entry: Callable[[Row], str]) -> list[Any]:
    """Return one line for each law, one column for each arrangement."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(rows, key=lambda row: row["depth"]):
        lines.setdefault(tuple(first(row)), []).append(entry(row))
    return [[*key, *entries] for key, entries in lines.items()]


def arrangements(saved: Saved, key: str) -> tuple[list[Row], list[str]]:
    """Return the rows of networks with equally many neurons, and the names of their arrangements."""
    total = sum(saved.settings["arrangements"][0])
    rows = [row for row in saved.table(key) if row["neurons"] == total]
    order = sorted({(row["depth"], row["hidden"]) for row in rows})
    return rows, [f"{depth} × {hidden.strip('[]').split(', ')[0]}" for depth, hidden in order]


def curves(saved: Saved) -> str:
    """Theorem 1: breakpoints per unit of length, neuron and T."""
    rows, names = arrangements(saved, "curves")
    lines = by_arrangement(
        rows,
        lambda row: [row["curve"], row["activation"], str(row["T"]), row["biases"]],
        lambda row: f"{estimate(row, 'per_neuron')} ({row['predicted_per_neuron']:.3f})",
    )
    return markdown(["curve", "activation", "T", "biases", *names], lines)


def cubes(saved: Saved, key: str) -> str:
    """Theorem 2: density per neuron and T, or distance times both."""
    rows, names = arrangements(saved, "cubes")
    lines = by_arrangement(
        rows,
        lambda row: [str(row["n_in"]), row["activation"], str(row["T"]), row["biases"]],
        lambda row: estimate(row, key),
    )
    return markdown(["inputs", "activation", "T", "biases", *names], lines)


def distances(saved: Saved) -> str:
    """Corollaries 5 and 8."""
    rows = saved.table("cubes")
    lines = []
    for activation in names_of(rows, "activation"):
        for biases in names_of(rows, "biases"):
            chosen = [row for row in rows if (row["activation"], row["biases"]) == (activation, biases)]
            if chosen:
                entries = []
                for column in ("distance_slack", "c_T_below", "c_T_above"):
                    values = [row[column] for row in chosen]
                    entries.append(f"{short(min(values))} to {short(max(values))}")
                lines.append([activation, str(chosen[0]["T"]), biases, str(len(chosen)), *entries])
    head = ["activation", "T", "biases", "cases", "measured / bound", "largest c, T below", "largest c, T above"]
    return markdown(head, lines)


def growth(saved: Saved) -> str:
    """Show the growth of C_grad."""
    rows = [
        [f"{row['order']:g}", with_error(row["slope"], row["slope_stderr"]), f"{row['limit']:.3f}"]
        for row in saved.table("slopes")
    ]
    return markdown(["m", "fitted slope", "wide layers"], rows)


def facts(saved: Saved) -> str:
    """Equations (31) to (34)."""
    rows = [
        [
            f"({row['equation']})",
            str(row["n_in"]),
            row["hidden"],
            row["biases"],
            str(row["layer"]),
            estimate(row, "measured"),
            f"{row['exact']:.4f}",
            f"{row['z']:+.2f}",
            f"{row['printed']:.4f}",
        ]
        for row in saved.table("facts")
    ]
    head = ["equation", "inputs", "hidden layers", "biases", "layer", "measured", "right", "z", "printed"]
    return markdown(head, rows)


def tubes(saved: Saved) -> str:
    """Lemma 12, around the boundary of one network of each law."""
    rows = [
        [
            row["activation"],
            row["hidden"],
            row["kind"],
            f"{row['radius']:g}",
            estimate(row, "area"),
            short(row["bound"]),
            short(row["slack"]),
        ]
        for row in saved.table("tubes")
        if row["network"] == 0
    ]
    return markdown(["activation", "hidden layers", "boundaries", "radius", "area", "bound", "slack"], rows)


def made(saved: Saved) -> str:
    """Tell what the run was."""
    chosen = saved.settings
    return (
        f"Seed {saved.seed}; {chosen['networks']:,} networks for each side of an equality with k = 1, "
        f"{chosen['pair_networks']:,} with k = 2 (four times as many for boxes of three and more inputs), "
        f"{chosen['arrangement_networks']:,} for each curve and cube, {chosen['growth_networks']:,} for moments of "
        f"gradients, {chosen['fact_networks']:,} for equations (31) to (34)."
    )


TABLES: dict[str, Callable[[Saved], str]] = {
    "summary": summary,
    "equalities": equalities,
    "bounds": bounds,
    "curves": curves,
    "density": lambda saved: cubes(saved, "density_per_neuron"),
    "distance": lambda saved: cubes(saved, "distance_times_neurons"),
    "distances": distances,
    "growth": growth,
    "facts": facts,
    "tubes": tubes,
    "made": made,
}


def main(results: str, page: str) -> None:
    """Replace what stands between the marks of each table."""
    saved, file = load_saved(results, "theorems"), Path(page)
    text = file.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        begin, end = f"<!-- table {name} -->", "<!-- end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"`{page}` has no {begin}, but this needs a place for each table. Write the mark.")
        block = f"{begin}\n{table(saved)}\n{end}"
        text = pattern.sub(lambda _, block=block: block, text)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
