"""The public API: each name written once, in a stub that is up to date and tells true types."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import entoptic as ent
from entoptic import canvas, objectives, transforms
from entoptic.objectives import vocabulary

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "tools").exists(), reason="needs the checkout")


def loaded() -> ModuleType:
    """tools/public_api.py."""
    spec = importlib.util.spec_from_file_location("public_api", ROOT / "tools" / "public_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = """
import sys
sys.path.insert(0, "tools")
import public_api
found = public_api.SOURCE.rglob("*.pyi")
there = {path.relative_to(public_api.SOURCE).as_posix() for path in found}
assert there == {*public_api.STUBS}, there
for name, make in public_api.STUBS.items():
    text = (public_api.SOURCE / name).read_text("utf-8")
    assert make(text) == text, f"{name} is out of date: run make api"
"""


def test_the_stubs_are_what_make_api_writes() -> None:
    # In a process of its own: here other tests have registered what isn't entoptic's.
    done = subprocess.run([sys.executable, "-c", CHECK], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stub_keeps_what_is_written_by_hand_and_gets_what_is_registered() -> None:
    text = '"""A page."""\n\nfrom .a import Old as Old, b as b\nfrom .c import moved as moved\n'
    made = loaded().written(text, {"a": {"New"}, "named": {"moved"}})
    assert made == (
        '"""A page."""\n\nfrom .a import (\n    New as New,\n    Old as Old,\n    b as b,\n)\n'
        "from .named import (\n    moved as moved,\n)\n"
    )


@pytest.mark.parametrize("module", [ent, objectives, canvas, transforms])
def test_every_public_name_can_be_had(module: ModuleType) -> None:
    assert len(module.__all__) > 10
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) == set(dir(module))
    with pytest.raises(AttributeError, match="paintbrush"):
        module.paintbrush


def test_everything_registered_is_public() -> None:
    ours = {name for name in vocabulary if vocabulary[name].__module__.startswith("entoptic.")}
    assert ours - {"loudest", "squares"} <= {*ent.__all__}  # type: ignore[attr-defined]
    assert ent.channel is vocabulary["channel"] is objectives.channel
    assert {"Jitter", "LucidMoves", "ROBUST", "Fourier", "Transparent", "nadam"} <= {*ent.__all__}  # type: ignore[attr-defined]


def test_importing_entoptic_imports_nothing_heavy() -> None:
    code = (
        "import entoptic, sys; print(sorted({'torch', 'numpy', 'PIL', 'click'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_objectives_signature_has_the_types_of_its_kinds() -> None:
    neuron = inspect.signature(ent.neuron)
    assert list(neuron.parameters) == ["layer", "index", "row", "column"]
    stub = (ROOT / "src" / "entoptic" / "objectives" / "named.pyi").read_text("utf-8")
    assert (
        "def neuron(\n    layer: Layer | str,\n    index: int,\n    row: int | None = None,\n"
        "    column: int | None = None,\n) -> Leaf:"
    ) in stub or (
        "def neuron(layer: Layer | str, index: int, row: int | None = None, "
        "column: int | None = None) -> Leaf:"
    ) in stub


TYPED = """
import entoptic as ent
from entoptic.objectives import energy

reveal_type(ent.load())
reveal_type(ent.channel("fire7", index=3))
reveal_type(ent.Jitter(8))
reveal_type(ent.NONE)
reveal_type(energy("fire7") - 0.5 * ent.total_variation())
ent.channel("fire7", "three")
ent.paintbrush
"""


def test_a_type_checker_sees_true_types(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api", reason="needs mypy, of the extra check")
    (tmp_path / "user.py").write_text(TYPED)
    told, wrong, _ = api.run(
        [
            str(tmp_path / "user.py"),
            "--strict",
            "--no-error-summary",
            "--config-file",
            str(ROOT / "pyproject.toml"),
        ]
    )
    assert wrong == ""
    lines = re.findall(r"user\.py:\d+: (.*)", told)
    assert [re.sub(r"(entoptic|builtins)(\.\w+)*\.", "", line) for line in lines] == [
        'note: Revealed type is "Model"',
        'note: Revealed type is "Leaf"',
        'note: Revealed type is "Jitter"',
        'note: Revealed type is "tuple[Transform, ...]"',
        'note: Revealed type is "Objective"',
        'error: Argument 2 to "channel" has incompatible type "str"; expected "int"  [arg-type]',
        'error: Module has no attribute "paintbrush"  [attr-defined]',
    ]
