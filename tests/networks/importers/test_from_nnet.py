"""`from_nnet`: layers and normalisation, and every way in which a file can be damaged."""

import numpy as np
import pytest

import linregions as lr
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError, LinRegionsError
from tests.support.file_damage import change_text, flip

TEXT = """// a comment
// another
2,2,1,3,
2,3,1,
0,
-1.0,-2.0,
1.0,2.0,
0.5,1.0,10.0,
2.0,4.0,3.0,
1.0,2.0,
-1.0,0.5,
0.25,-2.0,
0.1,
-0.2,
0.3,
1.0,-1.0,2.0,
0.5,
"""


def written(tmp_path, text=TEXT):
    path = tmp_path / "a.nnet"
    path.write_text(text)
    return path


def evaluated(x, normalisation=True):
    """As the format says, number by number."""
    if normalisation:
        x = [(x[0] - 0.5) / 2, (x[1] - 1) / 4]
    hidden = [x[0] + 2 * x[1] + 0.1, -x[0] + 0.5 * x[1] - 0.2, 0.25 * x[0] - 2 * x[1] + 0.3]
    a, b, c = (max(value, 0) for value in hidden)
    y = a - b + 2 * c + 0.5
    return 3 * y + 10 if normalisation else y


def test_the_normalisation_is_part_of_the_network(tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 2)) * 5  # outside the header's box as well
    for normalisation in (True, False):
        network = lr.from_nnet(written(tmp_path), normalisation=normalisation)
        assert network.widths == (2, 3, 1)
        theirs = [[evaluated(point, normalisation)] for point in points.tolist()]
        np.testing.assert_allclose(network(points), theirs, rtol=1e-12)
    np.testing.assert_array_equal(network.layers[0].weight, [[1, 2], [-1, 0.5], [0.25, -2]])


def test_files_are_known_by_their_content_and_their_ending(tmp_path):
    network = lr.from_nnet(written(tmp_path))
    (tmp_path / "b.txt").write_text(TEXT)
    for path in (tmp_path / "a.nnet", tmp_path / "b.txt"):
        np.testing.assert_array_equal(lr.Network.load(path)([1.0, 2.0]), network([1.0, 2.0]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEXT, "", "truncated or no .nnet file"),
        ("0.5,\n", "", "truncated or no .nnet file"),
        ("2,2,1,3,", "3,2,1,3,", "sizes should be"),
        ("2,3,1,\n", "2,3,2,\n", r"sizes \[2, 3, 2\]"),
        ("2,3,1,\n", "2,0,1,\n", r"sizes \[2, 0, 1\]"),
        ("2,3,1,\n", "2,999999,1,\n", r"bytes for layers of \[2, 999999, 1\] units"),
        ("2,3,1,\n", "2,99999999999999999999,1,\n", "sizes"),
        ("-1.0,0.5,", "-1.0,0.5,7", "where 2 numbers should be"),
        ("-1.0,0.5,", "-1.0,nan,", "not finite"),
        ("-1.0,0.5,", "-1.0,1e999,", "not finite"),
        ("-1.0,0.5,", "-1.0,1_0,", "where 2 numbers should be"),
        ("-1.0,0.5,", "-1.0,x,", "could not convert"),
        ("2.0,4.0,3.0,", "2.0,0.0,3.0,", "ranges"),
        ("2.0,4.0,3.0,", "2.0,4.0,", "where 3 numbers should be"),
        ("1.0,-1.0,2.0,\n0.5,\n", "1.0,-1.0,2.0,\n0.5,\n8,\n", "'8,' after the last bias"),
    ],
)
def test_damaged_files(old, new, message, tmp_path):
    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(
        FileFormatError, match=r"which is truncated or no .nnet file \(.*, but from_nnet needs a"
    ) as caught:
        lr.from_nnet(path)
    assert caught.match(message)


def test_places_without_a_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.nnet", "a\0b"):
        with pytest.raises(InvalidValueError, match=r"(a folder|where there is no file), but from_nnet needs an .nnet"):
            lr.from_nnet(path)
    with pytest.raises(InvalidTypeError, match=r"`path` is int, but from_nnet needs a file name"):
        lr.from_nnet(3)


def test_a_network_that_differs_from_its_file_is_an_error(tmp_path, monkeypatch):
    from linregions.networks.importers import nnet

    folded = nnet._folded
    monkeypatch.setattr(nnet, "_folded", lambda content: [(w * (1 + 1e-6), b) for w, b in folded(content)])
    with pytest.raises(
        InvalidValueError, match=r"`path` gives other outputs than the network made of it, but from_nnet"
    ):
        lr.from_nnet(written(tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_files_damaged_at_random(tmp_path):
    path = tmp_path / "a.nnet"
    survived = 0
    for k in range(1500):
        rng = np.random.default_rng(k)
        content = flip(TEXT.encode(), rng) if rng.integers(2) else change_text(TEXT, rng).encode()
        path.write_bytes(content)
        try:
            network = lr.from_nnet(path)
        except LinRegionsError:
            continue
        network(np.zeros(network.n_in))
        survived += 1
    assert 0 < survived < 1000
