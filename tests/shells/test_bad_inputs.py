"""Whatever is wrong with what was typed or with a file: one line, an exit code, nothing left."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shells.command import QUICK, Outcome, entoptic, picture

TYPED, FILES = 2, 1
"""Exit codes: something was typed wrongly; something is wrong with a file or the machine."""


@dataclass(frozen=True)
class Case:
    """What is typed, the exit code, and a part of the message (a regular expression)."""

    arguments: tuple[str, ...]
    code: int
    message: str

    @property
    def name(self) -> str:
        return " ".join(self.arguments)[:80] or "nothing"


def dream(*arguments: str, code: int, message: str) -> Case:
    return Case(("dream", "sky.png", *arguments), code, message)


def numbers(option: str, values: str, message: str) -> list[Case]:
    """Values of an option of `dream`, divided by blanks; `''` is the empty one."""
    given = ["" if value == "''" else value for value in values.split()]
    return [dream(option, value, code=TYPED, message=message) for value in given]


_NO_WHOLE = "'' x 1.5 1e3 nan inf 0x10 1,5 ² --"
_NO_REAL = "'' x 1,5 1..5 0x1p3 --"
_NOT_FINITE = "nan inf -inf 1e999 -1e999 NaN Infinity"
_HUGE = "9" * 30

OPTIONS: list[Case] = [
    *numbers("--octaves", _NO_WHOLE, "'--octaves'.*is not a valid integer; see `entoptic dream"),
    *numbers("--octaves", f"0 -1 101 {_HUGE}", "octaves is .*; it must be a whole number from 1"),
    *numbers("--steps", _NO_WHOLE, "'--steps'.*is not a valid integer"),
    *numbers("--steps", f"-1 1000001 {_HUGE}", "steps is .*; it must be a whole number from 0 to"),
    *numbers("--jitter", "x 1.5", "'--jitter'.*is not a valid integer"),
    *numbers("--jitter", f"-1 100001 {_HUGE}", "jitter is .*; it must be a whole number from 0"),
    *numbers("--size", "x 1.5 -1 5x 5x5x5", "size is .*; it wants a number, or HEIGHTxWIDTH"),
    *numbers("--size", f"0 100001 {_HUGE}", "size is .*; it must be a whole number from 1 to"),
    *numbers("--size", "0x5 5x0", "size's (height|width) is 0; it must be a whole number from 1"),
    *numbers("--size", "100000", "megapixels, more than the limit of 100; choose a smaller size"),
    *numbers("--seed", "x 1.5", "'--seed'.*is not a valid integer"),
    *numbers("--seed", f"-1 9223372036854775808 {_HUGE}", "seed is .*; it must be a whole number"),
    *numbers("--every", "x 0.5", "'--every'.*is not a valid integer"),
    *numbers("--every", "0 -1", "--every is .*; it must be at least 1"),
    *numbers("--octave-scale", _NO_REAL, "'--octave-scale'.*is not a valid float"),
    *numbers("--octave-scale", _NOT_FINITE, "octave scale is .*; it must be above 1 and at most"),
    *numbers("--octave-scale", "1 0 -1.4 100.5 1e300", "octave scale is .*; it must be above 1"),
    *numbers("--step-size", _NO_REAL, "'--step-size'.*is not a valid float"),
    *numbers("--step-size", _NOT_FINITE, "step size is .*; it must be above 0 and at most 1000"),
    *numbers("--step-size", "0 -0.5 1001 1e300", "step size is .*; it must be above 0"),
    *numbers("--strength", _NO_REAL, "'--strength'.*is not a valid float"),
    *numbers("--strength", _NOT_FINITE, "strength is .*; it must be above 0 and at most 1000"),
    *numbers("--strength", "0 -1 1001", "strength is .*; it must be above 0 and at most 1000"),
    *numbers("--bits", "'' 1 12 32 x", "'--bits': .* is not one of '8', '16'"),
    *numbers("--device", "'' banana cpu:x meta CUDA gpu vulkan", "no device is called .* cuda:1"),
    dream("--steps", "9" * 5000, code=TYPED, message="'--steps': '999.* ... .*valid integer; see"),
]

LAYERS: list[Case] = [
    *numbers("--layer", "fire77 Fire7", "no layer named .* in squeezenet1_1; did you mean 'fire7'"),
    *numbers("--layer", "conv99 fire2/squeeze1x2", "no layer named .*; did you mean '"),
    *numbers("--layer", "* ../x 流れ 💥 <out> 0", "no layer named .*"),
    *numbers("--layer", "fire7#1", "has 'fire7', but doesn't run it as 'fire7#1'"),
    *numbers("--layer", "''", "a layer's name is empty; `entoptic layers` lists the names"),
    dream("--layer", " ", code=TYPED, message="no layer named ' '"),
    dream("--layer", "x" * 100_000, code=TYPED, message="no layer named 'xxx.*`entoptic layers`"),
    dream("--layer", "a\nb", code=TYPED, message=r"no layer named 'a\\nb'"),
    dream(
        "--layer",
        "fire7",
        "--objective",
        "fire7:3",
        code=TYPED,
        message="an objective excludes a layer and a guide",
    ),
    dream(
        "--guide",
        "sea.png",
        "--objective",
        "fire7:3",
        code=TYPED,
        message="an objective excludes a layer",
    ),
    dream("--guide", "sea.png", "--layer", "fire77", code=TYPED, message="did you mean 'fire7'"),
]


def expressions(message: str, *given: str) -> list[Case]:
    return [dream("--objective", each, code=TYPED, message=message) for each in given]


EXPRESSIONS: list[Case] = [
    *expressions("the objective is empty; there are", "", " ", "\t\n"),
    *expressions("is a number; it can't be optimised", "3", "1 + 2", "-0.5", "(7)"),
    *expressions("can't read the objective", "fire7:", "fire7:x", "energy('fire7'", "1 +"),
    *expressions("can't read the objective", "energy('fire7')) ", "'", "energy(", "}", "@", "\x00"),
    *expressions("is no number and no objective", "fire7", "x", "pi", "π", "2 * nan"),
    *expressions(
        "is no number and no objective", "a b", "True", "b'x'", "[x for x in y]", "f'{1}'"
    ),
    *expressions("is no number and no objective", "not energy('fire7')"),
    *expressions(
        "isn't understood there", "lambda: 1", "1j", "...", "{}", "energy.layers", "1 < 2"
    ),
    *expressions("isn't understood there", "__import__('os').system('rm')"),
    *expressions("isn't understood there", "energy('fire7') // 2"),
    *expressions("an exponent is a number", "energy('fire7') ** energy('fire7')"),
    *expressions("no objective", "nonsense('fire7')", "exec('1')", "open('x')", "enery('fire7')"),
    *expressions("wants its arguments in brackets", "energy", "energy + 1"),
    *expressions("energy\\(layer\\)", "energy()", "energy('fire7', 3)", "energy(depth='fire7')"),
    *expressions("energy wants the name of a layer", "energy(7)", "energy(None)", "energy([1])"),
    *expressions("channel wants a channel number", "channel('fire7', 'x')", "channel('fire7', -1)"),
    *expressions("channel wants a channel number", "channel('fire7', 1.5)"),
    *expressions("channel 900 of 'fire7' does not exist", "channel('fire7', 900)", "fire7:900"),
    *expressions("can't read the objective", f"fire7:{'9' * 30}"),
    *expressions("no layer named 'fire77'", "energy('fire77')", "fire77:3", "2 * mean('fire77')"),
    *expressions("row 99 of 'fire3' does not exist", "neuron('fire3', 0, 99, 0)"),
    *expressions("no class named 'unicorn'", "logit('unicorn')"),
    *expressions("class 1000 does not exist", "logit(1000)"),
    *expressions("divided by zero", "energy('fire7') / 0", "energy('fire7') / (1 - 1)"),
    *expressions("divides by zero", "1 / 0 * energy('fire7')"),
    *expressions("finite numbers|too large", "1e999 * energy('fire7')", "9" * 400 + "*energy('a')"),
    *expressions("nested deeper than 160", "(" * 200 + "energy('fire7')" + ")" * 200),
    *expressions("characters; 65000 is the most", "energy('fire7') + " * 5000 + "energy('fire7')"),
    *expressions("nested deeper than 100", "1 - (mean('fire3') + " * 120 + "1" + ")" * 120),
    *expressions("per_image wants one list", "per_image(energy('fire7'))", "per_image()"),
    *expressions("per_image wants .*list", "per_image([])", "per_image([1])"),
    *expressions("stands where a number or an objective belongs", "energy('fire7') + 'x'", "-'x'"),
    dream("--objective", "match('fire5', 'no.png')", code=FILES, message="no picture 'no.png'"),
    dream("--objective", "match('fire5', 'text.png')", code=FILES, message="looks like a text"),
    dream("--guide", "no.png", code=FILES, message="no picture 'no.png'"),
    dream("--guide", "full", code=FILES, message="'full' is a folder"),
    dream("--guide", "", code=FILES, message="is a folder"),
    dream("--guide", "tiny.png", code=FILES, message="can't work on a picture of 1x1"),
]

MODELS: list[Case] = [
    *numbers("--model", "nope squeezenet 流れ ../x fire7*", "no model named .*"),
    *numbers("--model", "''", "model is ''; it must be a Model, a module of torch, or a name"),
    *numbers("--model", "squeezenet1_1:x", "'squeezenet1_1' takes nothing after its name, got 'x'"),
    *numbers("--model", "squeezenet1_1?colour=red", "has no option 'colour'; "),
    *numbers("--model", "squeezenet1_1?scale", "can't read the options of .*; write .KEY=VALUE"),
    *numbers("--model", "squeezenet1_1?scale=1&scale=2", "an option is given twice"),
    *numbers("--model", "squeezenet1_1?mean=1,2", "mean=1,2 wants 3 finite numbers, such"),
    *numbers("--model", "squeezenet1_1?scale=x squeezenet1_1?scale=", "wants 1 finite numbers"),
    *numbers("--model", "squeezenet1_1?order=RRR", "order is 'RRR'; it is one of RGB, BGR"),
    *numbers("--model", "squeezenet1_1?std=0", "std"),
    *numbers("--model", "squeezenet1_1?std=nan squeezenet1_1?mean=inf", "wants 3 finite"),
    *numbers("--model", "squeezenet1_1?size=0x0 squeezenet1_1?size=-1x5", "size=.* HEIGHTxWIDTH"),
    *numbers("--model", "squeezenet1_1?size=nan,1 squeezenet1_1?size=1e999x1", "finite"),
    Case(("models", "nope"), TYPED, "no model named 'nope'; there are squeezenet1_1"),
    Case(("layers", "nope"), TYPED, "no model named 'nope'"),
    Case(("layers", "fire7*"), TYPED, "a pattern comes after the network: entoptic layers"),
    Case(("layers", "squeezenet1_1", "nothing*"), TYPED, "no layer of squeezenet1_1 matches"),
    Case(("layers", "squeezenet1_1", ""), TYPED, "glob is ''; it must be a text"),
    Case(("layers", "--size", "1x1"), FILES, "can't work on a picture of 1x1"),
    Case(("layers", "--size", "banana"), TYPED, "--size is 'banana'; it wants HEIGHTxWIDTH"),
    Case(("layers", "--size", "0x9"), TYPED, "--size's height is 0; it must be"),
    Case(("layers", "--size", "9999999x9"), TYPED, "--size's height is 9999999; it"),
    Case(("identify", "sky.png", "--model", "nope"), TYPED, "no model named 'nope'"),
    Case(("identify", "sky.png", "--top", "0"), TYPED, "--top is 0; it must be at least 1"),
    Case(("identify", "sky.png", "--top", "-3"), TYPED, "--top is -3; it must be at least 1"),
    Case(("identify", "sky.png", "--top", "x"), TYPED, "'--top'.*is not a valid integer"),
    Case(("identify", "no.png"), FILES, "no picture 'no.png'"),
    Case(("identify", "full"), FILES, "'full' is a folder; name one picture file in it"),
    Case(("identify", ""), TYPED, "is a folder|isn't empty"),
]

_NO_SIZES = (
    "x",
    "5",
    "5x",
    "x5",
    "0x5",
    "5x0",
    "-1x5",
    "5*5",
    "5x5x5",
    "5.5x5",
    "nanx1",
    "\u0665x5",
)
NOISE: list[Case] = [
    *(
        Case(("dream", "--noise", each), TYPED, "^Error: noise.* is .*; it (wants H|must be)")
        for each in ("", *_NO_SIZES)
    ),
    Case(("dream", "--noise", f"{_HUGE}x5"), TYPED, "noise's height is 999.*; it must be a whole"),
    Case(("dream", "--noise", "999999x999999"), TYPED, "noise's height is 999999; it must"),
    Case(("dream", "--noise", "30001x5"), TYPED, "noise's height is 30001; it must be a whole"),
    Case(("dream", "--noise", "30000x30000"), TYPED, "900 megapixels, more than the limit of 100"),
    Case(
        ("dream", "--noise", "64x64", "--size", "99999"), TYPED, "megapixels, more than the limit"
    ),
    Case(("dream", "--noise", "1x1"), FILES, "can't work on a picture of 1x1"),
    Case(("dream", "--noise", "3x3"), FILES, "can't work on a picture of 3x3.*try a larger one"),
    Case(("dream", "--noise", "1x30000"), FILES, "can't work on a picture of 1x30000"),
    Case(("dream", "--noise", "64x64", "--size", "2"), FILES, "can't work on a picture of 2x2"),
    Case(("dream", "sky.png", "--noise", "64x64"), TYPED, "name photos or --noise, not both; see"),
]

OUTPUTS: list[Case] = [
    dream("-o", "", code=TYPED, message="--output is empty; name a file or a folder"),
    dream("-o", "out.pgn", code=FILES, message="suffix '.pgn' is unknown; did you mean '.png'"),
    dream("-o", "out.gif", code=FILES, message="suffix '.gif' is unknown"),
    dream("-o", "out.exe", code=FILES, message="suffix '.exe' is unknown; "),
    dream("-o", "out", code=FILES, message="it has no suffix; use .png"),
    dream("-o", "-", "--json", code=TYPED, message="both go to stdout"),
    dream("-o", ".png", code=FILES, message="it has no suffix"),
    dream("-o", "no/out.png", code=FILES, message="there is no folder 'no' to write to; make it"),
    dream("-o", "text.png/out.png", code=FILES, message="there is no folder 'text.png'"),
    dream("-o", "text.png/", code=FILES, message="can't make the folder 'text.png': .*no folder"),
    dream("-o", "text.png/a/b/", code=FILES, message="can't make the folder 'text.png/a/b'"),
    dream("-f", "-o", "sea.png/x.png", code=FILES, message="there is no folder"),
    dream("-o", "sea.png", code=FILES, message="'sea.png' is there already; name another file"),
    dream("-o", "sky.png", code=FILES, message="'sky.png' is a file that is read"),
    dream("-o", "sky.png", "-f", code=FILES, message="'sky.png' is a file that is read"),
    dream("-o", "./full/../sky.png", "-f", code=FILES, message="is a file that is read"),
    dream("-o", "x" * 300 + ".png", code=FILES, message="can't be written .*too long"),
    dream("-o", "x" * 300 + "/", code=FILES, message="can't make the folder .*too long"),
    dream("-o", "new/", "--layer", "fire77", code=TYPED, message="did you mean 'fire7'"),
    dream("-o", "new/deep/", "--steps", "-1", code=TYPED, message="steps is -1"),
    dream("-o", "new/", "--bits", "16", "--model", "no", code=TYPED, message="no model named 'no'"),
    dream("-o", "out.jpg", "--bits", "16", code=TYPED, message="JPEG is written with 8 bits"),
    dream("-o", "out.webp", "--bits", "16", code=TYPED, message="WebP is written with 8 bits"),
    dream("-o", "out.tif", "--bits", "16", code=TYPED, message="TIFF is written with 8 bits"),
    dream(
        "sea.png", "-o", "out.png", code=TYPED, message="2 photos can't go into one file; name a"
    ),
    dream("sea.png", "-o", "no", code=TYPED, message="name a folder: -o 'no/'"),
    Case(
        ("dream", "--noise", "20x17000", "-o", "out.webp", "--layer", "conv1"),
        FILES,
        "17000 x 20 is too large for WebP, whose sides have at most 16383 pixels; write .png",
    ),
]

USAGE: list[Case] = [
    Case(("nope",), TYPED, "No such command 'nope'.*; see `entoptic --help`"),
    Case(("dreem", "sky.png"), TYPED, "No such command 'dreem'"),
    Case(("--nope",), TYPED, "No such option '?--nope"),
    Case(
        ("dream",), TYPED, "name a photo, or begin with noise: --noise 512x768; see `entoptic dream"
    ),
    Case(("dream", "--octaves"), TYPED, "Option '--octaves' requires an argument"),
    Case(("dream", "sky.png", "--octave", "3"), TYPED, "No such option '?--octave"),
    Case(("dream", ""), TYPED, "the name of a photo is empty; name a file"),
    Case(("dream", "sky.png", ""), TYPED, "the name of a photo is empty; name a file"),
    Case(("dream", "no.png"), FILES, "no picture 'no.png'"),
    Case(("dream", "skye.png"), FILES, "no picture 'skye.png'; did you mean 'sky.png'"),
    Case(("dream", "no/no.png"), FILES, "no picture 'no/no.png'; there is no folder 'no'; check"),
    Case(("dream", "sky.png/x.png"), FILES, "no picture 'sky.png/x.png'"),
    Case(("dream", "sky.png", "no.png"), FILES, "no picture 'no.png'"),
    Case(("dream", "."), FILES, "'.' is a folder; name one picture file in it"),
    Case(("dream", "full"), FILES, "'full' is a folder; name one picture file in it"),
    Case(("dream", "/"), FILES, "'/' is a folder; name one picture file in it"),
    Case(("dream", "*.jpg"), FILES, r"no picture '\*.jpg'"),
    Case(("dream", "x" * 5000), FILES, "can't be opened .*too long"),
    Case(("dream", "a\nb.png"), FILES, r"no picture 'a\\nb.png'"),
    Case(("dream", "https://example.org/sky.jpg"), FILES, "no picture 'https:"),
    Case(("dream", "/dev/null"), FILES, "is a device or a pipe; save its data to a file"),
    Case(("dream", "/dev/zero", "-o", "out.png"), FILES, "is a device or a pipe; save its data"),
    Case(("redo",), TYPED, "Missing argument 'PICTURE'; see `entoptic redo --help`"),
    Case(("redo", ""), TYPED, "the name of the picture is empty; name a file"),
    Case(
        ("redo", "sky.png"), FILES, "'sky.png' carries no job; name a picture that entoptic wrote"
    ),
    Case(("redo", "no.png"), FILES, "no picture 'no.png'"),
    Case(("redo", "full"), FILES, "'full' is a folder"),
    Case(("redo", "sky.png", "sea.png"), TYPED, "unexpected extra argument"),
    Case(
        ("redo", "noise.png", "--photo", "sky.png"), TYPED, "was made from noise, not from a photo"
    ),
    Case(("redo", "dreamt.png", "--photo", "no.png"), FILES, "no picture 'no.png'"),
    Case(("redo", "dreamt.png", "--layer", "fire77"), TYPED, "did you mean 'fire7'"),
    Case(("redo", "dreamt.png", "--objective", "3"), TYPED, "is a number; it can't be optimised"),
    Case(("redo", "dreamt.png", "--guide", "no.png"), FILES, "no picture 'no.png'"),
    Case(("redo", "dreamt.png", "--steps", "-1"), TYPED, "steps is -1"),
    Case(("redo", "dreamt.png", "--device", "banana"), TYPED, "no device is called 'banana'"),
    Case(("redo", "dreamt.png", "--model", "nope"), TYPED, "no model named 'nope'"),
    Case(("redo", "dreamt.png", "--model", "efficientnet_lite0"), TYPED, "no layer named 'fire"),
    Case(("redo", "dreamt.png", "--size", "2"), FILES, "can't work on a picture of"),
    Case(("redo", "dreamt.png", "-o", "new/", "--size", "2"), FILES, "can't work on a picture of"),
    Case(("redo", "dreamt.png", "-o", "dreamt.png", "-f"), FILES, "is a file that is read"),
    Case(("redo", "dreamt.png", "-o", "sky.png", "-f"), FILES, "is a file that is read"),
    Case(
        ("redo", "--noise", "5x5", "dreamt.png"), TYPED, "begins with a photo, or with noise of a"
    ),
    Case(("identify",), TYPED, "Missing argument 'PHOTO'; see `entoptic identify --help`"),
    Case(("layers", "a", "b", "c"), TYPED, "unexpected extra argument"),
    Case(("models", "a", "b"), TYPED, "unexpected extra argument"),
    Case(("completion",), TYPED, "Missing argument"),
    Case(("completion", "tcsh"), TYPED, "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    Case(("dream", "tiny.png"), FILES, "can't work on a picture of 1x1 .*try a larger one"),
    Case(("dream", "black.png", "--layer", "data"), TYPED, "no layer named 'data'"),
    Case(
        ("dream", "sky.png", "--jitter", "0", "--objective", "0 * energy('fire7')"), FILES, "zero"
    ),
]


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    picture(1).save(stream, kind)
    return stream.getvalue()


def png_of(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    """A PNG file that claims to be of some size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def float_tiff(value: float) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((36, 48), value, np.float32)).save(stream, "TIFF")
    return stream.getvalue()


_KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
_READ = "can't be read as"
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty \\(0 bytes\\); get the file again"),
    "text": (b"Dear picture,\n", "looks like a text"),
    "page": (b"<!DOCTYPE html><p>404", "looks like a web page"),
    "drawing": (b"<svg></svg>", "looks like an SVG drawing"),
    "archive": (b"PK\x03\x04" + bytes(50), "looks like a ZIP archive"),
    "gzip": (b"\x1f\x8b" + bytes(50), "looks like a gzip archive"),
    "document": (b"%PDF-1.7\n\x00", "looks like a PDF document"),
    "photoshop": (b"8BPS" + bytes(50), "looks like a Photoshop document"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(50), "can't be read as HEIC"),
    "avif": (b"\0\0\0\x18ftypavif" + bytes(50), "can't be read as AVIF"),
    "film": (b"\0\0\0\x18ftypisom" + bytes(50), "looks like a video"),
    "jxl": (b"\xff\x0a" + bytes(50), "can't be read as JPEG XL"),
    "bytes": (bytes(range(128, 256)), "is not a picture"),
    "zeros": (bytes(1000), "is not a picture"),
    "bomb": (png_of(100_000, 100_000), "megapixels, more than the limit of 100"),
    "deep bomb": (png_of(30_000, 30_000, depth=16), "megapixels, more than the limit of 100"),
    "no pixels": (png_of(0, 0), _READ),
    "no data": (png_of(48, 36), _READ),
    "odd depth": (png_of(48, 36, depth=7), _READ),
    "odd colours": (png_of(48, 36, color=5), _READ),
    "nan": (float_tiff(float("nan")), "must lie in 0 to 1"),
    "bright": (float_tiff(7.0), "has numbers from 7 to 7, but they must lie in 0 to 1"),
    **{f"start of a {kind}": (encoded(kind)[:20], _READ) for kind in _KINDS},
    **{
        f"half a {kind}": (encoded(kind)[: len(encoded(kind)) // 2], _READ)
        for kind in _KINDS
        if kind != "GIF"
    },
}

CASES = [*OPTIONS, *LAYERS, *EXPRESSIONS, *MODELS, *NOISE, *OUTPUTS, *USAGE]


@pytest.fixture(scope="module")
def pantry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good pictures, and others."""
    folder = tmp_path_factory.mktemp("pantry")
    picture(1).save(folder / "sky.png")
    picture(2).save(folder / "sea.png")
    picture(3, 1, 1).save(folder / "tiny.png")
    Image.new("RGB", (48, 36)).save(folder / "black.png")
    (folder / "text.png").write_text("no picture at all")
    (folder / "full").mkdir()
    assert entoptic("dream", "sky.png", "-o", "dreamt.png", *QUICK, folder=folder).code == 0
    assert entoptic("dream", "--noise", "36x48", "-o", "noise.png", *QUICK, folder=folder).code == 0
    for name, (data, _) in BROKEN.items():
        (folder / f"{name}.jpg").write_bytes(data)
    return folder


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {each: each.read_bytes() if each.is_file() else None for each in folder.rglob("*")}


@pytest.fixture(autouse=True)
def nothing_is_left(pantry: Path) -> Iterator[None]:
    """No file, no folder and no draft comes of a failure, and no file is changed."""
    before = contents(pantry)
    yield
    assert contents(pantry) == before


def assert_one_line(done: Outcome, code: int, message: str) -> None:
    assert done.out == ""
    assert re.fullmatch(r"Error: [^\n]{5,700}\n", done.err), done.err
    assert re.search(message, done.err), done.err
    assert done.code == code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_told_on_one_line(pantry: Path, case: Case) -> None:
    assert_one_line(entoptic(*case.arguments, folder=pantry), case.code, case.message)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:99", "mps"])
def test_a_device_that_is_not_here_is_told_on_one_line(pantry: Path, device: str) -> None:
    done = entoptic("dream", "sky.png", "--device", device, folder=pantry)
    assert_one_line(done, TYPED, f"no device '{device}' here .*; try --device auto")


@pytest.mark.parametrize(
    "arguments", [("dream",), ("identify",), ("dream", "sky.png", "--guide")], ids=" ".join
)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_on_one_line(
    pantry: Path, name: str, arguments: tuple[str, ...]
) -> None:
    done = entoptic(*arguments, f"{name}.jpg", folder=pantry)
    assert_one_line(done, FILES, BROKEN[name][1])


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_can_not_be_redone(pantry: Path, name: str) -> None:
    assert_one_line(entoptic("redo", f"{name}.jpg", folder=pantry), FILES, "Error: ")


def test_there_are_more_than_two_hundred_bad_inputs() -> None:
    assert len({case.arguments for case in CASES}) > 200
