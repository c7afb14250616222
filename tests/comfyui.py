"""A stand-in for ComfyUI: it loads nodes, checks and runs workflows as ComfyUI does.

Written after ComfyUI's execution.py and its documentation of nodes: nodes are found in a folder of
custom_nodes, inputs are checked against INPUT_TYPES, and all runs in inference mode.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

NODES = Path(__file__).parents[1] / "integrations" / "comfyui"


class Interrupted(Exception):
    """ComfyUI's InterruptProcessingException."""


@dataclass
class Given:
    """A node that gives what the test has, as LoadImage would."""

    value: Any

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    FUNCTION = "give"

    def give(self) -> tuple[Any]:
        return (self.value,)


@dataclass
class ComfyUI:
    """ComfyUI, as far as nodes need it.

    Args:
        folder: with `input` and `output`.
        cancel_after: calls of a bar after which its user cancels; None never.
        progress: what bars were told: done, total, preview.
        arguments: of its command line.
    """

    folder: Path
    cancel_after: int | None = None
    progress: list[tuple[int, int, Any]] = field(default_factory=list)
    arguments: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(disable_metadata=False)
    )

    def modules(self) -> dict[str, ModuleType]:
        """The modules that nodes import."""
        comfy, utils = ModuleType("comfy"), ModuleType("comfy.utils")
        management, cli = ModuleType("comfy.model_management"), ModuleType("comfy.cli_args")
        paths = ModuleType("folder_paths")

        class ProgressBar:
            def __init__(bar, total: int) -> None:
                bar.total = total

            def update_absolute(
                bar, value: int, total: int | None = None, preview: Any = None
            ) -> None:
                self.progress.append((value, total or bar.total, preview))

        def throw() -> None:
            if self.cancel_after is not None and len(self.progress) >= self.cancel_after:
                raise Interrupted

        def save_path(prefix: str, folder: str, width: int, height: int) -> tuple[Any, ...]:
            whole = Path(folder, prefix).resolve()
            assert whole.is_relative_to(Path(folder).resolve()), "outside of the output folder"
            whole.parent.mkdir(parents=True, exist_ok=True)
            count = len([*whole.parent.glob(f"{whole.name}_*.png")])
            inside = whole.parent.relative_to(Path(folder).resolve())
            return str(whole.parent), whole.name, count + 1, str(inside), prefix

        utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
        management.throw_exception_if_processing_interrupted = throw  # type: ignore[attr-defined]
        management.get_torch_device = lambda: torch.device("cpu")  # type: ignore[attr-defined]
        cli.args = self.arguments  # type: ignore[attr-defined]
        paths.get_input_directory = lambda: str(self.folder / "input")  # type: ignore[attr-defined]
        paths.get_output_directory = lambda: str(self.folder / "output")  # type: ignore[attr-defined]
        paths.get_save_image_path = save_path  # type: ignore[attr-defined]
        return {
            "comfy": comfy,
            "comfy.utils": utils,
            "comfy.model_management": management,
            "comfy.cli_args": cli,
            "folder_paths": paths,
        }

    def run(self, workflow: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Any:
        """Run a workflow, in the form of ComfyUI's API, and return what its last node gives.

        Args:
            workflow: nodes by id, in order, each with `class_type` and `inputs`; a list of an id
                and a number is a wire.
            values: what wires from ids bring that are no nodes, such as images.
        """
        nodes = load_nodes().NODE_CLASS_MAPPINGS
        extra = {"workflow": {"nodes": [*workflow]}}
        outputs: dict[str, Any] = {name: (each,) for name, each in (values or {}).items()}
        with torch.inference_mode():
            # ComfyUI's images are made in inference mode, too.
            for name, each in (values or {}).items():
                outputs[name] = (each.clone() if isinstance(each, torch.Tensor) else each,)
            for name, said in workflow.items():
                kind = nodes[said["class_type"]]
                inputs = self._checked(kind.INPUT_TYPES(), said["inputs"], outputs)
                hidden = kind.INPUT_TYPES().get("hidden", {})
                told = {"PROMPT": workflow, "EXTRA_PNGINFO": extra}
                inputs |= {each: told[what] for each, what in hidden.items()}
                outputs[name] = getattr(kind(), kind.FUNCTION)(**inputs)
        return outputs[name]

    def _checked(
        self, types: Mapping[str, Any], given: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The inputs of a node, checked as ComfyUI checks them before it runs anything."""
        declared = types["required"] | types.get("optional", {})
        assert types["required"].keys() <= given.keys()
        assert given.keys() <= declared.keys()
        found = {}
        for name, value in given.items():
            if isinstance(value, list):
                found[name] = outputs[value[0]][value[1]]
                continue
            kind, *options = declared[name]
            limits = options[0] if options else {}
            if isinstance(kind, list):
                assert value in kind, f"{name}: {value!r} not in {kind}"
            else:
                value = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}[kind](value)
            if kind in ("INT", "FLOAT"):
                assert limits["min"] <= value <= limits["max"], name
            found[name] = value
        return found


@functools.cache
def load_nodes() -> Any:
    """The module of the nodes, loaded as ComfyUI loads a folder of custom_nodes."""
    name = str(NODES).replace(".", "_x_")  # a name without dots, as ComfyUI makes it
    spec = importlib.util.spec_from_file_location(name, NODES / "__init__.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def begin_comfyui(monkeypatch: pytest.MonkeyPatch, folder: Path) -> ComfyUI:
    """Begin ComfyUI, which lasts until the test ends."""
    for each in ("input", "output"):
        (folder / each).mkdir()
    comfy = ComfyUI(folder)
    for name, module in comfy.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return comfy
