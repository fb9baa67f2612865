"""Pack MNIST into the one file that linregions ships.

Usage: ``python tools/pack_mnist.py mnist.npz`` with an NPZ of ``x_train, y_train, x_test, y_test`` (uint8 images
of 28 x 28, labels 0 to 9, original order). Writes ``src/linregions/data/mnist.xz`` and prints its SHA-256, which
belongs into ``linregions/training/mnist.py``.

Layout of the decoded stream, 54,950,000 bytes: training images (60,000 x 784), test images (10,000 x 784), training
labels (60,000), test labels (10,000), one byte each. One context-mixing setting matters: four literal context bits
and no position bits (pixels are bytes without any larger alignment) make the file a tenth smaller than the preset.
"""

from __future__ import annotations

import hashlib
import lzma
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "src" / "linregions" / "data" / "mnist.xz"
FILTERS = [
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0, "dict_size": 1 << 26}
]


def pack(source: Path) -> bytes:
    """Return the compressed stream of the four arrays in `source`."""
    with np.load(source, allow_pickle=False) as arrays:
        parts = [arrays[name].astype(np.uint8) for name in ("x_train", "x_test", "y_train", "y_test")]
    stream = b"".join(part.tobytes() for part in parts)
    return lzma.compress(stream, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=FILTERS)


def main(arguments: list[str]) -> int:
    """Write the packed file; return the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    packed = pack(Path(arguments[0]))
    TARGET.write_bytes(packed)
    print(f"{TARGET.name}: {len(packed):,} bytes, sha256 {hashlib.sha256(packed).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
