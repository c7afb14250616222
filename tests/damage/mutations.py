"""Damage: bytes that flip, numbers that grow, parts that are cut off, doubled or left out."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from damage.wholes import Parts

_NUMBERS = (-1, 0, 1, 2, 255, 2**15, 2**24, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 10**30)
_TARGETS = (
    "torch.ops.aten.save.default",
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.__getattribute__.default",
    "torch.ops.aten.add.__call__",
    "torch.ops.aten.add.out",
    "torch.ops.aten.zeros.default",
    "torch.ops.aten.repeat.default",
    "torch.ops.aten.as_strided.default",
    "torch.ops.aten.grid_sampler.default",
    "_operator.pow",
    "_operator.attrgetter",
    "torch.sym_max",
)
_WORDS = ("", "\x1b[2J", "x" * 5000, "weight_0", "1e999", *_TARGETS)


def damaged(whole: Parts, seed: str) -> dict[str, bytes]:
    """One of the files damaged; the same for the same seed."""
    rng = random.Random(seed)
    parts = dict(whole)
    name = rng.choice(sorted(parts))
    parts[name] = _damaged_file(parts[name], rng)
    return parts


def _damaged_file(data: bytes, rng: random.Random) -> bytes:
    if data[:2] == b"PK" and rng.random() < 0.8:
        return _repacked(data, rng)
    return _damaged_bytes(data, rng)


def _damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(_BYTES if b"\x00" in data[:200] else (*_BYTES, _numbered, _numbered))(
        data, rng
    )


def _flipped(data: bytes, rng: random.Random) -> bytes:
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5)) if new else 0):
        new[rng.randrange(len(new))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(new)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _overwritten(data: bytes, rng: random.Random) -> bytes:
    """A number of four or eight bytes."""
    at = rng.randrange(len(data) + 1)
    number = rng.choice(_NUMBERS)
    code = rng.choice("IQ")
    new = struct.pack(f"<{code}", number % 2 ** (8 * struct.calcsize(code)))
    return data[:at] + new + data[at + len(new) :]


def _doubled(data: bytes, rng: random.Random) -> bytes:
    first, second = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:second] + data[first:second] * rng.choice((1, 1, 3)) + data[second:]


def _left_out(data: bytes, rng: random.Random) -> bytes:
    first, second = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[second:]


def _numbered(data: bytes, rng: random.Random) -> bytes:
    """Another number in a text."""
    found = list(re.finditer(rb"-?\d+", data))
    if not found:
        return _flipped(data, rng)
    one = rng.choice(found)
    return data[: one.start()] + str(rng.choice(_NUMBERS)).encode() + data[one.end() :]


_BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flipped,
    _flipped,
    _cut,
    _overwritten,
    _doubled,
    _left_out,
)


def _repacked(data: bytes, rng: random.Random) -> bytes:
    """An archive that is whole itself, with damage in one of its parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    # Most of the small parts say nothing.
    telling = [each for each in sorted(parts) if len(parts[each]) > 60] or sorted(parts)
    name = rng.choice(telling)
    is_json = name.endswith(".json")
    parts[name] = (_other_json if is_json else _damaged_bytes)(parts[name], rng)
    if rng.random() < 0.05:
        del parts[name]
    new = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if rng.random() < 0.05 else zipfile.ZIP_STORED
    with zipfile.ZipFile(new, "w", kind) as archive:
        for each, part in parts.items():
            archive.writestr(each, part)
    return new.getvalue()


def _other_json(data: bytes, rng: random.Random) -> bytes:
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 3))):
        _change(document, rng)
    return json.dumps(document).encode()


def _change(document: Any, rng: random.Random) -> None:
    """Change one place of a document, each as likely as another."""
    places = list(_places(document))
    if not places:
        return
    holder, key = rng.choice(places)
    old = holder[key]
    match rng.randrange(5):
        case 0:
            holder[key] = rng.choice((*_NUMBERS, None, True, [], {}, 1.5, *_WORDS))
        case 1 if type(old) is int:
            holder[key] = rng.choice(_NUMBERS)
        case 1 | 2:
            # Something of the same kind from elsewhere.
            alike = [h[k] for h, k in places if type(h[k]) is type(old)]
            # A copy, since it may hold this very place, and JSON has no circles.
            holder[key] = copy.deepcopy(rng.choice(alike))
        case 3 if isinstance(holder, list):
            holder.insert(key, old)
        case 3 | 4:
            del holder[key]


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        each = waiting.pop()
        keys = each.keys() if isinstance(each, dict) else range(len(each))
        for key in keys:
            found.append((each, key))
            if isinstance(each[key], dict | list):
                waiting.append(each[key])
    return found
