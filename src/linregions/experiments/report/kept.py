"""What an earlier report has: pictures and verdicts whose files are no longer beside the tables are not lost."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linregions.experiments.findings import Finding

_SECTION = re.compile(r'<section id="(\w+)">\n.*?\n</section>', re.DOTALL)
_CLAIM = re.compile(
    r"<blockquote>“(?P<quote>[^<]*)” <cite>[^<]*</cite></blockquote>\n"
    r'<p><span class="badge (?P<verdict>holds|fails|open)">[^<]*</span> (?P<measured>[^<]*)</p>'
    r"(?P<items>(<ul>.*?</ul>)?)\n"
)
_PICTURE = re.compile(r"<img [^>]*>")
_HOLDS = {"holds": True, "fails": False, "open": None}


@dataclass(frozen=True)
class KeptSection:
    """The section of an experiment in an earlier report."""

    text: str  # its HTML
    findings: Mapping[str, Finding]  # what it says of each statement, by the paper's words

    @property
    def picture(self) -> str:
        """Its picture as HTML, nothing if it has none."""
        found = _PICTURE.search(self.text)
        return found[0] if found else ""

    def is_of(self, pieces: Sequence[str]) -> bool:
        """Return whether it was made from the same results: whether all these tables and settings are in it."""
        text = html.unescape(self.text)  # a quotation mark is written in more than one way
        return all(html.unescape(piece) in text for piece in pieces)


def kept_sections(page: Path) -> dict[str, KeptSection]:
    """Return the sections of an earlier report by the name of their experiment; none if there is no such page."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    return {found[1]: KeptSection(found[0], _findings(found[0])) for found in _SECTION.finditer(text)}


def _findings(section: str) -> dict[str, Finding]:
    found = {}
    for claim in _CLAIM.finditer(section):
        items = tuple(html.unescape(item) for item in re.findall(r"<li>([^<]*)</li>", claim["items"]))
        found[html.unescape(claim["quote"])] = Finding(
            html.unescape(claim["measured"]), _HOLDS[claim["verdict"]], items
        )
    return found
