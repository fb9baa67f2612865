"""What the report and the command say of certified experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linregions.experiments.saved import Saved

_NOTHING = "nothing to certify: no partition is made and no region counted, all is measured in floats"


def proof_told(saved: Saved) -> str:
    """Return one sentence on what was certified; nothing where that was not asked for."""
    proof = saved.proof
    if proof is None:
        return ""
    if not proof.lines and not proof.windows:
        return f"certified: {_NOTHING}"
    what = " and ".join(
        f"{number:,} {name}{'s' * (number != 1)}"
        for number, name in ((proof.lines, "line"), (proof.windows, "window"))
        if number
    )
    return (
        f"certified: {what}, {proof.exact_decisions:,} decisions left to exact arithmetic, {proof.mended:,} mended; "
        f"floats had {proof.wrong_counts:,} of {proof.counts:,} counts wrong"
    )


def proofs_table(found: Mapping[str, Saved], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row for each experiment with what was certified, none where nothing was asked to be."""
    if all(saved.proof is None for saved in found.values()):
        return []
    rows = []
    for name, saved in found.items():
        proof = saved.proof
        row: dict[str, Any] = {"experiment": titles[name]}
        if proof is None:
            entries: dict[str, Any] = dict.fromkeys(_COLUMNS, "-")
            note = "not certified"
        else:
            entries = {key: getattr(proof, key) for key in _COLUMNS}
            note = "every partition and count" if proof.counts else _NOTHING
        rows.append(row | entries | {"certified": note})
    return rows


_COLUMNS = ("lines", "windows", "exact_decisions", "mended", "counts", "wrong_counts")
