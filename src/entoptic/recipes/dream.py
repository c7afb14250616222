"""DeepDream: gradient ascent from a photo, on several scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from entoptic.checks import (
    as_given,
    either,
    extent,
    flag,
    memory as memory_given,
    number,
    one_of,
    pair,
    refused,
    several,
    text,
    whole,
)
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import OPTIMIZE, PHOTO, Recipe, recipe, setting
from entoptic.layers import layer_name

if TYPE_CHECKING:
    from entoptic.ascent.optimizers import Norm, Rule
    from entoptic.ascent.shaping import ShapingLike
    from entoptic.images import PictureLike
    from entoptic.jobs.dreams import DreamPlan
    from entoptic.jobs.finding import Finder
    from entoptic.jobs.regions import RegionLike
    from entoptic.layers import Layer
    from entoptic.networks import Model
    from entoptic.networks.gradient_rules.by_name import RulesLike
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files
    from entoptic.transforms import Transform


def _norm(name: str, value: Any) -> Any:
    """Return the name of a norm."""
    from entoptic.ascent.optimizers import NORMS

    return one_of(*NORMS)(name, value)


def _regions(name: str, value: Any) -> tuple[tuple[Any, Any], ...]:
    """Return masks with their objectives; one may be given alone, and each as "FILE=EXPR"."""
    pairs = []
    for each in [value] if isinstance(value, str) else several(as_given, "regions")(name, value):
        found = tuple(each.partition("=")[::2]) if isinstance(each, str) else each
        if not isinstance(found, list | tuple) or len(found) != 2 or "" in map(str, found):
            raise refused(name, each, "must be a mask and an objective: sky.png=fire5:3")
        pairs.append((found[0], found[1].strip() if isinstance(found[1], str) else found[1]))
    return tuple(pairs)


FINISH = "How to finish"

MOST_TOGETHER = 1024
"""How many photos a call of the network may be shown: no limit in practice, but one for a job that
a stranger has written."""


@recipe("dream", order=10)
@dataclass(frozen=True)
class Dream(Recipe):
    """Dream a photo: maximise an objective at several sizes.

    Gradient ascent optimises the photo at several sizes, the octaves, from small to large; the
    detail found at one is enlarged and added to the photo at the next. Without a photo it begins as
    noise.

    Source: Mordvintsev, Olah, Tyka, "Inceptionism: Going Deeper into Neural Networks", Google
    Research, 2015, and their notebook "DeepDreaming with Caffe", whose settings are
    `look="original"`.

    >>> import entoptic as ent
    >>> ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1).image.shape
    torch.Size([1, 3, 60, 80])
    """

    examples = """
  entoptic dream sky.jpg                             makes sky-dream.png
  entoptic dream sky.jpg --layer fire5               finer patterns
  entoptic dream sky.jpg --strength 0.5              a subtler dream
  entoptic dream *.jpg -o dreams/ --size 1024        many photos into one folder
  entoptic dream sky.jpg --objective fire7:3         of one channel
  entoptic dream sky.jpg --objective "class:goldfish - 2 * total_variation()"
  entoptic dream sky.jpg --guide flowers.jpg         the shapes of another picture
  entoptic dream --noise 512x768 -o nothing.png      512 pixels high, 768 wide
  curl -s URL | entoptic dream - -o - > dream.png    from stdin to stdout
"""
    objective_is = "objective"
    unit_field = "objective"

    photo: PictureLike | None = setting(None, *PHOTO, role="photo", positional=True)
    _: KW_ONLY
    objective: Objective | str | None = setting(
        None,
        as_given,
        "Objective to maximise, an expression: fire7:3 (a channel), class:goldfish, "
        "\"energy('fire5') - 2 * total_variation()\".",
        role="objective",
        metavar="EXPR",
        told="the energy of a middle layer",
    )
    layer: Layer | str | None = setting(
        None,
        layer_name,
        "Instead, a layer whose energy, the mean square of its activations, is maximised; "
        "`entoptic layers` lists them. Early layers draw textures, late ones objects.",
        metavar="L",
        short="-l",
        kept=False,
    )
    look: str | None = setting(
        None,
        text,
        "Look, a name for layer, strength and shaping, such as eyes, fur, waves, original (the "
        "first DeepDream's); `entoptic looks` shows all of a network on a photo.",
        metavar="NAME",
        told="natural",
        kept=False,
    )
    guide: PictureLike | None = setting(
        None,
        as_given,
        "Guide: another picture, whose features are to appear; also with --layer.",
        role="guide",
        metavar="IMAGE",
    )
    mask: PictureLike | None = setting(
        None,
        as_given,
        "Mask: a picture of the photo's shape; steps have full strength where it is white, less "
        "where it is gray, and the photo stays where it is black.",
        metavar="IMAGE",
    )
    region: str | Sequence[RegionLike | str] = setting(
        (),
        _regions,
        "Region with an objective of its own, FILE=EXPR: EXPR is maximised where the mask FILE is "
        "white, the other objective elsewhere.",
        metavar="FILE=EXPR",
        many=True,
    )
    protect: str | None = setting(
        None,
        one_of("saliency", "gradient"),
        "Pixels to protect: saliency, those that draw the eye; gradient, those that the most "
        "probable class depends on.",
        metavar="MAP",
    )
    noise: Sequence[int] | None = setting(
        None,
        extent(30_000, both=True),
        "Begin with noise of this size instead of a photo.",
        metavar="HxW",
    )
    size: int | tuple[int, int] | None = setting(
        None,
        extent(100_000),
        "Size of the result in pixels: its long side, or HxW, for which the photo's middle is cut "
        "out.",
        under=OPTIMIZE,
        metavar="PIXELS",
        told="the photo's",
        slider=(128, 2048, 32),
    )
    octaves: int | None = setting(
        None,
        whole(1, 100),
        "Number of sizes, from small to large; more give larger shapes.",
        under=OPTIMIZE,
        metavar="N",
        usual=4,
        slider=(1, 10, 1),
    )
    octave_scale: float = setting(
        1.4,
        number(above=1, most=100),
        "Ratio of one size to the one before.",
        under=OPTIMIZE,
        metavar="S",
        slider=(1.1, 2, 0.05),
    )
    steps: int | None = setting(
        None,
        whole(0, 1_000_000),
        "Number of steps at each size.",
        under=OPTIMIZE,
        metavar="N",
        usual=10,
        slider=(1, 60, 1),
    )
    strength: float = setting(
        1.0,
        number(above=0, most=1000),
        "Factor for the step size: 0.5 is subtle, 2 wild.",
        under=OPTIMIZE,
        metavar="X",
        slider=(0.1, 4, 0.1),
    )
    step_size: float | None = setting(
        None,
        number(above=0, most=1000),
        "Mean change of a pixel in a step; 1 is from black to white.",
        under=OPTIMIZE,
        metavar="X",
        usual=1.5 / 255,
    )
    norm: Norm = setting(
        "mean_abs",
        _norm,
        "Norm by which the gradient is divided: mean_abs, max_abs, std, l2, none.",
        under=OPTIMIZE,
        metavar="NORM",
    )
    smoothing: float | None = setting(
        None,
        number(least=0, most=100),
        "Smoothing of the gradient, sigma of a blur in pixels; favors large shapes; 0 is off.",
        under=OPTIMIZE,
        metavar="X",
        usual=0.0,
        slider=(0, 5, 0.1),
    )
    shaping: ShapingLike | None = setting(
        None,
        as_given,
        "Shaping of the smoothed gradient: blur, decorrelate (natural colors), spread (fills the "
        "frame), laplacian (all sizes of features alike), luminance, chroma(0.5); joined by +: "
        '"blur + decorrelate"; none.',
        under=OPTIMIZE,
        metavar="S",
        usual="none",
    )
    headroom: float | None = setting(
        None,
        number(least=0, most=0.5),
        "Headroom before black and white, in which steps get shorter so that no pixel is clipped; "
        "0 is off.",
        under=OPTIMIZE,
        metavar="X",
        usual=0.0,
        slider=(0, 0.3, 0.01),
    )
    detail: int | None = setting(
        None,
        whole(1, 100_000),
        "Long side of the picture whose features a larger print keeps: octaves beyond it only "
        "sharpen them.",
        under=OPTIMIZE,
        metavar="PIXELS",
        told="the picture's own",
        slider=(128, 2048, 32),
    )
    rules: RulesLike | None = setting(
        None,
        as_given,
        "Gradient rules, how gradients flow back through the network: guided, "
        "redirected_relu, smooth_max_pool, normalized_layers.",
        under=OPTIMIZE,
        metavar="R",
        told="the exact gradient",
    )
    jitter: int = setting(
        32,
        whole(0, 100_000),
        "Largest random shift before each step in pixels.",
        under=OPTIMIZE,
        metavar="N",
        slider=(0, 64, 1),
    )
    transforms: str | Transform | Sequence[Transform] | None = setting(
        None,
        as_given,
        'Random transforms before each step, instead of the jitter: "jitter(8) + rotate(-5, 5)".',
        under=OPTIMIZE,
        metavar="T",
        told="the jitter",
    )
    optimizer: str | Rule | None = setting(
        None,
        as_given,
        'Optimizer, instead of normalized steps: "adam(0.02)".',
        under=OPTIMIZE,
        metavar="O",
        told="normalized steps",
    )
    match_histogram: bool = setting(
        False, flag, "Give each color channel the photo's histogram in the end.", under=FINISH
    )
    keep_colors: bool = setting(
        False,
        flag,
        "Keep the photo's color differences in the end, and the dream's brightness.",
        under=FINISH,
    )
    mix: float = setting(
        0.0,
        number(least=0, most=1),
        "Share of the photo that is mixed in at the end.",
        under=FINISH,
        metavar="X",
        slider=(0, 1, 0.05),
    )
    tile: int | str = setting(
        "auto",
        either("auto", "off", otherwise=whole(1, 100_000)),
        "Side of the tiles in which a large picture is processed, in pixels; auto is as large as "
        "fits into memory, off uses no tiles.",
        under=OPTIMIZE,
        metavar="N",
    )
    memory: int | str | None = setting(
        None,
        memory_given,
        "Memory limit, such as 4GiB.",
        under=OPTIMIZE,
        metavar="SIZE",
        told="half of what is free",
    )
    batch: int | str = setting(
        "auto",
        either("auto", otherwise=whole(1, MOST_TOGETHER)),
        "Number of photos of one size that are optimised together; auto takes what is faster.",
        under=OPTIMIZE,
        metavar="N",
        kept=False,
    )
    together: Sequence[int] | None = setting(
        None,
        pair(whole(0, MOST_TOGETHER), "(how many, which)"),
        "Number of photos of one size that were dreamt together, and which of them this is, "
        "counted from 0: sums of other lengths may round otherwise. For jobs to be made again.",
        under=OPTIMIZE,
        hidden=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.together is not None and not self.together[1] < self.together[0]:
            raise BadSetting(f"together is {self.together}; it wants (how many, which)")

    @classmethod
    def with_files(cls, stored: Mapping[str, Any], find: Finder) -> dict[str, Any]:
        """See `Recipe.with_files`; the masks."""
        found: dict[str, Any] = {}
        if isinstance(stored.get("mask"), str):
            found["mask"] = find.guide(stored["mask"])
        if stored.get("region"):
            found["region"] = [
                (find.guide(mask) if isinstance(mask, str) else mask, wanted)
                for mask, wanted in stored["region"]
            ]
        return found

    def kept(self) -> dict[str, Any]:
        """See `Recipe.kept`; a photo that is dreamt alone says nothing of others."""
        return {n: v for n, v in super().kept().items() if n != "together" or v is not None}

    @classmethod
    def left_out(
        cls, stored: Mapping[str, Any], changes: Mapping[str, Any], same_network: bool
    ) -> set[str]:
        """See `Recipe.left_out`; memory is of the machine, and tiles are of the memory."""
        gone = {"memory"}
        if "look" in changes:
            from entoptic.jobs.looks import ORIGINAL

            gone |= {*ORIGINAL}  # names all that looks are made of, but for the objective
        if changes or not same_network:
            gone |= {"together"}  # which is there for the same bytes only
        if "memory" in changes and "tile" not in changes:
            gone |= {"tile"}  # for tiles that fit there
        return gone

    def defaults(self, model: Model) -> Mapping[str, Any]:
        """See `Recipe.defaults`; by the look."""
        from entoptic.jobs.looks import look_settings

        return look_settings(model, self.look)

    def plan(self, files: Files | None = None) -> DreamPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.dreams import plan_dream

        return plan_dream(self, files)
