"""The code of the documentation runs as it stands, and prints what the pages say."""

from __future__ import annotations

import importlib
import re
import tomllib

import pytest

from linregions.cli.parser import COMMANDS, build_parser
from tests.support.pages import KINDS, PAGES, ROOT, Running, blocks, commands, difference

#: Pages that take seconds, or train something.
SLOW = {"guide_resnet.md", "scale.md", "tracking.md", "experiments.md"}
#: What their code needs beside the package.
NEEDS = ("torch", "scipy", "matplotlib", "onnx", "sklearn", "pandas", "networkx", "pyarrow", "flint")
#: And what some pages need besides.
MORE = {"boxes.md": ("gudhi", "trimesh"), "explorer.md": ("jinja2",)}

_SLOWLY = [pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else (), id=page.name) for page in PAGES]
_ALL = [pytest.param(page, id=page.name) for page in PAGES]


@pytest.mark.parametrize("page", _SLOWLY)
@pytest.mark.filterwarnings("default")
def test_what_a_page_prints(page, tmp_path, monkeypatch):
    running = Running(page)
    if not any(block.kind in ("python", "pycon", "console") for block in blocks(running.text)):
        return
    for name in (*NEEDS, *MORE.get(page.name, ())):
        pytest.importorskip(name)
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    faults = running.run()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", _ALL)
def test_nothing_that_is_printed_escapes(page):
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        where = f"{page.name}:{block.line}"
        assert block.kind in KINDS | {"before"} or block.kind.startswith("{"), (
            f"{where}: a block of kind {block.kind!r} is not checked: make it one of {sorted(KINDS)}"
        )
        if block.kind == "python":
            beside = re.search(r"^ *print\(.*\)  #.*", block.text, re.MULTILINE)
            assert not beside, f"{where}: what is printed belongs into a block `output`: {beside[0]}"
        if block.kind == "toml":
            tomllib.loads(block.text)


@pytest.mark.parametrize("page", _ALL)
def test_commands_are_there(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    parser = build_parser()
    for command in commands(page.read_text(encoding="utf-8")):
        program, *words = command.split()
        if program == "make":
            assert words[0] in targets, f"{page.name}: {command}"
        elif program == "linregions" and len(words) == 1:  # named, not called
            assert words[0] in COMMANDS or words[0].startswith("--"), f"{page.name}: {command}"
        elif program == "linregions" and not _is_a_pattern(command):
            with pytest.raises(SystemExit) if {"--help", "--version"} & set(words) else _fine(command):
                parser.parse_args(words)


def _is_a_pattern(command):
    """Whether it stands for several commands: linregions plane / line MODEL, linregions COMMAND."""
    return bool(re.search(r"\[| / | or |COMMAND|\.\.\.", command))


@pytest.mark.parametrize("module", ["", "errors", "experiments", "plotting", "theory", "tracking", "training"])
def test_every_public_name_has_its_page(module):
    home = importlib.import_module(f"linregions.{module}".rstrip("."))
    reference = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   ([\w.]+)$|``([\w.]+)``", reference, re.MULTILINE))
    there = {name for pair in listed for name in pair if name}
    missing = [
        name
        for name in getattr(home, "__all__", [name for name in vars(home) if name[0].isupper()])
        if name not in there and f"{module}.{name}" not in there and f"errors.{name}" not in there
    ]
    assert not missing, f"docs/reference.rst lacks {missing}"


class _fine:
    """Tells which command it is that the grammar refuses."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        assert kind is not SystemExit, f"no such command: {self.command}"


@pytest.mark.parametrize(
    ("expected", "printed", "tolerance", "same"),
    [
        ("107079 regions\n", "107079 regions\n", 0, True),
        ("107079 regions\n", "107078 regions\n", 0, False),
        ("0.25\n", "0.2500000001\n", 0, True),
        ("0.25\n", "0.2501\n", 0, False),
        ("[1.5 2.5]\n", "[1.5\n 2.5]\n", 0, True),
        ("about 1,100 in 0.07 s\n", "about 1,000 in 0.08 s\n", 0.2, True),
        ("about 1,100 in 0.07 s\n", "about 1,000 in 0.18 s\n", 0.2, False),
        ("first ... last\n", "first of\nmany, last\n", 0, True),
        ("first ... last\n", "first of many\n", 0, False),
        ("Network(2 -> 1)\n", "Network(2 -> 2)\n", 0, False),
        ("4 4\n", "4 4 4\n", 0, False),
        ("-3.6\n", "3.6\n", 0, False),
    ],
)
def test_what_counts_as_the_same(expected, printed, tolerance, same):
    assert (difference(expected, printed, tolerance) == "") is same


PAGE = """# A page
<!-- before:
hidden = 2
-->
```python
print(hidden + 1)
```
```output
{}
```
<!-- not run: needs a cluster -->
```python
raise ValueError
```
```pycon
>>> hidden
{}
```
"""


@pytest.mark.parametrize(("first", "second", "faults"), [("3", "2", 0), ("4", "2", 1), ("3", "5", 1), ("4", "5", 2)])
def test_faults_of_a_page_are_found(first, second, faults, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(first, second), encoding="utf-8")
    assert len(Running(page).run()) == faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\nprint(1)\n```\nand text\n", "prints what the page does not show"),
        ("```output\n1\n```\n", "output of no block"),
        ("```python\nx = 1\n```\n```output\n1\n```\n", "but printed is"),
        ("```console\n$ linregions bounds 2 4 1 --quiet\nnothing\n```\n", "but printed is"),
        ("```console\n$ linregions info missing.npz\n```\n", "status 2"),
    ],
)
def test_what_escapes_is_found(text, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    found = Running(page).run()
    assert found
    assert fault in found[0]
