"""Files in the making: gone when their process ends, or at the next start if it was killed; never those of others."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linregions._support import leftovers as _leftovers
from linregions._support.files import replacing
from linregions._support.leftovers import temporary_beside
from linregions._support.tables import write_json

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can tell who lives")

WRITER = """
import sys, time
from linregions._support.files import replacing
with replacing(sys.argv[1], "a test") as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _a_new_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_leftovers, "_swept", set())


def writing(folder: Path) -> subprocess.Popen[str]:
    """Start a process that has a half-written file there."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "theirs.json")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("reaped", [True, False])
def test_what_a_killed_process_left_goes_at_the_next_start(reaped: bool, tmp_path: Path) -> None:
    if not reaped and sys.platform != "linux":
        pytest.skip("only /proc tells a dead process that its parent has not asked for")
    with writing(tmp_path) as process:
        (left,) = names(tmp_path)
        assert re.fullmatch(rf"\.linregions-[0-9a-f]{{12}}-{process.pid}-\d+-[0-9a-f]{{8}}\.json", left)
        process.kill()
        if reaped:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet gone
        (tmp_path / "below").mkdir()
        write_json(tmp_path / "below" / "other.json", {})
        assert left in names(tmp_path), "only the folder that is written to"
        write_json(tmp_path / "ours.json", {})
        assert names(tmp_path) == ["below", "ours.json"]


def test_a_living_process_keeps_its_file(tmp_path: Path) -> None:
    with writing(tmp_path) as process:
        write_json(tmp_path / "ours.json", {})
        assert len(names(tmp_path)) == 2
        with replacing(tmp_path / "mine.json", "a test"), replacing(tmp_path / "more.json", "a test"):
            _leftovers._swept.clear()
            write_json(tmp_path / "ours.json", {})
            assert len(names(tmp_path)) == 4
        process.kill()


def test_names_of_others_are_left_alone(tmp_path: Path) -> None:
    name = temporary_beside(tmp_path / "a.json").name
    place, pid, start, token = name.removesuffix(".json").split("-")[1:]
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [
        f".linregions-{'0' * 12}-{dead.pid}-{start}-{token}",  # of another host or container
        name,  # our own
        f".linregions-{place}-{dead.pid}-{start}-{token}x.json",
        f"linregions-{place}-{dead.pid}-{start}-{token}",
        f".linregions-{place}-{'9' * 30}-{start}-{token}",
    ]
    gone = [f".linregions-{place}-{dead.pid}-{start}-{token}"]
    if sys.platform == "linux":  # the same number, but another process
        gone.append(f".linregions-{place}-{pid}-{int(start) - 1}-{token}")
    for entry in kept + gone:
        (tmp_path / entry).touch()
    write_json(tmp_path / "ours.json", {})
    assert names(tmp_path) == sorted([*kept, "ours.json"])


def test_a_folder_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    original = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(path) or original(path))
    for k in range(5):
        write_json(tmp_path / f"{k}.json", {})
    assert looked == [tmp_path]


COMMAND = """
import sys, time
from linregions._support.files import replacing
from linregions.cli import info, main
def work(arguments):
    with replacing(arguments.model, "a test") as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
info.run = work
sys.exit(main(["info", sys.argv[1]]))
"""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        (signal.SIGTERM, 143, "linregions: terminated\n"),
        (signal.SIGINT, 130, "linregions: interrupted\n"),
    ],
)
def test_a_command_that_is_ended_leaves_nothing(sent: int, status: int, told: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path / "a.npz")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert len(names(tmp_path)) == 1
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (status, told)
    assert names(tmp_path) == []
