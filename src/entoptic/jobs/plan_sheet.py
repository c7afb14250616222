"""Pictures of a recipe, checked and laid out on a sheet, before any work."""

from __future__ import annotations

import math
from dataclasses import replace

from entoptic.analysis.spectrum import read_spectrum
from entoptic.ascent.binding import bind
from entoptic.ascent.memory import roomy_batch, within_memory
from entoptic.canvas import canvases
from entoptic.errors import BadSetting
from entoptic.images import Picture
from entoptic.jobs.inputs import (
    FileRead,
    check_pixels,
    notes_on_guides,
    source_of,
    sources_of,
)
from entoptic.jobs.job import Job
from entoptic.jobs.plan import made_with
from entoptic.jobs.sheets import Layout, SheetPlan
from entoptic.jobs.visualization import Visualization
from entoptic.networks import (
    Model,
    at_a_time,
    compiled_precision,
    devices,
)
from entoptic.objectives import Objective
from entoptic.objectives.facts import files_of, needing_alpha
from entoptic.objectives.files import ON_DISK, Files

# Batches that run at the same time on a CPU, each on its share of the cores, since much of a step
# runs on one core whatever there are. On two cores it is measured, see docs/performance.md; beyond
# them this is a bound, for each batch takes its own memory.
_AT_A_TIME = 4


def plan_sheet(
    how: Visualization,
    model: Model,
    objective: Objective,
    count: int,
    *,
    layout: Layout,
    size: tuple[int, int] | None = None,
    photo: Picture | None = None,
    begins: bool = False,
    called: str | None = None,
    transparency: bool = False,
    opening: Objective | None = None,
    files: Files | None = None,
) -> SheetPlan:
    """Check pictures of a recipe and lay them out.

    Args:
        how: the recipe, resolved.
        model: the network.
        objective: `per_image` of as many objectives as there are pictures, or one for all together.
        count: how many pictures are optimised.
        layout: of the sheet.
        size: (height, width) of each picture; by default the recipe's.
        photo: what the recipe was given, at the pictures' size; it is stored in the job.
        begins: whether the pictures begin as the photo.
        called: the objective's name in the job, where it is made of numbers found in a photo.
        transparency: whether only what has mattered in the optimisation is opaque.
        opening: what is maximised instead in the first steps; see `SheetPlan`.
        files: reads those that the objective names; by default where their names say they are.

    Raises:
        EntopticError: whatever is wrong, before any work.
    """
    size = size or how.height_width
    files = files or ON_DISK
    named = devices(how.device)
    places = at_a_time(named, _AT_A_TIME) if how.device == "auto" else named
    side_by_side = _check_shown(model, how, photo)
    _check_canvas(how, objective, begins)
    bound = bind(objective, model, size, files)
    used = compiled_precision(model, bound.layers(), places[0], how.precision)
    how = replace(how, precision=used)
    batch = how.batch
    if isinstance(batch, str):  # `auto`
        # What is drawn for a batch depends on its size, which is the same on any number of cores.
        most = math.ceil(count / len(named))
        batch = roomy_batch(model, bound.layers(), size, how.moves(model), places, most)
    natural = None if how.spectrum is None else read_spectrum(how.spectrum)
    sources: list[FileRead] = [*files_of(bound)] if natural is None else [*files_of(bound), natural]
    job = Job(
        recipe=how.name,
        model=model.source,
        objective=repr(objective) if called is None else called,
        settings=how.kept(),
        photo=None if photo is None else source_of(photo),
        guides=sources_of(sources),
        seed=how.seed,
        made_with=made_with(),
    )
    given = [*sources] if photo is None else [photo, *sources]
    read = tuple(each.path for each in given if each.path is not None)
    said = side_by_side if photo is None else photo.notes
    fit = model.fit_notes(bound.layers(), size)
    notes = (*model.notes, *said, *notes_on_guides(bound), *fit)
    start = photo.image if photo is not None and begins else None
    plan = SheetPlan(
        model,
        bound,
        places[0],
        job,
        notes,
        how,
        size,
        count,
        layout,
        places,
        photo=start,
        read=read,
        transparency=transparency,
        opening=None if opening is None else bind(opening, model, size, files),
        spectrum=natural,
    ).with_batch(batch)
    check_pixels(*plan.shape)
    return within_memory(plan, SheetPlan.checked)


def _check_canvas(how: Visualization, objective: Objective, begins: bool) -> None:
    """Find out whether the canvas can do what is wanted of it.

    Raises:
        BadSetting: with the canvases that can.
    """
    if begins and canvases[how.kind].of is None:
        able = ", ".join(name for name in canvases if canvases[name].of is not None)
        raise BadSetting(f"the canvas {how.kind!r} can't begin as a photo; there are {able}")
    if begins and how.spectrum is not None:
        raise BadSetting("what begins as a photo has that photo's spectrum; leave the spectrum out")
    told = needing_alpha(objective)
    if told and not canvases[how.kind].transparent:
        raise BadSetting(
            f"{told[0]} is about transparency, and the canvas {how.kind} has none; take the canvas "
            "alpha"
        )


def _check_shown(model: Model, how: Visualization, photo: Picture | None) -> tuple[str, ...]:
    """Return the note on how pictures of other channels than 3 are shown.

    Raises:
        BadSetting: the network is fed something else than pictures; or there is no such canvas.
    """
    fed = model.preprocess.shown
    if fed == 3:
        return ()
    if not model.preprocess.mean:
        raise BadSetting(
            f"{model.source} is fed {fed} channels, which are no colours that a picture could "
            "show; in Python, take a canvas of so many: ascend(model, objective, "
            f"Fourier(height, width, channels={fed}, decorrelated=False))"
        )
    if photo is not None:
        raise BadSetting(model.preprocess.no_photos())
    if canvases[how.kind].planes is None:
        able = ", ".join(name for name in canvases if canvases[name].planes is not None)
        raise BadSetting(
            f"the canvas {how.kind} is of colours, and {model.source} is fed {fed} channels; take "
            f"one of {able} (--canvas)"
        )
    return (_side_by_side(fed),)


def _side_by_side(channels: int) -> str:
    """Return the note on channels shown side by side, see `in_colors`."""
    threes = channels // 3 * 3
    each = "in threes " if threes > 3 else ""
    colors = f"channels 0 to {threes - 1} {each}as red, green and blue" if threes else ""
    grays = ", ".join(map(str, range(threes, channels)))
    gray = f"channel{'s' if channels - threes > 1 else ''} {grays} in grey" if grays else ""
    shown = " and ".join(filter(None, (colors, gray)))
    return f"the network is fed {channels} channels, shown side by side: {shown}"
