"""Writing the site of catalogs: static pages that need no server and ask for nothing outside."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from entoptic.catalogs.catalog import Catalog, open_catalog
from entoptic.catalogs.site.content import Content
from entoptic.catalogs.site.network import Told, told_by
from entoptic.catalogs.site.shards import FORMAT, write_shard
from entoptic.checks import as_given, flag, function, path, several, taking
from entoptic.errors import AlreadyThere, BadCatalog, BadSetting, CannotWrite, EntopticError
from entoptic.networks import Model, ModelLike, load, model_of
from entoptic.types import PathLike

MARK = "entoptic-site.json"
"""The file by which a folder is known to be a site of ours."""

Tell = Callable[[str], object]
"""Is given notes and progress, a line at a time."""

_FOLDERS = ("data", "pictures", "small")


def _given(name: str, value: Any) -> str | Path | Catalog:
    """Return a catalog, or the folder of one."""
    return value if isinstance(value, Catalog) else path(name, value)


@taking(
    catalogs=_given,
    output=path,
    models=several(as_given, "networks"),
    force=flag,
    note=function,
    progress=function,
)
def catalog_site(
    *catalogs: PathLike | Catalog,
    output: PathLike | None = None,
    models: Sequence[ModelLike] = (),
    force: bool = False,
    note: Tell | None = None,
    progress: Tell | None = None,
) -> Path:
    """Write the site of catalogs: static pages, which open from the disk and from any host.

    Several catalogs stand side by side, such as those of two networks, or of one before and after
    it was trained further.

    Args:
        catalogs: Folders of catalogs.
        output: Folder of the site; by default beside the first catalog: `NAME-site`.
        models: Networks that the catalogs name, by which you allow them, where these are files or
            functions of yours. Without them weights between layers and classes are left out.
        force: Replace the site that is there.
        note: Function that is given each note.
        progress: Function that is given a line before each catalog.

    Returns:
        The first page, `index.html`.

    Raises:
        BadSetting: no catalogs, or one that has no units.
        BadCatalog: a folder is no catalog, or its index is damaged.
        AlreadyThere: the folder of the site is there, and may not be replaced.
        CannotWrite: with what to do.
    """
    tell, told_progress = note or (lambda _: None), progress or (lambda _: None)
    opened = [each if isinstance(each, Catalog) else open_catalog(each) for each in catalogs]
    if not opened:
        raise BadSetting("no catalogs; name the folders of some")
    named = [model_of(each, "models") for each in models]
    for each in opened:
        if not each.units():
            raise BadCatalog(f"the catalog {str(each.folder)!r} has no units yet; begin it first")
    target = _target(opened[0].folder, output)
    _check_target(target, force, [each.folder for each in opened])
    with _draft(target) as draft:
        entries: list[dict[str, Any]] = []
        contents: list[Content] = []
        for place, (one, name) in enumerate(zip(opened, _names(opened), strict=True)):
            told_progress(f"{name}: catalog {place + 1} of {len(opened)}")
            model, told = _network(one, named)
            contents.append(Content(one, place, name, draft, model, told))
            entries.append(contents[-1].write())
            for each in entries[-1]["notes"]:
                tell(f"{name}: {each}")
        for mine, other in itertools.permutations(contents, 2):
            mine.write_beside(other, entries)
        write_shard(draft / "data", "index", {"catalogs": entries})
        _write_pages(draft)
    return target / "index.html"


def _network(catalog: Catalog, given: Sequence[Model]) -> tuple[Model | None, Told]:
    """Return a catalog's network, and what it tells of the layers.

    A catalog may come from anyone, so that its network is loaded only as a picture's job may.
    """
    try:
        model = next((each for each in given if each.source == catalog.model), None)
        model = model or load(catalog.model, stored=True)
        units: dict[str, list[int]] = {}
        for each in catalog.units():
            units.setdefault(each.layer, []).append(each.number)
        return model, told_by(model, units)
    except EntopticError as error:
        return None, Told(notes=(f"weights between layers and classes are left out: {error}",))


def _names(catalogs: Sequence[Catalog]) -> list[str]:
    """Return names for addresses, each once: those of the networks; of equal ones, of the folders.

    >>> _name_of("onnx:models/mine.onnx?size=224x224"), _name_of("torchvision:vgg16")
    ('mine', 'vgg16')
    """
    names = [_name_of(each.model) for each in catalogs]
    if len({each.casefold() for each in names}) < len(names):
        names = [_plain(each.folder.resolve().name) for each in catalogs]
    found: list[str] = []
    for each in names:
        name, count = each, 1
        while name.casefold() in {one.casefold() for one in found}:
            count += 1
            name = f"{each}-{count}"
        found.append(name)
    return found


def _name_of(source: str) -> str:
    """Return a short name of a network."""
    name = re.split(r"[/\\:]", source.partition("?")[0])[-1]
    return _plain(re.sub(r"\.(onnx|pt2|pth?|pb|caffemodel|params)$", "", name))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "catalog"


def _target(first: Path, output: PathLike | None) -> Path:
    if output is None:
        home = first.resolve()
        return home.with_name(f"{home.name}-site")
    return Path(output)


def _check_target(target: Path, force: bool, catalogs: Sequence[Path]) -> None:
    """Refuse to write where something is that may not be replaced."""
    for each in catalogs:
        if each.resolve().is_relative_to(target.resolve()):
            raise BadSetting(
                f"the site can't be {str(target)!r}, which holds a catalog; name another folder"
            )
    if not target.parent.is_dir():
        raise CannotWrite(f"there is no folder {str(target.parent)!r} to write to; make it first")
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise AlreadyThere(f"{str(target)!r} is a file; name a folder for the site")
    there = {each.name for each in target.iterdir()}
    ours = {*_FOLDERS, *(name for name, _ in _page_files()), MARK, ".nojekyll"}
    if not there:
        return
    if MARK not in there:
        raise AlreadyThere(
            f"{str(target)!r} is there, and isn't a site of entoptic; name another folder"
        )
    if others := sorted(there - ours):
        raise AlreadyThere(
            f"{str(target)!r} also holds {others[0]!r}, which isn't of the site; move it away, or "
            "name another folder"
        )
    if not force:
        raise AlreadyThere(
            f"the site {str(target)!r} is there; to replace it, say --force (in Python, "
            "force=True), or name another folder"
        )


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a new folder beside the target, which takes its name in the end or is removed."""
    draft = target.with_name(f".entoptic-{secrets.token_hex(8)}.tmp")
    old = target.with_name(f"{draft.name}.old")
    try:
        for each in _FOLDERS:
            (draft / each).mkdir(parents=True)
        yield draft
        if target.exists():
            target.rename(old)
        draft.rename(target)
    except EntopticError:
        raise  # some are errors of the system, too, and say more than is said here
    except OSError as error:
        raise CannotWrite(
            f"the site {str(target)!r} can't be written ({error.strerror or error}); make room, or "
            "look at the permissions of the folder"
        ) from None
    finally:
        if old.exists() and not target.exists():  # whatever has ended this between two renamings
            old.rename(target)
        for folder in (draft, old):
            shutil.rmtree(folder, ignore_errors=True)


def _page_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the page itself."""
    home = resources.files("entoptic.catalogs.site") / "page"
    for each in sorted(home.iterdir(), key=lambda one: one.name):
        yield each.name, each.read_bytes()


def _write_pages(draft: Path) -> None:
    for name, data in _page_files():
        (draft / name).write_bytes(data)
    # Hosts that make pages of folders leave out those with an underscore in front, without this.
    (draft / ".nojekyll").touch()
    mark = {"entoptic-site": FORMAT, "made_with": metadata.version("entoptic")}
    (draft / MARK).write_text(json.dumps(mark) + "\n", "ascii")
