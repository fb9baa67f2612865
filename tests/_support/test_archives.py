"""NPZ archives: a checksum that tells every change, old files without one, and headers that are not believed."""

from __future__ import annotations

import io
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions._support import archives, files
from linregions._support.archives import CHECKSUM, DamagedArchiveError, read_archive, write_archive
from linregions.errors import FileFormatError, UncheckedFileWarning

ARRAYS = {
    "x": np.arange(6.0).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">f4"),
    "none": np.zeros((0, 4)),
    "text": np.array("some text"),
    "texts": np.array(["a", "longer"]),
    "yes": np.array(True),
}


def test_arrays_come_back_checked(tmp_path: Path) -> None:
    for packed in (True, False):
        path = tmp_path / f"{packed}.npz"
        write_archive(path, ARRAYS, packed=packed)
        found, checked = read_archive(path)
        assert checked
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(found[name], array)
        again = tmp_path / "again.npz"
        write_archive(again, ARRAYS, packed=packed)
        assert again.read_bytes() == path.read_bytes()
    with np.load(path) as archive:  # as earlier versions do
        assert set(archive.files) == {*ARRAYS, CHECKSUM}
        np.testing.assert_array_equal(archive["x"], ARRAYS["x"])


@pytest.mark.parametrize(
    "changed",
    [
        {"x": np.nextafter(ARRAYS["x"], 9)},
        {"x": -0.0 * ARRAYS["x"]},
        {"x": ARRAYS["x"].reshape(3, 2)},
        {"x": ARRAYS["x"].astype(np.float32)},
        {"x": ARRAYS["x"].view(np.int64)},
        {"x": ARRAYS["turned"], "turned": ARRAYS["x"]},
        {"yes": np.array([True])},
        {"more": np.zeros(0)},
        {"text": np.array("some texT")},
        {"big-endian": ARRAYS["big-endian"].astype("<f4")},
        {CHECKSUM: np.array("blake2b-128 0")},
        {CHECKSUM: np.zeros(3)},
    ],
)
def test_whatever_is_changed_is_told(changed: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_archive(path, ARRAYS)
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files}
    np.savez(path, **kept)  # type: ignore[arg-type]
    assert read_archive(path)[1], "another program may write it anew"
    np.savez(path, **(kept | changed))  # type: ignore[arg-type]
    with pytest.raises(DamagedArchiveError, match=r"are not those that were written \(their checksum differs\)"):
        read_archive(path)


def test_a_lost_checksum_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_archive(path, ARRAYS)
    with zipfile.ZipFile(path) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members:
            if member.filename != f"{CHECKSUM}.npy":
                archive.writestr(member, data)
    with pytest.raises(DamagedArchiveError, match="an archive that has lost its checksum"):
        read_archive(path)


def test_old_files_load_and_say_so_once_a_folder(tmp_path: Path) -> None:
    network = lr.random_network([2, 3, 1], 0)
    network.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != CHECKSUM}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    np.savez_compressed(tmp_path / "older.npz", **arrays)
    np.savez(tmp_path / "theirs.npz", W0=np.eye(2), b0=np.zeros(2))
    with pytest.warns(
        UncheckedFileWarning,
        match=r"old.npz', which an earlier version wrote without a checksum, so that Network.load cannot tell",
    ) as caught:
        loaded = lr.Network.load(tmp_path / "old.npz")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(loaded.layers[0].weight, network.layers[0].weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("old", "older", "new", "theirs"):
            lr.Network.load(tmp_path / f"{name}.npz")
    lr.Network.load(tmp_path / "old.npz").save(tmp_path / "old.npz")  # the way that the warning tells
    files._told.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr.Network.load(tmp_path / "old.npz")


def test_a_flipped_bit_of_a_weight_is_an_error(tmp_path: Path) -> None:
    lr.random_network([2, 3, 1], 0).save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["W0"].view(np.uint8)[0, 0] ^= 1
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(
        FileFormatError,
        match=r"`path` is '.*net.npz', an archive whose arrays are not those that were written .*, but Network.load ne",
    ):
        lr.Network.load(tmp_path / "net.npz")


def npy(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (npy("(10**12,)"), "where 'W0' is no array"),
        (npy("(1000000000000,)"), r"should be float64 of shape \(1000000000000,\), but has 0 bytes"),
        (npy("(4611686018427387904, 4)"), "but has 0 bytes"),
        (npy("(1000000000000,)", "|S0"), "but has 0 bytes"),
        (npy("(-1,)"), "but has 0 bytes"),
        (npy("(2,)", data=bytes(17)), r"should be float64 of shape \(2,\), but has 17 bytes"),
        (npy("(2,)", data=bytes(15)), "but has 15 bytes"),
        (npy("(2,)", "|O", bytes(16)), "where 'W0' holds pickled objects"),
        (npy("(" * 500), "where 'W0' is no array"),
        (npy("-" * 3000 + "1"), "where 'W0' is no array"),
        (npy("'x'"), "where 'W0' is no array"),
        (b"\x93NUMPY\x03\x00", "where 'W0' is no array"),
        (b"", "where 'W0' is no array"),
    ],
)
def test_headers_are_not_believed(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W0.npy", content)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedArchiveError, match=told):
            read_archive(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("W0.npy", "w", force_zip64=True) as handle,
    ):
        handle.write(npy("(150000000,)"))
        for _ in range(1200):
            handle.write(bytes(10**6))
    assert path.stat().st_size < 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(
            FileFormatError, match=r"says it unfolds to 1,200,0.*, but Network.load needs .* again with `numpy.savez`"
        ):
            lr.Network.load(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_members_that_lie_over_one_another_are_refused(tmp_path: Path) -> None:
    """Many entries of the directory for one member: a small file that unfolds to much more than it is."""
    path, data = tmp_path / "a.npz", io.BytesIO()
    np.save(data, np.random.default_rng(0).random(500))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W0.npy", data.getvalue())
        one = archive.infolist()[0]
        for k in range(1, 30):
            other = zipfile.ZipInfo(f"W{k}.npy")
            for name in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(other, name, getattr(one, name))
            archive.filelist.append(other)
    with pytest.raises(DamagedArchiveError, match="an archive whose members lie over one another"):
        read_archive(path)


def test_other_methods_of_packing_are_refused(tmp_path: Path) -> None:
    """Their readers may take gigabytes for a dictionary."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("W0.npy", npy("(2,)", data=bytes(16)))
    with pytest.raises(
        FileFormatError, match=r"an archive packed by another method than deflate, but Network.load nee"
    ):
        lr.Network.load(tmp_path / "a.npz")


def test_what_we_write_we_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that would be packed more than the limit are not packed at all."""
    monkeypatch.setattr(archives, "_MOST_BYTES", 1 << 21)
    write_archive(tmp_path / "a.npz", {"x": np.zeros(1 << 18)})
    assert (tmp_path / "a.npz").stat().st_size > 8 << 18
    assert not read_archive(tmp_path / "a.npz")[0]["x"].any()
    write_archive(tmp_path / "b.npz", {"x": np.random.default_rng(0).integers(0, 9, 1 << 18)})
    assert (tmp_path / "b.npz").stat().st_size < 8 << 17
