"""Jobs of strangers: real jobs of every recipe, changed at random, are planned or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
import planning
from entoptic.analysis.spectrum import spectrum
from entoptic.recipes import recipes

PROGRAM = Path(__file__).with_name("mutated_jobs.py")
SOURCE = Path(ent.__file__).parents[1]
SMALL: dict[str, Any] = {"size": 48, "steps": 2, "on": "cpu"}
MASKED: dict[str, Any] = {"size": 64, "steps": 1, "on": "cpu", "protect": "saliency"}
MASKED |= {"shaping": "laplacian + chroma(0.5)", "keep_colors": True, "mix": 0.2}


def noise(path: Path, seed: int) -> Path:
    rng = torch.Generator().manual_seed(seed)
    return ent.write(path, torch.rand((1, 3, 60, 80), generator=rng))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jobs of every recipe, their files, and what a stranger may put beside a picture."""
    here = tmp_path_factory.mktemp("jobs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        _fill(here)
    return here


def _fill(here: Path) -> None:
    sky, guide = noise(Path("sky.png"), 1), noise(Path("guide.png"), 2)
    spectrum([sky], size=32).save("waves.npz")
    model = ent.load()
    plans = [
        planning.plan_dream(model, sky, octaves=2, steps=2, on="cpu"),
        planning.plan_dream(model, sky, guide=guide, size=64, steps=1, on="cpu"),
        planning.plan_dream(model, sky, size=64, steps=1, on="cpu").among(3, 1),
        planning.plan_dream(model, noise=(50, 60), objective="fire7:3", tile="off", on="cpu"),
        planning.plan_dream(model, sky, mask="sky.png", region="sky.png=fire3:5", **MASKED),
        planning.plan_looks(model, sky, look=["eyes", "ink"], size=64, steps=1, on="cpu"),
        planning.plan_sweep(model, sky, strength=[0.5, 2], size=64, steps=1, on="cpu"),
        planning.plan_visualize(model, ["fire7:3-5", "class:goldfish"], **SMALL),
        planning.plan_visualize(model, ["fire7:3"], method="maco", spectrum="waves.npz", **SMALL),
        planning.plan_visualize(model, ["fire7:3 * (1 - opacity())"], canvas="alpha", **SMALL),
        planning.plan_compare([model], ["fire5:3"], method=["lucid", "maco"], **SMALL),
        planning.plan_grid(model, sky, planning.grid_settings("fire5", 3), **SMALL),
        planning.plan_groups(model, sky, planning.group_settings("fire5", 3), **SMALL),
        planning.plan_accentuate(model, sky, ["fire7:3", "fire5:4"], **SMALL),
        planning.plan_caricature(model, sky, layer=["fire3", "fire5"], **SMALL),
        planning.plan_invert(model, sky, **SMALL),
        planning.plan_interpolate(model, ["fire7:3", "fire7:5"], pictures=3, **SMALL),
        planning.plan_diversity(model, "fire7:3", pictures=2, **SMALL),
        planning.plan_maps(model, sky, layer="fire3", size=32, on="cpu"),
        planning.plan_maps(model, sky, layer="fire3", unit=3, on="cpu"),
        planning.plan_filters(model, on="cpu"),
    ]
    jobs = [json.loads(each.job.to_json()) for each in plans]
    assert {each["recipe"] for each in jobs} == {
        name for name in recipes if not recipes[name].makes_no_job
    }
    Path("jobs.json").write_text(json.dumps(jobs))
    # A picture that is an archive too, a module, a pipe that nobody writes to, a file without end.
    with zipfile.ZipFile("picture.png", "w") as archive:
        archive.writestr("archive/version", "3")
    Path("picture.png").write_bytes(sky.read_bytes() + Path("picture.png").read_bytes())
    Path("evil.py").write_text("import os\nos._exit(7)\n")
    os.mkfifo("pipe")
    Path("zero").symlink_to("/dev/zero")


def carried_out(folder: Path, count: int, seed: int) -> str:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(count), str(seed)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCE),
            "OMP_NUM_THREADS": "1",
            # The sandbox would take compiled modules that an import writes for harm.
            "PYTHONDONTWRITEBYTECODE": "1",
            "HF_HOME": str(folder / "hub"),
            "TORCH_HOME": str(folder / "hub"),
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits and audits are those of Linux")
def test_mutated_jobs_do_no_harm(folder: Path) -> None:
    assert carried_out(folder, 300, 1).startswith("300 jobs: ")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits and audits are those of Linux")
def test_ten_thousand_mutated_jobs_do_no_harm(folder: Path) -> None:
    # A hundred thousand, the seeds to 1099, take two hours; number 1006 found an endless search.
    for seed in range(1000, 1010):
        assert carried_out(folder, 1000, seed).startswith("1000 jobs: ")
