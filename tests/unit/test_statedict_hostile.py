"""Files of weights from strangers: sizes first, nothing made but tensors, one sentence each."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from entoptic.errors import BadWeights
from entoptic.formats.state_dict.reading import read_state_dict

resource = pytest.importorskip("resource", reason="only POSIX has it")

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(3)}


def saved(as_archive: bool) -> bytes:
    data = io.BytesIO()
    torch.save(WEIGHTS, data, _use_new_zipfile_serialization=as_archive)
    return data.getvalue()


def archive(path: Path, pickled: bytes | None = None, kind: int = zipfile.ZIP_STORED) -> Path:
    """What torch.save writes, with another pickle, or compressed."""
    with zipfile.ZipFile(io.BytesIO(saved(True))) as old, zipfile.ZipFile(path, "w", kind) as new:
        for name in old.namelist():
            is_pickle = pickled is not None and name.endswith("data.pkl")
            new.writestr(name, pickled if is_pickle else old.read(name))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("as_archive", [True, False])
def test_what_torch_saved_is_read(as_archive: bool, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(saved(as_archive))
    found = read_state_dict(tmp_path / "w.pth")
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("as_archive", [True, False])
def test_a_file_that_is_cut_off_anywhere_is_told_in_one_sentence(
    as_archive: bool, tmp_path: Path
) -> None:
    whole = saved(as_archive)
    path = tmp_path / "w.pth"
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(BadWeights, match=r"can't read the weights in .*w\.pth: it is damaged"):
            read_state_dict(path)


class Calls:
    """Pickles into a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        Calls(os.system, "true"),
        Calls(getattr, "", "join"),
        # torch itself allows these, of any size.
        Calls(bytearray, 2**33),
        Calls(torch.Tensor, 2**16, 2**17),
        Calls(torch.FloatTensor, 2**16, 2**17),
        Calls(torch.UntypedStorage, 2**33),
    ],
)
def test_only_tensors_and_plain_containers_are_made(call: Calls, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadWeights, match="holds more than plain weights, which could run code"):
        read_state_dict(archive(tmp_path / "w.pth", pickle.dumps({"w": call}, 2)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kilobytes


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.pth", kind=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as new:
        new.writestr("archive/data/9", bytes(2**24))
    assert path.stat().st_size < 2**16
    with pytest.raises(BadWeights, match=r"bomb\.pth unfolds to more than it holds"):
        read_state_dict(path)


@pytest.mark.parametrize("advice", ["weights_only", "torch.serialization", "add_safe_globals"])
def test_torch_s_own_advice_is_never_passed_on(advice: str, tmp_path: Path) -> None:
    for pickled in (pickle.dumps(Path("a"), 2), pickle.dumps(WEIGHTS, 4), b"\x80\x02Nbx."):
        with pytest.raises(BadWeights) as caught:
            read_state_dict(archive(tmp_path / "w.pth", pickled))
        assert advice not in str(caught.value)


def test_a_program_of_torchscript_is_told_from_weights(tmp_path: Path) -> None:
    path = archive(tmp_path / "program.pt")
    with zipfile.ZipFile(path, "a") as new:
        new.writestr("archive/constants.pkl", b"")
    with pytest.raises(BadWeights, match=r"program\.pt is a program of TorchScript"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8 + b"{}",
        (2**40).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (63).to_bytes(8, "little")
        + b'{"w":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}'
        + b"1234",
    ],
)
def test_damaged_safetensors_are_told_in_one_sentence(data: bytes, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(BadWeights, match=r"can't read the weights in .*w\.safetensors") as caught:
        read_state_dict(tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev", "/dev/stdin"])
def test_devices_are_no_files_of_weights(device: str) -> None:
    with pytest.raises(BadWeights, match="there is no file of weights"):
        read_state_dict(Path(device))
