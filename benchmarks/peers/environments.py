"""An environment for each peer, so that none meets another's versions; torch is the running one."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import entoptic
from benchmarks.peers import Method

ROOT = Path(__file__).parents[2]


def interpreter(name: str, method: Method, folder: Path) -> Path:
    """The Python of a method's environment, which is made where it isn't there yet.

    Args:
        name: of the method.
        method: what to install.
        folder: with a folder for each environment.

    Returns:
        The running Python itself for a method that needs nothing else.

    Raises:
        CalledProcessError: pip can't install it.
    """
    if not method.installs:
        return Path(sys.executable)
    home = folder / name
    python = home / "bin" / "python"
    wanted = "\n".join(" ".join(arguments) for arguments in method.installs)
    stamp = home / "installed.txt"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    venv.create(home, clear=True, with_pip=True)
    # Behind the environment's own packages: what it pins comes first, torch is found here.
    (_packages(home) / "running.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    for arguments in method.installs:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)
    stamp.write_text(wanted, "utf-8")
    return python


def variables(device: str) -> dict[str, str]:
    """The environment variables in which a method runs: ours is found, progress bars are off.

    Args:
        device: `cpu` or `cuda`. One that isn't wanted is hidden, since lucent takes what it sees.
    """
    ours = [str(ROOT), str(Path(entoptic.__file__).parents[1])]
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    return os.environ | {"PYTHONPATH": os.pathsep.join(ours), "TQDM_DISABLE": "1"} | hidden


def _packages(home: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
