"""Files of a catalog: they appear whole, and nothing stays of those that were interrupted."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from entoptic.catalogs.owners import is_gone
from entoptic.images.writing import write_file
from entoptic.paths import make_folder

FOLDER_ADVICE = "make room, or look at the permissions of the folder of the catalog"
"""What is told where a folder inside of a catalog can't be made."""

DRAFTS = ".drafts"
"""The folder, in that of the catalog, of files that are being written."""


@dataclass(frozen=True)
class Files:
    """The files of a catalog, as one process writes them.

    Args:
        folder: of the catalog.
        owner: of what is written, see `owners`.
    """

    folder: Path
    owner: str

    def write(self, name: str, data: bytes) -> str:
        """Write a file whole or not at all; return its hash.

        Args:
            name: in the folder of the catalog; its own folder may be new.
            data: of the file.

        Raises:
            CannotWrite: with what to do.
        """
        file = self.folder / name
        # Named for their owner, so that drafts of processes that were killed are known.
        draft = f"{self.owner.replace('/', '+')}+{secrets.token_hex(4)}.tmp"
        for each in (file.parent, self.folder / DRAFTS):
            make_folder(each, FOLDER_ADVICE)
        write_file(file, data, draft=self.folder / DRAFTS / draft)
        return hashlib.sha256(data).hexdigest()

    def keep_names(self, names: Iterable[str]) -> None:
        """Have the names of files survive a power cut, where the system knows how."""
        if os.name == "nt":
            return
        for folder in sorted({(self.folder / each).parent for each in names}):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def sweep(self) -> None:
        """Remove what processes that are gone had begun to write."""
        for each in self.folder.glob(f"{DRAFTS}/*+*+*+*.tmp"):
            if is_gone("/".join(each.name.rsplit("+", 3)[:3])):
                each.unlink(missing_ok=True)


def file_hash(file: Path) -> str | None:
    """Return the sha256 of a file; None where it isn't there or can't be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
