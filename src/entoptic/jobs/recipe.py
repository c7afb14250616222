"""Recipes: one declaration each, from which the function, the command, the job and redo follow.

A recipe is a frozen dataclass. Its fields are all that its user can say, and each carries its
default, its bounds and its help. Nothing here imports torch, so that commands and their help are
there at once.
"""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from entoptic.checks import Meaning, as_given, precision as a_precision, seed as a_seed
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import network_defaults
from entoptic.registry import Registry

if TYPE_CHECKING:
    from entoptic.jobs.finding import Finder
    from entoptic.jobs.job import Result
    from entoptic.jobs.plan import Plan
    from entoptic.networks import DeviceLike, Model, ModelLike
    from entoptic.objectives.files import Files

Role = Literal[
    "model", "photo", "guide", "unit", "units", "objective", "seed", "device", "recipe", "own"
]
"""The role of a field in a job: its network, its photo, ..., or a setting of the recipe's own."""

MODEL = "Network"
SHOW = "What to show"
OPTIMIZE = "How to optimise"

PHOTO: tuple[Meaning, str] = (as_given, "Photo: a picture file.")

_KEY = "entoptic"


@dataclass(frozen=True)
class Setting:
    """The declaration of a field of a recipe, beside its name, its type and its default.

    Args:
        meaning: checks what is given and returns what is meant; None isn't looked at where it is
            the default.
        help: a noun phrase or an imperative sentence, for the help and the docs.
        heading: under which it stands in the help.
        role: what it is to a job.
        metavar: stands for its value in the help.
        short: a short option, such as `-l`.
        usual: what holds where None is the default and the network has no value of its own.
        told: the default in words, where it depends on something.
        positional: whether it is an argument of the command, and not an option.
        many: whether there may be several values: `*units` in Python, and on the command line an
            argument that takes them all, or names with commas between them.
        hidden: whether only Python and jobs have it.
        kept: whether a job keeps it.
        slider: where a slider for it begins and ends, and its step; sensible values, which are
            fewer than those that are allowed.
    """

    meaning: Meaning
    help: str
    heading: str
    role: Role = "own"
    metavar: str | None = None
    short: str | None = None
    usual: Any = None
    told: str | None = None
    positional: bool = False
    many: bool = False
    hidden: bool = False
    kept: bool = True
    slider: tuple[float, float, float] | None = None


def setting(default: Any, meaning: Meaning, help: str, *, under: str = SHOW, **more: Any) -> Any:
    """Declare a field of a recipe; see `Setting`.

    Args:
        default: None where it depends on the network or on another setting.
    """
    return field(default=default, metadata={_KEY: Setting(meaning, help, under, **more)})


def required(meaning: Meaning, help: str, *, under: str = SHOW, **more: Any) -> Any:
    """Declare a field of a recipe that has no default; see `Setting`."""
    return field(metadata={_KEY: Setting(meaning, help, under, **more)})


def with_default(
    recipe: type[Any], name: str, default: Any = dataclasses.MISSING, **changes: Any
) -> Any:
    """Declare an inherited field again, with another default or otherwise changed."""
    known = replace(recipe.__dataclass_fields__[name].metadata[_KEY], **changes)
    return field(default=default, metadata={_KEY: known})


recipes: Registry[type[Recipe]] = Registry("recipe", BadSetting)
"""By the names of their commands, in the order of the help."""

_R = TypeVar("_R", bound="type[Recipe]")


def recipe(name: str, *, order: int, function: str | None = None) -> Callable[[_R], _R]:
    """Register a recipe; stands above `@dataclass(frozen=True)`.

    Args:
        name: of its command and in jobs.
        order: commands stand in this order in the help.
        function: the name of its Python function, where that isn't the same.
    """

    def register(declared: _R) -> _R:
        declared.name = name
        declared.order = order
        declared.function = function or name
        recipes.add(name, declared)
        return declared

    return register


@dataclass(frozen=True)
class Recipe(ABC):
    """A way to make pictures, with its settings.

    Args:
        model: the network: from `load` or `Model.wrap`; or what `load` takes, or a torch module.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    function: ClassVar[str]
    examples: ClassVar[str]
    """Lines of the command's help."""

    returns: ClassVar[str] = "Result"
    """The type of what it makes."""

    made: ClassVar[str] = "The picture, with the job that makes it again."
    """A phrase for the docstring's Returns."""

    makes_no_job: ClassVar[bool] = False
    """True for a recipe that makes something else than a picture with a job."""

    optimizes: ClassVar[bool] = True
    """False for a recipe that makes its picture in one go, without steps."""

    is_path: ClassVar[bool] = False
    """True where its pictures lead from the first to the last, so that a film goes through them."""

    objective_is: ClassVar[str | None] = None
    """The field that a job's objective fills, where it fills one."""

    unit_field: ClassVar[str | None] = None
    """The field that another objective changes, when a picture is made again."""

    defaults_as: ClassVar[str | None] = None
    """The recipe whose defaults by network hold, where they aren't its own."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Fields by names that they had in the release before, and have in its jobs."""

    model: ModelLike = required(
        as_given,
        "Network; `entoptic models` lists them.",
        under=MODEL,
        role="model",
        metavar="M",
        short="-m",
    )
    _: KW_ONLY
    seed: int = setting(0, a_seed, "Random seed.", under=OPTIMIZE, role="seed", metavar="N")
    precision: str = setting(
        "fp32",
        a_precision,
        "Number format that the network computes in: fp32, bf16, fp16; auto measures which is "
        "fastest.",
        under=OPTIMIZE,
        metavar="P",
    )
    device: DeviceLike = setting(
        "auto",
        as_given,
        "Device: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1.",
        under=OPTIMIZE,
        role="device",
        metavar="D",
    )

    def __post_init__(self) -> None:
        for name, declared in settings(type(self)).items():
            value = getattr(self, name)
            if value is not None or self.__dataclass_fields__[name].default is not None:
                object.__setattr__(self, name, declared.meaning(name, value))

    @abstractmethod
    def plan(self, files: Files | None = None) -> Plan:
        """Check everything and lay the work out, without doing it.

        Args:
            files: reads those that the objective names; by default where their names say they are.

        Raises:
            EntopticError: whatever is wrong, before any work.
        """

    def run(self) -> Result:
        """Make the picture; raises as `plan` does."""
        return self.plan().run()

    def network(self) -> Model:
        """Return the network, loaded if it is named."""
        from entoptic.networks import model_of

        return model_of(self.model)

    def filled(self: _Self, model: Model) -> _Self:
        """Return the recipe with the network's own values where nothing is said."""
        own = self.defaults(model)
        found = {}
        for name, declared in settings(type(self)).items():
            if getattr(self, name) is None:
                found[name] = own.get(name, declared.usual)
        return replace(self, **found)

    def defaults(self, model: Model) -> Mapping[str, Any]:
        """Return the network's own values of settings."""
        own = network_defaults(model.source, self.defaults_as or self.name)
        fields = self.__dataclass_fields__
        return {name: each for name, each in own.items() if fields[name].default is None}

    @classmethod
    def keeps(cls, name: str) -> bool:
        """Tell whether a job keeps a field among its settings."""
        declared = settings(cls)[name]
        if declared.role in ("unit", "units"):
            return name != cls.objective_is
        return declared.role == "own" and declared.kept

    def kept(self) -> dict[str, Any]:
        """Return the settings that a job keeps, by name."""
        found = {name: getattr(self, name) for name in settings(type(self)) if self.keeps(name)}
        return {  # as JSON has them
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
        }

    @classmethod
    def upgraded(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a job by the names of the fields, which it may not have yet."""
        return {cls.renamed.get(name, name): value for name, value in stored.items()}

    @classmethod
    def with_files(cls, stored: Mapping[str, Any], find: Finder) -> dict[str, Any]:
        """Return stored settings that name files, with the files as they are found again."""
        return {}

    @classmethod
    def left_out(
        cls, stored: Mapping[str, Any], changes: Mapping[str, Any], same_network: bool
    ) -> set[str]:
        """Return which stored settings don't hold where others are changed."""
        return set()


_Self = TypeVar("_Self", bound=Recipe)


@functools.cache
def settings(recipe: type[Recipe]) -> dict[str, Setting]:
    """Return what the fields of a recipe declare, by name.

    Positional ones come first, then those of the recipe's own, then those that it shares.
    """
    declared = {
        name: each.metadata[_KEY]
        for name, each in recipe.__dataclass_fields__.items()
        if _KEY in each.metadata
    }
    homes = [each for each in recipe.__mro__ if dataclasses.is_dataclass(each)]

    def home(name: str) -> tuple[bool, int]:
        """Say whether a field is named, and how far from the recipe it was declared first."""
        named = recipe.__dataclass_fields__[name].kw_only is True
        return named, max(place for place, each in enumerate(homes) if _declares(each, name))

    order = sorted(declared, key=lambda name: (home(name)[0], home(name)[1] * home(name)[0]))
    return {name: declared[name] for name in order}


def _declares(cls: type, name: str) -> bool:
    return name in cls.__annotations__
