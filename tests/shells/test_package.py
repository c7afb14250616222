"""The built package: contents of the wheel and the source archive, and the wheel installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from entoptic.images import read_job
from shells.command import QUICK, picture

ROOT = Path(__file__).parents[2]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
NEEDED = {"entoptic/py.typed", "entoptic/networks/sources/imagenet_labels.txt"}


def ran(*command: str | Path, folder: Path) -> str:
    """Return the standard output of a program; it finds no entoptic but an installed one."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("sdist")
    ran(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, folder=ROOT)
    (archive,) = folder.glob("entoptic-*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(source_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what the source archive holds and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(source_archive) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / source_archive.name.removesuffix(".tar.gz")
    ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=unpacked)
    (built,) = folder.glob("entoptic-*-py3-none-any.whl")
    return built


def files_of_the_package() -> set[str]:
    """The files of this checkout that are to be installed, as paths below `src`."""
    source = ROOT / "src"
    files = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_package_its_data_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    information = {name.partition(".dist-info/")[2] for name in names} - {""}
    assert {"licenses/LICENSE", "licenses/NOTICE", "entry_points.txt"} <= information
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == files_of_the_package()
    assert inside > NEEDED


def test_the_source_archive_builds_alone_and_holds_no_tests_and_two_pictures(
    source_archive: Path,
) -> None:
    with tarfile.open(source_archive) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in files_of_the_package()} <= names
    assert {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    others = {name.partition("/")[0] for name in names if "/" in name}
    assert others == {"src"}
    pictures = {name for name in names if name.endswith((".png", ".jpg", ".webp"))}
    # Which catalogs show to each layer, where no other photo is given; and the studio's example,
    # which is larger.
    assert pictures == {
        "src/entoptic/catalogs/clouds.jpg",
        "src/entoptic/studio/static/clouds.jpg",
    }


def test_the_installed_wheel_shows_its_help_and_dreams(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    ran(sys.executable, "-m", "venv", "--without-pip", home, folder=tmp_path)
    python = home / SCRIPTS / Path(sys.executable).name
    install: list[str | Path] = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    ran(sys.executable, "-m", "pip", "--python", python, *install, folder=tmp_path)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(ran(python, "-c", ask, folder=tmp_path).strip())
    # What entoptic depends on comes from the environment of the tests, after the wheel's own.
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = ran(python, "-c", "import entoptic; print(entoptic.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(own)
    command = home / SCRIPTS / "entoptic"
    assert ran(command, "--help", folder=tmp_path).startswith("Usage: entoptic ")
    picture(1).save(tmp_path / "sky.png")
    assert ran(command, "dream", "sky.png", *QUICK, folder=tmp_path) == "sky-dream.png\n"
    assert '"recipe": "dream"' in read_job(tmp_path / "sky-dream.png")
