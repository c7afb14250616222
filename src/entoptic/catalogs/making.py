"""Making a catalog: begun, gone on with, checked and mended."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from entoptic.catalogs.adoption import adopt, adoptable
from entoptic.catalogs.catalog import Catalog
from entoptic.catalogs.choosing import WHOLE
from entoptic.catalogs.exemplars import EXEMPLARS
from entoptic.catalogs.files import Files, file_hash
from entoptic.catalogs.index import Index, Lease, set_aside
from entoptic.catalogs.layer_pictures import FOLDER, PHOTO, Photo
from entoptic.catalogs.owners import owner
from entoptic.catalogs.photographs import Photographs, look, want_broken_files
from entoptic.catalogs.plan import CatalogPlan, check_same, folder_of, plan_catalog
from entoptic.catalogs.work import work
from entoptic.checks import flag, function, path, taking, text, whole
from entoptic.errors import BadCatalog, BadSetting, DamagedIndex, NotAllowed
from entoptic.images import Picture, PictureLike
from entoptic.jobs.progress import duration
from entoptic.layers import Layer, layer_name
from entoptic.networks import ModelLike, load, model_of
from entoptic.paths import make_folder
from entoptic.runners.named import runner_of
from entoptic.runners.pictures import Pictures
from entoptic.runners.runner import Runner
from entoptic.types import PathLike

Tell = Callable[[str], object]
"""Is given notes and progress, a line at a time."""


@taking(
    layers=layer_name,
    output=path,
    every=whole(1),
    units=text,
    preview=flag,
    negative=flag,
    units_only=flag,
    photos=path,
    exemplars=whole(1, 100),
    verify=flag,
    workers=whole(1, 1024),
    note=function,
    progress=function,
)
def catalog(
    model: ModelLike,
    *layers: str | Layer,
    output: PathLike,
    every: int = 1,
    units: str | None = None,
    preview: bool = False,
    negative: bool = False,
    photo: PictureLike | None = None,
    units_only: bool = False,
    photos: PathLike | None = None,
    exemplars: int = EXEMPLARS,
    verify: bool = False,
    on: str | Runner = "local",
    workers: int | None = None,
    note: Tell | None = None,
    progress: Tell | None = None,
    **settings: Any,
) -> Catalog:
    """Make the picture of every unit of layers, in a folder; go on where it was stopped.

    It can be stopped at any moment, and several processes may work on one catalog. In a script,
    call it below `if __name__ == "__main__":`, since it starts processes.

    Args:
        model: Network.
        layers: Layers; by default the outermost blocks of the network.
        output: Folder of the catalog.
        every: Only each so many-th unit.
        units: Only these units of each layer: `0-15,40`.
        preview: Small pictures of few steps, for a whole network in minutes.
        negative: Also the picture that lowers each unit most, of layers that have activations
            below 0.
        photo: Photo of which each layer's DeepDream and caricature are made; by default clouds.
        units_only: No pictures of layers.
        photos: Folder of photographs, of which those are found that excite each unit most; also
            of a catalog that is there.
        exemplars: Number of these for each unit, and half as many that excite it least.
        verify: First check every picture, and make anew what is broken or has failed.
        on: Where to work: `local`, `ray`, `ray:auto`, `ray://HOST:PORT`; or a runner.
        workers: Number of worker processes; by default a few on a CPU, else one a device; on Ray
            as many as there is room for.
        note: Function that is given each note.
        progress: Function that is given a line of progress after each batch.
        settings: Any other setting of `visualize`: method, size, steps, ...

    Returns:
        The catalog.

    Raises:
        EntopticError: whatever is wrong is said before any work; also a disk that is full.
    """
    tell = note or (lambda _: None)
    runner = runner_of(on, workers)
    folder = Path(output)
    if units_only and photo is not None:
        raise BadSetting("a photo is for pictures of layers, which units_only leaves out")
    plan = plan_catalog(
        model_of(model),
        [str(each) for each in layers],
        every=every,
        units=units,
        preview=preview,
        negative=negative,
        photo=lambda how: None if units_only else Photo.wanted(photo, folder, how.size),
        given=settings,
    )
    seen = None if photos is None else Photographs.of(photos, exemplars, folder)
    for each in plan.notes:
        tell(each)
    make_folder(folder)
    with _opened(folder, tell) as index:
        Files(folder, owner()).sweep()
        there = _begun(index, plan)
        shown = _kept_photo(index, tell)
        adopt(index, there, plan.model, shown)
        if verify:
            _want_broken(index, tell)
            want_broken_files(index, tell)
        device, sent = settings.get("device", "auto"), _sent(model, plan)
        _work(index, Pictures(sent, shown), device, runner, progress)
        if seen is not None:
            quiet = progress or (lambda _: None)
            look(index, plan.model, seen, device, runner, sent, tell, quiet)
    return Catalog(folder)


@taking(folder=path, photos=path, workers=whole(1, 1024), note=function, progress=function)
def verify_catalog(
    folder: PathLike,
    *,
    model: ModelLike | None = None,
    photos: PathLike | None = None,
    on: str | Runner = "local",
    workers: int | None = None,
    note: Tell | None = None,
    progress: Tell | None = None,
) -> Catalog:
    """Check every picture of a catalog by its hash, and make anew what is broken or has failed.

    Args:
        folder: of the catalog.
        model: The network that the catalog names, by which you allow it, where that is a file or a
            function of yours.
        photos: The folder of the photographs, where exemplars are broken.
        on: see `catalog`.
        workers: see `catalog`.
        note: Function that is given each note.
        progress: Function that is given a line of progress after each batch.

    Raises:
        BadCatalog: there is none, its index is damaged, or it is of another network.
        NotAllowed: the catalog names a network that only you may name.
    """
    runner = runner_of(on, workers)
    with Index(Path(folder)) as index:
        Files(Path(folder), owner()).sweep()
        facts = index.facts()
        if model is not None:
            _allowed(facts["model"], model, Path(folder))  # also where it isn't needed
        tell, device = note or (lambda _: None), facts["settings"]["device"]
        _want_broken(index, tell)
        lacking = want_broken_files(index, tell)
        if lacking and photos is None:
            tell("name the folder of the photographs, with --photos, to make that anew")
        seen = None
        if lacking and photos is not None:
            count = facts["photographs"]["count"]
            seen = Photographs.of(photos, count, Path(folder))
        if seen is not None or not index.is_finished():
            network = _allowed(facts["model"], model, Path(folder))
            _work(index, Pictures(network, _kept_photo(index, tell)), device, runner, progress)
        if seen is not None:
            loaded, quiet = model_of(network), progress or (lambda _: None)
            look(index, loaded, seen, device, runner, network, tell, quiet)
    return Catalog(Path(folder))


def _allowed(source: str, given: ModelLike | None, folder: Path) -> ModelLike:
    """Return the network of a catalog, which may come from anyone."""
    if given is None:
        try:
            load(source, stored=True)
        except NotAllowed as error:
            raise NotAllowed(
                f"a catalog alone doesn't load this: {error}; if you trust it, name the network "
                "yourself, with --model"
            ) from None
        return source
    if model_of(given).source != source:
        raise BadCatalog(
            f"the catalog {str(folder)!r} is of {source}, not of {model_of(given).source}; name "
            "that network"
        )
    return given


def _opened(folder: Path, tell: Tell) -> Index:
    """Return the index, a new one where it is damaged."""
    try:
        return Index(folder, create=True)
    except DamagedIndex as error:
        aside = set_aside(folder)
        tell(f"{error}; it is kept as {aside.name}, and made anew")
        return Index(folder, create=True)


def _begun(index: Index, plan: CatalogPlan) -> list[Lease]:
    """Put what is planned into the index; return what a new one finds in the folder.

    Raises:
        BadSetting: the catalog was begun otherwise, or files are there that aren't its own.
    """
    with index.changing():
        before = index.facts()
        if before:
            check_same(before, plan.facts, index.folder)
        else:
            index.keep(plan.facts)
        if plan.photo is not None:
            _keep_photo(index, plan.photo)
        for layer in plan.numbers:
            folders = index.folders()
            taken = (*folders.values(), FOLDER, WHOLE)
            folder = folders.get(str(layer)) or folder_of(layer, taken)
            there = partial(index.numbers, str(layer))
            index.add(str(layer), folder, plan.orders(layer, folder, there))
        return [] if before else adoptable(index)


def _keep_photo(index: Index, photo: Photo) -> None:
    """Keep the photo of the layers' pictures.

    Raises:
        BadSetting: the catalog has another one.
    """
    digest = photo.picture.sha256
    if index.facts().get("photo", digest) != digest:
        raise BadSetting(
            f"the layers' pictures of the catalog {str(index.folder)!r} are of another photo than "
            "this one; give the same one, as photo, or name another folder"
        )
    if file_hash(index.folder / PHOTO) != digest:
        files = Files(index.folder, owner())
        files.write(PHOTO, photo.data)
        files.keep_names([PHOTO])
    index.keep({"photo": digest})


def _kept_photo(index: Index, tell: Tell) -> Picture | None:
    """Return the photo of the layers' pictures, where it is what it was."""
    facts = index.facts()
    if "photo" not in facts:
        return None
    # Where the file is gone, it may have been the one that is made where none is given.
    photo = Photo.wanted(None, index.folder, facts["settings"]["size"])
    if photo.picture.sha256 != facts["photo"]:
        tell(
            f"{PHOTO} isn't what was written; no picture of a layer can be made anew until it is "
            "back, or is given again as photo"
        )
        return None
    _keep_photo(index, photo)
    return photo.picture


def _sent(given: ModelLike, plan: CatalogPlan) -> ModelLike:
    """Return what workers are given: a name, which they load; else the network itself."""
    return given if isinstance(given, str) else plan.model


def _want_broken(index: Index, tell: Tell) -> None:
    """Have what is broken or has failed made again."""
    pictures = index.pictures()
    made = [each for each in pictures if each.state == "done"]
    # A file that can't be read is made anew; and if it can't be written either, that is told then.
    broken = [each for each in made if file_hash(index.folder / each.file) != each.sha256]
    failed = [each for each in pictures if each.state == "failed"]
    for each in broken:
        tell(f"{each.file} isn't what was written; it is made anew")
    for each in failed:
        tell(f"{each.file} had failed ({each.reason}); it is tried again")
    index.want_again([*broken, *failed])


def _work(
    index: Index, pictures: Pictures, device: Any, runner: Runner, progress: Tell | None
) -> None:
    catalog, due = Catalog(index.folder), 0.0

    def tell() -> None:
        nonlocal due
        began = time.monotonic()
        if progress is not None and began >= due:
            progress(line(catalog))
            # Counting many units takes longer than a small batch is worth.
            due = time.monotonic() + 20 * (time.monotonic() - began)

    if not index.is_finished():
        with runner.start(pictures, device) as team:
            work(index, team, tell)


def line(catalog: Catalog) -> str:
    """Return how far a catalog is, in one line."""
    rows = catalog.status()
    made = sum(each.done + each.failed for each in rows)
    units = sum(each.units for each in rows)
    times = [each.left for each in rows]
    known = [each for each in times if each is not None]
    # A layer of which no unit is made yet is taken to be like the others.
    counted = sum(each.units - each.done - each.failed for each in rows if each.left is not None)
    left = sum(known) * ((units - made) / counted) if counted else 0.0
    return f"{made} of {units} units; about {duration(left)} left"
