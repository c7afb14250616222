"""`entoptic dream` and `entoptic redo`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options, streams
from entoptic.cli.arguments import height_and_width, one_line
from entoptic.cli.making import check, make, make_together
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.cli.printing import echo
from entoptic.cli.progress import Share, work
from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.recipes import DreamPlan, Plan


@click.command(
    "dream",
    cls=options.Grouped,
    standards=options.DREAM,
    epilog="""\b
Examples:
  entoptic dream sky.jpg                             makes sky-dream.png
  entoptic dream sky.jpg --layer fire5               finer patterns
  entoptic dream sky.jpg --strength 0.5              a subtler dream
  entoptic dream *.jpg -o dreams/ --size 1024        many photos into one folder
  entoptic dream sky.jpg --objective fire7:3         what one channel sees
  entoptic dream sky.jpg --objective "logit('goldfish') - 2 * total_variation()"
  entoptic dream sky.jpg --guide flowers.jpg         the shapes of another picture
  entoptic dream --noise 512x768 -o nothing.png      512 pixels high, 768 wide
  curl -s URL | entoptic dream - -o - > dream.png    from stdin to stdout
""",
)
@click.argument("photos", nargs=-1, type=click.Path(), metavar="[PHOTO]...")
@options.option(
    "What to dream of", "--noise", metavar="HxW", help="Begin with noise instead of a photo."
)
@options.what
@options.how
@options.option(
    "How to dream",
    "--batch",
    type=options.number_or_word,
    default="auto",
    metavar="N",
    help="How many photos of one size to dream at once; auto takes what is faster.",
)
@options.result
def dream_command(
    photos: tuple[str, ...], noise: str | None, batch: int | str, **given: Any
) -> int:
    """Dream photos: what a network sees in them grows.

    The result is PHOTO-dream.png beside the photo; the photo itself is never overwritten, and
    neither is an earlier result: that of a second dream is PHOTO-dream-2.png.

    A photo called - is read from stdin, and -o - writes a PNG to stdout.

    You can leave out every option: what isn't said is set to what looks best with the network. The
    result carries all of it, so that `entoptic redo` can make it again, with changes if you like.

    An expression joins terms by + - * /: energy('L'), mean('L'), channel('L', N), neuron('L', N),
    logit('CLASS'), match('L', 'IMAGE'), total_variation(), l2().
    """
    if not photos and noise is None:
        raise click.UsageError("name a photo, or begin with noise: --noise 512x768")
    if photos and noise is not None:
        raise click.UsageError("name photos or --noise, not both")
    if "" in photos:
        raise BadSetting("the name of a photo is empty; name a file")
    delivery, settings = Delivery.split(given)
    side = None if noise is None else height_and_width("--noise", noise)
    starts: list[str | None] = [*photos] or [None]
    inputs = [Path(each) for each in (*photos, settings["guide"]) if each is not None]
    streams.check_once([*photos, settings["guide"]])
    check_inputs(inputs)
    outputs = destinations(starts, delivery, "dream", inputs)

    from entoptic.networks import load
    from entoptic.networks.sources import DEFAULT
    from entoptic.recipes import check_batch, plan_dream

    check_batch(batch)
    model = load(DEFAULT if settings["model"] is None else settings["model"])
    on = "auto" if settings["device"] is None else settings["device"]
    seed = settings["seed"] or 0
    asked = {key: settings[key] for key in settings.keys() - {"model", "device", "seed"}}

    # Read once, and before anything else is: stdin can't be read again.
    begin = [None if each is None else streams.photo_of(each) for each in starts]
    if asked["guide"] is not None:
        asked["guide"] = streams.photo_of(asked["guide"])

    def plan(number: int) -> DreamPlan:
        return plan_dream(model, begin[number], noise=side, seed=seed, on=on, **asked)

    with made(delivery.folder):
        if len(starts) == 1:
            return make(plan(0), outputs[0], delivery, inputs)
        return _make_all(plan, outputs, batch, delivery, inputs)


def _make_all(
    plan: Callable[[int], DreamPlan],
    outputs: Sequence[Path],
    batch: int | str,
    delivery: Delivery,
    inputs: Sequence[Path],
) -> int:
    """Dream several photos, those of one size together; else like `make`.

    All are checked before the first is dreamt; a plan holds its photo, so none is kept.
    """
    from entoptic.recipes import PhotosTogether, together_by_size

    works: list[int] = []

    def checked() -> Iterator[DreamPlan]:
        for number, output in enumerate(outputs):
            planned = plan(number)
            check(planned, output, delivery, inputs)
            works.append(work(planned))
            yield planned

    groups = together_by_size(checked(), batch)
    began, before = time.monotonic(), 0
    for group in groups:
        together = PhotosTogether([plan(number) for number in group])
        share = Share(len(group), before, sum(works), began)
        code = make_together(
            together, [outputs[number] for number in group], delivery, inputs, share
        )
        if code:
            return code
        before += sum(works[number] for number in group)
    return 0


@click.command(
    "redo",
    cls=options.Grouped,
    standards={"bits": "the picture's"},
    epilog="""\b
Examples:
  entoptic redo sky-dream.png                        the same picture again, byte for byte
  entoptic redo sky-dream.png --finish               what Ctrl-C has stopped, to its end
  entoptic redo sky-dream.png --seed 2               a variation
  entoptic redo sky-dream.png --steps 20 --size 999  more of it, and larger
  entoptic redo sky-dream.png --photo cat.jpg        the same dream of another photo
""",
)
@click.argument("picture", type=click.Path())
@options.option(
    "What to dream of",
    "--photo",
    type=click.Path(),
    metavar="FILE",
    help="Where the photo is now, or another photo.",
)
@options.option(
    "What to dream of",
    "--look-in",
    type=click.Path(),
    multiple=True,
    metavar="FOLDER",
    help="Where files that the job names may lie too; can be given several times.",
)
@options.option(
    "What to dream of",
    "--finish",
    is_flag=True,
    help="Make a picture that was stopped to its end, as if it had never been stopped; from the "
    "first step, since its file doesn't hold how it goes on.",
)
@options.what
@options.how
@options.climb_only
@options.result
def redo_command(
    picture: str, photo: str | None, look_in: tuple[str, ...], finish: bool, **given: Any
) -> int:
    """Make a picture of entoptic again, as it was or with changes.

    Every picture that entoptic writes carries what made it: the photo's name, the network, and all
    options. What you don't change stays as it was; with no change the result is the same picture,
    byte for byte on the same machine. It is PICTURE-redo.png beside PICTURE.

    The photo must be beside PICTURE or in the folder that you are in; else say where it is with
    --photo, or where to look with --look-in. A network in a file must be named again, with --model:
    a picture may come from anyone, and by itself it loads no files and downloads nothing. What it
    is about to do is said before it is done.
    """
    if not picture:
        raise BadSetting("the name of the picture is empty; name a file")
    delivery, changes = Delivery.split(given)
    inputs = [Path(each) for each in (picture, photo, changes["guide"]) if each is not None]
    streams.check_once([picture, photo, changes["guide"]])
    check_inputs(inputs)
    (output,) = destinations([picture], delivery, "redo", inputs)

    from entoptic.recipes import plan_redo

    changes["on"] = changes.pop("device")
    if changes["guide"] is not None:
        changes["guide"] = streams.photo_of(changes["guide"])
    start = None if photo is None else streams.photo_of(photo)
    with made(delivery.folder):
        with streams.received(picture) as path:
            plan = plan_redo(path, photo=start, look_in=look_in, finish=finish, **changes)
        check(plan, output, delivery, inputs)
        if not delivery.quiet:
            _tell(plan)
        return make(plan, output, delivery, inputs)


def _tell(plan: Plan) -> None:
    """Say what a job is about to do."""
    height, width = plan.shape
    on = plan.job.device
    steps = f"{plan.count} step{'s' * (plan.count != 1)}"
    read = ", ".join(map(str, plan.inputs)) or "no file"
    for line in (
        f"Job: {plan.job.recipe} with {plan.job.model}: {plan.job.objective}",
        f"Reads: {read}",
        f"Makes: {height}x{width} (height x width) in {steps} on {on}, "
        f"{work(plan) / 1e6:.3g} megapixels in all",
    ):
        echo(one_line(line), err=True)
