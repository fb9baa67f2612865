"""Install what was built, alone and without extras, and have every command give its numbers.

Usage: ``python tools/try_dist.py dist``. The newest wheel and the newest sdist of the folder are each installed into a
fresh environment of the running Python, in a temporary folder that is removed again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

MAKE = "import linregions as lr; lr.random_network([2, 8, 8, 2], 0).save('model.npz'); print(lr.__version__)"
OPTIONAL = (
    "from importlib.util import find_spec as find; print([x for x in ('torch', 'onnx', 'matplotlib') if find(x)])"
)

#: Each command, and the files that it leaves in the folder of results.
COMMANDS = {
    "plane model.npz --low -1 -1 --high 1 1 --certify": ("model-plane.csv", "model-plane.npz", "model-plane.json"),
    "verify linregions-results/model-plane.npz model.npz": (),
    "line model.npz --from -1 -1 --to 1 1 --kind line": ("model-line.csv", "model-line.npz", "model-line.json"),
    "distance model.npz --points points.csv": ("model-distance.csv", "model-distance.npz", "model-distance.json"),
    "density model.npz --low -1 --high 1": ("model-density.csv", "model-density.json"),
    "bounds model.npz --out linregions-results": ("model-bounds.csv", "model-bounds.json"),
    "info model.npz --estimate --low -1 -1 --high 1 1": (),
    # The data set comes with the package.
    "distance wide.npz --dataset test -n 10": ("wide-distance.csv", "wide-distance.npz"),
}
WIDE = "import linregions as lr; lr.random_network([784, 16, 10], 0).save('wide.npz')"
#: What needs an extra says which.
REFUSED = {"reproduce fig4": "linregions[", "plot linregions-results": ""}


def main(folder: str) -> None:
    """Try the newest wheel and the newest sdist of a folder."""
    for pattern in ("*.whl", "*.tar.gz"):
        found = sorted(Path(folder).glob(f"linregions-*{pattern[1:]}"), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no {pattern} in {folder}: make dist")
        with tempfile.TemporaryDirectory() as place:
            try_one(found[-1].resolve(), Path(place))


def try_one(built: Path, place: Path) -> None:
    """Install one file, and use all commands."""
    venv.create(place / "env", with_pip=True)
    programs = place / "env" / ("Scripts" if os.name == "nt" else "bin")
    python, command = programs / "python", programs / "linregions"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str | Path, fails: bool = False) -> str:
        done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
        if bool(done.returncode) != fails:
            sys.exit(f"{built.name}: {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stderr if fails else done.stdout

    run(python, "-m", "pip", "install", "--quiet", built)
    there = run(python, "-c", OPTIONAL).strip()
    if there != "[]":
        sys.exit(f"{built.name}: optional packages came with it: {there}")
    version = run(python, "-c", MAKE).strip()
    run(python, "-c", WIDE)
    (place / "points.csv").write_text("0.1,0.2\n-0.3,0.4\n", encoding="utf-8")
    if run(command, "--version").split() != ["linregions", version]:
        sys.exit(f"{built.name}: --version does not say {version}")
    for words, files in COMMANDS.items():
        printed = run(command, *words.split())
        missing = [name for name in files if not (place / "linregions-results" / name).is_file()]
        if missing or not printed.strip():
            sys.exit(f"{built.name}: {words}: printed {printed!r}, did not write {missing}")
        print(f"{built.name}: linregions {words}")
    for words, said in REFUSED.items():
        message = run(command, *words.split(), fails=True)
        if "Traceback" in message or said not in message:
            sys.exit(f"{built.name}: {words} said {message!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
