"""The functions of the recipes, made from their declarations by `make api`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from ..ascent.loop import Step
from ..ascent.optimizers import Norm, Rule
from ..ascent.shaping import ShapingLike
from ..canvas import Canvas
from ..images import PictureLike
from ..jobs.evaluation import Evaluation
from ..jobs.exemplars import FoundExemplars
from ..jobs.film_making import FilmMade
from ..jobs.job import Result
from ..jobs.keys import Keys
from ..jobs.plan import Plan
from ..jobs.recipe import Recipe
from ..jobs.regions import RegionLike
from ..layers import Layer
from ..networks import DeviceLike, ModelLike
from ..networks.gradient_rules.by_name import RulesLike
from ..objectives import Objective
from ..transforms import Transform
from ..types import PathLike
from ..video.pixels import Bits

def accentuate(
    model: ModelLike,
    photo: PictureLike,
    *units: str | Objective,
    weight: float | None = None,
    reference_layer: Layer | str | None = None,
    transparency: bool = False,
    size: int | tuple[int, int] | None = None,
    steps: int = 100,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Change a photo a little so that units respond to it.

    The unit's score is maximised together with the likeness to the photo at an early layer
    (`inversion`), which has a weight. The score is divided by the root mean square of its layer's
    activations for the photo. Several units make a contact sheet, with the photo first.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        units: Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or
            expressions of them.
        weight: Weight of the likeness to the photo: more is nearer to the photo. [default: by
            network; 15 with squeezenet1_1]
        reference_layer: Layer at which the likeness to the photo is measured. [default: by
            network; fire3 with squeezenet1_1]
        transparency: Make only the pixels opaque that mattered; for PNG, WebP and TIFF.
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: the photo's, at most 768]
        steps: Number of steps. [default: 100]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: gentle]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Hamblin et al., "Feature Accentuation: Revealing 'What' Features Respond to in Natural
    Images", 2024; there the two are weighed by the norms of their gradients.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 30, 40)
    >>> ent.accentuate(ent.load(), photo, "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])"""

def caricature_of(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    cosine_power: float = 1.0,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Exaggerate the activations of a photo.

    From noise, the picture is optimised so that at each position the activations go as far as
    possible in the direction of the photo's (the objective `caricature`). Several layers make a
    contact sheet, from early to late, with the photo first.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        layer: Layer whose activations are exaggerated, or several: L,L,L. [default: by network;
            fire6 with squeezenet1_1]
        cosine_power: Power of the cosine similarity: more is nearer to the photo, less is more
            exaggerated. [default: 1]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: the photo's, at most 768]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: natural]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: lucid's notebook "Feature Inversion Caricatures", Olah, 2018.

    >>> import entoptic as ent, torch
    >>> ent.caricature_of(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])"""

def compare(
    model: ModelLike | Sequence[ModelLike],
    *units: str | Objective,
    size: int | tuple[int, int] = 224,
    steps: int = 256,
    method: str | Sequence[str] | None = None,
    canvas: str | Sequence[str] | None = None,
    transforms: str | Sequence[str] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Compare units in several networks, or by several methods.

    Each unit makes a row, and each model, method, canvas or set of transforms a column. Give
    several values, with commas between them, to exactly one of these options.

    >>> import entoptic as ent
    >>> by = {"method": ["lucid", "maco"], "size": 48, "steps": 1}
    >>> ent.compare(ent.load(), "fire5:3", **by).image.shape
    torch.Size([1, 3, 88, 100])

    Args:
        model: Network; `entoptic models` lists them.
        units: Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or
            expressions of them.
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: by network; natural
            with squeezenet1_1]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def diversity_of(
    model: ModelLike,
    unit: str | Objective,
    *,
    pictures: int = 6,
    weight: float = 3.0,
    reference_layer: Layer | str | None = None,
    size: int | tuple[int, int] = 224,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Show different pictures that maximise one unit.

    A unit may respond to several kinds of features, and one picture shows one of them. A term
    (`diversity`) keeps the pictures different.

    Args:
        model: Network; `entoptic models` lists them.
        unit: Unit: a channel LAYER:CHANNEL, a class class:NAME, or an expression of them.
        pictures: Number of pictures, 2 to 64. [default: 6]
        weight: Weight of the difference between pictures; 0 leaves it to the random seed.
            [default: 3]
        reference_layer: Layer at which textures differ. [default: the unit's own, if it has
            positions]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: natural]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.diversity_of(ent.load(), "fire7:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 100, 152])"""

def dream(
    model: ModelLike,
    photo: PictureLike | None = None,
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | None = None,
    look: str | None = None,
    guide: PictureLike | None = None,
    mask: PictureLike | None = None,
    region: str | Sequence[RegionLike | str] = (),
    protect: str | None = None,
    noise: Sequence[int] | None = None,
    size: int | tuple[int, int] | None = None,
    octaves: int | None = None,
    octave_scale: float = 1.4,
    steps: int | None = None,
    strength: float = 1.0,
    step_size: float | None = None,
    norm: Norm = "mean_abs",
    smoothing: float | None = None,
    shaping: ShapingLike | None = None,
    headroom: float | None = None,
    detail: int | None = None,
    rules: RulesLike | None = None,
    jitter: int = 32,
    transforms: str | Transform | Sequence[Transform] | None = None,
    optimizer: str | Rule | None = None,
    match_histogram: bool = False,
    keep_colors: bool = False,
    mix: float = 0.0,
    tile: int | str = "auto",
    memory: int | str | None = None,
    batch: int | str = "auto",
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Dream a photo: maximise an objective at several sizes.

    Gradient ascent optimises the photo at several sizes, the octaves, from small to large; the
    detail found at one is enlarged and added to the photo at the next. Without a photo it begins as
    noise.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: by network; energy('fire7') +
            energy('fire8') with squeezenet1_1]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects.
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: natural]
        guide: Guide: another picture, whose features are to appear; also with --layer.
        mask: Mask: a picture of the photo's shape; steps have full strength where it is white,
            less where it is gray, and the photo stays where it is black.
        region: Region with an objective of its own, FILE=EXPR: EXPR is maximised where the mask
            FILE is white, the other objective elsewhere.
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on.
        noise: Begin with noise of this size instead of a photo.
        size: Size of the result in pixels: its long side, or HxW, for which the photo's middle
            is cut out. [default: the photo's]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: by
            network; 5 with squeezenet1_1]
        octave_scale: Ratio of one size to the one before. [default: 1.4]
        steps: Number of steps at each size. [default: by network; 12 with squeezenet1_1]
        strength: Factor for the step size: 0.5 is subtle, 2 wild. [default: 1]
        step_size: Mean change of a pixel in a step; 1 is from black to white. [default: by
            network; 1.3/255 with squeezenet1_1]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            mean_abs]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off. [default: by network; 1.5 with squeezenet1_1]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: by network; blur + decorrelate +
            spread with squeezenet1_1]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off. [default: 0.05]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: the picture's own]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: the exact gradient]
        jitter: Largest random shift before each step in pixels. [default: 32]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: the jitter]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: normalized
            steps]
        match_histogram: Give each color channel the photo's histogram in the end.
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
        mix: Share of the photo that is mixed in at the end. [default: 0]
        tile: Side of the tiles in which a large picture is processed, in pixels; auto is as
            large as fits into memory, off uses no tiles. [default: auto]
        memory: Memory limit, such as 4GiB. [default: half of what is free]
        batch: Number of photos of one size that are optimised together; auto takes what is
            faster. [default: auto]
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Mordvintsev, Olah, Tyka, "Inceptionism: Going Deeper into Neural Networks", Google
    Research, 2015, and their notebook "DeepDreaming with Caffe", whose settings are
    `look="original"`.

    >>> import entoptic as ent
    >>> ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1).image.shape
    torch.Size([1, 3, 60, 80])"""

def dream_photos(
    model: ModelLike,
    photos: Iterable[PictureLike],
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | None = None,
    look: str | None = None,
    guide: PictureLike | None = None,
    mask: PictureLike | None = None,
    region: str | Sequence[RegionLike | str] = (),
    protect: str | None = None,
    noise: Sequence[int] | None = None,
    size: int | tuple[int, int] | None = None,
    octaves: int | None = None,
    octave_scale: float = 1.4,
    steps: int | None = None,
    strength: float = 1.0,
    step_size: float | None = None,
    norm: Norm = "mean_abs",
    smoothing: float | None = None,
    shaping: ShapingLike | None = None,
    headroom: float | None = None,
    detail: int | None = None,
    rules: RulesLike | None = None,
    jitter: int = 32,
    transforms: str | Transform | Sequence[Transform] | None = None,
    optimizer: str | Rule | None = None,
    match_histogram: bool = False,
    keep_colors: bool = False,
    mix: float = 0.0,
    tile: int | str = "auto",
    memory: int | str | None = None,
    batch: int | str = "auto",
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
) -> Iterator[Result]:
    r"""Dream several photos; those of one size share each call of the network.

    Each is the dream that it would be alone with the same seed; see `dream`.

    Args:
        model: Network; `entoptic models` lists them.
        photos: Photos, each in any form that `dream` takes.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: by network; energy('fire7') +
            energy('fire8') with squeezenet1_1]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects.
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: natural]
        guide: Guide: another picture, whose features are to appear; also with --layer.
        mask: Mask: a picture of the photo's shape; steps have full strength where it is white,
            less where it is gray, and the photo stays where it is black.
        region: Region with an objective of its own, FILE=EXPR: EXPR is maximised where the mask
            FILE is white, the other objective elsewhere.
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on.
        noise: Begin with noise of this size instead of a photo.
        size: Size of the result in pixels: its long side, or HxW, for which the photo's middle
            is cut out. [default: the photo's]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: by
            network; 5 with squeezenet1_1]
        octave_scale: Ratio of one size to the one before. [default: 1.4]
        steps: Number of steps at each size. [default: by network; 12 with squeezenet1_1]
        strength: Factor for the step size: 0.5 is subtle, 2 wild. [default: 1]
        step_size: Mean change of a pixel in a step; 1 is from black to white. [default: by
            network; 1.3/255 with squeezenet1_1]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            mean_abs]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off. [default: by network; 1.5 with squeezenet1_1]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: by network; blur + decorrelate +
            spread with squeezenet1_1]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off. [default: 0.05]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: the picture's own]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: the exact gradient]
        jitter: Largest random shift before each step in pixels. [default: 32]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: the jitter]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: normalized
            steps]
        match_histogram: Give each color channel the photo's histogram in the end.
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
        mix: Share of the photo that is mixed in at the end. [default: 0]
        tile: Side of the tiles in which a large picture is processed, in pixels; auto is as
            large as fits into memory, off uses no tiles. [default: auto]
        memory: Memory limit, such as 4GiB. [default: half of what is free]
        batch: Number of photos of one size that are optimised together; auto takes what is
            faster. [default: auto]
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The results in the order of the photos, each as soon as it is there.

    Raises:
        EntopticError: all photos are checked before the first is dreamt."""

def evaluate(
    model: ModelLike,
    *units: str | Objective,
    judges: Sequence[ModelLike] | None = None,
    photos: Sequence[PictureLike] = (),
    seeds: int = 1,
    size: int | tuple[int, int] = 224,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
) -> Evaluation:
    r"""Measure how well pictures show units.

    Make the pictures as `visualize` does, and measure their scores, the share of photographs that
    score less, whether other networks recognise the class, the diversity of pictures of different
    seeds, seconds, and memory.

    >>> import entoptic as ent
    >>> found = ent.evaluate(ent.load(), "fire5:3", size=48, steps=1)
    >>> found.rows[0].unit, found.rows[0].percentile
    ('fire5:3', None)

    Args:
        model: Network; `entoptic models` lists them.
        units: Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or
            expressions of them.
        judges: Other classifiers, which are asked whether they recognise the class. [default:
            the other embedded networks]
        photos: Photographs to compare scores with: files and folders.
        seeds: Number of pictures of each unit, each from another random seed. [default: 1]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: by network; natural
            with squeezenet1_1]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The figures, with the pictures as sheets, one for each seed.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def exemplars(
    model: ModelLike,
    *units: str | Objective,
    photos: Sequence[PictureLike],
    count: int = 9,
    least: bool = False,
    spread: bool = False,
    by: str = "max",
    whole: bool = False,
    record: PathLike | None = None,
    device: DeviceLike = "auto",
) -> FoundExemplars:
    r"""Find the photographs that excite units most.

    The network runs once over all photographs, for all units together. Each is shown to it at the
    network's own size, the middle cut out; a channel's value is its largest activation over all
    positions. The result is a contact sheet with a section for each unit: of each photograph the
    receptive field of the strongest position, with the value. Files that can't be read are named,
    and passed over. In PHOTOS, folders count with the folders inside them.

    >>> import entoptic as ent, torch
    >>> photos = [torch.full((1, 3, 60, 80), level) for level in (0.1, 0.5, 0.9)]
    >>> found = ent.exemplars(ent.load(), "conv1:0", photos=photos, count=2)
    >>> len(found.units[0].exemplars), found.sheet().shape
    (2, torch.Size([1, 3, 168, 260]))

    Args:
        model: Network; `entoptic models` lists them.
        units: Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or
            expressions of them.
        photos: Photographs: files and folders.
        count: Number of photographs for each unit. [default: 9]
        least: Those that excite it least, shown whole.
        spread: Those spread evenly over all, from most to least.
        by: Value of a channel in a photograph: its max over all positions, or their mean.
            [default: max]
        whole: Show whole photographs as the network is shown them, the receptive field
            outlined.
        record: Record (.npz) to keep: the same command, run again, continues, and photographs
            that it holds aren't looked at again.
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The photographs of each unit, with values, positions and hashes.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def film(
    model: ModelLike,
    film: PathLike,
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | Keys | None = None,
    look: str | None = None,
    guide: PictureLike | None = None,
    region: str | Sequence[RegionLike | str] = (),
    protect: str | None = None,
    size: int | tuple[int, int] | None = None,
    octaves: int | None = None,
    octave_scale: float = 1.4,
    steps: int | None = None,
    strength: float | str | Keys = 1.0,
    step_size: float | str | Keys | None = None,
    norm: Norm = "mean_abs",
    smoothing: float | str | Keys | None = None,
    shaping: ShapingLike | None = None,
    headroom: float | str | Keys | None = None,
    detail: int | None = None,
    rules: RulesLike | None = None,
    jitter: int = 32,
    transforms: str | Transform | Sequence[Transform] | None = None,
    optimizer: str | Rule | None = None,
    match_histogram: bool = False,
    keep_colors: bool = False,
    mix: float | str | Keys = 0.0,
    output: PathLike | None = None,
    start: float = 0.0,
    end: float | None = None,
    every: int = 1,
    rate: Fraction | float | str | None = None,
    codec: str | None = None,
    bits: Bits | None = None,
    silent: bool = False,
    preview: bool = False,
    mask: PathLike | None = None,
    coherence: float = 0.75,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
) -> FilmMade:
    r"""Dream a film without flicker.

    The optical flow between two frames carries what was added to one, its detail, to the next; the
    steps then change it a little, and fully where something new is seen. Nothing is carried over a
    cut. The brightness of each frame is the source's; its sound is copied. Finished parts are kept
    beside OUT while it is made, so that the same command continues after any interruption.

    Args:
        model: Network; `entoptic models` lists them.
        film: Film: a video, a GIF, or a folder of pictures.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: by network; energy('fire7') +
            energy('fire8') with squeezenet1_1]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects; over
            time as 0s:A,4s:B.
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: natural]
        guide: Guide: another picture, whose features are to appear; also with --layer.
        region: Region with an objective of its own, FILE=EXPR: EXPR is maximised where the mask
            FILE is white, the other objective elsewhere.
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on.
        size: Size of the result in pixels: its long side, or HxW, for which the photo's middle
            is cut out. [default: the film's]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: by
            network; 5 with squeezenet1_1]
        octave_scale: Ratio of one size to the one before. [default: 1.4]
        steps: Number of steps at each size. [default: by network; 12 with squeezenet1_1]
        strength: Factor for the step size: 0.5 is subtle, 2 wild; over time as 0s:A,4s:B.
            [default: 1]
        step_size: Mean change of a pixel in a step; 1 is from black to white; over time as
            0s:A,4s:B. [default: by network; 1.3/255 with squeezenet1_1]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            mean_abs]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off; over time as 0s:A,4s:B. [default: by network; 1.5 with squeezenet1_1]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: by network; blur + decorrelate +
            spread with squeezenet1_1]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off; over time as 0s:A,4s:B. [default: 0.05]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: the picture's own]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: the exact gradient]
        jitter: Largest random shift before each step in pixels. [default: 32]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: the jitter]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: normalized
            steps]
        match_histogram: Give each color channel the photo's histogram in the end.
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
        mix: Share of the photo that is mixed in at the end; over time as 0s:A,4s:B. [default:
            0]
        output: Film that is made: .mp4, .mov, .mkv, .webm, .gif, .webp, .apng; without an
            ending a folder of pictures. [default: FILM-dream.mp4]
        start: First second of the film that is dreamt. [default: 0]
        end: Last second of the film that is dreamt. [default: its end]
        every: Number of frames of which one is kept. [default: 1]
        rate: Frames per second of a folder of pictures. [default: 25]
        codec: Codec: h264, hevc, vp9, prores. [default: the format's usual one]
        bits: Bits per channel of a folder of pictures, and of .apng: 8, 16. [default: 8]
        silent: Leave the sound out.
        preview: Small and short: 256 pixels, the first 3 seconds.
        mask: Mask, a picture or a film: steps have full strength where it is white, and the
            film stays where it is black.
        coherence: Coherence: at 0 each frame is dreamt by itself and flickers, at 1 what was
            added moves with the film and changes only where something new is seen. [default:
            0.75]
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The film: its file, its frames, the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: samim, "DeepDreamAnim", 2015, for the flow; Ruder, Dosovitskiy, Brox, "Artistic Style
    Transfer for Videos", 2016, for what is covered."""

def filters(
    model: ModelLike,
    *,
    layer: Layer | str | None = None,
    size: int = 64,
    device: DeviceLike = "auto",
) -> Result:
    r"""Show the kernels of a first layer as pictures.

    A kernel that is fed the picture is itself a picture: each is shown with a scale of its own, 0
    as middle gray, the largest weight as black or as full color.

    >>> import entoptic as ent
    >>> ent.filters(ent.load(), size=30).image.shape
    torch.Size([1, 3, 448, 268])

    Args:
        model: Network; `entoptic models` lists them.
        layer: Convolution that is fed the picture. [default: the first one]
        size: Side of each kernel's picture in pixels, about. [default: 64]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def grid(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | None = None,
    cells: int = 8,
    weighted: bool = False,
    plain: bool = False,
    size: int | tuple[int, int] = 64,
    steps: int = 80,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = 32,
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Draw the activation grid of a photo.

    The result is a mosaic of small pictures, one for each position of a layer: it maximises the
    direction of the activation vector there. `size` is the side of each small picture.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        layer: Layer whose activations are shown. [default: by network; fire8 with
            squeezenet1_1]
        cells: Number of pictures along the long side, at most as many as the layer has
            positions. [default: 8]
        weighted: Fade a picture to grey where the layer's activations are small.
        plain: Don't whiten directions: what all positions have in common counts, too.
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 64]
        steps: Number of steps. [default: 80]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: gentle]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: 32]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.grid(ent.load(), photo, cells=4, size=32, layer="fire3", steps=1).image.shape
    torch.Size([1, 3, 96, 128])"""

def groups(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | None = None,
    groups: int = 6,
    size: int | tuple[int, int] = 224,
    steps: int = 96,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Show the groups of channels that explain a photo.

    Non-negative matrix factorization finds groups of channels that are active together, so that the
    activations at each position are nearly a sum of groups; activations below 0 are ignored. For
    the pictures the groups are whitened, as in a grid. The result is a contact sheet: above, maps
    of all groups in colors over the photo, and of each group alone with its share; below, the photo
    and the picture that maximises each group. `size` is the long side of each picture.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        layer: Layer whose activations are grouped. [default: by network; fire8 with
            squeezenet1_1]
        groups: Number of groups. [default: 6]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 96]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: gentle]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.groups(ent.load(), photo, groups=2, layer="fire3", size=80, steps=1).image.shape
    torch.Size([1, 3, 164, 248])"""

def grow(
    recipe: Recipe | Plan,
    *,
    output: PathLike | None = None,
    seconds: float = 8.0,
    hold_first: float = 0.5,
    hold_last: float = 2.0,
    easing: str = "smooth",
    rate: Fraction | float | str | None = None,
    codec: str | None = None,
    bits: Bits | None = None,
) -> FilmMade:
    r"""Show how a picture is optimised, as a film.

    The film goes through the steps of any recipe that optimises: a dream grows out of its photo, a
    unit out of noise. Between two steps it fades from one to the next. Of an interpolation it goes
    through the finished pictures, from the first unit to the second.

    >>> import entoptic as ent, tempfile
    >>> unit = ent.Visualize(ent.load(), "fire5:3", size=48, steps=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ent.grow(unit, output=f"{folder}/unit.apng", seconds=0.2, hold_last=0).frames
    17

    Args:
        recipe: Recipe of the picture: Dream(model, photo), Visualize(model, units),
            Interpolate(model, unit, unit), ...; or its plan.
        output: Film that is made: .mp4, .mov, .mkv, .webm, .gif, .webp, .apng; without an
            ending a folder of pictures. [default: NAME-grow.mp4, named for the photo or unit]
        seconds: Seconds in which the picture grows. [default: 8]
        hold_first: Seconds for which the first frame is held. [default: 0.5]
        hold_last: Seconds for which the last frame is held. [default: 2]
        easing: Easing: smooth (slow at both ends), linear, in (slow at the start), out (slow at
            the end). [default: smooth]
        rate: Frames per second. [default: 25]
        codec: Codec: h264, hevc, vp9, prores. [default: the format's usual one]
        bits: Bits per channel of a folder of pictures, and of .apng: 8, 16. [default: 8]

    Returns:
        The film: its file, its frames, the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def interpolate(
    model: ModelLike,
    first: str | Objective,
    second: str | Objective,
    *,
    pictures: int = 5,
    weight: float = 0.1,
    reference_layer: Layer | str | None = None,
    size: int | tuple[int, int] = 224,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Show a row of pictures from one unit to another.

    Of n pictures, picture i maximises (1 - w) times the first unit plus w times the second, with
    w = i / (n - 1). A term (`alignment`) keeps the activations of neighbors alike at a layer.

    Args:
        model: Network; `entoptic models` lists them.
        first: Unit: a channel LAYER:CHANNEL, a class class:NAME, or an expression of them.
        second: Unit: a channel LAYER:CHANNEL, a class class:NAME, or an expression of them.
        pictures: Number of pictures, 2 to 64. [default: 5]
        weight: Weight of the likeness of neighbors (`alignment`). [default: 0.1]
        reference_layer: Layer whose activations are aligned. [default: by network; fire5 with
            squeezenet1_1]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: gentle]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: natural]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill, 2018.

    >>> import entoptic as ent
    >>> ent.interpolate(ent.load(), "fire7:3", "fire7:5", size=48, steps=1).image.shape
    torch.Size([1, 3, 68, 256])"""

def invert(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | Sequence[Layer | str] | None = None,
    smoothness: float = 0.5,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Invert a layer: make a picture with a photo's activations.

    It shows which information the layer keeps; the rest is noise, which depends on the random seed.
    Several layers make a contact sheet, from early to late, with the photo first.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        layer: Layer whose activations are inverted, or several: L,L,L. [default: by network;
            fire5 with squeezenet1_1]
        smoothness: Weight of the picture's total variation, which is subtracted. [default: 0.5]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: the photo's, at most 768]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: gentle]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015.

    >>> import entoptic as ent, torch
    >>> ent.invert(ent.load(), torch.rand(1, 3, 30, 40), size=48, steps=1).image.shape
    torch.Size([1, 3, 36, 48])"""

def looks(
    model: ModelLike,
    photo: PictureLike,
    *,
    objective: Objective | str | Sequence[Any] | None = None,
    layer: Layer | str | Sequence[Any] | None = None,
    look: str | Sequence[str] | None = None,
    protect: str | Sequence[Any] | None = None,
    octaves: int | Sequence[Any] | None = None,
    octave_scale: float | Sequence[Any] | None = None,
    steps: int | Sequence[Any] | None = None,
    strength: float | Sequence[Any] | None = None,
    step_size: float | Sequence[Any] | None = None,
    norm: Norm | Sequence[Any] | None = None,
    smoothing: float | Sequence[Any] | None = None,
    shaping: ShapingLike | Sequence[Any] | None = None,
    headroom: float | Sequence[Any] | None = None,
    detail: int | Sequence[Any] | None = None,
    rules: RulesLike | Sequence[Any] | None = None,
    jitter: int | Sequence[Any] | None = None,
    transforms: str | Transform | Sequence[Transform] | Sequence[Any] | None = None,
    optimizer: str | Rule | Sequence[Any] | None = None,
    match_histogram: bool | Sequence[Any] | None = None,
    keep_colors: bool | Sequence[Any] | None = None,
    mix: float | Sequence[Any] | None = None,
    size: int | tuple[int, int] = 320,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Show a photo in all looks of a network.

    Below each is the option that makes it. Other settings hold for all of them.

    >>> import entoptic as ent
    >>> photo = ent.Pixels.noise(40, 60, seed=0)()
    >>> ent.looks(ent.load(), photo, look=["eyes", "fur"], size=48).labels
    ('--look eyes', '--look fur')

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: that of a dream]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects.
            [default: that of a dream]
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: all of the network]
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on. [default: that of a dream]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: that
            of a dream]
        octave_scale: Ratio of one size to the one before. [default: that of a dream]
        steps: Number of steps at each size. [default: that of a dream]
        strength: Factor for the step size: 0.5 is subtle, 2 wild. [default: that of a dream]
        step_size: Mean change of a pixel in a step; 1 is from black to white. [default: that of
            a dream]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            that of a dream]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off. [default: that of a dream]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: that of a dream]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off. [default: that of a dream]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: that of a dream]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: that of a dream]
        jitter: Largest random shift before each step in pixels. [default: that of a dream]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: that of a dream]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: that of a
            dream]
        match_histogram: Give each color channel the photo's histogram in the end. [default:
            that of a dream]
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
            [default: that of a dream]
        mix: Share of the photo that is mixed in at the end. [default: that of a dream]
        size: Size of each picture in pixels: its long side, or HxW. [default: 320]
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def maps(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | None = None,
    unit: int | None = None,
    scale: str = "each",
    size: int | None = None,
    device: DeviceLike = "auto",
) -> Result:
    r"""Show all feature maps of a layer on a photo.

    The result is a contact sheet with a map for each channel: black is 0, white the scale's largest
    activation. Where a layer has negative activations, they are blue and positive ones orange. With
    `unit` one map is shown large over the photo. The photo is shown to the network with its long
    side at the network's own size.

    >>> import entoptic as ent, torch
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.maps(ent.load(), photo, layer="fire2", size=32).image.shape
    torch.Size([1, 3, 640, 356])

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        layer: Layer whose feature maps are shown. [default: a middle layer]
        unit: Channel that is shown large over the photo.
        scale: Scale of the brightness: each, up to a map's own largest activation, which is
            told below it; shared, one for all maps. [default: each]
        size: Long side of each map in pixels, about. [default: 96, or 480 for one unit]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def sweep(
    model: ModelLike,
    photo: PictureLike,
    *,
    objective: Objective | str | Sequence[Any] | None = None,
    layer: Layer | str | Sequence[Any] | None = None,
    look: str | Sequence[Any] | None = None,
    protect: str | Sequence[Any] | None = None,
    octaves: int | Sequence[Any] | None = None,
    octave_scale: float | Sequence[Any] | None = None,
    steps: int | Sequence[Any] | None = None,
    strength: float | Sequence[Any] | None = None,
    step_size: float | Sequence[Any] | None = None,
    norm: Norm | Sequence[Any] | None = None,
    smoothing: float | Sequence[Any] | None = None,
    shaping: ShapingLike | Sequence[Any] | None = None,
    headroom: float | Sequence[Any] | None = None,
    detail: int | Sequence[Any] | None = None,
    rules: RulesLike | Sequence[Any] | None = None,
    jitter: int | Sequence[Any] | None = None,
    transforms: str | Transform | Sequence[Transform] | Sequence[Any] | None = None,
    optimizer: str | Rule | Sequence[Any] | None = None,
    match_histogram: bool | Sequence[Any] | None = None,
    keep_colors: bool | Sequence[Any] | None = None,
    mix: float | Sequence[Any] | None = None,
    size: int | tuple[int, int] = 320,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Dream a photo with several values of any settings.

    The dreams are shown side by side. Each setting takes one value, or several with commas between
    them (in Python a list): all combinations are dreamt. With `-o FOLDER/` each picture is a file
    of its own, with the job that makes it alone.

    >>> import entoptic as ent
    >>> photo = ent.Pixels.noise(40, 60, seed=0)()
    >>> swept = ent.sweep(ent.load(), photo, strength=[0.5, 1], steps=1, octaves=1, size=60)
    >>> swept.labels
    ('--strength 0.5', '--strength 1')

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: that of a dream]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects.
            [default: that of a dream]
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: that of a dream]
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on. [default: that of a dream]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: that
            of a dream]
        octave_scale: Ratio of one size to the one before. [default: that of a dream]
        steps: Number of steps at each size. [default: that of a dream]
        strength: Factor for the step size: 0.5 is subtle, 2 wild. [default: that of a dream]
        step_size: Mean change of a pixel in a step; 1 is from black to white. [default: that of
            a dream]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            that of a dream]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off. [default: that of a dream]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: that of a dream]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off. [default: that of a dream]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: that of a dream]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: that of a dream]
        jitter: Largest random shift before each step in pixels. [default: that of a dream]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: that of a dream]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: that of a
            dream]
        match_histogram: Give each color channel the photo's histogram in the end. [default:
            that of a dream]
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
            [default: that of a dream]
        mix: Share of the photo that is mixed in at the end. [default: that of a dream]
        size: Size of each picture in pixels: its long side, or HxW. [default: 320]
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work."""

def visualize(
    model: ModelLike,
    *units: str | Objective,
    seamless: str = "off",
    size: int | tuple[int, int] = 224,
    steps: int = 256,
    method: str | None = None,
    canvas: str | type[Canvas] | None = None,
    transforms: str | Transform | Sequence[Transform] | None = None,
    learning_rate: float | None = None,
    batch: int | str = "auto",
    spectrum: PathLike | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
    callback: Callable[[Step], object] | None = None,
    progress: bool | None = None,
    show: bool = False,
) -> Result:
    r"""Show the pictures that maximise units.

    A unit is a channel, LAYER:CHANNEL; a range of channels, LAYER:3-9; a class, class:NAME; or an
    expression. Several units make a contact sheet of pictures with their names.

    Args:
        model: Network; `entoptic models` lists them.
        units: Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or
            expressions of them.
        seamless: Make pictures whose edges meet: off, both (for tiles), columns (left and
            right, for panoramas). [default: off]
        size: Size of each picture in pixels: its side (of a photo its long side), or HxW.
            [default: 224]
        steps: Number of steps. [default: 256]
        method: Method: canvas, transforms and learning rate by one name: natural, natural_wide,
            entoptic, strong, gentle, lucid, maco, cppn, pixels. [default: by network; natural
            with squeezenet1_1]
        canvas: Canvas, the parameterisation of the picture: natural, fourier, pixels,
            laplacian, maco, cppn, shared, alpha (with transparency). [default: the method's]
        transforms: Random transforms before each step: robust, wide, strong, gentle, lucid,
            maco, accentuate, none; or an expression: "gentle + jitter(8)". [default: the
            method's]
        learning_rate: Learning rate of the method's optimizer. [default: the method's]
        batch: Number of pictures that are optimised together; auto takes as many as memory has
            room for. [default: auto]
        spectrum: Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]
        callback: Function that is given each step.
        progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also
            ends the work with the picture as it is.
        show: Draw the picture as it grows; in a notebook only.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.visualize(ent.load(), "fire5:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 48, 48])"""

def zoom(
    model: ModelLike,
    photo: PictureLike,
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | Keys | None = None,
    look: str | None = None,
    guide: PictureLike | None = None,
    region: str | Sequence[RegionLike | str] = (),
    protect: str | None = None,
    size: int | tuple[int, int] | None = None,
    octaves: int | None = None,
    octave_scale: float = 1.4,
    steps: int | None = 4,
    strength: float | str | Keys = 0.5,
    step_size: float | str | Keys | None = None,
    norm: Norm = "mean_abs",
    smoothing: float | str | Keys | None = None,
    shaping: ShapingLike | None = None,
    headroom: float | str | Keys | None = None,
    detail: int | None = None,
    rules: RulesLike | None = None,
    jitter: int = 32,
    transforms: str | Transform | Sequence[Transform] | None = None,
    optimizer: str | Rule | None = None,
    match_histogram: bool = False,
    keep_colors: bool = False,
    mix: float | str | Keys = 0.0,
    output: PathLike | None = None,
    seconds: float = 10.0,
    rate: Fraction | float | str | None = None,
    codec: str | None = None,
    bits: Bits | None = None,
    zoom: float | str | Keys = 1.6,
    turn: float | str | Keys = 0.0,
    down: float | str | Keys = 0.0,
    across: float | str | Keys = 0.0,
    center: str | tuple[float, float] = (0.5, 0.5),
    loop: bool = False,
    seed: int = 0,
    precision: str = "fp32",
    device: DeviceLike = "auto",
) -> FilmMade:
    r"""Zoom into a dream without end.

    Each frame is the one before, enlarged and turned a little, and dreamt again. Mean and contrast
    of each color stay those of the first frame, so that nothing fades or burns out.

    Args:
        model: Network; `entoptic models` lists them.
        photo: Photo: a picture file.
        objective: Objective to maximise, an expression: fire7:3 (a channel), class:goldfish,
            "energy('fire5') - 2 * total_variation()". [default: by network; energy('fire7') +
            energy('fire8') with squeezenet1_1]
        layer: Instead, a layer whose energy, the mean square of its activations, is maximised;
            `entoptic layers` lists them. Early layers draw textures, late ones objects; over
            time as 0s:A,4s:B.
        look: Look, a name for layer, strength and shaping, such as eyes, fur, waves, original
            (the first DeepDream's); `entoptic looks` shows all of a network on a photo.
            [default: natural]
        guide: Guide: another picture, whose features are to appear; also with --layer.
        region: Region with an objective of its own, FILE=EXPR: EXPR is maximised where the mask
            FILE is white, the other objective elsewhere.
        protect: Pixels to protect: saliency, those that draw the eye; gradient, those that the
            most probable class depends on.
        size: Size of the result in pixels: its long side, or HxW, for which the photo's middle
            is cut out. [default: the photo's]
        octaves: Number of sizes, from small to large; more give larger shapes. [default: by
            network; 5 with squeezenet1_1]
        octave_scale: Ratio of one size to the one before. [default: 1.4]
        steps: Number of steps at each size. [default: 4]
        strength: Factor for the step size: 0.5 is subtle, 2 wild; over time as 0s:A,4s:B.
            [default: 0.5]
        step_size: Mean change of a pixel in a step; 1 is from black to white; over time as
            0s:A,4s:B. [default: by network; 1.3/255 with squeezenet1_1]
        norm: Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none. [default:
            mean_abs]
        smoothing: Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0
            is off; over time as 0s:A,4s:B. [default: by network; 1.5 with squeezenet1_1]
        shaping: Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread
            (fills the frame), laplacian (all sizes of features alike), luminance, chroma(0.5);
            joined by +: "blur + decorrelate"; none. [default: by network; blur + decorrelate +
            spread with squeezenet1_1]
        headroom: Headroom before black and white, in which steps get shorter so that no pixel
            is clipped; 0 is off; over time as 0s:A,4s:B. [default: 0.05]
        detail: Long side of the picture whose features a larger print keeps: octaves beyond it
            only sharpen them. [default: the picture's own]
        rules: Gradient rules, how gradients flow back through the network: guided,
            redirected_relu, smooth_max_pool, normalized_layers. [default: the exact gradient]
        jitter: Largest random shift before each step in pixels. [default: 32]
        transforms: Random transforms before each step, instead of the jitter: "jitter(8) +
            rotate(-5, 5)". [default: the jitter]
        optimizer: Optimizer, instead of normalized steps: "adam(0.02)". [default: normalized
            steps]
        match_histogram: Give each color channel the photo's histogram in the end.
        keep_colors: Keep the photo's color differences in the end, and the dream's brightness.
        mix: Share of the photo that is mixed in at the end; over time as 0s:A,4s:B. [default:
            0]
        output: Film that is made: .mp4, .mov, .mkv, .webm, .gif, .webp, .apng; without an
            ending a folder of pictures. [default: PHOTO-zoom.mp4]
        seconds: Length of the film. [default: 10]
        rate: Frames per second. [default: 25]
        codec: Codec: h264, hevc, vp9, prores. [default: the format's usual one]
        bits: Bits per channel of a folder of pictures, and of .apng: 8, 16. [default: 8]
        zoom: Factor by which the picture grows in a second; over time as 0s:A,4s:B. [default:
            1.6]
        turn: Degrees that the picture turns in a second, clockwise; over time as 0s:A,4s:B.
            [default: 0]
        down: Share of the height that the camera moves down in a second; over time as
            0s:A,4s:B. [default: 0]
        across: Share of the width that the camera moves right in a second; over time as
            0s:A,4s:B. [default: 0]
        center: Point that the camera goes to, as shares down and across; strongest drifts to
            where the layer responds most. [default: 0.5,0.5]
        loop: Let the beginning grow out of the middle of the end, so that the film can be
            repeated endlessly; where little grows, the end is cross-faded into it.
        seed: Random seed. [default: 0]
        precision: Number format that the network computes in: fp32, bf16, fp16; auto measures
            which is fastest. [default: fp32]
        device: Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1. [default:
            auto]

    Returns:
        The film: its file, its frames, the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: the zoom of Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe", 2015."""
