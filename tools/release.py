"""Refuse a release whose tag, version, changelog and citation do not say the same.

Usage: ``python tools/release.py v0.1.0``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def stated(root: Path = ROOT) -> dict[str, tuple[str, str | None]]:
    """Return the version, and the date where there is one, by the file that states it."""

    def read(name: str, pattern: str) -> re.Match[str]:
        found = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if not found:
            sys.exit(f"{name} has nothing like {pattern}")
        return found

    package = read("src/linregions/__init__.py", r'^__version__ = "(.+)"$')
    changelog = read("CHANGELOG.md", r"^## (\S+)(?: \((\d{4}-\d\d-\d\d)\))?$")
    citation = read("CITATION.cff", r"^version: (\S+)\ndate-released: \"(\S+)\"$")
    return {
        "src/linregions/__init__.py": (package[1], None),
        "CHANGELOG.md": (changelog[1], changelog[2]),
        "CITATION.cff": (citation[1], citation[2]),
    }


def faults(tag: str, found: dict[str, tuple[str, str | None]]) -> list[str]:
    """Return what does not fit a tag, and what does not fit among the files."""
    said = [f"{name} says {version}, the tag {tag}" for name, (version, _) in found.items() if f"v{version}" != tag]
    dates = {name: date for name, (_, date) in found.items() if name != "src/linregions/__init__.py"}
    if None in dates.values() or len(set(dates.values())) > 1:
        said.append(f"dates differ: {dates}")
    return said


if __name__ == "__main__":
    wrong = faults(sys.argv[1], stated())
    if wrong:
        sys.exit("\n".join(wrong))
