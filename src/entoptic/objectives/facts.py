"""Facts about an objective, as its terms declare them."""

from __future__ import annotations

from collections.abc import Iterator

from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.objectives.algebra import Objective, PerImage
from entoptic.objectives.terms import Leaf, Term


def terms(objective: Objective) -> Iterator[Term]:
    """Go through the terms of all that an objective is made of."""
    return (each.term for each in objective.within() if isinstance(each, Leaf))


def may_compare_images(objective: Objective) -> bool:
    """Return whether an image's score depends on the others of its batch, or may do so.

    >>> from entoptic.objectives import diversity, energy
    >>> may_compare_images(energy("fire7")), may_compare_images(2 * diversity("fire7"))
    (False, True)
    """
    each_its_own = any(isinstance(each, PerImage) for each in objective.within())
    return each_its_own or any(each.compares_images is not False for each in terms(objective))


def needing_alpha(objective: Objective) -> list[str]:
    """Return the names of the terms that want a canvas with an alpha channel.

    >>> from entoptic.objectives import energy, opacity
    >>> needing_alpha(energy("fire7") * (1 - opacity()))
    ['opacity']
    """
    return sorted({each.name for each in terms(objective) if each.needs_alpha})


def files_of(objective: Objective) -> list[Picture | Arrays | SparseEncoder]:
    """Return the files that a bound objective was read from, each once, ordered by their names."""
    found = {
        (str(file.path), file.sha256): file
        for each in objective.within()
        if isinstance(each, Leaf)
        for file in each.files()
    }
    return [file for _, file in sorted(found.items(), key=lambda each: each[0][0])]


def files_named(objective: Objective) -> set[str]:
    """Return the names of the files that an objective will be read from.

    >>> from entoptic.objectives import energy, match
    >>> files_named(energy("fire7") + match("fire5", "sea.png"))
    {'sea.png'}
    """
    leaves = (each for each in objective.within() if isinstance(each, Leaf))
    return {name for each in leaves for name in each.named_files()}


def hashes_of(objective: Objective) -> set[str]:
    """Return the sha256 of all files that a bound objective was read from."""
    found = set()
    for file in files_of(objective):
        beside = file.config if isinstance(file, SparseEncoder) else None
        found |= {file.sha256, None if beside is None else beside[1]}
    return {each for each in found if each is not None}


def prices_opacity(objective: Objective) -> bool:
    """Return whether one of the terms says itself what opacity costs."""
    return any(each.prices_opacity for each in terms(objective))
