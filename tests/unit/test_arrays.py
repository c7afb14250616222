"""Files of vectors: which vector is meant, and what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from entoptic.errors import BadUnitFile
from entoptic.formats.arrays import read_arrays, split_name

ROWS = np.array([[1, 2], [3, 4], [5, 6.5]])


def test_a_row_of_a_matrix_is_the_same_from_each_kind_of_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS.astype(np.float32))
    np.save(tmp_path / "columns.npy", np.asfortranarray(ROWS.astype(np.float16)))
    np.savez_compressed(tmp_path / "a.npz", atoms=ROWS)
    save_file({"atoms": torch.tensor(ROWS, dtype=torch.bfloat16)}, tmp_path / "a.safetensors")
    for name in ("a.npy", "columns.npy", "a.npz", "a.safetensors"):
        found = read_arrays(tmp_path / name)
        assert found.vector(None, 2) == (5.0, 6.5)
        assert found.rows(None) == 3


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1, -2]], np.int64))
    # One row needs no number.
    assert read_arrays(tmp_path / "a.npy").vector(None, None) == (1.0, -2.0)


def test_of_several_arrays_one_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", probe=ROWS[0], atoms=ROWS, cube=np.zeros((2, 2, 2)))
    found = read_arrays(tmp_path / "a.npz")
    assert found.vector("probe", None) == (1.0, 2.0)
    assert found.vector("atoms", 1) == (3.0, 4.0)
    there = r"probe \(2\), atoms \(3 x 2\)"
    with pytest.raises(BadUnitFile, match=rf"several arrays: {there}; say .* '.*a.npz:probe'"):
        found.vector(None, 0)
    with pytest.raises(BadUnitFile, match=rf"no array 'cube'; there are {there}"):
        found.vector("cube", 0)
    with pytest.raises(BadUnitFile, match=r"a.npz:probe' is one vector, .*; leave out the 0"):
        found.vector("probe", 0)
    with pytest.raises(BadUnitFile, match=r"row 3 of '.*' does not exist; it has 3 rows \(0..2\)"):
        found.vector("atoms", 3)
    with pytest.raises(BadUnitFile, match=r"has 3 rows; say which behind its name"):
        found.vector("atoms", None)
    with pytest.raises(BadUnitFile, match="is one vector, without rows"):
        found.rows("probe")


def test_files_without_a_vector_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 2)))
    with pytest.raises(BadUnitFile, match="holds no array of one or two axes"):
        read_arrays(tmp_path / "a.npy").vector(None, 0)
    np.save(tmp_path / "a.npy", np.array([np.nan, 1]))
    with pytest.raises(BadUnitFile, match="numbers that aren't finite"):
        read_arrays(tmp_path / "a.npy").vector(None, None)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(BadUnitFile, match="it holds object, no numbers"):
        read_arrays(tmp_path / "a.npy")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    whole = (tmp_path / "a.npy").read_bytes()
    for data in (b"", b"x" * 200, whole[:-4], whole[:40]):
        (tmp_path / "a.npy").write_bytes(data)
        with pytest.raises(BadUnitFile, match="can't read"):
            read_arrays(tmp_path / "a.npy")
    for name in ("a.npz", "a.safetensors"):
        (tmp_path / name).write_bytes(whole)
        with pytest.raises(BadUnitFile, match="can't read"):
            read_arrays(tmp_path / name)


def test_no_memory_is_taken_for_what_a_header_claims(tmp_path: Path) -> None:
    stream = io.BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 1 << 20)}
    np.lib.format.write_array_header_1_0(stream, head)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", stream.getvalue() + b"\0" * 64)
    with pytest.raises(BadUnitFile, match="shorter than it says"):
        read_arrays(tmp_path / "a.npz")


def test_only_endings_of_such_files_are_taken() -> None:
    assert split_name("C:/a.b/x.npy:W:1") == ("C:/a.b/x.npy", "W:1")
    with pytest.raises(BadUnitFile, match=r"'a.pt' is no file of vectors; .* \.npy, \.npz, \.safe"):
        split_name("a.pt")
