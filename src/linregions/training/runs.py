"""Snapshots of trainings, and where they are kept on disk."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linregions._support.files import read_npz, write_npz
from linregions._support.fingerprints import digest_of_text
from linregions._support.tables import read_json, versions, write_json
from linregions.errors import LinRegionsError
from linregions.networks.network import Network

_LOG = logging.getLogger(__name__)
_WHO = "train"
_AGAIN = "Remove the folder to train once more."


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one moment of its training.

    Parameters
    ----------
    epoch : float
        The moment that was asked for, in passes through the training set.
    step : int
        Number of updates done; the whole number nearest to `epoch`.
    network : Network
        Its float64 weights are exactly the float32 weights of the training.
    test_accuracy : float
        Share of the test set that is classified rightly, from 0 to 1.
    train_loss : float
        Mean cross-entropy over the whole training set, in nats.
    """

    epoch: float
    step: int
    network: Network
    test_accuracy: float
    train_loss: float


class RunFolder:
    """Snapshots of one training on disk, found again by a hash of its settings; the label is for people."""

    def __init__(self, parent: Path, settings: dict[str, Any], label: str) -> None:
        digest = digest_of_text(json.dumps(settings, sort_keys=True))[:12]
        self.settings = settings
        self.path = parent / f"{settings['dataset']['name']}-{label}-{digest}"
        self.index: dict[int, dict[str, float]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            content = read_json(self.path / "run.json")
            if content["settings"] == settings:
                self.index = {int(step): entry for step, entry in content["snapshots"].items()}

    def _file(self, step: int) -> Path:
        return self.path / f"step-{step:09d}.npz"

    def snapshots(self, wanted: set[int]) -> dict[int, Snapshot]:
        """Return those of the wanted snapshots that are here, undamaged."""
        found = {}
        for step in wanted & self.index.keys():
            entry = self.index[step]
            with contextlib.suppress(LinRegionsError, KeyError, TypeError):
                network = Network.load(self._file(step))
                found[step] = Snapshot(entry["epoch"], step, network, entry["test_accuracy"], entry["train_loss"])
        if found:
            _LOG.info("%d of %d snapshots found in %s", len(found), len(wanted), self.path)
        return found

    def state(self) -> dict[str, Any] | None:
        """Return the state that training can go on from, if there is one."""
        with contextlib.suppress(LinRegionsError):
            return read_npz(self.path / "state.npz", _WHO, again=_AGAIN)
        return None

    def add(self, snapshot: Snapshot, state: dict[str, Any]) -> None:
        """Keep a snapshot and the state after it; the index is written last and so names whole files only."""
        snapshot.network.save(self._file(snapshot.step))
        write_npz(self.path / "state.npz", state, _WHO)
        self.index[snapshot.step] = {
            "epoch": snapshot.epoch,
            "test_accuracy": snapshot.test_accuracy,
            "train_loss": snapshot.train_loss,
        }
        listed = {str(step): self.index[step] for step in sorted(self.index)}
        write_json(self.path / "run.json", {"settings": self.settings, "snapshots": listed, "versions": versions()})
