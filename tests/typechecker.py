"""The checker of annotations while testing: like the static one, it takes ints for floats."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
