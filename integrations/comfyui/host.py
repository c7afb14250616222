"""What ComfyUI offers to a node; outside of it, as in tests without it, nothing."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from entoptic.errors import NotAllowed
from entoptic.images.preview import LONGEST, preview
from entoptic.jobs.progress import work
from entoptic.objectives.files import ON_DISK

if TYPE_CHECKING:
    from entoptic.ascent.loop import Step
    from entoptic.formats.arrays import Arrays
    from entoptic.formats.sparse_encoder import SparseEncoder
    from entoptic.images import Picture
    from entoptic.jobs.plan import Plan

# An eye follows no more; and drawing takes a tenth of the time at most.
_INTERVAL_S, _SHARE = 0.2, 0.1


def module(name: str) -> Any:
    """Return a module of ComfyUI's; None outside of it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        return None


def device() -> str:
    """Return the device that ComfyUI computes on."""
    management = module("comfy.model_management")
    return "auto" if management is None else str(management.get_torch_device())


def stop_if_cancelled() -> None:
    """End the node where its user has cancelled it, by ComfyUI's own exception."""
    management = module("comfy.model_management")
    if management is not None:
        management.throw_exception_if_processing_interrupted()


class Bar:
    """The node's bar.

    Args:
        total: all that there is to do.
    """

    def __init__(self, total: int) -> None:
        utils = module("comfy.utils")
        self._bar = None if utils is None else utils.ProgressBar(total)
        self._total, self._done, self._next = total, 0, 0.0

    def advance(self, by: int, picture: Callable[[], Any] = lambda: None) -> None:
        """Show what was done, and now and then the picture as it is; end where it is cancelled.

        Args:
            by: how much was done.
            picture: renders the picture.
        """
        stop_if_cancelled()
        self._done += by
        if self._bar is None:
            return
        began = time.monotonic()
        if began < self._next:
            return
        shown = picture()
        drawn = None if shown is None else ("JPEG", shown, LONGEST)
        self._bar.update_absolute(self._done, self._total, drawn)
        now = time.monotonic()
        self._next = now + max(_INTERVAL_S, (now - began) / _SHARE)

    def end(self) -> None:
        """Show that all is done."""
        if self._bar is not None:
            self._bar.update_absolute(self._total, self._total)


def follower(plan: Plan, bar: Bar) -> Callable[[Step], None]:
    """Return what shows each step of a plan."""

    def follow(step: Step) -> None:
        bar.advance(plan.stages[step.octave], lambda: preview(step.image()))

    return follow


def bar_of(plans: list[Plan]) -> Bar:
    """Return the bar of plans that are carried out one after the other."""
    return Bar(sum(map(work, plans)))


def input_folder() -> Path:
    """Return the folder of ComfyUI's inputs.

    Raises:
        NotAllowed: this isn't ComfyUI.
    """
    paths = module("folder_paths")
    if paths is None:
        raise NotAllowed("files are read from ComfyUI's input folder, and this isn't ComfyUI")
    return Path(paths.get_input_directory())


def input_file(name: str) -> Path:
    """Return a file of ComfyUI's input folder.

    Raises:
        NotAllowed: the name leads out of the folder.
    """
    folder = input_folder().resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or path == folder:
        raise NotAllowed(
            f"a workflow reads files of ComfyUI's input folder only, not {name!r}; put it there"
        )
    return path


class InputFiles:
    """Reads the files that an objective names, in ComfyUI's input folder."""

    def guide(self, name: str) -> Picture:
        """Return the picture in a file."""
        return ON_DISK.guide(str(input_file(name)))

    def arrays(self, name: str) -> Arrays:
        """Return the arrays in a file."""
        return ON_DISK.arrays(str(input_file(name)))

    def autoencoder(self, name: str) -> SparseEncoder:
        """Return the encoder of the sparse autoencoder in a file."""
        return ON_DISK.autoencoder(str(input_file(name)))


class NoFiles:
    """Refuses the files that an objective names."""

    def _refuse(self, name: str) -> NoReturn:
        raise NotAllowed(
            f"the objective of a film's frames names the file {name!r}; connect a guide instead"
        )

    guide = arrays = autoencoder = _refuse
