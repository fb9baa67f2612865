"""Tables of the theorems' check: one row for each case, and one for each statement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from linregions._support.estimates import Estimate
from linregions._support.tables import Row
from linregions.experiments.sweeps.cells import Result, architecture
from linregions.experiments.theorems.cases import Law
from linregions.experiments.theorems.cells import (
    BothSides,
    Counts,
    Facts,
    Gradients,
    InCube,
    OnCurve,
    Tubes,
    with_stderr,
)
from linregions.theory import arrangement_regions, corollaries
from linregions.theory.relu_moments import relu_gradient_moments

#: An equality fails if measurement and prediction differ by so many standard errors.
Z_LIMIT = 4.0
Table = list[dict[str, Any]]


def _of_law(law: Law) -> dict[str, Any]:
    return {
        "n_in": law.n_in,
        "hidden": architecture(law.hidden),
        "depth": len(law.hidden),
        "neurons": law.neurons,
        "activation": law.activation,
        "T": law.breakpoints,
        "biases": law.biases,
    }


def _estimate(entry: Mapping[str, Any], name: str) -> Estimate:
    return Estimate(float(entry[name]), float(entry[f"{name}_stderr"]), 0)


def _compared(found: Result) -> dict[str, Any]:
    """Return both sides with their errors, their ratio, and their difference in standard errors."""
    left, right = _estimate(found, "measured"), _estimate(found, "predicted")
    relative = math.hypot(left.stderr / left.value, right.stderr / right.value) if left.value and right.value else 0.0
    ratio = left.value / right.value if right.value else math.nan
    both = with_stderr("measured", left) | with_stderr("predicted", right)
    return both | {"ratio": ratio, "ratio_stderr": abs(ratio) * relative, "z": left.z_score(right)}


def equalities(found: Sequence[tuple[BothSides, Result]]) -> Table:
    """Return both sides of Theorem 3 (ReLU) or 6, per unit of volume of the domain."""
    return [
        {"case": number + 1, "theorem": 3 if cell.law.activation == "relu" else 6}
        | _of_law(cell.law)
        | {"domain": str(cell.domain), "k": cell.k, "networks": cell.networks}
        | _compared(result)
        for number, (cell, result) in enumerate(found)
    ]


def counts(found: Sequence[tuple[Counts, Result]]) -> Table:
    """Return mean numbers of activation regions, over (#neurons)^n_in / n_in! and over those of as many planes."""
    rows = []
    for cell, result in found:
        n, neurons = cell.law.n_in, cell.law.neurons
        heuristic, planes = neurons**n / math.factorial(n), arrangement_regions(neurons, n)
        row = _of_law(cell.law) | {"domain": str(cell.domain), "networks": cell.networks}
        row |= {key: result[key] for key in ("regions", "regions_stderr")}
        row |= {f"ratio{end}": result[f"regions{end}"] / heuristic for end in ("", "_stderr")}
        rows.append(row | {"heuristic": heuristic, "planes": planes, "of_planes": result["regions"] / planes})
    return rows


def curves(found: Sequence[tuple[OnCurve, Result]]) -> Table:
    """Return breakpoints per unit of length along curves, and per neuron and breakpoint of the activation."""
    rows = []
    for cell, result in found:
        compared = _compared(result)
        each = cell.law.neurons * cell.law.breakpoints
        per_neuron = {f"per_neuron{end}": compared[f"measured{end}"] / each for end in ("", "_stderr")}
        # Times the inverse, not over the number: so these columns were rounded from the beginning.
        per_neuron |= {f"predicted_per_neuron{end}": result[f"predicted{end}"] * (1 / each) for end in ("", "_stderr")}
        rows.append({"curve": cell.kind} | _of_law(cell.law) | {"networks": cell.networks} | compared | per_neuron)
    return rows


def cubes(found: Sequence[tuple[InCube, Result]]) -> Table:
    """Return volume density and mean distance in the unit cube, and the bounds of Corollaries 5, 7 and 8."""
    rows = []
    for cell, result in found:
        law, each = cell.law.make(), cell.law.neurons * cell.law.breakpoints
        bound = corollaries.distance_lower_bound(law, result["mean_gradient"])
        rows.append(
            _of_law(cell.law)
            | {"networks": cell.networks}
            | {key: result[key] for key in ("density", "density_stderr", "distance", "distance_stderr")}
            | {f"density_per_neuron{end}": result[f"density{end}"] / each for end in ("", "_stderr")}
            | {f"distance_times_neurons{end}": result[f"distance{end}"] * each for end in ("", "_stderr")}
            | {"c_grad": result["mean_gradient"], "c_bias": law.bias_density_sup}
            | {"distance_bound": bound, "distance_slack": result["distance"] / bound}
            # The largest c with which Corollary 8 holds here, with T in the denominator and, as printed, above.
            | {"c_T_below": 0.25 * result["distance"] / bound}
            | {"c_T_above": 0.25 * result["distance"] / bound / cell.law.breakpoints**2}
        )
    return rows


def bounds(found: Sequence[tuple[BothSides, Result, Result]]) -> Table:
    """Return the bounds (9), (10) and (15) beside the measured density."""
    rows = []
    for cell, result, moments in found:
        law, radius, density = cell.law.make(), cell.domain.radius(cell.law.n_in), float(result["measured"])
        c_grad = float(moments["value"][0]) ** (1 / cell.k)
        upper = corollaries.volume_upper_bound(law, cell.k, c_grad)
        row = _of_law(cell.law) | {"domain": str(cell.domain), "k": cell.k, "measured": density}
        row |= {"measured_stderr": result["measured_stderr"], "c_bias": law.bias_density_sup, "c_grad": c_grad}
        row |= {"upper": upper, "upper_printed": corollaries.volume_upper_bound(law, cell.k, c_grad, factor=2.0)}
        row |= {"upper_slack": upper / density, "exponent": None, "proved": None, "proved_slack": None}
        if cell.law.activation == "relu":
            # The smallest C' that the measurement, with its error, does not contradict.
            most = density + 2 * float(result["measured_stderr"])
            row["exponent"] = corollaries.smallest_exponent(law, cell.k, radius, most)
            if cell.k == 1:
                proved = corollaries.proved_lower_bound(law, radius)
                row |= {"proved": proved, "proved_slack": density / proved if proved else math.inf}
        rows.append(row)
    exponent = max((row["exponent"] for row in rows if row["exponent"] is not None), default=0.0)
    for row, (cell, _, _) in zip(rows, found, strict=True):
        row["lower"] = None
        if row["exponent"] is not None:
            width = corollaries.eta(cell.law.make(), cell.domain.radius(cell.law.n_in), exponent)
            row["lower"] = corollaries.volume_lower_bound(cell.law.make(), cell.k, width)
    return rows


def facts(found: Sequence[tuple[Facts, Result]]) -> Table:
    """Return equations (31) to (34): measured, exact and printed values."""
    rows = []
    for cell, result in found:
        for entry in result["rows"]:
            measured = _estimate(entry, "measured")
            if entry["equation"] == 31:  # a share near 1: the spread of the exact probability, not that of the sample
                spread = math.sqrt(entry["exact"] * (1 - entry["exact"]) / cell.networks)
                measured = Estimate(measured.value, spread, cell.networks)
            rows.append(
                {"equation": entry["equation"], "n_in": cell.law.n_in, "hidden": architecture(cell.law.hidden)}
                | {"biases": cell.law.biases, "layer": entry["layer"]}
                | with_stderr("measured", measured)
                | {"exact": entry["exact"], "z": measured.z_score(entry["exact"])}
                | {"printed": entry["printed"], "z_printed": measured.z_score(entry["printed"])}
            )
    return sorted(rows, key=lambda row: row["equation"])


def growth(found: Sequence[tuple[Gradients, Result]]) -> Table:
    """Return C_grad from moments of several orders, against the sum of inverse widths below the last layer."""
    rows = []
    for cell, result in found:
        law = cell.law.make()
        inverse = corollaries.inverse_widths(law)
        second, fourth = (float(moment.max()) for moment in relu_gradient_moments(law))
        for order, value, stderr in zip(cell.orders, result["value"], result["stderr"], strict=True):
            c_grad = value ** (1 / order)
            exact = {2.0: second**0.5, 4.0: fourth**0.25}.get(order)
            rows.append(
                {"hidden": architecture(cell.law.hidden), "depth": len(cell.law.hidden), "width": cell.law.hidden[0]}
                | {"inverse_widths": inverse, "below": inverse - 1 / cell.law.hidden[-1]}
                | {"order": order, "c_grad": c_grad, "c_grad_stderr": c_grad / (order * value) * stderr, "exact": exact}
            )
    return rows


def slopes(entries: Sequence[Row]) -> Table:
    """Return how fast log C_grad grows with the sum of inverse widths, fitted, and in the limit of wide layers."""
    rows = []
    for order in dict.fromkeys(row["order"] for row in entries):
        chosen = [row for row in entries if row["order"] == order]
        x, values = (np.array([row[key] for row in chosen]) for key in ("below", "c_grad"))
        weights = values / np.array([row["c_grad_stderr"] for row in chosen])  # of logarithms
        fit, covariance = np.polyfit(x, np.log(values), 1, w=weights, cov="unscaled")
        limit = max(0.0, 0.625 * (order - 2))
        rows.append({"order": order, "slope": fit[0], "slope_stderr": covariance[0, 0] ** 0.5, "limit": limit})
    return rows


def tubes(found: Sequence[tuple[Tubes, Result]]) -> Table:
    """Return the areas of tubes and the bound of Lemma 12."""
    return [
        _of_law(cell.law) | dict(entry) | {"slack": entry["bound"] / entry["area"] if entry["area"] else math.inf}
        for cell, result in found
        for entry in result["rows"]
    ]


# One row for each statement -------------------------------------------------------------------------------------------


def summary(made: Mapping[str, Sequence[Row]]) -> Table:
    """Return for each statement how many cases were measured, the worst of them, and whether it holds."""
    orders = sorted({row["k"] for row in made["equalities"]})
    rows = [_equality(f"Theorem 3 / 6, k = {k}", [r for r in made["equalities"] if r["k"] == k]) for k in orders]
    rows.append(_equality("Theorem 1, against the formula of Theorem 6", made["curves"]))
    for name, column in (("regions per neuron", "measured"), ("density", "density"), ("1 / distance", "distance")):
        table = made["curves" if column == "measured" else "cubes"]
        rows.append(_power(name, table, column, -1 if column == "distance" else 1))
    rows += [
        _slack("Corollary 4 / 7: (9) and (15), upper bound", made["bounds"], "measured", "upper", 1),
        _slack("Corollary 4: lower bound of the proof", made["bounds"], "measured", "proved", -1),
        _slack("Corollary 5 / 8, c = 1/4 and T in the denominator", made["cubes"], "distance", "distance_bound", -1),
        _slack("Lemma 12", made["tubes"], "area", "bound", 1),
    ]
    rows += [_heuristic(n, [row for row in made["counts"] if row["n_in"] == n]) for n in _inputs(made["counts"])]
    for equation in (31, 32, 33, 34):
        entries = [row for row in made["facts"] if row["equation"] == equation]
        rows.append(_equality(f"({equation}), in the right reading", entries))
    return rows


def _inputs(entries: Sequence[Row]) -> list[int]:
    return sorted({row["n_in"] for row in entries})


def _heuristic(n_in: int, entries: Sequence[Row]) -> dict[str, Any]:
    """Tell with what power of the number of neurons regions grow, and whether that is the number of inputs, nearly."""
    neurons, regions = (np.log([row[key] for row in entries]) for key in ("neurons", "regions"))
    exponent = float(np.polyfit(neurons, regions, 1)[0])
    statement = f"Regions as #neurons^{n_in} / {n_in}!, {n_in} input{'s' * (n_in > 1)}"
    # Of an order only: the constant is less than 1, and biases of the second layer count for less in few inputs.
    ratios = [row["ratio"] for row in entries]
    holds = abs(exponent - n_in) < 0.15 * n_in and min(ratios) > 0.1 and max(ratios) < 2.0
    return _row(statement, "proportional", len(entries), "exponent", exponent, holds)


def _equality(statement: str, entries: Sequence[Row]) -> dict[str, Any]:
    worst = max(abs(row["z"]) for row in entries)
    return _row(statement, "equal", len(entries), "largest |z|", worst, worst < Z_LIMIT)


def _slack(statement: str, entries: Sequence[Row], column: str, bound: str, sign: int) -> dict[str, Any]:
    """Tell how close a bound from above (sign 1) or below (sign -1) is; it fails if passed by four standard errors."""
    known = [row for row in entries if row[bound]]
    ratios = [(row[bound] / row[column]) ** sign if row[column] else math.inf for row in known]
    holds = [sign * (row[column] - row[bound]) <= Z_LIMIT * row[f"{column}_stderr"] for row in known]
    return _row(statement, "bound", len(known), "smallest ratio", min(ratios), all(holds))


def _power(name: str, table: Sequence[Row], column: str, sign: int) -> dict[str, Any]:
    """Tell with what power of the number of neurons a quantity grows, in three equal hidden layers."""
    exponents = list(powers(table, column).values())
    worst = max(exponents, key=lambda exponent: abs(exponent - sign))
    statement = f"Theorem {1 if column == 'measured' else 2}: {name} as the number of neurons"
    return _row(statement, "proportional", len(exponents), "exponent farthest off", worst, abs(worst - sign) < 0.15)


def powers(table: Sequence[Row], column: str) -> dict[tuple[Any, ...], float]:
    """Return the exponent of a power law in the number of neurons, at depth 3, for each curve, law and activation."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        if row["depth"] == 3:
            key = (row.get("curve", "cube"), row["n_in"], row["activation"], row["biases"])
            groups.setdefault(key, []).append(row)
    return {
        key: float(np.polyfit(np.log([r["neurons"] for r in rows]), np.log([r[column] for r in rows]), 1)[0])
        for key, rows in groups.items()
        if len({row["neurons"] for row in rows}) > 1
    }


def _row(statement: str, kind: str, cases: int, measure: str, value: float, holds: bool) -> dict[str, Any]:
    row = {"statement": statement, "kind": kind, "cases": cases}
    return row | {"worst": measure, "value": value, "holds": bool(holds)}
