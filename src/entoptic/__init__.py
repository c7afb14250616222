"""entoptic: DeepDream and feature visualization.

>>> import entoptic as ent
>>> result = ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1)
>>> result.image.shape
torch.Size([1, 3, 60, 80])
"""

from __future__ import annotations

from typing import Any

import lazy_loader

# Looked up on first use, so that importing entoptic is instant and torch is imported only when work
# begins.
_attribute, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# British spellings of the first releases, which stay for one more.
_RENAMED = {
    "ColourShift": "ColorShift",
    "Grey": "Gray",
    "centre_crop": "center_crop",
    "normalised_layers": "normalized_layers",
}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        import warnings

        warnings.warn(
            f"entoptic.{name} is called entoptic.{_RENAMED[name]} now; the old name goes with the "
            "next release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = _RENAMED[name]
    return _attribute(name)
