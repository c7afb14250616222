"""A stranger's job with changes reads no file by its name but those that the user types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from entoptic.errors import PictureNotFound
from entoptic.jobs.job import Job
from entoptic.objectives import parse
from entoptic.objectives.facts import files_named
from entoptic.runners.run import plan_job

QUICK: dict[str, Any] = {"octaves": 1, "steps": 1, "device": "cpu"}
ADVICE = "say where it is with --look-in FOLDER, or change what names it"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a photo, a mask and two guides, and a secret above it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for seed, name in enumerate(("sky.png", "sea.png", "sun.png", "../secret.png")):
        image = torch.rand(1, 3, 48, 64, generator=torch.manual_seed(seed))
        ent.write(Path(name), image)
    half = torch.zeros(1, 3, 48, 64)
    half[..., 32:] = 1
    ent.write(Path("half.png"), half)
    return here


def dream(region: str, **how: Any) -> Job:
    """Return the job of a dream with a region, as a file holds it."""
    made = ent.Dream(ent.load(), "sky.png", region=[("half.png", region)], **QUICK | how).plan()
    return Job.from_json(made.job.to_json())


CHANGES: list[dict[str, Any]] = [
    {"objective": "fire2:3"},
    {"layer": "fire3"},
    {"look": "fur"},
    {"guide": "sun.png"},
    {"steps": 2},
    {},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_regions_file_elsewhere_is_never_read(folder: Path, changes: dict[str, Any]) -> None:
    job = dream(f"match('fire2', '{folder.parent / 'secret.png'}')")
    advice = "say where it is with --guide FILE" if not changes else ADVICE
    with pytest.raises(PictureNotFound, match=f"secret.png' that .* isn't here; {advice}"):
        plan_job(job, **changes)


@pytest.mark.parametrize("changes", CHANGES[:4], ids=str)
def test_a_regions_file_is_read_where_its_bytes_are_what_they_were(
    folder: Path, changes: dict[str, Any]
) -> None:
    job = dream("match('fire2', 'sea.png')")
    plan = plan_job(job, **changes)
    fresh = ent.Dream(
        ent.load(), "sky.png", region=[("half.png", "match('fire2', 'sea.png')")], **QUICK | changes
    )
    if "guide" not in changes:  # whose layer is the job's own, and not the network's usual one
        assert plan.job.objective == fresh.plan().job.objective
    ent.write(folder / "sea.png", torch.rand(1, 3, 48, 64, generator=torch.manual_seed(9)))
    with pytest.raises(PictureNotFound, match=f"sea.png' has changed since .*; {ADVICE}"):
        plan_job(job, **changes)


def test_a_file_that_both_name_must_be_what_it_was(folder: Path) -> None:
    job = dream("match('fire2', 'sea.png')")
    both: dict[str, Any] = {"objective": "match('fire3', 'sea.png')"}
    assert "match('fire3', 'sea.png')" in plan_job(job, **both).job.objective
    ent.write(folder / "sea.png", torch.rand(1, 3, 48, 64, generator=torch.manual_seed(9)))
    with pytest.raises(PictureNotFound, match=ADVICE):
        plan_job(job, **both)
    # Where the user names all anew, it is the user's own.
    plan_job(job, **both, region=[("half.png", "fire2:3")])


def test_a_user_may_give_a_region_with_a_file_of_the_users_own(folder: Path) -> None:
    job = dream("fire2:3", objective="match('fire3', 'sea.png')")
    plan = plan_job(job, region=[("half.png", "match('fire2', 'sun.png')")])
    assert {each.name for each in plan.job.guides} == {"sea.png", "sun.png", "half.png"}
    ent.write(folder / "sea.png", torch.rand(1, 3, 48, 64, generator=torch.manual_seed(9)))
    with pytest.raises(PictureNotFound, match=r"sea.png\' has changed"):
        plan_job(job, region=[("half.png", "match('fire2', 'sun.png')")])


def test_the_other_of_two_units_is_found_by_its_bytes(folder: Path) -> None:
    secret = folder.parent / "rows.npy"
    np.save(secret, np.eye(3, 128, dtype=np.float32))
    row = ent.Interpolate(
        ent.load(), "fire2:3", f"direction('fire2', '{secret}', 1)", size=32, pictures=2, steps=1
    )
    job = Job.from_json(row.plan().job.to_json())
    with pytest.raises(PictureNotFound, match=r"rows.npy' .* isn't here"):
        plan_job(job, first="fire2:4")
    secret.rename(folder / "rows.npy")
    assert plan_job(job, first="fire2:4").job.settings["first"] == "channel('fire2', 4)"


def test_the_names_of_files_in_an_objective_are_known_before_they_are_read() -> None:
    text = (
        "match('fire5', 'sea.png') - 2 * cosine('fire2', 'rows.npz:a', 1) "
        "+ code('fire2', 'sae/w.pt', 3) + fire7:3"
    )
    assert files_named(parse(text)) == {"sea.png", "rows.npz", "sae/w.pt"}
