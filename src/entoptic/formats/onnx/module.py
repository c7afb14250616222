"""The module that runs an imported graph."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from entoptic.formats.onnx.operators.operation import Traced


@dataclass(frozen=True)
class Step:
    """One call of one child.

    Args:
        child: name of the submodule.
        arguments: names of the values that it is given.
        results: names of the values that it makes; empty where nobody asks for one.
        several: it returns a tuple.
        forget: values that no later step needs.
    """

    child: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    several: bool
    forget: tuple[str, ...]


class GraphModule(nn.Module):
    """Runs the nodes of a graph one after the other, each once.

    Args:
        children: the nodes' modules by their names here.
        steps: what runs, in order.
        input: name of the value that is given.
        outputs: names of the values that are returned.
    """

    def __init__(
        self,
        children: dict[str, nn.Module],
        steps: tuple[Step, ...],
        input: str,
        outputs: tuple[str, ...],
    ) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.steps = steps
        self.input = input
        self.outputs = outputs
        self.requires_grad_(False)
        self.eval()

    def forward(self, picture: Traced) -> Traced:
        """Run the network.

        Args:
            picture: (batch, channels, height, width), in the units that the network was trained on.

        Returns:
            The output, or a tuple of them where the graph has several.
        """
        values = {self.input: picture}
        for step in self.steps:
            made = self._modules[step.child](*(values[name] for name in step.arguments))  # type: ignore[misc]
            if not step.several:
                values[step.results[0]] = made
            else:
                if isinstance(made, tuple) and len(made) < len(step.results):
                    raise ValueError(
                        f"{step.child} gives {len(made)} parts instead of {len(step.results)}"
                    )
                for index, name in enumerate(step.results):
                    if name:
                        values[name] = made[index]
            del made
            for name in step.forget:
                del values[name]
        if len(self.outputs) == 1:
            return values[self.outputs[0]]
        return tuple(values[name] for name in self.outputs)
