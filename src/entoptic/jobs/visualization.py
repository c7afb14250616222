"""The settings of all recipes that optimise pictures from noise, or from a photo."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from entoptic.checks import as_given, either, extent, number, path, refused, several, text, whole
from entoptic.errors import BadSetting
from entoptic.jobs.recipe import OPTIMIZE, Recipe, setting, with_default
from entoptic.layers import Layer, layer_name

if TYPE_CHECKING:
    from entoptic.ascent.optimizers import Rule
    from entoptic.canvas import Canvas
    from entoptic.jobs.finding import Finder
    from entoptic.networks import Model
    from entoptic.transforms import Transform
    from entoptic.types import PathLike

MANY_UNITS = (
    "Units: channels LAYER:CHANNEL, ranges LAYER:3-9, classes class:NAME, or expressions of them."
)
ONE_UNIT = "Unit: a channel LAYER:CHANNEL, a class class:NAME, or an expression of them."

AUTO = "auto"
"""For a batch that a plan chooses."""

_Same = TypeVar("_Same", bound="Visualization")


@dataclass(frozen=True)
class Visualization(Recipe, ABC):
    """Pictures that are optimised from noise, or from a photo."""

    brings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "method": ("canvas", "transforms", "learning_rate", "spectrum"),
        "canvas": ("spectrum",),
    }
    """Settings that belong to another one, and go where that one is changed."""

    of_network: ClassVar[tuple[str, ...]] = ()
    """Settings that another network has of its own."""

    own_canvas: ClassVar[str | None] = None
    """The canvas where neither a method nor a canvas is named."""

    _: KW_ONLY
    size: int | tuple[int, int] = setting(
        224,
        extent(10_000),
        "Size of each picture in pixels: its side (of a photo its long side), or HxW.",
        under=OPTIMIZE,
        metavar="PIXELS",
        slider=(64, 512, 16),
    )
    steps: int = setting(
        256,
        whole(0, 1_000_000),
        "Number of steps.",
        under=OPTIMIZE,
        metavar="N",
        slider=(16, 1024, 16),
    )
    method: str | None = setting(
        None,
        text,
        "Method: canvas, transforms and learning rate by one name: natural, natural_wide, "
        "entoptic, strong, gentle, lucid, maco, cppn, pixels.",
        under=OPTIMIZE,
        metavar="M",
        usual="gentle",
    )
    canvas: str | type[Canvas] | None = setting(
        None,
        as_given,
        "Canvas, the parameterisation of the picture: natural, fourier, pixels, laplacian, maco, "
        "cppn, shared, alpha (with transparency).",
        under=OPTIMIZE,
        metavar="C",
        told="the method's",
    )
    transforms: str | Transform | Sequence[Transform] | None = setting(
        None,
        as_given,
        "Random transforms before each step: robust, wide, strong, gentle, lucid, maco, "
        'accentuate, none; or an expression: "gentle + jitter(8)".',
        under=OPTIMIZE,
        metavar="T",
        told="the method's",
    )
    learning_rate: float | None = setting(
        None,
        number(above=0, most=1000),
        "Learning rate of the method's optimizer.",
        under=OPTIMIZE,
        metavar="X",
        told="the method's",
        slider=(0.005, 0.2, 0.005),
    )
    batch: int | str = setting(
        AUTO,
        either(AUTO, otherwise=whole(1, 10_000)),
        "Number of pictures that are optimised together; auto takes as many as memory has room "
        "for.",
        under=OPTIMIZE,
        metavar="N",
    )
    spectrum: PathLike | None = setting(
        None,
        path,
        "Spectrum of your photographs for the canvas maco; see `entoptic spectrum`.",
        under=OPTIMIZE,
        metavar="FILE",
    )

    def resolved(self: _Same, model: Model) -> _Same:
        """Return the recipe with the network's and the method's values where nothing is said.

        Raises:
            BadSetting: there is no such method, canvas or set of transforms; or a spectrum for a
                canvas that keeps to none.
        """
        from entoptic.canvas import canvas_kind, canvases
        from entoptic.jobs.methods import methods
        from entoptic.transforms import transforms_of

        canvas = self.canvas
        if canvas is None and self.method is None:
            canvas = self.own_canvas
        how = self.filled(model)
        assert how.method is not None  # it has a usual value
        method = methods[how.method]
        how = replace(
            how,
            canvas=canvas_kind(method.canvas if canvas is None else canvas, "canvas").name,
            transforms=kept_transforms(
                method.transforms if how.transforms is None else how.transforms
            ),
            learning_rate=method.learning_rate if how.learning_rate is None else how.learning_rate,
        )
        transforms_of(how.preset, "transforms")
        if how.spectrum is None:
            return how
        if not canvases[how.kind].natural:
            raise BadSetting(
                f"a spectrum is for the canvas maco, and this canvas is {how.kind}; take the "
                "method maco or its canvas, or leave the spectrum out"
            )
        return replace(how, spectrum=str(Path(how.spectrum)))

    @classmethod
    def with_files(cls, stored: Mapping[str, Any], find: Finder) -> dict[str, Any]:
        """See `Recipe.with_files`; the spectrum."""
        spectrum = stored.get("spectrum")
        return {} if spectrum is None else {"spectrum": str(find.spectrum(str(spectrum)))}

    @classmethod
    def left_out(
        cls, stored: Mapping[str, Any], changes: Mapping[str, Any], same_network: bool
    ) -> set[str]:
        """See `Recipe.left_out`; another method brings its own canvas and the rest."""
        gone = {*cls.brings["method"]} if "method" in changes else set()
        if changes.get("canvas", stored.get("canvas")) != stored.get("canvas"):
            gone |= {*cls.brings["canvas"]}
        if not same_network:
            gone |= {*cls.of_network}
        return gone - changes.keys()

    @property
    def kind(self) -> str:
        """The name of the canvas; of a resolved recipe."""
        assert isinstance(self.canvas, str)
        return self.canvas

    @property
    def preset(self) -> str:
        """The name of the transforms; of a resolved recipe."""
        assert isinstance(self.transforms, str)
        return self.transforms

    def moves(self, model: Model) -> tuple[Transform, ...]:
        """Return the transforms before each step, at the network's size; of a resolved recipe."""
        from entoptic.transforms import transforms_of, with_crop_size

        return with_crop_size(transforms_of(self.preset), model.preprocess.size)

    @property
    def rule(self) -> Rule:
        """The optimizer; of a resolved recipe."""
        from entoptic.jobs.methods import methods

        assert self.method is not None
        assert self.learning_rate is not None
        return methods[self.method].rule(self.learning_rate)

    @property
    def height_width(self) -> tuple[int, int]:
        """(height, width) of pictures that don't take their shape from a photo."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


def kept_transforms(given: Any) -> str:
    """Return transforms as a job keeps them, of such a text or of the transforms themselves."""
    from entoptic.transforms import transforms_of, transforms_text

    if isinstance(given, str):
        return given
    meant = transforms_of(given, "transforms")
    kept = transforms_text(meant)
    if transforms_of(kept, "transforms") != meant:
        raise refused("transforms", given, "must be dataclasses that are registered by @transform")
    return kept


def units_given(name: str, value: Any) -> tuple[Any, ...]:
    """Return units as a tuple; one alone may be given as it is."""
    if isinstance(value, str) or not isinstance(value, list | tuple):
        return (value,)
    return tuple(value)


def names_given(name: str, value: Any) -> Any:
    """Return one name, or several."""
    return text(name, value) if isinstance(value, str) else several(text, "names")(name, value)


def unit_given(name: str, value: Any) -> Any:
    """Return a unit as it is; what it means depends on the network."""
    if isinstance(value, list | tuple):
        raise refused(name, value, "must be one unit, such as fire7:3")
    return value


def layers_given(name: str, value: Any) -> Any:
    """Return the name of a layer, or a list of several different ones."""
    if isinstance(value, str | Layer):
        return layer_name(name, value)
    if not isinstance(value, list | tuple):
        raise refused(name, value, "must be a layer's name, or a list of them")
    names = [layer_name(name, each) for each in value]
    if not names:
        raise BadSetting(f"{name} is an empty list; give a name, or a list of names")
    if len({*names}) < len(names):
        raise BadSetting(f"{name} names one of {', '.join(names)} twice; give each once")
    return names


def how_many(default: int) -> Any:
    """Declare how many pictures a recipe makes, which are all optimised together."""
    # More than this is no row that anyone looks at.
    return setting(default, whole(2, 64), "Number of pictures, 2 to 64.", metavar="N")


LONGEST = 768
"""The long side, in pixels, of a photo that is optimised as a whole where no size is given: steps
at more take minutes on a CPU."""


def photos_size() -> Any:
    """Declare the size of a picture that keeps the photo's."""
    return with_default(Visualization, "size", None, told=f"the photo's, at most {LONGEST}")


def reference_layer(help: str, told: str = "a middle layer") -> Any:
    """Declare the layer at which pictures are compared."""
    return setting(None, layer_name, help, metavar="L", told=told)


def one_layer(help: str) -> Any:
    """Declare the layer that a recipe is about."""
    return setting(None, layer_name, help, metavar="L", short="-l", told="a middle layer")


def some_layers(help: str) -> Any:
    """Declare the layer, or the layers, that a recipe is about."""
    return setting(
        None, layers_given, help, metavar="L", short="-l", many=True, told="a middle layer"
    )
