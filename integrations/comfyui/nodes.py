"""The nodes: load a network, dream, visualize, dream the frames of a film, save with the job."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from PIL import Image as Pillow, PngImagePlugin
from torch import Tensor

from entoptic.errors import BadPicture, BadSetting, NotAllowed
from entoptic.images.embedding import KEYWORD, checked_job
from entoptic.images.picture import to_samples
from entoptic.images.writing import write_file
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.plan import Plan
from entoptic.jobs.recipe import Recipe
from entoptic.jobs.regions import masks_of as masks_at_size
from entoptic.jobs.stored import check_stored
from entoptic.networks import Model, load
from entoptic.networks.modes import usual_modes
from entoptic.recipes.dream import Dream
from entoptic.recipes.film import Film
from entoptic.recipes.visualize import Visualize

from . import host
from .images import image_of, images_of, mask_of, masks_of
from .widgets import values, widgets

NETWORK, JOBS, FRAME = "ENTOPTIC_NETWORK", "ENTOPTIC_JOBS", "ENTOPTIC_FRAME"
_CATEGORY = "entoptic"
_NO_FILE = "none"
# Files of networks that are one file, and by which source they are loaded.
_SOURCES = {".onnx": "onnx", ".pb": "tensorflow", ".pt2": "export"}

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _with_gradients(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a node have gradients: ComfyUI calls all nodes in inference mode."""

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with usual_modes(), torch.enable_grad():
            return function(*args, **kwargs)

    return called


class LoadNetwork:
    """Load a network by its name, or from a file in ComfyUI's input folder."""

    CATEGORY = _CATEGORY
    DESCRIPTION = __doc__
    FUNCTION = "load"
    RETURN_TYPES = (NETWORK,)
    RETURN_NAMES = ("network",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Return the inputs."""
        told = (
            "An embedded network, or timm:NAME or torchvision:NAME whose weights are on this "
            "machine already; `entoptic models` lists them."
        )
        file = "Instead, a file in ComfyUI's input folder: ONNX, torch.export, TensorFlow 1."
        return {
            "required": {"network": ("STRING", {"default": USUAL, "tooltip": told})},
            "optional": {"file": (_files(), {"default": _NO_FILE, "tooltip": file})},
        }

    @classmethod
    def IS_CHANGED(cls, network: str, file: str = _NO_FILE) -> str:
        """Return what differs where the network would be another one."""
        if file == _NO_FILE:
            return network
        facts = host.input_file(file).stat()
        return f"{file} {facts.st_mtime_ns} {facts.st_size}"

    @_with_gradients
    def load(self, network: str, file: str = _NO_FILE) -> tuple[Model]:
        """Load it.

        Raises:
            NotAllowed: it would read another file, run code or download something.
        """
        if file != _NO_FILE:
            path = host.input_file(file)
            if path.suffix.lower() not in _SOURCES:
                raise NotAllowed(f"{file!r} is none of {', '.join(_SOURCES)}")
            return (load(f"{_SOURCES[path.suffix.lower()]}:{path}"),)
        try:
            return (load(network.strip(), stored=True),)
        except NotAllowed as error:
            raise NotAllowed(
                f"a workflow alone doesn't load this: {error}; load it once with `entoptic "
                "layers NETWORK`, or put its file into ComfyUI's input folder"
            ) from None


def _files() -> list[str]:
    if host.module("folder_paths") is None:
        return [_NO_FILE]
    folder = host.input_folder()
    names = [each.name for each in folder.iterdir() if each.suffix.lower() in _SOURCES]
    return [_NO_FILE, *sorted(names)]


def _inputs(
    recipe: type[Recipe], wires: dict[str, Any], optional: dict[str, Any], *without: str
) -> dict[str, Any]:
    """Return a node's inputs: its wires, and a widget for each setting of its recipe.

    Settings are optional, so that workflows stay valid where later releases have more.
    """
    found = widgets(recipe, without)
    needed = {name: each for name, each in found.items() if name in ("units",)}
    rest = {name: each for name, each in found.items() if name not in needed}
    if "seed" in rest:
        rest["seed"][1]["control_after_generate"] = True
    return {"required": {"network": (NETWORK,)} | wires | needed, "optional": optional | rest}


def _planned(how: Recipe) -> Plan:
    """Check everything, and lay the work out; files are those of ComfyUI's input folder."""
    objective = getattr(how, "objective", None) or getattr(how, "units", ())
    check_stored(str(objective), how.kept(), {})
    return how.plan(host.InputFiles())


class DreamImages:
    """Dream images: gradient ascent on a layer, a channel or any objective, on several scales."""

    CATEGORY = _CATEGORY
    DESCRIPTION = __doc__
    FUNCTION = "dream"
    RETURN_TYPES = ("IMAGE", JOBS)
    RETURN_NAMES = ("images", "jobs")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Return the inputs."""
        mask = {"tooltip": "Dreamt with full strength where it is white; black stays as it is."}
        guide = {"tooltip": "Another picture, whose features are to appear."}
        wires = {"mask": ("MASK", mask), "guide": ("IMAGE", guide)}
        return _inputs(Dream, {"images": ("IMAGE",)}, wires)

    @_with_gradients
    def dream(
        self,
        network: Model,
        images: Tensor,
        mask: Tensor | None = None,
        guide: Tensor | None = None,
        **given: Any,
    ) -> tuple[Tensor, list[str]]:
        """Dream each image by itself; raises EntopticError before any work."""
        photos = images_of(images)
        how = values(Dream, given) | {"model": network, "device": host.device()}
        if guide is not None:
            how["guide"] = images_of(guide)[0]
        plans = [
            _planned(Dream(photo=photo, mask=one, **how))
            for photo, one in zip(photos, masks_of(mask, len(photos)), strict=True)
        ]
        bar = host.bar_of(plans)
        made = [plan.run(progress=False, callback=host.follower(plan, bar)) for plan in plans]
        bar.end()
        found = torch.cat([each.image for each in made])
        return image_of(found), [each.job.to_json() for each in made]


class VisualizeUnits:
    """Show the pictures that maximise units: channels, classes, or any expression of them."""

    CATEGORY = _CATEGORY
    DESCRIPTION = __doc__
    FUNCTION = "visualize"
    RETURN_TYPES = ("IMAGE", "MASK", JOBS)
    RETURN_NAMES = ("images", "mask", "jobs")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Return the inputs."""
        return _inputs(Visualize, {}, {})

    @_with_gradients
    def visualize(
        self, network: Model, units: str, **given: Any
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Make a picture for each unit; the mask is 1 where it is transparent."""
        how = values(Visualize, given | {"units": units})
        if not how.get("units"):
            raise BadSetting("nothing to visualize; name units, one a line, such as fire7:3")
        plan = _planned(Visualize(model=network, device=host.device(), **how))
        bar = host.bar_of([plan])
        result = plan.run(progress=False, callback=host.follower(plan, bar))
        bar.end()
        jobs = [result[number].job.to_json() for number in range(len(result))]
        return image_of(result.images), mask_of(result.alpha, result.images), jobs


# Of a film, what its frames alone have no use for.
_OF_A_FILE = ("film", "output", "size", "start", "end", "every", "codec", "silent", "preview")


@dataclass(frozen=True)
class LastFrame:
    """The last frame of a film that was dreamt, from which the next ones go on.

    Args:
        shot: that frame.
        state: what the next one needs of its dream.
    """

    shot: Any
    state: Any


class DreamFrames:
    """Dream the frames of a film: what was added to one moves with the film to the next."""

    CATEGORY = _CATEGORY
    DESCRIPTION = __doc__
    FUNCTION = "dream"
    RETURN_TYPES = ("IMAGE", FRAME)
    RETURN_NAMES = ("frames", "last frame")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Return the inputs."""
        mask = {"tooltip": "Of all frames or of each: dreamt where it is white."}
        guide = {"tooltip": "Another picture, whose features are to appear."}
        last = {"tooltip": "The last frame of the frames before; without it a film begins."}
        wires = {
            "mask": ("MASK", mask),
            "guide": ("IMAGE", guide),
            "last_frame": (FRAME, last),
        }
        return _inputs(Film, {"frames": ("IMAGE",)}, wires, *_OF_A_FILE)

    @_with_gradients
    def dream(
        self,
        network: Model,
        frames: Tensor,
        mask: Tensor | None = None,
        guide: Tensor | None = None,
        last_frame: LastFrame | None = None,
        **given: Any,
    ) -> tuple[Tensor, LastFrame]:
        """Dream one frame after the other; raises EntopticError before any work."""
        from entoptic.jobs.film_dreams import Dreamer, first_dream
        from entoptic.jobs.film_frames import seen
        from entoptic.jobs.film_parts import State
        from entoptic.video.motion import check_installed
        from entoptic.video.pixels import image_of as image_of_pixels

        check_installed()
        how = values(Film, given, _OF_A_FILE)
        if guide is not None:
            how["guide"] = images_of(guide)[0]
        film = Film(model=network, film="frames", device=host.device(), **how)
        check_stored(str(film.objective or ""), film.kept(), {})
        shots = _shots(film, images_of(frames), mask, last_frame)
        first = image_of_pixels(shots[0].frame.pixels)
        first_dream(film, network, first, host.NoFiles())
        dreamer = Dreamer(film, network)
        state = State() if last_frame is None else last_frame.state
        before = None if last_frame is None else last_frame.shot
        bar, made = host.Bar(len(shots)), []
        for each in seen(film, shots, before):
            host.stop_if_cancelled()
            ((pixels, state),) = dreamer.dreamt([(each, state)])
            made.append(image_of_pixels(pixels))
            bar.advance(1, functools.partial(Pillow.fromarray, pixels))
        bar.end()
        return image_of(torch.cat(made)), LastFrame(shots[-1], state)


def _shots(
    film: Film, frames: list[Tensor], mask: Tensor | None, last: LastFrame | None
) -> list[Any]:
    """Return frames as films have them, with where scenes begin."""
    from entoptic.jobs.film_frames import Shot
    from entoptic.video.cuts import is_cut, small
    from entoptic.video.pixels import pixels_of
    from entoptic.video.reading import Frame

    start = 0 if last is None else last.shot.frame.number + 1
    rate = Fraction(film.rate or 25)
    before = None if last is None else last.shot.frame.pixels
    found: list[Any] = []
    for place, (image, one) in enumerate(zip(frames, masks_of(mask, len(frames)), strict=True)):
        pixels = pixels_of(image)
        if before is not None and before.shape != pixels.shape:
            raise BadPicture(
                f"the frames are {pixels.shape[0]}x{pixels.shape[1]}, and the last frame before "
                f"them {before.shape[0]}x{before.shape[1]}; give frames of one size"
            )
        begins = before is None
        if before is not None and film.coherence:
            begins = is_cut(small(before), small(pixels))
        weight = None if one is None else _weight(one, *image.shape[-2:])
        at = Frame(start + place, (start + place) / rate, 1 / rate, pixels)
        found.append(Shot(at, weight, begins))
        before = pixels
    return found


def _weight(mask: Tensor, height: int, width: int) -> Tensor:
    """Return a mask as steps' factors, (1, 1, height, width); of some frames it may be black.

    Raises:
        BadPicture: it is of another shape.
    """
    if not mask.any():
        return torch.zeros(1, 1, height, width)
    found = masks_at_size(mask, (), height, width).mask
    assert found is not None
    return found.image[:, :1]


class SaveWithJob:
    """Save images as PNG files that carry entoptic's job beside ComfyUI's workflow."""

    CATEGORY = _CATEGORY
    DESCRIPTION = __doc__
    FUNCTION = "save"
    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Return the inputs."""
        return {
            "required": {
                "images": ("IMAGE",),
                "jobs": (JOBS,),
                "filename_prefix": ("STRING", {"default": "entoptic"}),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save(
        self,
        images: Tensor,
        jobs: list[str],
        filename_prefix: str = "entoptic",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Save each image; `entoptic redo FILE` makes it again.

        Raises:
            BadPicture: there isn't one job for each image.
        """
        pictures = images_of(images)
        if len(pictures) != len(jobs):
            raise BadPicture(
                f"there are {len(pictures)} images and {len(jobs)} jobs; connect both to the same "
                "node"
            )
        paths = host.module("folder_paths")
        height, width = pictures[0].shape[-2:]
        folder, stem, counter, subfolder, _ = paths.get_save_image_path(
            filename_prefix, paths.get_output_directory(), width, height
        )
        told = {"prompt": prompt, **(extra_pnginfo or {})}
        shown = []
        for number, (picture, job) in enumerate(zip(pictures, jobs, strict=True), counter):
            name = f"{stem}_{number:05}_.png"
            write_file(Path(folder) / name, functools.partial(_write, picture, job, told))
            shown.append({"filename": name, "subfolder": subfolder, "type": "output"})
        return {"ui": {"images": shown}}


def _write(picture: Tensor, job: str, told: dict[str, Any], stream: Any) -> None:
    """Write a PNG with texts, but where ComfyUI was told to write none."""
    texts = PngImagePlugin.PngInfo()
    arguments = host.module("comfy.cli_args")
    if arguments is None or not arguments.args.disable_metadata:
        for key, value in told.items():
            if value is not None:
                texts.add_text(key, json.dumps(value))
        texts.add_itxt(KEYWORD, checked_job(job))
    samples = to_samples(picture, None, np.uint8)
    Pillow.fromarray(samples).save(stream, "PNG", pnginfo=texts, compress_level=4)


NODE_CLASS_MAPPINGS = {
    "EntopticLoadNetwork": LoadNetwork,
    "EntopticDream": DreamImages,
    "EntopticVisualize": VisualizeUnits,
    "EntopticDreamFrames": DreamFrames,
    "EntopticSave": SaveWithJob,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "EntopticLoadNetwork": "Load Network (entoptic)",
    "EntopticDream": "Dream (entoptic)",
    "EntopticVisualize": "Visualize Units (entoptic)",
    "EntopticDreamFrames": "Dream Film Frames (entoptic)",
    "EntopticSave": "Save with Job (entoptic)",
}
