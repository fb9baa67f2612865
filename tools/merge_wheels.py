"""Make one wheel of several that differ in their compiled kernels alone.

Usage: ``python tools/merge_wheels.py built dist``. The wheels of one version lie anywhere below the first folder, each
built by another Python; what they have beside ``linregions/data/kernels`` must be the same in all. The newest sdist
below it goes to the second folder as well.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import sys
import zipfile
from pathlib import Path

KERNELS = "linregions/data/kernels/"


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel, without the list of them."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith(".dist-info/RECORD")}


def merged(wheels: list[Path]) -> dict[str, bytes]:
    """Return the files of all wheels; exits where they differ in more than kernels."""
    files: dict[str, bytes] = {}
    for wheel in wheels:
        found = contents(wheel)
        common = {name for name in found if not name.startswith(KERNELS)}
        if files and common != {name for name in files if not name.startswith(KERNELS)}:
            sys.exit(f"{wheel} has other files than {wheels[0]}")
        for name, data in found.items():
            if files.setdefault(name, data) != data:
                sys.exit(f"{name} is not the same in {wheel}")
    return files


def write(files: dict[str, bytes], path: Path) -> None:
    """Write a wheel: files, and last the list of them with their sums."""
    listed = io.StringIO()
    rows = csv.writer(listed, lineterminator="\n")
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(data)])
    info = next(name.rpartition("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    rows.writerow([f"{info}/RECORD", "", ""])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", (2020, 2, 2, 0, 0, 0)), listed.getvalue())


def main(built: str, folder: str) -> None:
    """Merge what lies below one folder into another one."""
    wheels, sources = (sorted(Path(built).rglob(f"linregions-*{end}")) for end in (".whl", ".tar.gz"))
    if len({wheel.name for wheel in wheels}) != 1 or not sources:
        sys.exit(
            f"{built} needs wheels of one name and an sdist, but has {[path.name for path in (*wheels, *sources)]}"
        )
    place = Path(folder)
    place.mkdir(exist_ok=True)
    files = merged(wheels)
    write(files, place / wheels[0].name)
    shutil.copy(sources[0], place)
    print(f"{wheels[0].name}: {len(wheels)} wheels, {sum(name.startswith(KERNELS) for name in files)} kernels")


if __name__ == "__main__":
    main(*sys.argv[1:])
