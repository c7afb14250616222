"""`entoptic gradient` and `entoptic convert`."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import click

from entoptic.cli import options, streams
from entoptic.cli.outputs import STDOUT, check_free, check_stdout, saved
from entoptic.cli.printing import echo
from entoptic.errors import BadExpression, BadSetting, UnknownModel

_OPTIONS = "Options"


@click.command(
    "gradient",
    cls=options.Grouped,
    standards={"size": "the photo's"},
    epilog="""\b
Examples:
  entoptic gradient cat.jpg --of "logit('tabby')" -o why.png
  entoptic gradient cat.jpg --of pool1 --wrt conv1 -o where.png
""",
)
@click.argument("photo")
@options.option(
    _OPTIONS, "--of", required=True, metavar="EXPR", help="Objective, or layer (its sum)."
)
@options.option(
    _OPTIONS, "--wrt", default="input", metavar="LAYER", help="Layer, or input (the photo)."
)
@options.option(_OPTIONS, "--model", "-m", default="squeezenet1_1", metavar="M", help="Network.")
@options.option(
    _OPTIONS, "--size", type=int, metavar="PIXELS", help="Long side to resize the photo to."
)
@options.option(
    _OPTIONS, "-o", "--output", required=True, metavar="OUT", help="Picture, or .npy for numbers."
)
@options.option(_OPTIONS, "--force", "-f", is_flag=True, help="Replace the output if it exists.")
@options.option(_OPTIONS, "--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def gradient_command(
    photo: str,
    of: str,
    wrt: str,
    model: str,
    size: int | None,
    output: str,
    force: bool,
    as_json: bool,
) -> None:
    """Show the gradient of a layer or objective (saliency).

    With respect to the photo it is shown in color, middle gray being 0; with respect to an inner
    layer (--wrt), as its norm over channels at each position. An output that ends in .npy holds the
    numbers themselves, not normalized.
    """
    from entoptic.analysis.saliency import gradient_picture
    from entoptic.ascent.gradients import gradient
    from entoptic.images import check_writable, picture_of, write
    from entoptic.images.writing import check_place, write_file
    from entoptic.jobs.inputs import scaled
    from entoptic.networks import load
    from entoptic.networks.sources.named_files import files_named

    path = Path(output)
    numbers = path.suffix == ".npy"
    files = [Path(photo), *files_named(model), *_guides(of)]
    streams.check_once([photo])
    if path == STDOUT:
        if as_json:
            raise BadSetting("--json and -o - both go to stdout; leave one of them out")
        check_stdout()
    else:
        (check_place if numbers else check_writable)(path, not_over=files)
        check_free(path, force, files)
    picture = scaled(picture_of(streams.photo_of(photo)), size)
    network = load(model)
    found = gradient(network, of=of, wrt=wrt, at=picture.image)

    def save(path: Path, *, replace: bool) -> None:
        if numbers:
            write_file(path, _npy(found), replace=replace)
        else:
            # A network of one channel is fed the luma: the gradient by grey has no colour.
            is_gray = network.preprocess.channels == 1 and wrt == "input"
            values = found.sum(1, keepdim=True).expand(-1, 3, -1, -1) if is_gray else found
            shown = gradient_picture(values, picture.height, picture.width)
            write(path, shown, replace=replace)

    path = saved(save, path, force)
    if path == STDOUT:
        return
    if as_json:
        largest = float(found.abs().max())
        told = {"output": str(path), "shape": list(found.shape), "max_abs": largest}
        echo(json.dumps(told))
    else:
        echo(str(path))


@click.command(
    "convert",
    cls=options.Grouped,
    epilog="""\b
Example:
  entoptic convert caffe:deploy.prototxt+weights.caffemodel network.onnx
""",
)
@click.argument("model")
@click.argument("output")
@options.option(_OPTIONS, "--force", "-f", is_flag=True, help="Replace the output if it exists.")
def convert_command(model: str, output: str, force: bool) -> None:
    """Write a Caffe, MXNet or TensorFlow network as ONNX.

    The names of its layers are kept.
    """
    from entoptic.images.writing import check_place
    from entoptic.networks.sources import graphs
    from entoptic.networks.sources.named_files import files_named
    from entoptic.networks.sources.spec import Spec

    spec = Spec.parse(model)
    if spec.source not in graphs.READERS:
        raise UnknownModel(
            f"only {', '.join(graphs.READERS)} can be converted, not {spec.source!r}"
        )
    path = Path(output)
    files = files_named(model)
    check_place(path, files)
    check_free(path, force, files)
    save = functools.partial(graphs.save_graph, graphs.onnx_graph(spec))
    echo(str(saved(save, path, force)))


def _guides(of: str) -> list[Path]:
    """Return the pictures that an objective names; a layer names none."""
    from entoptic.objectives import parse

    try:
        guides = [each.guide for each in parse(of).references()]
    except BadExpression:
        return []
    return [Path(each) for each in guides if isinstance(each, str)]


def _npy(values: object) -> bytes:
    import io

    import numpy as np

    stream = io.BytesIO()
    np.save(stream, np.asarray(values), allow_pickle=False)
    return stream.getvalue()
