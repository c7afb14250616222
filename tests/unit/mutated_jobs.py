"""Plans mutated jobs in a process of its own that can harm nothing: `mutated_jobs.py COUNT SEED`.

The working directory holds `jobs.json`, real jobs of every recipe, the files that they name, and
what a stranger may put beside a picture. Each mutated job must be planned, or be refused by an
error of entoptic; whatever else happens is printed, with the job, and ends the process.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

PICTURE = Path("picture.png")

NETWORKS = (
    "python", "python:evil:network", "evil", "onnx:picture.png", "export:picture.png", "caffe:a+b",
    "export:/dev/zero", "mxnet:pipe+zero", "tensorflow:zero", "timm:resnet50", "timm:vit_tiny",
    "timm:hf-hub:evil/evil", "timm:local-dir:/etc", "torchvision:googlenet", "squeezenet1_1",
    "timm:resnet18?weights=picture.png", "torchvision:resnet18?weights=/dev/zero",
    "timm:test_resnet?weights=random", "squeezenet1_1?labels=/dev/zero",
    "squeezenet1_1?weights=random", "squeezenet1_1?size=100000x100000", "squeezenet1_1?size=0x1",
    "squeezenet1_1?size=4096x4096", "squeezenet1_1?mean=nan&std=0", "squeezenet1_1?std=1e-300",
    "efficientnet_lite0", "efficientnet_lite0?scale=1e300&order=x",
    "ensemble:a=squeezenet1_1,b=python:evil:network", "ensemble:a=onnx:picture.png",
    "ensemble:a=squeezenet1_1,b=efficientnet_lite0", "ensemble:a=" * 1000,
    "ensemble:" + ",".join(f"a{number}=squeezenet1_1" for number in range(1000)),
)  # fmt: skip

FILES = (
    "", ".", "sky.png", "./guide.png", "waves.npz", "../../../../etc/passwd", "/etc/passwd",
    "/dev/zero", "/dev/stdin", "/proc/self/environ", "//host/share", "pipe", "zero", "evil.py",
    "picture.png", "\0", "\ud800", "x" * 100_000, "x" * 300,
)  # fmt: skip

DEVICES = (
    "cpu",
    "cuda:99",
    "meta",
    "auto",
    "cpu," * 1000 + "cpu",
    "cpu:1",
    "cpu,cpu",
    "cuda",
    "cpu,",
)

WORDS = (
    "entoptic", "strong", "gentle", "lucid", "maco", "cppn", "pixels", "fourier", "laplacian",
    "shared", "alpha", "robust", "accentuate", "none", "auto", "off", "fire7", "fire5", "input",
    "canvas", "logits", "fire7<in>", "fire7#9", "conv1", "bf16", "fp16", "l2", "mean_abs", "4GiB",
    "\x1b[31m\n", "dream", "grid", "groups", "visualize", "invert",
)  # fmt: skip

TERMS = (
    "blurriness('input', 1e6)", "blurriness('fire7', 1e-300)", "alpha_blurriness()", "opacity()",
    "channels('fire7', '0-1048575')", "channels('fire7', '" + ",".join(["0-1048575"] * 999) + "')",
    "channels('fire7', '0-383')", "fire7:999999999", "neuron('fire7', 3, 99, 0)", "class:goldfish",
    "boundary_complexity('input', 1e300, 1e308)", "alignment('fire5', 1e300)", "diversity('input')",
    "match('input', 'sky.png')", "match('fire7', '/dev/zero')", "style('logits', 'pipe')",
    "caricature('fire7', 'guide.png', 1e308)", "inversion('fire5', '../sky.png')",
    "logits(['*', '?*'])", "logit('" + "*" * 5000 + "')", "logits('*' )", "log_odds(999)",
    "1e308 * energy('fire7') * 1e308", "energy('fire7') / 1e-308", "l2('input', 1e308)",
    "tensor_direction('fire7', [[[1]]])", "direction('fire7', [" + "1," * 384 + "])",
    "direction('fire7', [" + "1," * 50_000 + "])", "per_image([fire7:3])", "(" * 400 + ")" * 400,
    "-" * 5000 + "fire7:3", "fire7:3" + " + fire7:3" * 5000, "__import__('os').system('id')",
    "per_image([" + "energy('fire7')," * 5000 + "])", "energy('fire7').term", "9" * 4000,
    "fire7:0-383", "fire7:0-999999999", "energy(3)", "mean('nowhere')", "cell('conv1', 10**30)",
)  # fmt: skip

NUMBERS = (
    0, 1, -1, 2, 3, 7, 63, 1.5, 0.1, 1e-300, 1e300, -1e300, float("nan"), float("inf"), 1000,
    10_000, 30_000, 100_000, 999_999, 1_000_000, 2**31, 2**62, 2**63 - 1, 2**63, 10**18, -(2**70),
    10**400, True, False, None,
)  # fmt: skip


def mutated(job: Any, rng: random.Random) -> str:
    """A job's text with one to four changes."""
    job = json.loads(json.dumps(job))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change(job, rng)
    text = json.dumps(job)
    if rng.random() < 0.05:
        start = rng.randrange(len(text))
        text = (
            text[:start] + rng.choice(("", "[" * 2000, '"', "{", "9" * 5000, text)) + text[start:]
        )
    return text


def change(job: Any, rng: random.Random) -> None:
    """Change something of a list or an object, or of one inside it."""
    parent, key = job, rng.choice(["settings"] * 12 + ["objective"] * 3 + ["model"] * 2 + [*job])
    called = key  # what the value is about
    while isinstance(parent, dict) and key in parent and rng.random() < 0.95:
        if not isinstance(parent[key], dict | list) or not parent[key]:
            break
        parent = parent[key]
        key = rng.choice([*parent] if isinstance(parent, dict) else range(len(parent)))
        called = key if isinstance(key, str) else called
    if isinstance(parent, list) and key == "settings":
        return
    act = rng.random()
    if act < 0.05 and (key in parent if isinstance(parent, dict) else True):
        del parent[key]
    elif act < 0.12 and isinstance(parent, dict):
        new = rng.choice(("seed", "model", "size", "memory", "together", "spectrum", "tile", "x"))
        parent[new] = value(rng, new)
    else:
        old = parent.get(key) if isinstance(parent, dict) else parent[key]
        parent[key] = value(rng, called, old)


def value(rng: random.Random, called: str = "", old: Any = None) -> Any:
    """Anything that JSON can say; more often than not of the kind of what it replaces."""
    if rng.random() < 0.2:
        return rng.choice(
            (
                lambda: rng.choice(NUMBERS),
                lambda: rng.choice(WORDS + FILES + NETWORKS),
                lambda: [value(rng, called) for _ in range(rng.randrange(4))],
                lambda: {rng.choice(WORDS): value(rng) for _ in range(rng.randrange(3))},
                lambda: functools.reduce(lambda inner, _: [inner], range(300), 1),  # type: ignore[arg-type, return-value]
            )
        )()
    if called in ("objective", "unit", "units"):
        form = rng.choice(("{0}", "{0} + {1}", "{0} * (fire7:3 - {1})"))
        return form.format(*rng.choices(TERMS, k=2))
    for names, pool in (
        (("model", "models"), NETWORKS),
        (("photo", "name", "spectrum"), FILES),
        (("device",), DEVICES),
    ):
        if called in names:
            return rng.choice(pool)
    if isinstance(old, str):
        return rng.choice(WORDS)
    if type(old) in (int, float) and abs(old) < 1e300 and rng.random() < 0.5:
        return type(old)(old * rng.choice((0.5, 2, 3, 10, 100, 1000, 1e6, -1)))
    return rng.choice(NUMBERS)


class Forbidden(BaseException):
    """Something that no job may do."""


def end(what: str, job: str) -> NoReturn:
    print(f"FAILED: {what}\n{job[:3000]}", flush=True)
    os._exit(1)


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = (
    "subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link",
    "os.symlink", "os.truncate", "os.kill", "shutil.", "urllib.", "http.", "ftplib.", "webbrowser.",
)  # fmt: skip


def watch(job: list[str]) -> None:
    """From now on whatever a job may not do ends the process."""
    trusted = [Path(each).resolve() for each in (*sys.path, sys.prefix, sys.base_prefix) if each]
    here = Path.cwd().resolve()
    readable = [
        *(each for each in trusted if each != here), here, Path("/proc/self"),
        Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/sys/devices/system/cpu"),
    ]  # fmt: skip

    scratch = Path(tempfile.gettempdir())

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_EVENTS):
            end(f"{event} {arguments!r:.300}", job[0])
        if event == "open" and not isinstance(arguments[0], int):
            path = Path(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100 (links stay)
            if path == scratch:
                return  # a large picture lies in a file without a name; here it has no room
            if arguments[2] & _WRITING:
                end(f"open {path} for writing", job[0])
            if not any(path.is_relative_to(each) for each in readable):
                end(f"open {path}", job[0])

    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (6 << 30),) * 2)


@contextlib.contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise Forbidden for a job that takes longer."""

    def late(number: int, frame: Any) -> NoReturn:
        raise Forbidden(f"more than {seconds} seconds")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main(count: int, seed: int) -> None:
    import torch

    import entoptic.images
    import entoptic.jobs.permission as permission
    import entoptic.runners.run as redo
    from entoptic.errors import EntopticError

    torch.set_num_threads(1)
    jobs = json.loads(Path("jobs.json").read_text())
    current = [""]
    entoptic.images.read_job = lambda path: current[0]
    permission.load = functools.lru_cache(maxsize=64)(permission.load)  # type: ignore[attr-defined]
    for package in ("timm", "torchvision"):  # which look at folders while they are imported
        with contextlib.suppress(ImportError):
            importlib.import_module(package)
    for current[0] in (json.dumps(each) for each in jobs):  # unchanged, they are all planned
        redo.plan_redo(PICTURE)
    watch(current)
    planned = stepped = 0
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        current[0] = mutated(rng.choice(jobs), rng)
        try:
            with within(60):
                plan = redo.plan_redo(PICTURE)
                planned += 1
                if rng.random() < 0.05 and max(plan.shape) < 100:
                    next(plan.steps(), None)
                    stepped += 1
        except EntopticError:
            pass
        except (Exception, Forbidden):  # noqa: BLE001 (it ends the process)
            end(traceback.format_exc(), current[0])
        if "evil" in sys.modules:
            end("imported what lies beside the picture", current[0])
    print(
        f"{count} jobs: {planned} planned, {stepped} begun, {count - planned} refused", flush=True
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
