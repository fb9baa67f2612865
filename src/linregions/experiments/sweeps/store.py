"""Results of cells on disk, each in a file of its own under the hash of its settings."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from linregions._support.files import as_path, replacing
from linregions._support.fingerprints import digest_of_text
from linregions.experiments.sweeps.cells import Cell, Result, canonical, key_of

_LOG = logging.getLogger(__name__)


class CellStore:
    """A folder of results, made when something is saved.

    A file holds the cell's settings, its result, and a SHA-256 sum of both. It is written under another name and then
    moved, so that whatever stops a sweep leaves it whole or absent; a file that is damaged all the same, as after a
    power cut, does not match its sum and counts as absent.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = as_path(folder, "folder", "CellStore")

    def file(self, cell: Cell) -> Path:
        """Return where the result of a cell belongs."""
        digest = digest_of_text(key_of(cell))
        return self.folder / digest[:2] / f"{digest}.json"

    def load(self, cell: Cell) -> Result | None:
        """Return the result of a cell, or None if it is not here undamaged."""
        file = self.file(cell)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        key = key_of(cell)
        try:
            content = json.loads(data)
            result: dict[str, Any] = content["result"]
            if content["cell"] != json.loads(key) or content["sha256"] != _checksum(key, result):
                raise ValueError("its checksum does not match")
        except (ValueError, KeyError, TypeError, RecursionError) as error:  # a ValueError also where it is no JSON
            _LOG.warning("%s is damaged (%s) and computed again", file, error)
            return None
        return result

    def save(self, cell: Cell, result: Result) -> Result:
        """Keep the result of a cell and return it as `load` will, or raise where it cannot be written."""
        key = key_of(cell)
        # The result goes last, as its numbers were made; canonical() also refuses what JSON cannot hold.
        text = f'{{"cell":{key},"sha256":"{_checksum(key, result)}","result":{canonical(result)}}}\n'
        with replacing(self.file(cell), "CellStore") as temporary:
            temporary.write_text(text, encoding="utf-8")
        kept: Result = json.loads(text)["result"]
        return kept


def _checksum(key: str, result: Result) -> str:
    return digest_of_text(f"{key}\n{canonical(result)}")
