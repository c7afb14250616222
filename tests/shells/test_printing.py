"""A stranger's words reach the terminal as text, never as its orders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import entoptic
from entoptic.cli.printing import harmless
from shells.command import entoptic as command, picture

HOSTILE = "conv\x1b[2J\x1b]0;title\x07\x9b31m\u202e"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\x08\x7f", r"a\rb\x08\x7f"),
        ("turned\u202eround", r"turned\u202eround"),
        ("two\nlines\tand tabs", "two\nlines\tand tabs"),
        ("Käse 猫 🐈", "Käse 猫 🐈"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(given: str, shown: str) -> None:
    assert harmless(given) == shown


def test_all_that_commands_print_goes_through_one_place() -> None:
    """But for paths, which are the user's own bytes, and the lines that the command clears."""
    folder = Path(entoptic.__file__).parent / "cli"
    for path in folder.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if path.name != "printing.py" and re.search(r"\b(click\.echo|secho|print)\(", line):
                assert "os.fsencode" in line or r"\r\x1b[K" in line, f"{path.name}: {line}"


@pytest.fixture
def network(tmp_path: Path) -> str:
    """An ONNX file whose layers, and a file of labels, would steer the terminal."""
    pytest.importorskip("onnx")
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((2, 3, 1, 1), "f4"), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name=HOSTILE),
        helper.make_node("GlobalAveragePool", ["c"], ["y"], name="pool"),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 1, 1])
    graph = helper.make_graph(nodes, "net", [image], [scores], [weights])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset])
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "labels.txt").write_text(f"cat{HOSTILE}\ndog{HOSTILE}\n", "utf-8")
    picture().save(tmp_path / "photo.png")
    return "onnx:net.onnx?labels=labels.txt"


@pytest.mark.parametrize(
    "arguments",
    [
        ("layers", "NETWORK"),
        ("identify", "photo.png", "--model", "NETWORK"),
        ("dream", "photo.png", "--model", "NETWORK", "--layer", f"{HOSTILE}x"),
        ("dream", "photo.png", "--model", f"onnx:{HOSTILE}.onnx"),
    ],
)
def test_no_order_of_a_network_s_reaches_the_terminal(
    arguments: tuple[str, ...], network: str, tmp_path: Path
) -> None:
    done = command(*(network if each == "NETWORK" else each for each in arguments), folder=tmp_path)
    said = done.out + done.err
    assert r"\x1b[2J" in said
    assert not [each for each in said if not each.isprintable() and each not in "\n\t"]
