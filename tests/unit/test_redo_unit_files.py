"""Pictures made from vectors and codes of files: made again only from the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from entoptic.errors import PictureNotFound
from entoptic.jobs.job import Job
from entoptic.runners.run import plan_job, plan_redo
from unit.test_autoencoders import prisma

QUICK: dict[str, Any] = {"size": 48, "steps": 1}


def wide(path: Path, codes: int = 4, config: Mapping[str, object] = {}) -> Path:
    """Write an autoencoder for a layer of 128 channels."""
    prisma(path, config)
    weights = {
        "W_enc": torch.eye(128)[:, :codes].contiguous(), "b_enc": torch.zeros(codes),
        "b_dec": torch.zeros(128),
    }  # fmt: skip
    torch.save(weights, path)
    return path


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture beside the three files that it was made from."""
    monkeypatch.chdir(tmp_path)
    np.save("atoms.npy", np.eye(3, 128, dtype=np.float32))
    sae = wide(Path("sae") / "weights.pt")
    made = ent.visualize(
        ent.load(), f"cosine('fire2', 'atoms.npy', 2) + code('fire2', '{sae}', 3)", **QUICK
    )
    return made.save("made.png")


def test_the_job_holds_names_and_hashes_and_makes_the_same(picture: Path) -> None:
    plan = plan_redo(picture)
    named = [(each.name, len(each.sha256 or "")) for each in plan.job.guides]
    assert named == [("atoms.npy", 64), ("sae/weights.pt", 64), ("sae/config.json", 64)]
    assert "code('fire2', 'sae/weights.pt', 3)" in plan.job.objective
    assert [path.name for path in plan.inputs] == ["atoms.npy", "weights.pt"]
    again = ent.redo(picture)
    assert (again.image == plan.run().image).all()
    assert again.save("again.png").read_bytes() == picture.read_bytes()


def test_files_that_have_moved_are_found_beside_the_picture(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far"
    far.mkdir()
    for each in (picture, Path("atoms.npy"), Path("sae/weights.pt"), Path("sae/config.json")):
        each.rename(far / each.name)
    plan = plan_redo(far / picture.name)
    assert plan.job.guides[1].name == "sae/weights.pt"
    (far / "atoms.npy").rename(tmp_path / "sae" / "atoms.npy")
    monkeypatch.chdir(far)
    with pytest.raises(
        PictureNotFound, match=r"file 'atoms.npy' .* isn't here; .*--look-in FOLDER"
    ):
        plan_redo(picture.name)
    assert plan_redo(picture.name, look_in=[tmp_path / "sae"]).job.guides == plan.job.guides


def test_files_that_have_changed_are_refused(picture: Path) -> None:
    wide(
        Path("sae") / "weights.pt",
        config={"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 1}},
    )
    with pytest.raises(PictureNotFound, match=r"config.json' has changed since 'made.png'"):
        plan_redo(picture)
    wide(Path("sae") / "weights.pt", codes=5)
    with pytest.raises(PictureNotFound, match=r"the file .*weights.pt' has changed since"):
        plan_redo(picture)


def test_a_stranger_has_no_file_read_whose_bytes_they_do_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, secret = tmp_path / "here", tmp_path / "secret.npy"
    inside.mkdir()
    np.save(secret, np.eye(3, 128))
    monkeypatch.chdir(inside)
    job = ent.visualize(ent.load(), f"cosine('fire2', '{secret}', 0)", **QUICK).job
    # The right bytes elsewhere are no better than wrong ones here.
    with pytest.raises(PictureNotFound, match=r"secret.npy' .* isn't here"):
        plan_job(Job.from_json(job.to_json()))
    secret.rename("secret.npy")
    assert plan_job(Job.from_json(job.to_json())).job.objective == job.objective
