"""Pictures decoded for comparison."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from benchmarks.pixels import difference, digest, pixels
from PIL import Image


def test_a_png_of_16_bits_is_decoded_with_all_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(48) * 700, np.arange(31) * 300)
    image = (smooth + rng.integers(0, 300, smooth.shape)).astype(np.uint16)
    image[30:] = rng.integers(0, 1 << 16, (18, 31))
    Image.fromarray(image).save(tmp_path / "deep.png")  # libpng chooses a filter for each row
    decoded = pixels(tmp_path / "deep.png")
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded[..., 0], image)


def test_averages_of_left_and_above_are_undone(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "zeros.png")
    header = (tmp_path / "zeros.png").read_bytes()[:33]
    # Filter 3, which libpng seldom chooses: (0 + 10) / 2 + 15 = 20, (20 + 20) / 2 + 1 = 21.
    rows = bytes([0, 0, 10, 0, 20, 3, 0, 15, 0, 1])
    data = zlib.compress(rows)
    chunk = len(data).to_bytes(4, "big") + b"IDAT" + data + bytes(4)
    (tmp_path / "averages.png").write_bytes(header + chunk)
    decoded = pixels(tmp_path / "averages.png")
    np.testing.assert_array_equal(decoded[..., 0], [[10, 20], [20, 21]])


def test_the_smallest_difference_is_told() -> None:
    old = np.zeros((2, 3, 3), np.uint8)
    new = old.copy()
    new[1, 2, 0] = 1
    assert difference(old, old) == ""
    assert difference(old, new) == "differs: 1 of 18 values, by 1 at most"
    assert difference(old, old.astype(np.uint16)).startswith("differs: uint8 (2, 3, 3) became")
    assert len({digest(old), digest(new), digest(old.reshape(3, 2, 3))}) == 3
