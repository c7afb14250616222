"""The folder of a studio: its photos, and its history of pictures, each with the job that made it.

All names that a page sends are looked up among the files that are there; none becomes a path.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from entoptic import images
from entoptic.errors import BadFilm, BadPicture, BadSetting, NoJob, PictureNotFound
from entoptic.images import Picture
from entoptic.images.writing import write_file
from entoptic.jobs.job import Job, Result
from entoptic.jobs.written import literal
from entoptic.paths import FILMS, is_film, make_folder
from entoptic.runners.films import job_of_film

PHOTOS, DELETED = "photos", "deleted"
_STARS = "stars.json"
_NAME = re.compile(
    r"\w[\w. -]{0,150}\.(?:png|jpe?g|webp|tiff?|gif|bmp|avif|hei[cf]|jxl|mp4|mov|webm|mkv|m4v)"
)
# Ends of photos' names, by what Pillow calls their kind.
_ENDINGS = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp", "TIFF": "tif", "GIF": "gif"}
_ENDINGS |= {"BMP": "bmp", "AVIF": "avif", "HEIF": "heic", "JXL": "jxl"}
# Of a file's hash, in its name.
_DIGITS = 12
# Pixels of a photo that the page may send.
_MOST_PIXELS = 60_000_000


@dataclass(frozen=True)
class Item:
    """A picture, or a film, of the history.

    Args:
        name: of its file.
        made: when, in seconds of the clock.
        starred: whether it is a favorite.
        film: whether it moves.
    """

    name: str
    made: float
    starred: bool
    film: bool


class Shelf:
    """A folder of photos and results.

    Args:
        folder: made where it isn't there.
        photo_bytes: that all photos may take.

    Raises:
        CannotWrite: the folder can't be made.
    """

    def __init__(self, folder: Path, photo_bytes: int = 2**32) -> None:
        self.folder, self._photo_bytes = folder.absolute(), photo_bytes
        make_folder(self.folder / PHOTOS)
        self._lock = threading.Lock()

    # Photos

    def add(self, data: bytes, called: str = "photo") -> str:
        """Keep a photo, under its name and the hash of its bytes; return the name.

        Raises:
            BadPicture: it is none, is damaged, or is too large.
            BadSetting: the folder is full.
        """
        return self._added(data, called, _ENDINGS.get(_kind(data), "png"), _read_photo)

    def add_film(self, data: bytes, called: str) -> dict[str, Any]:
        """Keep a film likewise; return its name, height and width.

        Raises:
            BadFilm: it is none, or is damaged.
            BadSetting: the folder is full.
            MissingExtra: films need PyAV.
        """
        from entoptic.video.reading import facts_of

        ending = Path(called).suffix.lower().removeprefix(".")
        known = [each.removeprefix(".") for each in (*FILMS, ".gif")]
        if ending not in known:
            raise BadSetting(f"{called!r} is no film; choose one of {', '.join(known)}")
        name = self._added(data, called, ending, facts_of)
        return {"name": name, "film": True} | self.size_of_film(name)

    def size_of_film(self, name: str) -> dict[str, int]:
        """Return the height and the width of a film that was added."""
        from entoptic.video.reading import facts_of

        facts = facts_of(self.photo_file(name))
        return {"height": facts.height, "width": facts.width}

    def _added(self, data: bytes, called: str, ending: str, check: Callable[[Path], object]) -> str:
        """Keep what a page sends, if it is what it should be; return its name."""
        digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
        stem = re.sub(r"[^\w-]+", "-", Path(called).stem).strip("-_")[:40] or "photo"
        stem = stem.removesuffix(f"-{digest}")
        target = self.folder / PHOTOS / f"{stem}-{digest}.{ending}"
        if target.exists():
            return target.name
        with self._lock:
            taken = sum(each.stat().st_size for each in (self.folder / PHOTOS).iterdir())
            if taken + len(data) > self._photo_bytes:
                raise BadSetting(
                    f"the studio's photos take {taken / 1e6:.0f} MB, which is nearly all they may; "
                    f"delete some in {str(self.folder / PHOTOS)!r}"
                )
            draft = target.with_name(f".{secrets.token_hex(8)}.{ending}")
            try:
                draft.write_bytes(data)
                check(draft)  # what isn't a picture isn't kept
                draft.replace(target)
            except (BadPicture, BadFilm) as error:
                told = str(error).replace(repr(str(draft)), repr(called))
                raise type(error)(told) from None
            finally:
                draft.unlink(missing_ok=True)
        return target.name

    def photo(self, name: str) -> Picture:
        """Return a photo, by the name that it has in jobs.

        Raises:
            PictureNotFound: there is none.
        """
        found = images.read(self._file(name, self.folder / PHOTOS), max_pixels=_MOST_PIXELS)
        return replace(found, path=Path(PHOTOS, name))

    def same(self, name: str | None, sha256: str | None) -> str | None:
        """Return the name of the photo whose bytes a job means, or whose name; None without one.

        Args:
            name: in the job; of a photo of the studio's it has the hash.
            sha256: of the file.
        """
        ending = None if sha256 is None else f"-{sha256[:_DIGITS]}"
        for each in self._files(self.folder / PHOTOS):
            if each.name == Path(name or "").name or (ending and each.stem.endswith(ending)):
                return each.name
        return None

    def photo_file(self, name: str) -> Path:
        """Return the file of a photo; raises as `photo` does."""
        return self._file(name, self.folder / PHOTOS)

    # History

    def keep(self, result: Result, stem: str) -> str:
        """Save a result with its job, under a name of its own; return the name."""
        with self._lock:
            path = self.folder / self.free(f"{stem}-{result.job.recipe}", ".png")
            result.save(path, replace=False)
        return path.name

    def free(self, stem: str, ending: str) -> str:
        """Return a name that no file has."""
        number = 1
        while True:
            name = f"{stem}{'' if number == 1 else f'-{number}'}{ending}"
            if not os.path.lexists(self.folder / name):
                return name
            number += 1

    def has(self, name: str) -> bool:
        """Tell whether the history has a picture or a film of that name."""
        return any(each.name == name for each in self.items())

    def items(self) -> list[Item]:
        """Return the history, the newest first."""
        starred = self._stars()
        found = []
        for each in self._files(self.folder):
            found.append(
                Item(
                    each.name,
                    each.stat().st_mtime,
                    each.name in starred,
                    is_film(each),
                )
            )
        return sorted(found, key=lambda each: (-each.made, each.name))

    def file(self, name: str) -> Path:
        """Return the file of a picture of the history.

        Raises:
            PictureNotFound: there is none.
        """
        return self._file(name, self.folder)

    def job(self, name: str) -> Job:
        """Return the job of a picture of the history; raises NoJob as well."""
        return _job_of(self.file(name))

    def job_of_photo(self, name: str) -> Job | None:
        """Return the job that a photo carries, if it is a picture of entoptic's."""
        try:
            return _job_of(self.photo_file(name))
        except NoJob:
            return None

    def star(self, name: str, starred: bool) -> None:
        """Make a picture a favorite, or no longer."""
        self.file(name)
        with self._lock:
            names = self._stars() - {name} | ({name} if starred else set())
            write_file(self.folder / _STARS, json.dumps(sorted(names)).encode())

    def delete(self, name: str) -> None:
        """Put a picture into the folder of deleted ones, from where it can be taken back."""
        file = self.file(name)
        make_folder(self.folder / DELETED)
        file.replace(self.folder / DELETED / name)

    def restore(self, name: str) -> None:
        """Take a deleted picture back.

        Raises:
            PictureNotFound: there is none; or another one has its name by now.
        """
        file = self._file(name, self.folder / DELETED)
        if os.path.lexists(self.folder / name):
            raise PictureNotFound(f"there is another {name!r} by now")
        file.replace(self.folder / name)

    def again(self, name: str) -> dict[str, str]:
        """Return the command and the Python that make a picture again by its own job."""
        word = shlex.quote(name)
        texts = {"command": self.there(f"entoptic redo {word}")}
        if not is_film(name):
            again = f"{Path(name).stem}-redo{Path(name).suffix}"
            made = f"ent.redo({literal(name)}).save({literal(again)})"
            texts["python"] = self.there_in_python(f"import entoptic as ent\n\n{made}")
        return texts

    def there(self, command: str) -> str:
        """Return a command that runs in the folder."""
        return f"cd {shlex.quote(str(self.folder))}\n{command}"

    def there_in_python(self, text: str) -> str:
        """Return Python that runs in the folder."""
        return f"# Run this in {self.folder}\n{text}"

    def _stars(self) -> set[str]:
        try:
            found: Any = json.loads((self.folder / _STARS).read_text("utf-8"))
        except (OSError, ValueError):
            return set()  # none yet; or what a user's editor left, which is only stars
        return (
            {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()
        )

    def _files(self, folder: Path) -> Iterator[Path]:
        if not folder.is_dir():
            return
        for each in folder.iterdir():
            if _NAME.fullmatch(each.name) and each.is_file() and not each.is_symlink():
                yield each

    def _file(self, name: str, folder: Path) -> Path:
        for each in self._files(folder):
            if each.name == name:
                return each
        raise PictureNotFound(f"the studio has no picture {name!r}; it may have been deleted")


def _job_of(file: Path) -> Job:
    if is_film(file):
        return job_of_film(file)
    return Job.from_json(images.read_job(file))


def _read_photo(file: Path) -> object:
    return images.read(file, max_pixels=_MOST_PIXELS)


def _kind(data: bytes) -> str:
    """Return what Pillow calls the kind of a picture; an empty text where it knows none."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data)) as image:
            return image.format or ""
    except (OSError, ValueError, Pillow.DecompressionBombError):
        return ""
