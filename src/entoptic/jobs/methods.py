"""Methods of feature visualization, by the names of those who chose them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from entoptic.ascent.optimizers import Rule, adam, nadam
from entoptic.errors import BadSetting
from entoptic.registry import Registry


@dataclass(frozen=True)
class Method:
    """A canvas with the transforms and the step rule that suit it.

    Args:
        canvas: by its name in `canvases`.
        transforms: as `transforms_of` reads them.
        learning_rate: of the step rule.
        rule: makes the step rule from the rate.
    """

    canvas: str
    transforms: str
    learning_rate: float
    rule: Callable[[float], Rule] = adam


methods: Registry[Method] = Registry("method", BadSetting)
"""By the names of the command's --method."""

for _named, _method in (
    # Ours: a canvas with photographs' spectrum and a bounded contrast, under transforms of our own,
    # see there; at a rate of 0.1 channels of SqueezeNet's fire7 reach a fifth more in 128 steps
    # than at 0.05.
    ("natural", Method("natural", "robust", 0.1)),
    ("natural_wide", Method("natural", "wide", 0.1)),
    # The same on lucid's Fourier canvas, whose contrast grows as long as the score does: the
    # defaults that were before, by names that pictures' jobs have.
    ("entoptic", Method("fourier", "robust", 0.1)),
    ("strong", Method("fourier", "strong", 0.1)),
    ("gentle", Method("fourier", "gentle", 0.05)),
    # lucid.optvis.render.render_vis, 2018.
    ("lucid", Method("fourier", "lucid", 0.05)),
    # Fel et al., 2023; NAdam at a rate of 1 as in xplique, to which the canvas belongs: it brings
    # phases back to one deviation, or such steps would be noise.
    ("maco", Method("maco", "maco", 1.0, nadam)),
    # lucid's notebook on CPPNs, 2018, but for our transforms and what `CPPN` says.
    ("cppn", Method("cppn", "gentle", 0.005)),
    # Erhan et al., 2009: the plain pixels.
    ("pixels", Method("pixels", "gentle", 0.02)),
):
    methods.add(_named, _method)
