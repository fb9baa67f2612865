"""Compare counts, classes and level sets with exact arithmetic on random networks for some time: `make fuzz`.

Every mismatch without a sign in the diagnostics is printed, with what makes it again, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fuzz.boxes import BOX_DOMAINS, compare_box, compare_some_boxes
from tests.fuzz.campaign import DOMAINS, compare, compare_some
from tests.fuzz.certified import CERTIFIED_DOMAINS, compare_certified, compare_some_certified
from tests.fuzz.families import FAMILIES
from tests.fuzz.outcomes import OUTCOMES, SILENT
from tests.support import box_families


def main() -> int:
    """Run the campaign; return the exit status."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="time to run (600)")
    parser.add_argument("--seed", type=int, default=0, help="of all problems (0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    every = dict.fromkeys([*FAMILIES, *box_families.FAMILIES])
    parser.add_argument("--families", nargs="+", choices=list(every), metavar="FAMILY")
    parser.add_argument("--number", type=int, help="one problem of each family alone, all printed")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--certify", action="store_true", help="certified results alone, of which none may be wrong")
    mode.add_argument(
        "--boxes", action="store_true", help="boxes and polytopes alone, which have families of their own"
    )
    parser.add_argument("--out", type=Path, help="write totals to this JSON file")
    options = parser.parse_args()
    one, work = (
        (compare_certified, compare_some_certified)
        if options.certify
        else (compare_box, compare_some_boxes)
        if options.boxes
        else (compare, compare_some)
    )
    known = list(box_families.FAMILIES if options.boxes else FAMILIES)
    families = options.families or known
    if unknown := [family for family in families if family not in known]:
        parser.error(f"no such family here: {', '.join(unknown)}; there are {', '.join(known)}")
    if options.number is not None:
        for family in families:
            for found in one(options.seed, family, options.number):
                print(f"{family} {found.number} {found.domain}: {found.outcome}: {found.text}")
        return 0
    begun, size = time.time(), 5
    end = begun + options.seconds
    tasks = ((options.seed, family, first, size, end) for first in itertools.count(0, size) for family in families)
    totals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        # A few tasks at a time, since an iterator of all of them has no end.
        while time.time() < end:
            for results in pool.map(work, itertools.islice(tasks, len(families))):
                for found in results:
                    totals[found.domain, found.family][found.outcome] += 1
                    if found.outcome == SILENT:
                        print(f"SILENT {found.family} --number {found.number} {found.domain}: {found.text}", flush=True)
    _print(totals, options.seed, time.time() - begun)
    if options.out is not None:
        rows = [
            {"domain": domain, "family": family, **{outcome: counts[outcome] for outcome in OUTCOMES}}
            for (domain, family), counts in totals.items()
        ]
        options.out.write_text(json.dumps({"seed": options.seed, "totals": rows}, indent=1) + "\n")
    return int(any(counts[SILENT] for counts in totals.values()))


def _print(totals: dict[tuple[str, str], Counter[str]], seed: int, seconds: float) -> None:
    print(f"seed {seed}, {seconds:.0f} s")
    print(f"{'':16}{'family':28}" + "".join(f"{outcome:>18}" for outcome in OUTCOMES))
    for domain in (*DOMAINS, *BOX_DOMAINS, *CERTIFIED_DOMAINS, "raised"):
        whole: Counter[str] = Counter()
        for (where, family), counts in totals.items():
            if where == domain:
                whole += counts
                print(f"{domain:16}{family:28}" + "".join(f"{counts[outcome]:18,}" for outcome in OUTCOMES))
        if whole:
            print(f"{domain:16}{'all':28}" + "".join(f"{whole[outcome]:18,}" for outcome in OUTCOMES))


if __name__ == "__main__":
    sys.exit(main())
