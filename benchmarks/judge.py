"""Judges pictures by what networks that they weren't made for see in them, and what they excite."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import entoptic as ent
from benchmarks.naturalness import at_one_contrast, naturalness
from benchmarks.peers import LAYER, METHODS
from entoptic.layers import LOGITS
from entoptic.networks import Model
from entoptic.types import Image

NETWORKS = ("squeezenet1_1", "efficientnet_lite0")

GOOGLENET = "bvlc_googlenet"

# (height, width) at which channels are scored.
_CLEAN = 224, 224
# Side of a picture on a contact sheet.
_THUMB = 128

Scores = dict[int, dict[str, float]]
"""By unit: what was measured of its picture."""


@torch.no_grad()
def class_score(judge: Model, picture: Image, label: int) -> dict[str, float]:
    """How a network takes a picture, resized to the network's own size, for a class.

    Returns:
        `top1` and `top5`, 1 or 0, and the `probability`. Classes as probable as the one asked for
        count as better, so that a network that sees nothing is never right.
    """
    layer = judge.resolve(LOGITS)
    shown = ent.resize(picture, *judge.preprocess.size).clamp(0, 1)
    found = judge.activations(shown, [layer])[layer].flatten(1).softmax(1)[0]
    better = int((found >= found[label]).sum()) - 1
    return {
        "top1": float(better < 1),
        "top5": float(better < 5),
        "probability": float(found[label]),
    }


def channel_score(model: Model, picture: Image, layer: str, channel: int) -> float:
    """Mean over space of a channel's activation for a picture as it is, at 224 x 224."""
    shown = ent.resize(picture, *_CLEAN).clamp(0, 1)
    return float(model.activations(shown, [layer])[model.resolve(layer)][:, channel].mean())


def views(method: str, picture: Tensor) -> dict[str, Tensor]:
    """What is judged of a method's picture: the whole, and what the method shows a network."""
    found = {method: picture}
    if share := METHODS[method].shown:
        height, width = (round(side * share) for side in picture.shape[-2:])
        found[f"{method}, middle"] = ent.center_crop(picture, height, width)
    return found


def judge_all(out: Path, caffe: Path | None) -> None:
    """Judge all pictures of a folder; write quality.json, quality.md and the contact sheets.

    Args:
        out: as `make` left it.
        caffe: the folder of bvlc_googlenet; by default in the developers' test data.
    """
    models = {name: ent.load(name) for name in NETWORKS}
    judges = models | _googlenet(caffe)
    report: dict[str, dict[str, Any]] = {}
    for network in models:
        report[f"classes of {network}"] = _judged(
            out,
            f"{network}/classes",
            lambda picture, unit: (
                {
                    f"{name} {key}": value
                    for name, judge in judges.items()
                    for key, value in class_score(judge, picture, unit).items()
                }
                | naturalness(picture)
            ),
        )
    drawn = NETWORKS[0]
    report[f"channels of {LAYER} of {drawn}"] = _judged(
        out,
        f"{drawn}/channels",
        lambda picture, unit: (
            {
                "clean score": channel_score(models[drawn], picture, LAYER, unit),
                "at one contrast": channel_score(
                    models[drawn], at_one_contrast(picture), LAYER, unit
                ),
            }
            | naturalness(picture)
        ),
    )
    report = {title: scores for title, scores in report.items() if scores}
    (out / "quality.json").write_text(json.dumps(report, indent=1), "utf-8")
    (out / "quality.md").write_text("\n".join(_page(report)), "utf-8")
    for folder in _folders(out, "*/*"):
        _contact_sheet(folder, models[folder.parent.name])


def _googlenet(folder: Path | None) -> dict[str, Model]:
    """The third judge, if it is there."""
    data = os.environ.get("ENTOPTIC_TEST_DATA")
    if folder is None and data:
        folder = Path(data, "models", "caffe", GOOGLENET)
    if folder is None:
        return {}
    return {GOOGLENET: ent.load(f"caffe:{folder}/deploy.prototxt+{folder}/{GOOGLENET}.caffemodel")}


def _judged(
    out: Path, part: str, score: Callable[[Tensor, int], dict[str, float]]
) -> dict[str, Scores]:
    """By method, the scores of its pictures, with the seconds that each took to make."""
    found: dict[str, Scores] = {}
    for folder in _folders(out, part):
        method = folder.relative_to(out).parts[0]
        times = json.loads((folder / "times.json").read_text("utf-8"))
        for unit, picture in _pictures(folder):
            took = times.get(f"{unit:04}", {})
            for view, image in views(method, picture).items():
                scores = score(image, unit)
                scores |= {key: took[key] for key in ("seconds", "evaluations") if key in took}
                found.setdefault(view, {})[unit] = scores
    return found


def _folders(out: Path, part: str) -> list[Path]:
    """The folders of pictures, in the methods' order."""
    return [
        folder
        for method in METHODS
        for folder in sorted((out / method).glob(part))
        if folder.is_dir()
    ]


def _pictures(folder: Path) -> Iterator[tuple[int, Tensor]]:
    for path in sorted(folder.glob("[0-9]*.png")):
        yield int(path.stem), ent.read(path).image


def _page(report: Mapping[str, Mapping[str, Scores]]) -> Iterator[str]:
    """The tables in Markdown."""
    for title, methods in report.items():
        # Only pictures of the same units can be compared.
        units = sorted(set.intersection(*(set(scores) for scores in methods.values())))
        yield f"## {title[0].upper()}{title[1:]}"
        yield ""
        if not units:
            yield "No unit was drawn by all methods."
            yield ""
            continue
        yield f"{len(units)} pictures by each method. Means, ± the standard error of the mean."
        yield "Seconds are of the making, with frozen weights; `time` measures them fairly."
        yield ""
        columns = list(next(iter(methods.values()))[units[0]])
        yield f"| method | {' | '.join(columns)} |"
        yield f"|---{'|---:' * len(columns)}|"
        for method, scores in methods.items():
            cells = (_cell(column, [scores[unit][column] for unit in units]) for column in columns)
            yield f"| {method} | {' | '.join(cells)} |"
        yield ""


def _cell(column: str, values: list[float]) -> str:
    mean = statistics.fmean(values)
    if column.endswith(("top1", "top5")):
        return f"{mean:.0%}"
    if column in ("seconds", "evaluations"):
        return f"{statistics.median(values):.4g}"
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{mean:.3f} ± {error:.3f}"


def _contact_sheet(folder: Path, model: Model) -> None:
    """All pictures of a folder on one sheet beside it, for the eye."""
    numbers, pictures = zip(*_pictures(folder), strict=True)
    thumbs = [ent.resize(picture, _THUMB, _THUMB).clamp(0, 1) for picture in pictures]
    labels = [str(number) for number in numbers]
    if folder.name == "classes" and model.labels:
        labels = [f"{number} {model.labels[number].split(',')[0]}" for number in numbers]
    ent.write(folder.with_suffix(".png"), ent.sheet(torch.cat(thumbs), 10, labels=labels))
