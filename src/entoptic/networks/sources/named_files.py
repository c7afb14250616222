"""The files that a specification names: those that must survive what is made from them."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from urllib.parse import unquote_plus

_SIGNS = re.compile(r"[:+,?&=]")


def files_named(spec: str) -> tuple[Path, ...]:
    """Return every file that a specification names, whichever source understands it.

    Each stretch between two of its signs counts that is a file, so that names with such signs in
    them do too; so does the external data of an ONNX file.

    >>> files_named("squeezenet1_1")
    ()
    """
    starts = [0, *(sign.end() for sign in _SIGNS.finditer(spec))]
    ends = [*(sign.start() for sign in _SIGNS.finditer(spec)), len(spec)]
    stretches = (spec[start:end] for start, end in itertools.product(starts, ends) if start < end)
    names = {name for each in stretches for name in (each, unquote_plus(each))}
    # The function of `os` never raises.
    found = tuple(Path(each) for each in sorted(names) if os.path.isfile(each))  # noqa: PTH113
    if "onnx:" not in spec:
        return found
    from entoptic.formats.onnx import external_files

    return (*found, *(data for file in found for data in external_files(file)))
