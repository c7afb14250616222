"""Families of units: the channels of a layer, the codes of an autoencoder, the rows of a file.

A catalog names each by a text: that of the layer, or the expression of a unit without its number,
such as `code('fire5', 'sae.pt')`.
"""

from __future__ import annotations

import re
from pathlib import Path

from entoptic.errors import BadSetting
from entoptic.formats.arrays import split_name
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.objectives import Leaf, channel, parse
from entoptic.objectives.files import ON_DISK
from entoptic.objectives.from_files import FileRow

_TEXT = r"(?:'[^']*'|\"[^\"]*\")"
_FAMILY = re.compile(
    rf"((?:code|cosine|direction)\(\s*{_TEXT}\s*,\s*{_TEXT})\s*"
    r"((?:,\s*(?:top_k|cosine_power)\s*=\s*[\d.]+\s*)?\))"
)


def is_from_file(family: str) -> bool:
    """Return whether a family is of units from a file, and not the channels of a layer.

    >>> is_from_file("fire5"), is_from_file("code('fire5', 'sae.pt', top_k=8)")
    (False, True)
    """
    return _FAMILY.fullmatch(family) is not None


def halves(family: str) -> tuple[str, str]:
    """Return what stands before and behind the number in a unit's expression.

    >>> halves("fire5"), halves("code('fire5', 'sae.pt')")
    (('fire5:', ''), ("code('fire5', 'sae.pt', ", ')'))
    """
    found = _FAMILY.fullmatch(family)
    return (f"{family}:", "") if found is None else (f"{found[1]}, ", found[2])


def unit_of(family: str | Layer, number: int) -> Leaf:
    """Return a unit of a family.

    >>> unit_of("fire5", 3), unit_of("code('fire5', 'sae.pt')", 3)
    (channel('fire5', 3), code('fire5', 'sae.pt', 3))
    """
    if not is_from_file(str(family)):
        return channel(str(family), number)
    before, after = halves(str(family))
    made = parse(f"{before}{number}{after}")
    assert isinstance(made, Leaf)  # by its form
    return made


def layer_of(family: str) -> str:
    """Return the layer that a family's units are of."""
    return str(unit_of(family, 0).arguments[0])


def resolved(model: Model, family: str) -> Layer:
    """Return the name of a family, resolved where it is a layer.

    Raises:
        UnknownLayer: with the nearest name.
        BadSetting: the file isn't where workers look for it.
    """
    if not is_from_file(family):
        return model.resolve(Layer.parse(family))
    model.resolve(layer_of(family))
    file = Path(_file_of(family))
    if file.is_absolute() or ".." in file.parts:
        raise BadSetting(
            f"{str(file)!r} isn't below the current folder, where a catalog's workers look for it; "
            "go to its folder, and name it from there"
        )
    return Layer(family)


def count_of(family: str) -> int:
    """Return how many units the file of a family has.

    Raises:
        BadUnitFile: it can't be read, or has no rows.
    """
    given = unit_of(family, 0).arguments[1]
    if isinstance(given, FileRow):
        path, array = split_name(given.name)
        return ON_DISK.arrays(path).rows(array)
    return ON_DISK.autoencoder(str(given)).count


def _file_of(family: str) -> str:
    given = unit_of(family, 0).arguments[1]
    return split_name(given.name)[0] if isinstance(given, FileRow) else str(given)
