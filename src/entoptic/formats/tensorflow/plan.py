"""The part of a graph that is translated: from the incoming picture to the wanted outputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from entoptic.errors import BadModelFile, did_you_mean
from entoptic.formats.tensorflow.graphdef import FLOATS, UINT8, Node
from entoptic.formats.tensorflow.rewrites import consumers, simplified, source

# What stands between an encoded picture and the float picture that a network starts with.
_DECODERS = ("DecodeJpeg", "DecodePng", "DecodeBmp", "DecodeGif", "DecodeImage")
_RESIZERS = ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea")
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
# Nodes without users that aren't results: they save, check or log.
_NO_RESULTS = ("NoOp", "Assert", "Const", *_PLACEHOLDERS, "SaveV2", "MergeV2Checkpoints")
_VARIABLES = ("Variable", "VariableV2", "VarHandleOp", "ReadVariableOp")
_MAX_SIDE = 65_536  # pixels


@dataclass(frozen=True)
class Picture:
    """The value that the picture comes in as.

    Args:
        name: of the node.
        height: in pixels, None where the file gives none; so is the width.
        channels: 3 where the file gives none.
        nchw: TensorFlow counts its axes as (batch, channels, height, width), too.
        decoded: it comes from a picture file, so its range is known to be [0, 255].
    """

    name: str
    height: int | None = None
    width: int | None = None
    channels: int = 3
    nchw: bool = False
    decoded: bool = False


@dataclass(frozen=True)
class Plan:
    """The part of a graph that is translated.

    Args:
        nodes: each after the nodes that it takes values from; the picture isn't among them.
        picture: where they start.
        outputs: names of nodes.
        left_off: operators that can't be translated, with which the rest of the graph begins.
    """

    nodes: tuple[Node, ...]
    picture: Picture
    outputs: tuple[str, ...]
    left_off: str = ""


def plan(
    nodes: Mapping[str, Node], outputs: Sequence[str] | None, supported: Callable[[str], bool]
) -> Plan:
    """Choose the part of a graph that is translated.

    Args:
        nodes: the whole graph.
        outputs: names of the nodes that are wanted; None for those that nobody uses.
        supported: says of an operator that it can be translated.

    Returns:
        The plan.

    Raises:
        BadModelFile: an output doesn't exist, there isn't exactly one picture, a value is
            missing, nodes go round in a circle, or operators can't be translated.
    """
    wanted = _sinks(nodes) if outputs is None else _known(nodes, outputs)
    nodes = simplified(nodes)
    picture = _picture(nodes, _reachable(nodes, wanted))
    users = consumers(nodes)
    seen = _downstream(users, picture.name)
    if outputs is None:
        wanted = [name for name in wanted if name in seen]
    for name in wanted:
        if name == picture.name or name not in seen:
            raise BadModelFile(f"output {name!r} doesn't follow from the picture {picture.name!r}")
    strange: dict[str, list[str]] = {}
    while unknown := _unknown(nodes, wanted, picture.name, supported):
        before = [] if outputs is not None else _before(nodes, wanted, unknown, users, seen)
        if not before or picture.name in before:
            _refuse(unknown)
        for node in unknown:
            strange.setdefault(node.op, []).append(repr(node.name))
        wanted = before
    ordered = _ordered(nodes, wanted, stop=picture.name)
    return Plan(tuple(ordered), picture, tuple(wanted), _operators(strange, ", "))


def _unknown(
    nodes: Mapping[str, Node], wanted: Iterable[str], picture: str, supported: Callable[[str], bool]
) -> list[Node]:
    """Return the needed nodes that can't be translated."""
    needed = _reachable(nodes, wanted, stop=picture)
    return [nodes[n] for n in needed if n != picture and not supported(nodes[n].op)]


def _before(
    nodes: Mapping[str, Node],
    wanted: Sequence[str],
    unknown: Sequence[Node],
    users: Mapping[str, list[Node]],
    seen: set[str],
) -> list[str]:
    """Return outputs that need none of some nodes, then the values that those begin from."""
    if any(node.op in (*_VARIABLES, *_PLACEHOLDERS) for node in unknown):
        return []  # not a limit of ours: the graph lacks something
    lost = set().union(*(_downstream(users, node.name) for node in unknown))
    ends = [source(reference) for name in nodes if name in lost for reference in nodes[name].inputs]
    kept = [name for name in (*wanted, *reversed(ends)) if name not in lost and name in seen]
    return list(dict.fromkeys(kept))


def _known(nodes: Mapping[str, Node], outputs: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(name.removesuffix(":0") for name in outputs))
    if not names:
        raise BadModelFile("no outputs were asked for; name a node, or leave them out")
    for name in names:
        if name not in nodes:
            raise BadModelFile(f"no node named {name!r}{did_you_mean(name, nodes)}")
    return names


def _sinks(nodes: Mapping[str, Node]) -> list[str]:
    used = {source(reference) for node in nodes.values() for reference in node.inputs}
    return [
        node.name
        for node in nodes.values()
        if node.name not in used and node.op not in _NO_RESULTS and "Summary" not in node.op
    ]


def _reachable(
    nodes: Mapping[str, Node], wanted: Iterable[str], stop: str | None = None
) -> dict[str, None]:
    """Return the names of all nodes that the wanted ones need, in the order met."""
    found: dict[str, None] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        if name == stop:
            continue
        for before in map(source, nodes[name].inputs):
            if before not in nodes:
                raise BadModelFile(f"{nodes[name].label}: its input {before!r} doesn't exist")
            waiting.append(before)
    return found


def _downstream(users: Mapping[str, list[Node]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += [node.name for node in users.get(current, [])]
    return found


def _operators(strange: Mapping[str, Sequence[str]], between: str) -> str:
    return between.join(f"{op} ({', '.join(names)})" for op, names in sorted(strange.items()))


def _refuse(unknown: Iterable[Node]) -> NoReturn:
    strange: dict[str, list[str]] = defaultdict(list)
    for node in unknown:
        strange[node.op].append(repr(node.name))
    advice = "ask for outputs that come before them"
    if any(op in _VARIABLES for op in strange):
        advice = "the graph isn't frozen, freeze its variables into constants first"
    elif any(op in _PLACEHOLDERS for op in strange):
        advice = "only the picture can come in, freeze other inputs into constants first"
    raise BadModelFile(f"operators that can't be read: {_operators(strange, '; ')}; {advice}")


def _ordered(nodes: Mapping[str, Node], wanted: Iterable[str], stop: str) -> list[Node]:
    """Order nodes after those that they need, without recursion: graphs are deep."""
    ordered: list[Node] = []
    done, open_ = {stop}, set[str]()
    waiting = [(name, False) for name in wanted]
    while waiting:
        name, finished = waiting.pop()
        if finished:
            open_.discard(name)
            done.add(name)
            ordered.append(nodes[name])
        elif name not in done:
            open_.add(name)
            waiting.append((name, True))
            before = dict.fromkeys(map(source, nodes[name].inputs))
            for needed in before:
                if needed in open_:
                    raise BadModelFile(f"{nodes[needed].label}: it needs its own result, a circle")
            waiting += [(needed, False) for needed in before if needed not in done]
    return ordered


def _picture(nodes: Mapping[str, Node], reachable: Mapping[str, None]) -> Picture:
    """Find the one float picture: a placeholder, or what follows a decoded picture file."""
    roots = [nodes[name] for name in reachable if nodes[name].op in _PLACEHOLDERS + _DECODERS]
    floats = [node for node in roots if _dtype(node) in FLOATS]
    with_rank_4 = [node for node in floats if len(_declared(node) or ()) == 4]
    whole = [
        node
        for node in roots
        if node.op in _DECODERS or (_dtype(node) == UINT8 and _declared(node))
    ]
    # Before 2017, TensorFlow wrote a placeholder of unknown shape as one without axes.
    unknown = [node for node in floats if not _declared(node) and not node.inputs]
    for found in (with_rank_4, whole, unknown):
        if len(found) > 1:
            names = ", ".join(repr(node.name) for node in found)
            raise BadModelFile(f"{len(found)} pictures come in ({names}); one is needed")
        if found is whole and found:
            return _after_decoding({name: nodes[name] for name in reachable}, found[0])
        if found:
            return _placed(found[0])
    raise BadModelFile("no picture comes in; a float placeholder with four axes is needed")


def _dtype(node: Node) -> int:
    return node.integer("dtype", 0)


def _declared(node: Node) -> tuple[int, ...] | None:
    return None if node.op in _DECODERS else node.shape("shape")


def _placed(node: Node) -> Picture:
    shape = _declared(node) or (-1, -1, -1, -1)
    nchw = shape[1] in (1, 3) and shape[3] not in (1, 3)
    channels, height, width = shape[1:] if nchw else (shape[3], *shape[1:3])
    if any(not (size == -1 or 1 <= size <= _MAX_SIDE) for size in (channels, height, width)):
        raise BadModelFile(f"{node.label}: a picture of the shape {shape} is absurd")
    return Picture(
        node.name,
        None if height == -1 else height,
        None if width == -1 else width,
        3 if channels == -1 else channels,
        nchw,
    )


def _after_decoding(nodes: Mapping[str, Node], root: Node) -> Picture:
    """The first float picture after a decoder, and after the resizing that follows it."""
    users = consumers(nodes)
    node = root
    rank = 3 if root.op in _DECODERS else len(_declared(root) or ())
    is_float = False
    sides: tuple[int, ...] = (_declared(root) or ())[1:3] if rank == 4 else ()
    while len(following := users.get(node.name, [])) == 1:
        if following[0].op in _RESIZERS:
            is_float, sides = True, _resized(nodes, following[0])
        elif following[0].op == "Cast":
            is_float = following[0].integer("DstT", 0) in FLOATS
        elif following[0].op in ("ExpandDims", "Squeeze"):
            rank += 1 if following[0].op == "ExpandDims" else -1
        elif following[0].op != "Identity":
            break
        node = following[0]
    if not is_float or rank != 4:
        raise BadModelFile(f"{root.label}: it isn't turned into a float picture with four axes")
    sides = sides if len(sides) == 2 and all(1 <= side <= _MAX_SIDE for side in sides) else ()
    height, width = sides or (None, None)
    return Picture(node.name, height, width, decoded=True)


def _resized(nodes: Mapping[str, Node], node: Node) -> tuple[int, ...]:
    size = nodes.get(source(node.inputs[1])) if len(node.inputs) == 2 else None
    if size is None or size.op != "Const":
        return ()
    return tuple(int(side) for side in size.tensor("value").ravel())
