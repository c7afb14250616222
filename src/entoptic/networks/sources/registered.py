"""Names of networks that a package registers, read from its files: importing it takes seconds."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

# timm and torchvision both mark the functions that make networks.
_REGISTERED = re.compile(r"^@register_model\b[\s\S]*?^def (\w+)\(", re.M)


def registered(package: str, *folders: str) -> frozenset[str]:
    """Return the names of networks that the files of an installed package register.

    Args:
        package: its name; where it isn't installed, there are no names.
        folders: those of its folders that are read, without folders in them.

    >>> registered("no_such_package", "models")
    frozenset()
    """
    spec = find_spec(package)
    places = () if spec is None else spec.submodule_search_locations or ()
    files = (
        file for place in places for folder in folders for file in Path(place, folder).glob("*.py")
    )
    return frozenset(
        name for file in files for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))
    )
