"""`entoptic gradient` and `entoptic convert`: what a network computes, and what it is stored as."""

from __future__ import annotations

import json
from pathlib import Path

import click

from entoptic.cli.outputs import check_free
from entoptic.cli.printing import echo
from entoptic.errors import UnknownModel


@click.command(
    "gradient",
    epilog="""\b
Examples:
  entoptic gradient cat.jpg --of "logit('tabby')" -o why.png
  entoptic gradient cat.jpg --of pool1 --wrt conv1 -o where.png
""",
)
@click.argument("photo")
@click.option("--of", required=True, metavar="EXPR", help="Layer (its sum), or objective.")
@click.option("--wrt", default="input", metavar="LAYER", help="Layer; by default the picture.")
@click.option("--model", "-m", default="squeezenet1_1", metavar="M", help="Network.")
@click.option("--size", type=int, metavar="PIXELS", help="Long side the photo is brought to first.")
@click.option("-o", "--output", required=True, metavar="OUT", help="Picture, or .npy with numbers.")
@click.option("--force", "-f", is_flag=True, help="Replace the output if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
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
    """Show the gradient of a layer or objective with respect to a photo, or to an inner layer.

    By the picture it is shown in colour around middle grey; by an inner layer, its strength at each
    place in grey. A name ending in .npy gets the numbers themselves, not normalised.
    """
    from entoptic.gradients import gradient
    from entoptic.models import load
    from entoptic.pictures import check_writable, read, write
    from entoptic.pictures.writing import replace_file
    from entoptic.recipes.photos import scaled
    from entoptic.recipes.saliency import gradient_picture

    path = Path(output)
    numbers = path.suffix == ".npy"
    if not numbers:
        check_writable(path, not_over=[Path(photo)])
    check_free(path, force, [Path(photo)])
    picture = scaled(read(photo), size)
    found = gradient(load(model), of=of, wrt=wrt, at=picture.image)
    if numbers:
        replace_file(path, _npy(found))
    else:
        write(path, gradient_picture(found, picture.height, picture.width))
    if as_json:
        largest = float(found.abs().max())
        echo(json.dumps({"output": output, "shape": list(found.shape), "max_abs": largest}))
    else:
        echo(output)


@click.command(
    "convert",
    epilog="""\b
Example:
  entoptic convert caffe:deploy.prototxt+weights.caffemodel network.onnx
""",
)
@click.argument("model")
@click.argument("output")
@click.option("--force", "-f", is_flag=True, help="Replace the output if it exists.")
def convert_command(model: str, output: str, force: bool) -> None:
    """Write a network of Caffe, MXNet or TensorFlow as an ONNX file.

    The names of its layers are kept.
    """
    from entoptic.models.sources import graphs
    from entoptic.models.sources.spec import Spec

    spec = Spec.parse(model)
    if spec.source not in graphs.READERS:
        raise UnknownModel(
            f"only {', '.join(graphs.READERS)} can be converted, not {spec.source!r}"
        )
    path = Path(output)
    check_free(path, force, [Path(part) for part in spec.rest.split("+")])
    graphs.save_graph(graphs.onnx_graph(spec), path)
    echo(output)


def _npy(values: object) -> bytes:
    import io

    import numpy as np

    stream = io.BytesIO()
    np.save(stream, np.asarray(values), allow_pickle=False)
    return stream.getvalue()
