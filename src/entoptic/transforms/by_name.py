"""Transforms by name, as a user types them and as a picture's job keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from entoptic.calls import Call, call_text, read_calls
from entoptic.checks import as_given, several
from entoptic.errors import BadSetting
from entoptic.registry import suggestion
from entoptic.transforms.base import Transform, transforms
from entoptic.transforms.presets import Transforms, presets


def transforms_of(given: str | Transform | Iterable[Any], name: str = "transforms") -> Transforms:
    """Return the transforms that are meant, in their order.

    Args:
        given: a text, such as `"robust + jitter(8)"`: sets of transforms and registered transforms
            by name, joined by `+` or commas; a transform; or a list of either.
        name: of the parameter, for errors.

    Raises:
        BadSetting: there is no such name, it can't be read, or an argument is out of its bounds.

    >>> transforms_of("jitter(8) + noise(0.1)")
    (Jitter(pixels=8), Noise(sd=0.1, uniform=False, relative=False, shared=False))
    >>> transforms_of("none")
    ()
    """
    if isinstance(given, str):
        return tuple(each for call in read_calls(given, name) for each in _made(call))
    if callable(given) and not isinstance(given, type):
        return (given,)
    parts = several(as_given, 'transforms, such as "jitter(8) + rotate(5)"')(name, given)
    return tuple(each for part in parts for each in transforms_of(part, name))


def transforms_text(of: Sequence[Transform]) -> str:
    """Write transforms as `transforms_of` reads them.

    What isn't registered, or isn't a dataclass, is written so that reading it says so.

    >>> transforms_text(transforms_of("jitter(8) + rotate(-5, 5) + noise(0.1, shared=True)"))
    'jitter(8) + rotate((-5, 5)) + noise(0.1, shared=True)'
    >>> transforms_text(transforms_of("robust"))
    'robust'
    """
    for name in presets:
        if tuple(of) == presets[name]:
            return name
    return " + ".join(map(_text, of))


def _made(call: Call) -> Iterator[Transform]:
    if call.name in presets:
        if call.args or call.named:
            raise BadSetting(f"{call.name} is a set of transforms, which takes no arguments")
        yield from presets[call.name]
    else:
        if call.name not in transforms and call.name not in (known := transforms.known()):
            hint = suggestion(call.name, [*presets, *known])
            raise BadSetting(f"no transforms named {call.name!r}{hint}")
        yield call.of(transforms[call.name])


def _text(each: Transform) -> str:
    for name in transforms:
        told = transforms.told(name)
        if told is each:
            return name
        if told is type(each):
            return call_text(name, each)
    return str(getattr(each, "__name__", type(each).__name__))
