"""Makes the pictures of docs/gallery/ and its page, section by section.

    python examples/gallery.py                  # all of it: some twenty minutes on two cores
    python examples/gallery.py canvases rules   # these sections alone

Each picture is made by a command or by a function, which stands below it on the page as it stands
here. `--steps` and `--size` are for a quick look; what is kept is made without them.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make_clouds
import torch
from torch import Tensor

import entoptic as ent
from entoptic.cli.main import outcome
from entoptic.images import read_job
from entoptic.objectives import vocabulary
from entoptic.recipes.visualize import Visualize
from entoptic.transforms import presets

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"

# Of JPEG: dreams are fine-grained, and the page is to be light.
QUALITY = 76


# --- what the functions below share ---


def visualized(model: ent.Model, units: Sequence[str], **settings: Any) -> Tensor:
    """The picture of each unit, (units, 3, size, size)."""
    return torch.cat(list(Visualize(model, units, **settings).plan().pictures()))


def optimized(
    model: ent.Model,
    objective: ent.Objective | str,
    canvas: ent.Canvas,
    steps: int,
    *,
    transforms: Sequence[ent.Transform] = ent.ROBUST,
    rules: Sequence[ent.GradientRule] = (ent.redirected_relu(),),
    rate: float = 0.05,
) -> ent.Canvas:
    """The canvas after optimisation."""
    objective = ent.parse(objective) if isinstance(objective, str) else objective
    for _ in ent.ascend(
        model,
        objective,
        canvas,
        transforms=transforms,
        optimizer=ent.adam(rate),
        rules=rules,
        steps=steps,
    ):
        pass
    return canvas


@torch.no_grad()
def shown(canvas: ent.Canvas) -> Tensor:
    """The middle picture of a canvas; where it is transparent, on a chequerboard."""
    planes = canvas.planes()
    planes = planes[len(planes) // 2 :][:1]
    if planes.shape[1] == 3:
        return planes
    rows, columns = (torch.arange(side) // 12 for side in planes.shape[-2:])
    board = 0.75 + 0.25 * ((rows[:, None] + columns) % 2)
    return torch.lerp(board.expand_as(planes[:, :3]), planes[:, :3], planes[:, 3:])


def landscape(size: int) -> Tensor:
    """The middle square of our landscape."""
    photo = ent.read("clouds.png").image
    height, width = ent.fit_short_side(photo.shape[-2], photo.shape[-1], size)
    return ent.center_crop(ent.resize(photo, height, width).clamp(0, 1), size, size)


# --- layers ---


def layers_of_squeezenet(size: int = 112, steps: int = 128) -> Tensor:
    """Four channels of each of eight layers, from early to late."""
    channels = {
        "fire2": (12, 35, 47, 127),
        "fire3": (24, 35, 47, 104),
        "fire4": (1, 24, 93, 140),
        "fire5": (70, 140, 232, 255),
        "fire6": (1, 140, 175, 244),
        "fire7": (70, 140, 209, 279),
        "fire8": (1, 94, 279, 418),
        "fire9": (94, 279, 326, 372),
    }
    units = [f"{layer}:{four[row]}" for row in range(4) for layer, four in channels.items()]
    pictures = visualized(ent.load("squeezenet1_1"), units, size=size, steps=steps)
    return ent.sheet(pictures, len(channels), labels=units)


def layers_of_efficientnet(size: int = 112, steps: int = 128) -> Tensor:
    """Four channels of each of seven blocks, from early to late."""
    channels = {
        "blocks.0": (2, 5, 10, 15),
        "blocks.1": (1, 9, 11, 21),
        "blocks.2": (1, 18, 29, 39),
        "blocks.3": (8, 22, 51, 65),
        "blocks.4": (11, 41, 61, 101),
        "blocks.5": (18, 87, 105, 122),
        "blocks.6": (30, 88, 117, 203),
    }
    units = [f"{layer}:{four[row]}" for row in range(4) for layer, four in channels.items()]
    pictures = visualized(ent.load("efficientnet_lite0"), units, size=size, steps=steps)
    return ent.sheet(pictures, len(channels), labels=units)


# --- classes ---


def classes(size: int = 160, steps: int = 192) -> Tensor:
    """Twelve classes: SqueezeNet above, EfficientNet below."""
    names = ["goldfish", "flamingo", "peacock", "monarch", "tabby", "dalmatian"]
    names += ["strawberry", "daisy", "volcano", "castle", "sports car", "violin"]
    units = [f"class:{name}" for name in names]
    pictures = [
        visualized(ent.load(network), units, size=size, steps=steps)
        for network in ("squeezenet1_1", "efficientnet_lite0")
    ]
    return ent.sheet(torch.cat(pictures), 6, labels=names * 2)


# --- canvases ---


def canvases(size: int = 176, steps: int = 160) -> Tensor:
    """The same class on each canvas."""
    photo = landscape(size)
    rows, columns = (torch.linspace(-1, 1, size) for _ in "yx")
    disc = ((1.2 - 2 * (rows[:, None] ** 2 + columns**2)) * 4).sigmoid()[None, None]
    goldfish, alone = "logit('goldfish')", "logit('goldfish') * (1 - opacity())"
    over = (ent.OverBackground(), *ent.ROBUST)
    ways = {
        "Fourier": (ent.Fourier(size, size), 0.05, goldfish, ent.ROBUST),
        "Natural": (ent.Natural(size, size), 0.05, goldfish, ent.ROBUST),
        "Pixels": (ent.Pixels.noise(size, size, seed=0), 0.02, goldfish, ent.ROBUST),
        "Laplacian": (ent.Laplacian(size, size), 0.05, goldfish, ent.ROBUST),
        "MaCo": (ent.MaCo(size, size, seed=0), 1.0, goldfish, ent.ROBUST),
        "CPPN": (ent.CPPN(size, size, seed=1), 0.005, goldfish, ent.ROBUST),
        "Shared": (ent.Shared(size, size, batch=2), 0.05, goldfish, ent.ROBUST),
        "Gray": (ent.Gray(ent.Fourier(size, size)), 0.05, goldfish, ent.ROBUST),
        "Transparent": (ent.Transparent(ent.Fourier(size, size)), 0.05, alone, over),
        "Masked": (ent.Masked(ent.Fourier.of(photo), disc, photo), 0.05, goldfish, ent.ROBUST),
        "Fourier.of(photo)": (ent.Fourier.of(photo), 0.02, goldfish, ent.ROBUST),
    }
    model = ent.load("squeezenet1_1")
    made = [
        shown(optimized(model, objective, canvas, steps, rate=rate, transforms=transforms))
        for canvas, rate, objective, transforms in ways.values()
    ]
    return ent.sheet(torch.cat(made), 6, labels=list(ways))


# --- seamless pictures ---


def seamless(size: int = 128, steps: int = 192) -> Tensor:
    """Two channels as textures, each tiled twice by twice; and one as a panorama, shown twice."""
    model = ent.load("squeezenet1_1")
    textures = visualized(model, ["fire4:24", "fire7:140"], size=size, steps=steps, seamless="both")
    (panorama,) = Visualize(
        model, ["fire8:1"], size=(size, 2 * size), steps=steps, seamless="columns"
    ).plan().pictures()  # fmt: skip
    tiled = torch.cat(list(textures.repeat(1, 1, 2, 2)), 2)[None]
    return torch.cat([tiled, panorama.repeat(1, 1, 1, 2)], 2)


# --- objectives ---

OBJECTIVES = {
    "energy": "energy('fire7')",
    "mean": "mean('fire6')",
    "total": "total('fire5')",
    "positive": "positive('fire8/squeeze1x1')",
    "channel": "channel('fire7', 140)",
    "channels": "channels('fire6', (1, 244))",
    "channel_weights": "channel_weights('fire8/squeeze1x1', SEEN)",
    "neuron": "neuron('fire7', 140)",
    "neuron_weights": "neuron_weights('fire8/squeeze1x1', SEEN)",
    "cell": "cell('fire7')",
    "direction": "direction('fire8/squeeze1x1', SEEN, 1)",
    "cosine": "cosine('fire8/squeeze1x1', SEEN)",
    "neuron_direction": "neuron_direction('fire8/squeeze1x1', SEEN, cosine_power=1)",
    "tensor_direction": "tensor_direction('fire8/squeeze1x1', PATCH, 1)",
    "angled_direction": "angled_direction('fire8/squeeze1x1', SEEN, WHITE, 1)",
    "angled_neuron_direction": (
        "angled_neuron_direction('fire8/squeeze1x1', SEEN, WHITE, cosine_power=1)"
    ),
    "logit": "logit('goldfish')",
    "log_odds": "log_odds('goldfish')",
    "logits": "logits(('flamingo', 'peacock'))",
    "match": "match('fire6', 'clouds.png')",
    "caricature": "caricature('fire4', 'clouds.png')",
    "inversion": "inversion('fire3', 'clouds.png')",
    "style": "style('fire3', 'clouds.png')",
    "input_diff": "channel('fire7', 140) - 800 * input_diff('clouds.png')",
    "total_variation": "channel('fire7', 140) - 1000 * total_variation('canvas')",
    "blurriness": "channel('fire7', 140) + 30000 * blurriness('canvas')",
    "boundary_complexity": "channel('fire7', 140) - 5000 * boundary_complexity('canvas', 40)",
    "l1": "channel('fire7', 140) - 0.008 * l1('canvas')",
    "l2": "channel('fire7', 140) - 1 * l2('canvas')",
    "linf": "channel('fire7', 140) - 2000 * linf('canvas')",
    "opacity": "neuron('fire7', 140) * (1 - opacity())",
    "alpha_blurriness": "neuron('fire7', 140) * (1 - opacity()) + 200000 * alpha_blurriness()",
    "channel_interpolate": "channel_interpolate('fire7', 140, 'fire7', 209)",
    "alignment": "channel_interpolate('fire7', 140, 'fire7', 209) + 0.05 * alignment('fire3')",
    "diversity": "channel('fire7', 140) + 50 * diversity('fire5')",
}
"""Each with an expression. `activations_of_landscape` says what SEEN, PATCH and WHITE are."""

TOGETHER = ("channel_interpolate", "alignment", "diversity")
TRANSPARENT = ("opacity", "alpha_blurriness")


def objectives(
    size: int = 156, steps: int = 128, words: Sequence[str] = tuple(OBJECTIVES)
) -> Tensor:
    """A picture for each objective."""
    model = ent.load("squeezenet1_1")
    numbers = activations_of_landscape(model, "fire8/squeeze1x1")
    made = []
    for word in words:
        objective = written_out(OBJECTIVES[word], numbers)
        canvas: ent.Canvas = ent.Fourier(size, size, batch=3 if word in TOGETHER else 1)
        transforms = ent.ROBUST
        if word in TRANSPARENT:
            canvas, transforms = ent.Transparent(canvas), (ent.OverBackground(), *ent.ROBUST)
        made.append(shown(optimized(model, objective, canvas, steps, transforms=transforms)))
    return ent.sheet(torch.cat(made), 5, labels=words)


def activations_of_landscape(model: ent.Model, layer: str) -> dict[str, Tensor]:
    """What the names in `OBJECTIVES` stand for."""
    address = model.resolve(layer)
    held = model.activations(landscape(224), [address])[address][0]
    every = held.flatten(1)
    mean_products = every @ every.T / every.shape[1]
    ridge = 0.01 * mean_products.trace() / len(held) * torch.eye(len(held))
    white = torch.linalg.inv(mean_products + ridge)
    return {"SEEN": held[:, 4, 6], "PATCH": held[:, 3:6, 5:8], "WHITE": white / white.abs().max()}


def written_out(expression: str, numbers: dict[str, Tensor]) -> str:
    """An expression with numbers in the place of names."""
    for name, values in numbers.items():
        rounded = [float(f"{each:.3g}") for each in values.flatten().tolist()]
        if name in expression:
            expression = expression.replace(name, nested(rounded, values.shape))
    return expression


def nested(numbers: Sequence[float], shape: Sequence[int]) -> str:
    """Numbers in brackets, row by row."""
    if len(shape) == 1:
        return f"({', '.join(map(str, numbers))})"
    size = len(numbers) // shape[0]
    rows = (nested(numbers[at : at + size], shape[1:]) for at in range(0, len(numbers), size))
    return f"({', '.join(rows)})"


# --- rules and transforms ---


def rules(size: int = 176, steps: int = 128) -> Tensor:
    """Above, a class under each rule; below, the gradient of a layer by our landscape."""
    ways = {
        "none": [],
        "redirected_relu": [ent.redirected_relu()],
        "guided": [ent.guided()],
        "smooth_max_pool": [ent.smooth_max_pool()],
        "normalized_layers": [ent.normalized_layers("fire5", "fire7")],
    }
    model = ent.load("squeezenet1_1")
    photo = landscape(size)
    classes = [
        shown(optimized(model, "logit('goldfish')", ent.Fourier(size, size), steps, rules=way))
        for way in ways.values()
    ]
    gradients = [
        ent.gradient_picture(ent.gradient(model, of="fire7", at=photo, rules=way), size, size)
        for way in ways.values()
    ]
    return ent.sheet(torch.cat(classes + gradients), 5, labels=list(ways) * 2)


def transforms(size: int = 144) -> Tensor:
    """Our landscape after each transform, at random."""
    ways: dict[str, ent.Transform] = {
        "Jitter": ent.Jitter(40),
        "Roll": ent.Roll(),
        "Translate": ent.Translate(32),
        "Rotate": ent.Rotate((20, 30)),
        "Scale": ent.Scale(0.6, 0.7),
        "Shear": ent.Shear((20, 30)),
        "Flip": ent.Flip(horizontal=1),
        "Pad": ent.Pad(24, "constant"),
        "Affine": ent.Affine((0.7, 0.9), angle_deg=20, shear_deg=10, shift=16),
        "Blur": ent.Blur(2, 3),
        "Noise": ent.Noise(0.15),
        "ColorShift": ent.ColorShift(sd=0.2, contrast=0.4),
        "Grayscale": ent.Grayscale(),
        "RandomCrops": ent.RandomCrops(1, side=(0.4, 0.1)),
        "OverBackground": ent.OverBackground(),
    }
    photo, rng = landscape(size), torch.Generator().manual_seed(2)
    # Half transparent to the right, which only OverBackground knows what to do with.
    alpha = torch.linspace(1, 0, size).expand(1, 1, size, size)
    looks = []
    for name, transform in ways.items():
        given = torch.cat([photo, alpha], 1) if name == "OverBackground" else photo
        looks.append(ent.resize(transform(given, rng), size, size).clamp(0, 1))
    return ent.sheet(torch.cat(looks), 5, labels=list(ways))


def sets_of_transforms(size: int = 160, steps: int = 96) -> Tensor:
    """Above, our landscape as each set shows it; below, a channel optimised under it."""
    model = ent.load("squeezenet1_1")
    photo, rng = landscape(size), torch.Generator().manual_seed(5)
    looks, channels = [], []
    for name in presets:
        look = photo
        for transform in presets[name]:
            look = transform(look, rng)[:1]
        looks.append(ent.resize(look, size, size).clamp(0, 1))
        channels.append(visualized(model, ["fire7:140"], size=size, steps=steps, transforms=name))
    return ent.sheet(torch.cat(looks + channels), len(presets), labels=list(presets) * 2)


# --- the page ---


@dataclass(frozen=True)
class Shot:
    """A picture of the page.

    Args:
        name: of the file, without its suffix.
        says: what there is to see.
        made_by: a command, or a function.
    """

    name: str
    says: str
    made_by: str | Callable[..., Tensor]


@dataclass(frozen=True)
class Section:
    """Pictures under a heading."""

    title: str
    shots: tuple[Shot, ...]


SECTIONS = {
    "layers": Section(
        "Layers, from early to late",
        (
            Shot(
                "layers-squeezenet1_1",
                "SqueezeNet 1.1. `fire2` and `fire3` respond to stripes, lattices and maze-like"
                " edges; `fire4` and `fire5` to scales, ropes and feathers; `fire6` and `fire7` to"
                " fur, curls and eyes; `fire8` and `fire9` to faces and parts of things.",
                layers_of_squeezenet,
            ),
            Shot(
                "layers-efficientnet_lite0",
                "EfficientNet-Lite0: reliefs, weaves, ropes and scales, then shells and stars, then"
                " eyes, muzzles and fur. Networks agree on the order, from edges by way of textures"
                " to parts of things, and on little else.",
                layers_of_efficientnet,
            ),
        ),
    ),
    "classes": Section(
        "Classes",
        (
            Shot(
                "classes",
                "Twelve classes of ImageNet, by SqueezeNet above, by EfficientNet below."
                " SqueezeNet puts parts together as they come, a bill here and an eye there;"
                " EfficientNet draws fewer and finer ones, among what surrounds such things:"
                " grass, reeds, water.",
                classes,
            ),
        ),
    ),
    "methods": Section(
        "Methods side by side",
        (
            Shot(
                "methods",
                "The same channels by each method. `natural` bounds the contrast, which grows in"
                " `entoptic`; `maco` keeps natural magnitudes and takes crops, so that features are"
                " small and in the middle; `cppn` draws smooth, large shapes and no fine ones"
                " (above, after few steps, nearly none); `pixels` stays grainy.",
                "entoptic compare fire4:24 fire6:140 fire7:140 fire8:1"
                " --method natural,entoptic,lucid,maco,cppn,pixels --size 144 --steps 64",
            ),
        ),
    ),
    "canvases": Section(
        "Canvases",
        (
            Shot(
                "canvases",
                "SqueezeNet's goldfish. `Gray` has no colours to change; `Transparent` (on a"
                " chequerboard) has only the pixels that matter; `Masked` keeps our landscape but"
                " in its middle; the last one began as our landscape.",
                canvases,
            ),
        ),
    ),
    "seamless": Section(
        "Textures that tile, and panoramas",
        (
            Shot(
                "seamless",
                "Above, two textures, each laid twice beside and twice below itself; below, a"
                " panorama that meets itself in the middle. On the command line"
                " `entoptic visualize fire4:24 --seamless both`.",
                seamless,
            ),
        ),
    ),
    "objectives": Section(
        "Objectives",
        (
            Shot(
                "objectives",
                "Each objective. From `match` to `input_diff` they"
                " compare with our landscape; from `total_variation` to `alpha_blurriness` a"
                " channel (`fire7:140`) has a penalty subtracted; the last three are about"
                " several pictures, of which the middle one is shown.",
                objectives,
            ),
        ),
    ),
    "rules": Section(
        "Gradient rules",
        (
            Shot(
                "rules",
                "Above, a class under each rule: `redirected_relu` changes nothing where nothing"
                " is dead, `guided` loses its way, `smooth_max_pool` draws larger shapes. Below,"
                " the gradient of a layer by our landscape: `guided` keeps the outlines of what"
                " the layer responds to.",
                rules,
            ),
        ),
    ),
    "transforms": Section(
        "Transforms",
        (
            Shot("transforms", "What each does to our landscape.", transforms),
            Shot(
                "sets-of-transforms",
                "Without any (`none`) grains of all colours are left. `maco` and `accentuate` take"
                " crops, so that features come out smaller; few crops reach the border.",
                sets_of_transforms,
            ),
        ),
    ),
    "looks": Section(
        "Looks of a dream",
        (
            Shot(
                "looks",
                "All looks of SqueezeNet, on our landscape.",
                "entoptic looks clouds.png --size 240",
            ),
            Shot(
                "looks-efficientnet_lite0",
                "Those of EfficientNet-Lite0.",
                "entoptic looks clouds.png -m efficientnet_lite0 --size 240",
            ),
            Shot(
                "sweep",
                "Two looks, each at three strengths.",
                "entoptic sweep clouds.png --look eyes,waves --strength 0.4,0.8,1.6 --size 240",
            ),
        ),
    ),
    "recipes": Section(
        "Recipes",
        (
            Shot(
                "dream",
                "A dream of our landscape.",
                "entoptic dream clouds.png --size 512",
            ),
            Shot(
                "caricature",
                "The landscape's activations at three layers, exaggerated.",
                "entoptic caricature clouds.png --layer fire3,fire5,fire7 --size 224 --steps 128",
            ),
            Shot(
                "invert",
                "Inversions of three layers: colours and fine detail go first, then positions.",
                "entoptic invert clouds.png --layer fire5,fire7,fire9 --size 224 --steps 192",
            ),
            Shot(
                "accentuate",
                "The landscape, changed a little towards three classes: what is there already"
                " becomes them.",
                "entoptic accentuate clouds.png \"logit('volcano')\" \"logit('castle')\""
                " \"logit('peacock')\" --size 256 --steps 100",
            ),
            Shot(
                "interpolate",
                "From scales to feathers.",
                "entoptic interpolate fire4:24 fire4:140 --size 160 --steps 128",
            ),
            Shot(
                "diversity",
                "Six pictures of one channel.",
                "entoptic diversity fire8:1 --size 160 --steps 128",
            ),
            Shot(
                "grid",
                "An activation grid.",
                "entoptic grid clouds.png --cells 10",
            ),
            Shot(
                "groups",
                "Neuron groups: where each is active, and its picture.",
                "entoptic groups clouds.png --groups 4 --size 192",
            ),
            Shot(
                "compare",
                "The same classes, by two networks.",
                "entoptic compare class:goldfish class:volcano class:castle"
                " -m squeezenet1_1,efficientnet_lite0 --size 176 --steps 160",
            ),
        ),
    ),
}

_OPENING = """# Gallery

Made by [`examples/gallery.py`](../../examples/gallery.py) with the two networks that come with
entoptic and with our own landscape (`python examples/make_clouds.py clouds.png`). Commands make PNG
files; here they are JPEGs. The functions are those of that file, which also has what they share.
"""


def page() -> str:
    """The page's text."""
    parts = [_OPENING]
    for name, section in SECTIONS.items():
        parts.append(f"## {section.title}\n")
        parts += [_told(shot) for shot in section.shots]
        if name == "objectives":
            parts.append(_table())
    return "\n".join(parts)


def _told(shot: Shot) -> str:
    """Return a picture with its caption and its command or function."""
    picture = f"![{shot.name}]({shot.name}.jpg)\n\n{shot.says}\n"
    if isinstance(shot.made_by, str):
        return f"{picture}\n```\n{shot.made_by}\n```\n"
    source = inspect.getsource(shot.made_by).rstrip()
    return (
        f"{picture}\n<details><summary><code>{shot.made_by.__name__}()</code></summary>\n\n"
        f"```python\n{source}\n```\n\n</details>\n"
    )


def _table() -> str:
    rows = [f"| `{word}` | `{expression}` |" for word, expression in OBJECTIVES.items()]
    names = (
        "`SEEN` are the activations at one position of our landscape, `PATCH` those"
        " around it, and `WHITE` the inverse of its channels' mean products over the landscape.\n"
    )
    return "\n".join([names, "| objective | expression |", "|---|---|", *rows, ""])


# --- making them ---


def made(shot: Shot, **changes: int) -> tuple[Tensor, str | None]:
    """A picture, and the job that it carries."""
    if isinstance(shot.made_by, str):
        words = shlex.split(shot.made_by)[1:]
        for name, value in changes.items():
            words = _with_option(words, f"--{name}", str(value))
        code = outcome([*words, "-o", f"{shot.name}.png", "--force", "--quiet"])
        if code != 0:
            raise SystemExit(code)
        return ent.read(f"{shot.name}.png").image, read_job(f"{shot.name}.png")
    takes = inspect.signature(shot.made_by).parameters
    return shot.made_by(**{name: value for name, value in changes.items() if name in takes}), None


def _with_option(words: list[str], option: str, value: str) -> list[str]:
    """A command with another value of an option, which may be there already."""
    if option in words:
        at = words.index(option)
        words = words[:at] + words[at + 2 :]
    return [*words, option, value]


@contextlib.contextmanager
def beside_our_landscape() -> Iterator[None]:
    """In a folder of its own that holds clouds.png."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_clouds.paint(768, 1024, seed=0).save("clouds.png")
        yield


def make(names: Sequence[str], folder: Path, **changes: int) -> None:
    """Make the pictures of some sections and the page, in a folder."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with beside_our_landscape():
        for shot in (shot for name in names for shot in SECTIONS[name].shots):
            picture, job = made(shot, **changes)
            ent.images.write(folder / f"{shot.name}.jpg", picture, job=job, quality=QUALITY)
            print(folder / f"{shot.name}.jpg", flush=True)
    (folder / "README.md").write_text(page(), "utf-8")


def main() -> None:
    assert OBJECTIVES.keys() == set(vocabulary), "every objective has an expression"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--folder", type=Path, default=GALLERY)
    parser.add_argument("--steps", type=int, help="of each picture, for a quick look")
    parser.add_argument("--size", type=int, help="of each picture, likewise")
    given = parser.parse_args()
    if unknown := set(given.sections) - SECTIONS.keys():
        parser.error(f"no section {min(unknown)!r}; there are {', '.join(SECTIONS)}")
    changes = {"steps": given.steps, "size": given.size}
    make(
        given.sections or list(SECTIONS),
        given.folder,
        **{name: value for name, value in changes.items() if value is not None},
    )


if __name__ == "__main__":
    main()
