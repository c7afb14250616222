"""The photographs of a catalog: what its units do in them, and pictures of the most exciting."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entoptic.analysis.photographs import photo_files
from entoptic.analysis.record import TOP, Record, read_record
from entoptic.analysis.recording import How, Recording, record_named
from entoptic.catalogs.catalog import RECORD
from entoptic.catalogs.choosing import choose
from entoptic.catalogs.crops import draw
from entoptic.catalogs.exemplars import note_written, put_exemplars, unwritten, written
from entoptic.catalogs.families import unit_of
from entoptic.catalogs.files import DRAFTS, FOLDER_ADVICE, Files, file_hash
from entoptic.catalogs.index import Index
from entoptic.catalogs.owners import owner
from entoptic.catalogs.work import PAUSE, TICK
from entoptic.checks import shown
from entoptic.errors import BadRecord, BadSetting, CannotWrite
from entoptic.networks import DeviceLike, Model, ModelLike, devices
from entoptic.paths import make_folder
from entoptic.runners.local import Local
from entoptic.runners.recording import Looking, by_workers
from entoptic.runners.runner import Runner
from entoptic.types import PathLike

# The record while it is made.
_PART = f"{DRAFTS}/{RECORD}"

# What one process does alone.
_TASK = "photographs"

# Settings of a record that don't change with the units.
_OF_NETWORK = ("model", "weights", "size")

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Photographs:
    """A folder of photographs that a catalog's units are shown.

    Args:
        folder: with the folders inside it.
        files: by name, from the folder.
        count: how many are kept of each unit.
    """

    folder: Path
    files: Mapping[str, Path]
    count: int

    @classmethod
    def of(cls, folder: PathLike, count: int, catalog: Path) -> Photographs:
        """Find the photographs of a folder.

        Raises:
            PictureNotFound: it isn't there, or has none.
            BadSetting: it is no folder, or the catalog lies inside of it.
        """
        place = Path(folder)
        if place.is_file():
            raise BadSetting(f"photos is {shown(place)}, a file; name the folder it is in")
        if catalog.resolve().is_relative_to(place.resolve()):
            raise BadSetting(
                f"the catalog would lie inside the folder of the photographs, {shown(place)}; name "
                "another folder for it"
            )
        found = photo_files([place], nested=True, checked=False)
        names = {each.relative_to(place).as_posix(): each for each in found}
        return cls(place, dict(sorted(names.items())), count)

    def state(self) -> str:
        """Return a hash of the files' names, sizes and times, by which a change is noticed."""
        digest = hashlib.sha256()
        for name, file in self.files.items():
            about = file.stat()
            digest.update(
                f"{name}\0{about.st_size}\0{about.st_mtime_ns}\0".encode(errors="replace")
            )
        return digest.hexdigest()


def look(
    index: Index,
    model: Model,
    photos: Photographs,
    device: DeviceLike,
    runner: Runner,
    sent: ModelLike,
    note: Tell,
    progress: Tell,
) -> None:
    """Record what all units of a catalog do in photographs, choose exemplars, and draw them.

    Only one process does it, by the workers of a runner; another one waits for it, and then finds
    it done.

    Args:
        index: of the catalog.
        model: its network.
        photos: of the user.
        device: as recipes take it.
        runner: of the workers.
        sent: what they are given as the network.
        note: is told what the user should know.
        progress: is told how far it is.

    Raises:
        BadSetting: the photographs are no longer those that the catalog has.
        BadPicture: none of them can be used.
        CannotWrite: with what to do.
    """
    mine = owner()
    while not index.claim_task(_TASK, mine):
        time.sleep(PAUSE)
    try:
        heard = _Heard(index, mine, progress)
        files = Files(index.folder, mine)
        _Looking(index, files, model, photos, device, runner, sent, note, heard).run()
    finally:
        # Where the index can't be written, the lease ends by itself.
        with contextlib.suppress(CannotWrite):
            index.release_task(_TASK, mine)


def want_broken_files(index: Index, tell: Tell) -> bool:
    """Have files of exemplars that aren't what was written made again; tell whether there are any.

    They and the record want the photographs, so that `look` makes them.
    """
    broken = [
        file for file, digest in written(index).items() if file_hash(index.folder / file) != digest
    ]
    for file in broken:
        tell(f"{file} isn't what was written")
    with index.changing() as change:
        note_written(change, dict.fromkeys(broken))
    fact = index.facts().get("photographs")
    whole = fact is None or file_hash(index.folder / RECORD) == fact["record"]
    if not whole:
        tell(f"{RECORD} isn't what was written")
    return bool(unwritten(index)) or not whole


class _Heard:
    """Tells progress, and the index from time to time that its owner is there."""

    def __init__(self, index: Index, mine: str, progress: Tell) -> None:
        self.index, self.mine, self.progress = index, mine, progress
        self.last = time.monotonic()

    def __call__(self, text: str) -> None:
        self.progress(text)
        if time.monotonic() - self.last > TICK:
            # Another one that has taken it meanwhile writes the same.
            self.index.claim_task(_TASK, self.mine)
            self.last = time.monotonic()


class _Looking:
    """The photographs of one catalog, looked at."""

    def __init__(
        self,
        index: Index,
        files: Files,
        model: Model,
        photos: Photographs,
        device: DeviceLike,
        runner: Runner,
        sent: ModelLike,
        note: Tell,
        progress: Tell,
    ) -> None:
        self.index, self.files = index, files
        self.model, self.photos, self.device = model, photos, device
        self.runner, self.sent = runner, sent
        self.note, self.progress = note, progress
        self.units = [(each.layer, each.number) for each in index.units()]
        self.size = model.preprocess.size
        self.fact: dict[str, Any] = index.facts().get("photographs", {})

    def run(self) -> None:
        state = self.photos.state()
        found = self._record(state)
        file = self.index.folder / RECORD
        fact = {"state": state, "record": file_hash(file), "count": self.photos.count}
        if fact != self.fact:
            chosen = choose(found, self.units, self.index.folders(), self.model, self.photos.count)
            with self.index.changing():
                gone = put_exemplars(self.index, chosen)
                self.index.keep({"photographs": fact})
            for each in gone:
                (self.index.folder / each).unlink(missing_ok=True)
        by_name = {each.name: each for each in found.photos}
        draw(
            self.index,
            self.files,
            self.model,
            by_name,
            self.photos.files,
            self.device,
            self.progress,
        )

    def _record(self, state: str) -> Record:
        """Return the record of all units over all photographs, made as far as it isn't."""
        file, part = self.index.folder / RECORD, self.index.folder / _PART
        make_folder(part.parent, FOLDER_ADVICE)
        for each in part.parent.glob(".entoptic-*.tmp"):
            each.unlink()  # of this record, as nobody else works on it
        most = max(TOP, self.photos.count)
        objectives = tuple(unit_of(*unit) for unit in self.units)
        how = How(most=most)
        recording = Recording.of(self.model, objectives, how, self.device)
        wanted = recording.empty
        before = None
        if file_hash(file) == self.fact.get("record", ""):
            before = self._checked(read_record(file), wanted, state == self.fact["state"])
        elif self.fact:
            self.note(f"{RECORD} isn't what was written; it is made anew")
        if before is not None and before.settings == wanted.settings:
            new = len(self.photos.files) - len(before.photos) - len(before.broken)
            if not new:
                return before
            many = "1 photograph is" if new == 1 else f"{new} photographs are"
            self.note(f"{many} new; exemplars are chosen among all")
            before.save(part)
        elif part.exists() and not self._goes_on(part, wanted):
            part.unlink()
        parts = None
        # A few processes more on one device would take as long to begin as they spare.
        if not isinstance(self.runner, Local) or len(devices(self.device)) > 1:
            work = Looking(self.sent, objectives, how)
            parts = by_workers(self.runner, work, recording, self.device)
        found = record_named(
            recording, self.photos.files, path=part, tell=self.progress, parts=parts
        )
        for name, reason in found.broken.items():
            self.note(f"the photograph {name!r} is left out: {reason}")
        part.replace(file)
        self.files.keep_names([RECORD])
        return found

    def _goes_on(self, part: Path, wanted: Record) -> bool:
        """Tell whether a record that was begun is of the same units."""
        try:
            found = read_record(part)
        except BadRecord:
            return False
        if found.settings != wanted.settings:
            return False
        self._checked(found, wanted, False)
        return True

    def _checked(self, found: Record, wanted: Record, same: bool) -> Record:
        """Return a record of the same network and the same photographs.

        Args:
            same: whether files are known to be as they were.

        Raises:
            BadSetting: with what has changed.
        """
        anew = f"to look at all photographs anew, remove {str(self.index.folder / RECORD)!r}"
        if any(found.settings[name] != wanted.settings[name] for name in _OF_NETWORK):
            raise BadSetting(
                f"the catalog's photographs were shown to {self.model.source} with other weights; "
                f"name another folder for the catalog; or, {anew}"
            )
        gone = [name for name in found.broken if name not in self.photos.files]
        for each in found.photos:
            if each.name not in self.photos.files:
                gone.append(each.name)
            elif not same and file_hash(self.photos.files[each.name]) != each.sha256:
                raise BadSetting(
                    f"the photograph {each.name!r} has changed since the catalog was made; put it "
                    f"back; or, {anew}"
                )
        if gone:
            raise BadSetting(
                f"{len(gone)} of the catalog's photographs, such as {gone[0]!r}, aren't in "
                f"{str(self.photos.folder)!r}; name their folder; or, {anew}"
            )
        return found
