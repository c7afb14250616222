"""The arrays of MXNet's .params files, of all generations, and what is wrong with damaged ones."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from entoptic.errors import BadModelFile, EntopticError
from entoptic.formats.mxnet.params import read_params

_SIX = np.arange(6, dtype="<f4").reshape(2, 3)
_CPU = struct.pack("<ii", 1, 0)
_FLOAT32 = struct.pack("<i", 0)
_NO_MAGIC = struct.pack("<III", 2, 2, 3)
_V1 = struct.pack("<Iiqq", 0xF993FAC8, 2, 2, 3)
_V2 = struct.pack("<Iiiqq", 0xF993FAC9, 0, 2, 2, 3)
_V3 = struct.pack("<Iiiqq", 0xF993FACA, 0, 2, 2, 3)


def _file(arrays: list[bytes], names: list[bytes]) -> bytes:
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays)), *arrays, struct.pack("<Q", len(names))]
    parts += [struct.pack("<Q", len(name)) + name for name in names]
    return b"".join(parts)


def _six(header: bytes) -> bytes:
    return header + _CPU + _FLOAT32 + _SIX.tobytes()


def _read(tmp_path: Path, data: bytes) -> dict[str, np.ndarray]:
    path = tmp_path / "net-0000.params"
    path.write_bytes(data)
    return read_params(path)


@pytest.mark.parametrize("header", [_NO_MAGIC, _V1, _V2, _V3])
def test_every_generation_gives_the_same_array(tmp_path: Path, header: bytes) -> None:
    arrays = _read(tmp_path, _file([_six(header)], [b"arg:w"]))
    assert list(arrays) == ["w"]
    assert arrays["w"].dtype == np.float32
    np.testing.assert_array_equal(arrays["w"], _SIX)


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0, "<f4"), (1, "<f8"), (2, "<f2"), (3, "<u1"), (4, "<i4"), (5, "<i1"), (6, "<i8")],
)
def test_every_element_type_is_read(tmp_path: Path, code: int, dtype: str) -> None:
    numbers = np.array([0, 1, 100], dtype)
    array = struct.pack("<II", 1, 3) + _CPU + struct.pack("<i", code) + numbers.tobytes()
    found = _read(tmp_path, _file([array], [b"w"]))["w"]
    assert found.dtype == numbers.dtype
    np.testing.assert_array_equal(found, numbers)


def test_prefixes_are_taken_off_and_the_order_stays(tmp_path: Path) -> None:
    names = [b"arg:conv_weight", b"aux:bn_moving_mean", b"plain"]
    assert list(_read(tmp_path, _file([_six(_V2)] * 3, names))) == [
        "conv_weight",
        "bn_moving_mean",
        "plain",
    ]


def test_the_newest_generation_knows_numbers_without_axes(tmp_path: Path) -> None:
    number = struct.pack("<Iii", 0xF993FACA, 0, 0) + _CPU + _FLOAT32 + struct.pack("<f", 2.5)
    found = _read(tmp_path, _file([number], [b"s"]))["s"]
    assert found.shape == ()
    assert float(found) == 2.5


def test_an_array_of_length_zero_is_read(tmp_path: Path) -> None:
    array = struct.pack("<III", 2, 0, 3) + _CPU + _FLOAT32
    assert _read(tmp_path, _file([array], [b"w"]))["w"].shape == (0, 3)


_WHOLE = _file([_six(_V2)], [b"arg:w"])
_EMPTY_V2 = struct.pack("<Iii", 0xF993FAC9, 0, 0)
_SPARSE = struct.pack("<Ii", 0xF993FAC9, 1)
_NEGATIVE = struct.pack("<Iiiqq", 0xF993FAC9, 0, 2, -2, 3) + _CPU + _FLOAT32
_HUGE = struct.pack("<Iiiqq", 0xF993FAC9, 0, 2, 2**40, 2**40) + _CPU + _FLOAT32
_HUGE_AND_ZERO = struct.pack("<Iiiqq", 0xF993FAC9, 0, 2, 2**62, 0) + _CPU + _FLOAT32
_BFLOAT16 = struct.pack("<II", 1, 1) + _CPU + struct.pack("<i", 12) + b"\0\0"
_DAMAGED = {
    "not an MXNet .params file: it doesn't begin with 0x112": b"PK\3\4" + bytes(20),
    "the file's magic number at byte 0 needs 8 bytes, but 2 are left": b"\x12\x01",
    "array 0 of shape (2, 3) at byte 64 needs 24 bytes, but 20 are left": _WHOLE[:84],
    "the file is cut off or damaged": _WHOLE[:-1],
    "1 bytes are left behind the last name": _WHOLE + b"\0",
    "1 arrays but 0 names; save the arrays by name": _file([_six(_V2)], []),
    "it has 1000 arrays, which don't fit in the file": struct.pack("<QQQ", 0x112, 0, 1000),
    "it has 9 names, which don't fit in the file": struct.pack("<QQQQ", 0x112, 0, 0, 9),
    "array 'w' is there twice": _file([_six(_V2)] * 2, [b"arg:w", b"aux:w"]),
    "array 'w' is empty: it was saved before it had a value": _file([_EMPTY_V2], [b"w"]),
    "name 0 is 2000 bytes long; at most 1024 are read": _file([_six(_V2)], [b"w" * 2000]),
    r"name 0 isn't UTF-8 text: b'\xff\xfe'": _file([_six(_V2)], [b"\xff\xfe"]),
    "array 0 is sparse; only dense arrays can be read": _file([_SPARSE], [b"w"]),
    "array 0 has 17 axes (0..16 are possible)": _file([struct.pack("<I", 17)], [b"w"]),
    "array 0 has the impossible shape (-2, 3)": _file([_NEGATIVE], [b"w"]),
    "needs 4835703278458516698824704 bytes": _file([_HUGE], [b"w"]),
    "has the impossible shape (4611686018427387904, 0)": _file([_HUGE_AND_ZERO], [b"w"]),
    "array 0 has the unknown element type 12": _file([_BFLOAT16], [b"w"]),
}


@pytest.mark.parametrize("message", _DAMAGED)
def test_a_damaged_file_is_refused_with_its_name_and_the_place(
    tmp_path: Path, message: str
) -> None:
    with pytest.raises(BadModelFile) as caught:
        _read(tmp_path, _DAMAGED[message])
    assert message in str(caught.value)
    assert str(tmp_path / "net-0000.params") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"can't read .*no\.params: No such file"):
        read_params(tmp_path / "no.params")


def test_a_file_that_may_not_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "net-0000.params"
    path.write_bytes(_WHOLE)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadModelFile, match=r"can't read .*net-0000\.params: Permission denied"):
        read_params(path)


def test_a_file_larger_than_any_network_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.params"
    path.touch()
    os.truncate(path, 2**32 + 1)  # takes no room on the disk
    with pytest.raises(
        BadModelFile, match="is larger than 4294967296 bytes, the most that is read"
    ):
        read_params(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_does_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(_file([_six(_NO_MAGIC), _six(_V1), _six(_V2)], [b"a", b"b", b"c"]))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.getbasetemp() / "fuzzed.params"
    path.write_bytes(bytes(whole[:cut]))
    try:
        arrays = read_params(path)
    except EntopticError:
        return
    assert len(arrays) == 3
    assert all(array.nbytes <= len(whole) for array in arrays.values())
