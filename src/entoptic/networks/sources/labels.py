"""Names of classes for networks whose files don't carry any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from entoptic.errors import BadModelFile, BadSetting
from entoptic.formats.files import contents
from entoptic.networks.sources.embedded import imagenet

Labels = tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...]]
"""Labels, synsets, and notes for the user."""


def labels_of(classes: int | None, options: Mapping[str, str]) -> Labels:
    """Return labels by the option `labels`, or by the number of classes.

    Args:
        classes: how many classes the network has, None where that isn't known.
        options: `labels=none`, `labels=imagenet`, or `labels=FILE` with one name a line.

    Raises:
        BadModelFile: the file of labels can't be read.
        BadSetting: there are fewer labels than classes, or more.
    """
    asked = options.get("labels")
    if asked == "none":
        return None, None, ()
    if asked not in (None, "imagenet"):
        return _from_file(Path(str(asked)), classes), None, ()
    labels, synsets = imagenet()
    if classes == len(labels):
        return labels, synsets, () if asked else (_GUESS,)
    if classes == len(labels) + 1:
        # TensorFlow's networks have a class for what is none of the others, first.
        return ("background", *labels), ("", *synsets), () if asked else (_GUESS,)
    if asked:
        raise BadSetting(f"labels=imagenet wants 1000 or 1001 classes; the network has {classes}")
    return None, None, ()


# The names of ImageNet's 21 841 classes have 1.5 megabytes.
_MOST_BYTES = 2**24

_GUESS = "the labels are guessed from the number of classes; correct them by ?labels=FILE|none"


def _from_file(path: Path, classes: int | None) -> tuple[str, ...]:
    try:
        text = contents(path, _MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadModelFile(f"can't read the labels in {str(path)!r}: {error}") from None
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if classes is not None and len(labels) != classes:
        raise BadSetting(f"{path} has {len(labels)} labels; the network has {classes} classes")
    return labels
