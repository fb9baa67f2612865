"""Pages of the documentation, run: what their blocks print is compared with what the pages say they print.

A page is Markdown with fenced blocks:

``python``
    run in order, all of a page in one namespace and in a folder of its own;
``output``
    what the block before it prints. Numbers with a point agree to six digits, others exactly, ``...`` is anything;
``pycon``
    a session with ``>>>``, as doctest has it; for errors above all;
``console``
    lines ``$ linregions ...``, each run, with what it prints below it;
``bash``
    commands that are not run. Those of ``linregions`` and ``make`` must exist, with all their options.

Comments of HTML, which readers do not see, say more: ``<!-- before: CODE -->`` is run like a block,
``<!-- not run: WHY -->`` spares the block that follows, and ``<!-- numbers within 20 % -->`` (``decimals``: those with
a point alone) is for an ``output`` of numbers that come from a training or a clock.

``python -m tests.support.pages --write docs/scale.md`` writes what is printed into the page.
"""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
#: Kinds of blocks beside these must not be there: whatever a page shows is checked, or is plainly nothing printed.
KINDS = {"python", "output", "pycon", "console", "bash", "toml"}

_BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<kind>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence) *$|^<!--(?P<comment>.*?)-->", re.M | re.S
)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.I)


@dataclasses.dataclass
class Block:
    """A block of a page."""

    kind: str  # of KINDS, "before", or a directive such as "{toctree}"
    text: str
    line: int
    span: tuple[int, int]  # of the text in the page
    not_run: str = ""
    tolerance: float = 0.0
    whole_too: bool = True  # whether whole numbers may differ as well


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page, with what the comments before them say."""
    not_run, tolerance, whole_too = "", 0.0, True
    for found in _BLOCK.finditer(text):
        line = text[: found.start()].count("\n") + 1
        comment = found["comment"]
        if comment is None:
            yield Block(found["kind"], found["text"], line, found.span("text"), not_run, tolerance, whole_too)
            not_run, tolerance, whole_too = "", 0.0, True
            continue
        words = comment.strip()
        if words.startswith("before:"):
            # As many lines down as the comment is, so that errors name the right one.
            start = found.start("comment") + comment.index("before:") + len("before:")
            yield Block("before", text[start : found.end("comment")], line, (start, found.end("comment")))
        elif words.startswith("not run:"):
            not_run = words.removeprefix("not run:").strip()
        elif within := re.fullmatch(r"(numbers|decimals) within (\d+) %", words):
            tolerance, whole_too = int(within[2]) / 100, within[1] == "numbers"


def difference(expected: str, printed: str, tolerance: float = 0.0, whole_too: bool = True) -> str:
    """Return what is printed otherwise than expected, or nothing.

    Without a tolerance whole numbers must be the same, others within a millionth: last digits belong to a machine.
    """
    numbers: list[str] = []

    def number(found: re.Match[str]) -> str:
        whole = not re.search(r"[.e]", found[0], re.I)
        if whole and not (tolerance and whole_too):
            return re.escape(found[0])
        numbers.append(found[0])
        return f"({_NUMBER.pattern})"

    def piece(text: str) -> str:
        made, at = "", 0
        for found in _NUMBER.finditer(text):
            made += re.escape(text[at : found.start()]) + number(found)
            at = found.end()
        return made + re.escape(text[at:])

    words = [".*?".join(piece(part) for part in word.split("...")) for word in expected.split()]
    found = re.fullmatch(r"\s*" + r"\s+".join(words) + r"\s*", printed, re.S | re.I)
    if not found:
        return f"the page says\n{expected}but printed is\n{printed}"
    for said, seen in zip(numbers, found.groups(), strict=True):
        first, second = (float(number.replace(",", "")) for number in (said, seen))
        if abs(first - second) > (tolerance or 1e-6) * abs(first):
            return f"the page says {said}, but printed is {seen}: {printed}"
    return ""


class Running:
    """A page that is being run, in the current folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.names: dict[str, object] = {"__name__": "page"}
        self.printed: list[tuple[Block, str]] = []  # what belongs into which block

    def run(self) -> list[str]:
        """Run all blocks, and return what is not as the page says."""
        faults, last = [], None
        for block in blocks(self.text):
            where = f"{self.path.name}:{block.line}: "
            if block.kind == "output":
                if last is None:
                    faults.append(where + "output of no block that is run")
                    continue
                self.printed.append((block, last))
                faults += [
                    where + fault for fault in [difference(block.text, last, block.tolerance, block.whole_too)] if fault
                ]
                last = None
                continue
            if last:
                faults.append(f"{where}the block before prints what the page does not show:\n{last}")
            last = None
            if block.not_run:
                continue
            if block.kind in ("python", "before"):
                last = self._python(block)
                if block.kind == "before":
                    last = None
            elif block.kind == "pycon":
                faults += [where + fault for fault in self._session(block)]
            elif block.kind == "console":
                faults += [where + fault for fault in self._console(block)]
        if last:
            faults.append(f"{self.path.name}: the last block prints what the page does not show:\n{last}")
        return faults

    def _python(self, block: Block) -> str:
        first = self.text[: block.span[0]].count("\n")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile("\n" * first + block.text, str(self.path), "exec"), self.names)
        return out.getvalue()

    def _session(self, block: Block) -> list[str]:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, self.path.name, None, block.line)
        said = io.StringIO()
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=said.write, clear_globs=False)
        self.names.update(test.globs)  # a test has names of its own
        return [said.getvalue()] if said.getvalue() else []

    def _console(self, block: Block) -> list[str]:
        from linregions.cli import main

        faults, shown = [], []
        for command, expected in sessions(block.text):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
                status = main(shlex.split(command)[1:])
            if status:
                faults.append(f"{command}: status {status}: {err.getvalue()}")
            faults += [
                fault for fault in [difference(expected, out.getvalue(), block.tolerance, block.whole_too)] if fault
            ]
            shown.append(f"$ {command}\n{out.getvalue().rstrip()}\n".replace("\n\n", "\n"))
        self.printed.append((block, "".join(shown)))
        return faults


def sessions(text: str) -> list[tuple[str, str]]:
    """Return the commands of a console, and what it shows of each."""
    found = re.split(r"^\$ ", text, flags=re.M)[1:]
    return [(command, shown) for command, _, shown in (one.partition("\n") for one in found)]


def commands(text: str) -> Iterator[str]:
    """Yield all commands that a page names: in blocks of commands, in consoles, and between backticks."""
    rest, at = "", 0
    for block in blocks(text):
        rest, at = rest + text[at : block.span[0]], block.span[1]
        if block.kind == "bash":
            lines = block.text.replace("\\\n", " ").splitlines()
            yield from (part.partition(" #")[0].strip() for line in lines for part in line.split("&&"))
        elif block.kind == "console":
            yield from (command for command, _ in sessions(block.text))
    for found in re.finditer(r"(?<!`)`((?:linregions|make) [^`]+)`(?!`)", rest + text[at:]):
        yield found[1]


def rewritten(running: Running) -> str:
    """Return a page with what its blocks have printed."""
    text = running.text
    for block, printed in reversed(running.printed):
        lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
        if difference(block.text, printed, block.tolerance, block.whole_too):
            text = text[: block.span[0]] + "".join(f"{line}\n" for line in lines) + text[block.span[1] :]
    return text


def main(arguments: list[str]) -> None:
    """Run pages, and write into them what they print with ``--write``."""
    for name in arguments:
        if name == "--write":
            continue
        running, before = Running(Path(name).resolve()), Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                faults = running.run()
            finally:
                os.chdir(before)
        print("\n".join(faults) or f"{name}: as it says")
        if "--write" in arguments:
            running.path.write_text(rewritten(running), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
