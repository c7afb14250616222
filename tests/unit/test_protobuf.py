"""Protobuf's wire format: what protobuf itself writes, and bytes that it would never write."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from entoptic.errors import BadModelFile
from entoptic.formats.protobuf import Message


def message(data: bytes) -> Message:
    return Message(memoryview(data))


def test_each_kind_of_field_is_read_as_protobuf_wrote_it() -> None:
    onnx = pytest.importorskip("onnx")
    written = onnx.AttributeProto(name="größe", i=-3, f=0.1, s=b"\0\xff", ints=[1, 300, -(2**63)])
    written.t.CopyFrom(onnx.TensorProto(dims=[2, 3], name="inner"))
    written.graphs.extend([onnx.GraphProto(name="a"), onnx.GraphProto(name="b")])
    number = {field.name: field.number for field in written.DESCRIPTOR.fields}
    read = message(written.SerializeToString())
    assert read.text(number["name"]) == "größe"
    assert read.integer(number["i"]) == -3
    assert read.number(number["f"], 0.0) == np.float32(0.1)
    assert bytes(read.data(number["s"])) == b"\0\xff"
    assert read.integers(number["ints"], most=3).tolist() == [1, 300, -(2**63)]
    assert [graph.text(2) for graph in read.messages(number["graphs"])] == ["a", "b"]
    tensor = read.message(number["t"])
    assert tensor is not None
    assert (tensor.integers(1, most=2).tolist(), tensor.text(8)) == ([2, 3], "inner")


def test_a_field_that_is_not_there_has_its_default() -> None:
    empty = message(b"")
    assert (empty.integer(1, 7), empty.number(1, 0.5), empty.text(1, "none")) == (7, 0.5, "none")
    assert (bytes(empty.data(1)), bytes(empty.packed(1))) == (b"", b"")
    assert (empty.texts(1), list(empty.messages(1)), empty.message(1)) == ([], [], None)
    assert empty.integers(1, most=0).tolist() == []
    assert 1 not in empty


def test_the_last_of_a_field_written_twice_counts() -> None:
    twice = message(b"\x08\x01\x08\x02\x12\x01a\x12\x01b\x1d\0\0\x80?\x1d\0\0\0@")
    assert (twice.integer(1), twice.text(2), bytes(twice.data(2))) == (2, "b", b"b")
    assert twice.number(3, 0.0) == 2.0


def test_repeated_numbers_may_be_packed_or_one_by_one_or_both() -> None:
    assert message(b"\x0a\x02\x01\x02\x08\x03").integers(1, most=3).tolist() == [1, 2, 3]
    one, two = struct.pack("<f", 1), struct.pack("<f", 2)
    for data in (b"\x0a\x08" + one + two, b"\x0d" + one + b"\x0d" + two):
        assert np.frombuffer(message(data).packed(1), "<f4").tolist() == [1, 2]


def test_text_that_is_not_utf_8_is_replaced_and_unknown_fields_are_stepped_over() -> None:
    data = b"\x7d1234" + b"\x79" + b"12345678" + b"\x72\x03any" + b"\x0a\x02\xffa"
    assert message(data).text(1) == "\ufffda"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            b"\x0a\x05ab",
            "byte 0: field 1 says 5 bytes, 2 are left; the file is damaged",
        ),
        (b"\x08\x01\x0a\xff\xff\xff\xff\x0fab", "byte 2: field 1 says 4294967295 bytes"),
        (b"\x0d123", "byte 0: field 1 says 4 bytes, 3 are left"),
        (b"\x0a", "byte 1: a number that doesn't end"),
        (b"\x08\x80", "byte 1: a number that doesn't end"),
        (b"\x80" * 10 + b"\x01", "byte 0: a number that doesn't end"),
        (b"\x00\x01", "byte 0: a field has the number 0"),
        (b"\x0b", "field 1 has the unknown wire type 3"),
        (b"\x0c", "field 1 has the unknown wire type 4"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(BadModelFile, match=problem):
        _ = message(data).fields


@pytest.mark.parametrize(
    ("data", "ask", "problem"),
    [
        (b"\x0a\x01a", lambda m: m.integer(1), "field 1 is bytes where a number belongs"),
        (b"\x08\x01", lambda m: m.text(1), "field 1 is a number where bytes belong"),
        (b"\x08\x01", lambda m: m.message(1), "field 1 is a number where bytes belong"),
        (b"\x08\x01", lambda m: m.number(1, 0.0), "field 1 is a number where bytes belong"),
        (b"\x0a\x01a", lambda m: m.number(1, 0.0), "field 1 isn't a 32-bit number"),
        (b"\x0a\x03\x01\x02\x03", lambda m: m.integers(1, most=2), "more than 2 numbers"),
        (b"\x08\x01\x08\x02", lambda m: m.integers(1, most=1), "more than 1 numbers"),
        (b"\x0a\x02\x01\x80", lambda m: m.integers(1, most=9), "a number that doesn't end"),
        (
            b"\x0a\x0b" + b"\x80" * 10 + b"\x01",
            lambda m: m.integers(1, most=9),
            "byte 2: a number that doesn't end",
        ),
    ],
)
def test_a_field_of_another_kind_is_refused(
    data: bytes, ask: Callable[[Message], object], problem: str
) -> None:
    with pytest.raises(BadModelFile, match=problem):
        ask(message(data))


def test_an_error_in_an_inner_message_says_its_offset_in_the_file() -> None:
    (inner,) = message(b"\x10\x01\x0a\x02\x12\x05").messages(1)
    with pytest.raises(BadModelFile, match="byte 4: field 2 says 5 bytes, 0 are left"):
        inner.text(2)


def test_all_fields_of_a_file_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entoptic.formats.protobuf._MAX_FIELDS", 100)
    outer = message(b"\x0a\x02\x08\x01" * 51)
    with pytest.raises(BadModelFile, match="byte 198: more than 100 fields"):
        _ = [inner.integer(1) for inner in outer.messages(1)]


def test_weights_are_not_copied() -> None:
    data = b"\x0a\x80\x80\x80\x08" + bytes(2**24)
    tracemalloc.start()
    assert len(message(data).packed(1)) == 2**24
    assert tracemalloc.get_traced_memory()[1] < 2**16
    tracemalloc.stop()
