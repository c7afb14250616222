"""A process that reads files one after the other and may do nothing else.

It gets lines `FORMAT PATH...` and answers `NUMBER OUTCOME` on its output. Before the first file it
gives up the right to write (a limit of the system and an audit hook), to start processes, to open
connections and to take memory without a bound; an attempt ends it with the code `CAUGHT`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

CAUGHT = 99

# More than any of the small files needs.
_ROOM_BYTES = 3 << 30

_FORBIDDEN = (
    "ctypes.dlopen",
    "os.chmod",
    "os.chown",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.startfile",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.utime",
    "shutil.",
    "socket.",
    "subprocess.Popen",
    "webbrowser.open",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def read(kind: str, paths: list[str]) -> None:
    """Read what a user could name as a network or as weights, and run it once."""
    import torch

    from entoptic.formats.state_dict.reading import read_state_dict
    from entoptic.networks import load

    if kind in ("pth", "legacy", "safetensors"):
        read_state_dict(Path(paths[0]))
        return
    model = load(f"{kind}:{'+'.join(paths)}?labels=none")
    height, width = model.preprocess.size
    if height * width <= 64 * 64:
        # What a network makes of a picture isn't asked; it may refuse, but not crash.
        with torch.no_grad(), contextlib.suppress(Exception):
            model.module(torch.zeros((1, model.preprocess.channels, height, width)))


def outcome(kind: str, paths: list[str]) -> str:
    """`read`, `refused`, or what is wrong with how it was refused."""
    from entoptic.errors import EntopticError

    try:
        read(kind, paths)
    except EntopticError as error:
        text = str(error)
        if "\n" in text or len(text) > 2000 or "weights_only" in text:
            return f"badly told: {text[:2000]!r}"
        return "refused"
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is told)
        return f"raw {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return "read"


def give_up_rights() -> None:
    """From here on nothing can be written, started or connected to; and memory is bounded."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM_BYTES, used + _ROOM_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        is_writing = bool(flags & _WRITING) if isinstance(flags, int) else False
        if is_writing or (isinstance(mode, str) and set(mode) & set("wax+")):
            _caught(f"open {path!r}")
    elif event in ("exec", "compile"):
        # Modules that are imported late come from files, and may make classes of texts.
        code = arguments[0] if event == "exec" else arguments[1]
        name = getattr(code, "co_filename", code)
        if not (isinstance(name, str) and Path(name).is_absolute()) and not _is_importing():
            _caught(f"{event} {name!r}")
    elif event.startswith(_FORBIDDEN):
        _caught(event)


def _places() -> list[str]:
    """Files and lines of what is running, innermost first."""
    frame, places = sys._getframe(2), []
    while frame is not None:
        places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    return places


def _is_importing() -> bool:
    return any(place.startswith("<frozen importlib") for place in _places())


def _caught(what: str) -> None:
    by = " < ".join(_places()[:8])
    os.write(1, f"caught: {what[:300]} by {by}\n".encode())
    os._exit(CAUGHT)


def main() -> None:
    warnings.simplefilter("ignore")
    lines = sys.stdin.read().splitlines()
    count = int(lines[0])
    # Whole files first, so that whatever is imported late is there.
    for line in lines[1 : count + 1]:
        kind, *paths = line.split("\t")
        found = outcome(kind, paths)
        if found != "read":
            sys.exit(f"the whole file isn't read: {kind}: {found}")
    give_up_rights()
    for number, line in enumerate(lines[count + 1 :]):
        kind, *paths = line.split("\t")
        os.write(1, f"{number} ".encode())
        os.write(1, f"{outcome(kind, paths)}\n".encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    main()
