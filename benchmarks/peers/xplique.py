"""xplique 2.0: `maco` as it comes, 512 x 512, but for the number of crops.

It takes networks of Keras: the embedded SqueezeNet is rebuilt there with the same weights, at
224 x 224, and fed the pictures in [-1, 1] that xplique makes. It is compared with the module first.
Units are `Objective.neuron` of the classes' layer. Crops' sides go from a half to a twentieth of
the picture's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.peers.network import MACO_CROPS, Task

_SIDE = 512


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return -(-evaluations // MACO_CROPS), MACO_CROPS


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    import tensorflow as tf
    from xplique.features_visualizations import Objective, maco

    tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
    tf.config.threading.set_inter_op_parallelism_threads(1)
    assert task.what == "classes", "maco is compared by classes"
    model = _in_keras(task)
    _check(task, model)
    side = task.side or _SIDE
    for unit in units:
        tf.random.set_seed(unit)
        np.random.seed(unit)
        begin = time.perf_counter()
        made, _ = maco(
            Objective.neuron(model, -1, unit),
            nb_steps=steps(evaluations)[0],
            nb_crops=MACO_CROPS,
            custom_shape=(side, side),
        )
        seconds = time.perf_counter() - begin
        yield unit, ((np.asarray(made) + 1) / 2).clip(0, 1).astype(np.float32), seconds


def _in_keras(task: Task) -> Any:
    """SqueezeNet 1.1 of the same weights, from pictures in [-1, 1] to the classes' logits."""
    from tensorflow import keras

    layers, network, fed = keras.layers, task.module, task.model.preprocess
    # The network's channels may be in reverse; so are then the weights of its first layer.
    order = slice(None, None, -1 if fed.order == "BGR" else 1)
    mean, std = (np.array(value, np.float32)[order] for value in (fed.mean, fed.std))

    def convolved(x: Any, convolution: nn.Conv2d) -> Any:
        assert convolution.bias is not None
        kernel = convolution.weight.detach().permute(2, 3, 1, 0).numpy()
        if convolution.in_channels == 3:
            kernel = kernel[:, :, order]
        layer = layers.Conv2D(
            convolution.out_channels,
            convolution.kernel_size,
            convolution.stride,
            "same" if convolution.padding != (0, 0) else "valid",
            activation="relu",
        )
        y = layer(x)
        layer.set_weights([kernel, convolution.bias.detach().numpy()])
        return y

    half = fed.scale / 2
    picture = layers.Input((*fed.size, 3))
    x = layers.Rescaling(half / std, (half - mean) / std)(picture)
    for name, part in network.named_children():
        if isinstance(part, nn.Conv2d):
            x = convolved(x, part)
        elif isinstance(part, nn.MaxPool2d):
            # At 224 x 224 windows fit, so that rounding up or down is the same.
            x = layers.MaxPool2D(part.kernel_size, part.stride)(x)
        elif name.startswith("fire"):
            squeeze, one, three = (each for each in part.modules() if isinstance(each, nn.Conv2d))
            x = convolved(x, squeeze)
            x = layers.Concatenate()([convolved(x, one), convolved(x, three)])
    return keras.Model(picture, layers.GlobalAveragePooling2D()(x))


@torch.no_grad()
def _check(task: Task, model: Any) -> None:
    image = torch.rand((1, 3, *task.model.preprocess.size), generator=torch.Generator())
    ours = task.module(task.model.preprocess(image)).flatten(1).numpy()
    theirs = np.asarray(model(2 * image.permute(0, 2, 3, 1).numpy() - 1))
    difference = np.abs(ours - theirs).max() / np.abs(ours).max()
    assert difference < 1e-4, f"the network in Keras differs by {difference}"
