"""Sweeps: the same numbers on any workers, nothing lost, nothing half-written, nothing done twice."""

import errno
import io
import json
import logging
import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.experiments.context import Context
from linregions.experiments.sweeps.cells import (
    Chain,
    Distances,
    LineCounts,
    Training,
    canonical,
    compute,
    key_of,
    seed_for,
)
from linregions.experiments.sweeps.pool import WorkerPool
from linregions.experiments.sweeps.store import CellStore
from linregions.experiments.sweeps.sweep import sweep
from tests.support import sweep_cases

CHAIN = Chain(hidden=(8, 8), run=0, seed=0, data="0" * 64)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    chosen = sweep_cases.cells()
    context = Context(out=tmp_path_factory.mktemp("expected"))
    return sweep(chosen, context, "toy")


def test_results_do_not_depend_on_order_or_workers(expected, tmp_path):
    """One worker, two, three, threads of one's own, and cells in another order."""
    chosen = sweep_cases.cells()
    shuffled = [chosen[k] for k in np.random.default_rng(0).permutation(len(chosen))]
    assert sweep(shuffled, Context(out=tmp_path / "shuffled"), "toy") == expected
    with ThreadPoolExecutor(3) as pool:
        assert sweep(chosen, Context(out=tmp_path / "threads", executor=pool), "toy") == expected
    for workers in (2, 3):
        assert sweep(chosen, Context(out=tmp_path / str(workers), workers=workers), "toy") == expected
    files = [sorted(path.relative_to(out) for path in out.rglob("*.json")) for out in tmp_path.iterdir()]
    assert len(files) == 4
    assert all(found == files[0] for found in files)
    assert len(files[0]) == len(expected) == 36
    assert not sweep_cases.leftovers(tmp_path)


def test_what_is_done_is_not_done_again(expected, tmp_path, monkeypatch):
    chosen = sweep_cases.cells()
    context = Context(out=tmp_path)
    sweep(chosen[:7], context, "toy")
    done = []
    monkeypatch.setattr(
        "linregions.experiments.sweeps.sweep.compute", lambda cell, place: done.append(cell) or compute(cell, place)
    )
    assert sweep(chosen, context, "toy") == expected
    assert len(done) == 36 - 7 - 2  # two chains had been needed by the first seven
    done.clear()
    # what is read again is what was returned at first, infinities included
    again = sweep(chosen, context, "toy")
    assert (again, done) == (expected, [])
    assert canonical(list(again.values())) == canonical(list(expected.values()))


def test_measures_follow_their_chain(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(
        "linregions.experiments.sweeps.sweep.compute", lambda cell, place: order.append(cell) or compute(cell, place)
    )
    with ThreadPoolExecutor(1) as pool:
        sweep(sweep_cases.cells(3, 2), Context(out=tmp_path, executor=pool), "toy")
    for cell in order:
        assert all(order.index(needed) < order.index(cell) for needed in cell.needs)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "foreign", "other cell"])
def test_damaged_cells_are_noticed_and_computed_again(expected, tmp_path, caplog, damage):
    chosen = sweep_cases.cells()
    context, store = Context(out=tmp_path), CellStore(tmp_path / "cells")
    sweep(chosen, context, "toy")
    file = store.file(chosen[3])
    whole = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "flipped":  # still JSON: only the sum tells
        place = whole.rindex(b'"value":') + 12
        digit = b"1" if whole[place : place + 1] != b"1" else b"2"
        file.write_bytes(whole[:place] + digit + whole[place + 1 :])
        json.loads(file.read_bytes())
    elif damage == "foreign":
        file.write_bytes(b"[1, 2, 3]")
    else:
        file.write_bytes(store.file(chosen[4]).read_bytes())
    with caplog.at_level(logging.WARNING):
        assert sweep(chosen, context, "toy") == expected
    assert "is damaged" in caplog.text
    assert "computed again" in caplog.text
    assert file.read_bytes() == whole


def test_every_truncation_is_noticed(tmp_path, caplog):
    store, cell = CellStore(tmp_path), sweep_cases.Chain(0)
    store.save(cell, compute(cell, None))
    whole = store.file(cell).read_bytes()
    for length in range(len(whole) - 1):  # the last byte ends the line and means nothing
        store.file(cell).write_bytes(whole[:length])
        assert store.load(cell) is None
    store.file(cell).write_bytes(whole)
    assert store.load(cell) is not None


def test_another_version_of_a_measure_is_another_cell(tmp_path, monkeypatch):
    store, cell = CellStore(tmp_path), sweep_cases.Chain(0)
    store.save(cell, {"values": [1.0, 2.0, 3.0]})
    monkeypatch.setattr(sweep_cases.Chain, "VERSION", 2)
    assert store.load(cell) is None


def test_a_full_disk_loses_nothing(expected, tmp_path, monkeypatch):
    chosen, context = sweep_cases.cells(), Context(out=tmp_path)
    write, left = Path.write_text, [10]

    def full(self, *arguments, **keywords):
        left[0] -= 1
        if left[0] < 0:
            self.write_bytes(b'{"cell"')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InvalidValueError, match="No space left"):
        sweep(chosen, context, "toy")
    monkeypatch.undo()
    assert len(list(tmp_path.rglob("*.json"))) == 10
    assert not sweep_cases.leftovers(tmp_path)
    assert sweep(chosen, context, "toy") == expected


def test_workers_stop_when_saving_fails(tmp_path, monkeypatch):
    def full(self, cell, result):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(CellStore, "save", full)
    with pytest.raises(OSError, match="No space left") as caught:
        sweep(sweep_cases.cells(pause=0.05), Context(out=tmp_path, workers=2), "toy")
    assert caught.value.errno == errno.ENOSPC
    assert not multiprocessing.active_children()  # even while the error and its frames live


def test_an_error_in_a_cell_ends_the_sweep_and_keeps_what_is_done(tmp_path):
    # Late enough for some of the others to be done on any number of workers; those behind it take their time.
    behind = [sweep_cases.Chain(run, pause=0.2) for run in range(11, 40)]
    chosen = [*map(sweep_cases.Chain, range(10)), sweep_cases.Wrong(10), *behind]
    for name, options in {"one": {"workers": 1}, "two": {"workers": 2}}.items():
        context = Context(out=tmp_path / name, **options)
        with pytest.raises(InvalidValueError, match=r"`run` is wrong, but this cell needs another"):
            sweep(chosen, context, "toy")
        assert 5 <= len(list((tmp_path / name).rglob("*.json"))) < 39


def test_cells_of_a_worker_that_died_are_computed_again(tmp_path, caplog):
    chosen = [*map(sweep_cases.Chain, range(5)), sweep_cases.Fatal(7)]
    with caplog.at_level(logging.WARNING):
        results = sweep(chosen, Context(out=tmp_path, workers=2), "toy")
    assert set(results) == set(chosen)
    assert results[chosen[-1]] == {"value": 7}
    assert "a worker process died" in caplog.text


def test_workers_that_die_again_and_again(tmp_path):
    chosen = [sweep_cases.Fatal(7, lives=100), sweep_cases.Fatal(8, lives=100)]
    with pytest.raises(ChildProcessError, match=r"`workers` is 2, and processes died 3 times in a row while fatal 7"):
        sweep(chosen, Context(out=tmp_path, workers=2), "toy")


def _environment():
    import threadpoolctl

    return {
        "threads": sorted({library["num_threads"] for library in threadpoolctl.threadpool_info()}),
        "variable": os.environ["OMP_NUM_THREADS"],
        "level": logging.getLogger("linregions").level,
    }


def test_workers_have_one_thread_and_the_level_of_messages():
    logger = logging.getLogger("linregions")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with WorkerPool(1) as pool:
            found = pool.submit(_environment).result()
    finally:
        logger.setLevel(level)
    assert found == {"threads": [1], "variable": "1", "level": logging.ERROR}
    with pytest.raises(InvalidValueError, match=r"`workers` is 0, but WorkerPool needs at least 1"):
        WorkerPool(0)


def test_seeds_are_hashes_of_what_they_belong_to():
    seeds = {
        Chain((width,), run, seed, "data").seed_of(purpose)
        for width in (8, 9)
        for run in range(10)
        for seed in (0, 1)
        for purpose in ("training", "lines", "normal points")
    }
    assert len(seeds) == 120
    # How fast it learns and on what does not change what is random.
    assert CHAIN.seed_of("lines") == Chain((8, 8), 0, 0, "1" * 64, 32, 0.1).seed_of("lines")
    assert seed_for(1, 23) != seed_for(12, 3)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_measure_depends_on_its_moment_not_on_the_others():
    few, many = Training(CHAIN, (0.0, 1.0)), Training(CHAIN, (0.0, 0.5, 1.0))
    assert key_of(few) != key_of(many)
    assert key_of(LineCounts(few, 1.0, 5)) == key_of(LineCounts(many, 1.0, 5))
    keys = {
        key_of(cell)
        for cell in (
            LineCounts(few, 1.0, 5),
            LineCounts(few, 0.0, 5),
            LineCounts(few, 1.0, 6),
            Distances(few, 1.0, "normal", 5),
            Distances(few, 1.0, "train", 5),
            Distances(few, 1.0, "train", 6),
            LineCounts(Training(Chain((8, 8), 1, 0, "0" * 64), (0.0, 1.0)), 1.0, 5),
            LineCounts(Training(Chain((8, 8), 0, 0, "0" * 64, 64), (0.0, 1.0)), 1.0, 5),
        )
    }
    assert len(keys) == 8
    assert json.loads(key_of(few)) == {
        "measure": "Training",
        "version": 1,
        "settings": {
            "chain": {
                "hidden": [8, 8],
                "run": 0,
                "seed": 0,
                "data": "0" * 64,
                "batch_size": 128,
                "learning_rate": 0.001,
            },
            "epochs": [0.0, 1.0],
        },
    }
    assert pickle.loads(pickle.dumps(few)) == few


def test_another_data_set_under_the_same_name_is_refused(tmp_path):
    file = sweep_cases.write_blobs(tmp_path / "blobs.npz")
    context = Context(out=tmp_path, data=file)
    cell = LineCounts(Training(CHAIN, (0.0,)), 0.0, 3)
    with pytest.raises(InvalidValueError, match=r"with the fingerprint .* but this sweep needs 0{12}\.\.\."):
        sweep([cell], context, "toy")


def test_places_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep_cases.write_blobs(tmp_path / "blobs.npz")
    place = Context(out="results", data="blobs.npz").place
    assert place.data == str(tmp_path / "blobs.npz")
    assert place.run_dir == str(tmp_path / "results" / "runs")
    assert Context(out="results").place.data == "mnist"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_says_what_is_done_and_left(tmp_path, monkeypatch):
    chosen = sweep_cases.cells(2, 2)
    sweep(chosen[:1], Context(out=tmp_path), "toy")
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    sweep(chosen, Context(out=tmp_path), "toy")
    text = shown.getvalue()
    assert "toy:  33%" in text  # of six cells, two were done before
    assert "2/6" in text
    assert "4 left; measure 0" in text
    assert "1 left; measure 1" in text
    assert "6/6" in text
    for context in (Context(out=tmp_path / "quiet", progress=False), Context(out=tmp_path / "no terminal")):
        shown = Terminal() if not context.progress else io.StringIO()
        monkeypatch.setattr("sys.stderr", shown)
        sweep(chosen, context, "toy")
        assert shown.getvalue() == ""


@pytest.mark.parametrize("workers", [0, -1])
def test_numbers_of_workers(workers):
    with pytest.raises(InvalidValueError, match=rf"`workers` is {workers}, but Context needs at least 1"):
        Context(workers=workers)
    with pytest.raises(InvalidTypeError, match=r"`workers` is 1.5"):
        Context(workers=1.5)
