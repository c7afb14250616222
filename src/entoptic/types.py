"""Names for the tensors that travel between the parts.

With jaxtyping installed (the tests have it) the names carry their axes and can be checked while
running; without it they are plain tensors.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

if TYPE_CHECKING or find_spec("jaxtyping") is None:
    Image: TypeAlias = Tensor
    Planes: TypeAlias = Tensor
    Scores: TypeAlias = Tensor
    Alpha: TypeAlias = Tensor
else:
    from jaxtyping import Float

    Image = Float[Tensor, "batch 3 height width"]
    # What networks may be fed that want no pictures, or a picture with its transparency.
    Planes = Float[Tensor, "batch channels height width"]
    Scores = Float[Tensor, " batch"]
    Alpha = Float[Tensor, "batch 1 height width"]

PathLike: TypeAlias = str | Path
