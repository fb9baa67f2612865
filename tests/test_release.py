"""What is released says one thing everywhere, and what the forge runs is there."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

import linregions as lr

ROOT = Path(__file__).parents[1]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
FILES = sorted((ROOT / ".github").rglob("*.yml"))
WORKFLOWS, FORMS = ([path for path in FILES if path.parent.name == name] for name in ("workflows", "ISSUE_TEMPLATE"))


def _release(name="release"):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_version_and_one_date():
    release = _release()
    assert release.faults(f"v{lr.__version__}", release.stated()) == []


def test_a_release_that_does_not_fit_is_refused(tmp_path):
    release = _release()
    for name in ("src/linregions/__init__.py", "CHANGELOG.md", "CITATION.cff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## Unreleased\n", encoding="utf-8")
    said = release.faults(f"v{lr.__version__}", release.stated(tmp_path))
    assert "CHANGELOG.md says Unreleased" in said[0]
    assert "dates differ" in said[1]
    assert len(release.faults("v99.0", release.stated())) == 3


def test_the_citation():
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    needed = {"cff-version", "message", "title", "authors"}  # all that the format needs
    known = needed | {
        "type",
        "abstract",
        "version",
        "date-released",
        "license",
        "repository-code",
        "url",
        "keywords",
        "references",
    }
    assert needed <= set(cited) <= needed | known
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == lr.__version__
    assert all(set(author) & {"name", "family-names"} for author in cited["authors"])
    for reference in cited["references"]:
        assert {"authors", "title", "type"} <= set(reference)
    with (ROOT / "pyproject.toml").open("rb") as file:
        urls = tomllib.load(file)["project"]["urls"]
    assert urls["Repository"] == cited["repository-code"]
    assert urls["Documentation"] == cited["url"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_make_has(path):
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert made["permissions"] == {"contents": "read"}
    steps = [step for job in made["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands
    for command in commands:
        words = command.split()
        assert words[0] == "make", command
        assert words[1] in TARGETS, command


def test_workflows_try_what_numba_runs_on():
    yaml = pytest.importorskip("yaml")
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]["test"]["strategy"][
        "matrix"
    ]
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    named = [name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r":: 3\.\d+$", name)]
    assert matrix["python"] == named
    assert project["requires-python"] == f">={named[0]}"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_forms(path):
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        assert all(set(link) == {"name", "url", "about"} for link in made["contact_links"])
        return
    assert {"name", "description", "body"} <= set(made)
    names = [part["id"] for part in made["body"]]
    assert len(set(names)) == len(names)
    assert all(
        part["type"] in {"textarea", "dropdown", "input"} and part["attributes"]["label"] for part in made["body"]
    )


def test_wheels_of_several_pythons_become_one(tmp_path):
    merge = _release("merge_wheels")
    common = {"linregions/__init__.py": b"x", "linregions-1.dist-info/METADATA": b"y"}
    for number in (1, 2):
        folder = tmp_path / "built" / str(number)
        folder.mkdir(parents=True)
        merge.write(
            common | {f"linregions/data/kernels/{number}/a.kernel": b"%d" % number}, folder / "linregions-1.whl"
        )
        (folder / "linregions-1.tar.gz").write_bytes(b"source")
    merge.main(str(tmp_path / "built"), str(tmp_path / "dist"))
    assert sorted(path.name for path in (tmp_path / "dist").iterdir()) == ["linregions-1.tar.gz", "linregions-1.whl"]
    found = merge.contents(tmp_path / "dist" / "linregions-1.whl")
    assert set(found) == {*common, "linregions/data/kernels/1/a.kernel", "linregions/data/kernels/2/a.kernel"}
    with zipfile.ZipFile(tmp_path / "dist" / "linregions-1.whl") as archive:
        rows = [line.split(",") for line in archive.read("linregions-1.dist-info/RECORD").decode().split()]
    assert {name for name, *_ in rows} == {*found, "linregions-1.dist-info/RECORD"}
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).decode().rstrip("=")
    assert ["linregions/__init__.py", f"sha256={digest}", "1"] in rows

    merge.write(common | {"linregions/__init__.py": b"z"}, tmp_path / "built" / "2" / "linregions-1.whl")
    with pytest.raises(SystemExit, match="is not the same in"):
        merge.main(str(tmp_path / "built"), str(tmp_path / "dist"))
