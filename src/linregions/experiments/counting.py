"""How experiments count regions: certified where asked, with a tally of what the proofs took and what they mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.domains.windows import PlaneWindow
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.partition import Domain, count_regions, partition

#: Both kinds of region that the figures count.
BOTH = ("activation", "linear")


@dataclass
class Proof:
    """What the certified partitions of an experiment came to; numbers of each, added up."""

    lines: int = 0
    windows: int = 0
    exact_decisions: int = 0  # that were left to exact arithmetic
    mended: int = 0  # lines and windows on which floats had some decision wrong, or came to no end
    counts: int = 0  # of regions, of one kind or the other
    wrong_counts: int = 0  # that are others without `certify`

    def add(self, other: Mapping[str, int]) -> None:
        """Add the numbers of another proof."""
        for name, value in other.items():
            setattr(self, name, getattr(self, name) + value)

    def numbers(self) -> dict[str, int]:
        """Return the numbers by name."""
        return dataclasses.asdict(self)


@dataclass
class Counting:
    """The verbs as experiments call them."""

    certify: bool = False
    threads: int = 1
    proof: Proof = field(default_factory=Proof)  # of what has been certified so far

    def partition(self, network: Network, domain: Domain, *, progress: bool = False) -> Any:
        """Partition a domain."""
        return self.partitions(network, [domain], progress=progress)[0]

    def partitions(self, network: Network, domains: Sequence[Domain], *, progress: bool = False) -> list[Any]:
        """Partition many domains."""
        found = partition(network, domains, threads=self.threads, progress=progress, certify=self.certify)
        if self.certify:
            self._note(network, domains, found)
        return found

    def counts(self, network: Network, domain: Domain, kinds: Sequence[str] = BOTH) -> list[int]:
        """Count the regions of a domain, of each of some kinds among `BOTH`."""
        if self.certify and not isinstance(domain, Box | Polytope):  # one proof is for all kinds; boxes have none yet
            both = dict(zip(BOTH, _counts_of(self.partition(network, domain)), strict=True))
            return [both[kind] for kind in kinds]
        return [count_regions(network, domain, kind, threads=self.threads) for kind in kinds]

    def told(self) -> dict[str, dict[str, int]]:
        """Return what the result of a cell says of its proofs; nothing where none were asked for."""
        return {"proof": self.proof.numbers()} if self.certify else {}

    def _note(self, network: Network, domains: Sequence[Domain], found: Sequence[Any]) -> None:
        proof = self.proof
        told = [part.diagnostics for part in found]
        proof.windows += (windows := sum(isinstance(domain, PlaneWindow) for domain in domains))
        proof.lines += len(domains) - windows
        proof.exact_decisions += sum(one["exact_decisions"] for one in told)
        proof.mended += sum(bool(one.get("mended_decisions") or one.get("mended")) for one in told)
        proof.counts += len(BOTH) * len(domains)
        # A window that is not mended is what floats found; a line is found by another engine without `certify`.
        doubted = [k for k, one in enumerate(told) if one.get("mended", True)]
        for k, plain in zip(doubted, _in_floats(network, [domains[k] for k in doubted]), strict=True):
            proof.wrong_counts += sum(a != b for a, b in zip(_counts_of(found[k]), plain, strict=True))


def _counts_of(part: Any) -> tuple[int, int]:
    return part.n_regions, part.n_linear_regions


def _in_floats(network: Network, domains: Sequence[Domain]) -> list[tuple[int, int]]:
    """Return the counts without proof, -1 where floats come to none."""
    if not domains:
        return []
    try:
        return [_counts_of(part) for part in partition(network, domains)]
    except NumericalError:
        if len(domains) == 1:
            return [(-1, -1)]
        return [counts for domain in domains for counts in _in_floats(network, [domain])]
