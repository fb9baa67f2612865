"""The command line's proofs: `plane --certify` and `verify`."""

from __future__ import annotations

import json

import pytest

import linregions as lr
from linregions.cli import main


@pytest.fixture
def model(tmp_path):
    lr.random_network([2, 8, 8, 3], 0, bias_variance=0.2).save(tmp_path / "flat.npz")
    return tmp_path / "flat.npz"


def test_plane_is_certified_and_its_file_verified(model, tmp_path, capsys):
    words = ["plane", str(model), "--low", "-1", "-1", "--high", "1", "1", "--certify", "--format", "none", "-q"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert "certified" in capsys.readouterr().out
    diagnostics = json.loads((tmp_path / "out" / "flat-plane.json").read_text())["diagnostics"]
    assert diagnostics["certified"] is True
    for more in ([], [str(model)]):
        assert main(["verify", str(tmp_path / "out" / "flat-plane.npz"), *more]) == 0
        assert "proved" in capsys.readouterr().out


def test_verify_another_model(model, tmp_path, capsys):
    network = lr.Network.load(model)
    part = lr.partition(network, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]), certify=True)
    part.save_certificate(tmp_path / "certificate.npz")
    lr.random_network([2, 8, 8, 3], 1).save(tmp_path / "other.npz")
    assert main(["verify", str(tmp_path / "certificate.npz"), str(tmp_path / "other.npz")]) == 2
    assert "is not the one that" in capsys.readouterr().err


def test_verify_what_is_no_certificate(model, capsys):
    assert main(["verify", str(model)]) == 2
    assert "no certificate and no partition" in capsys.readouterr().err
