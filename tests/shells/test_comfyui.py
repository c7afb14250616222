"""The nodes of ComfyUI, called as ComfyUI calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import entoptic as ent
from comfyui import NODES, ComfyUI, Interrupted, begin_comfyui, load_nodes
from entoptic.errors import BadPicture, BadSetting, NotAllowed
from entoptic.images import read_job
from entoptic.jobs.functions import default_of
from entoptic.jobs.recipe import settings
from entoptic.recipes import recipes

LOAD = {"class_type": "EntopticLoadNetwork", "inputs": {"network": "squeezenet1_1"}}
FEW: dict[str, Any] = {"octaves": 2, "steps": 2, "layer": "fire2"}


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ComfyUI:
    return begin_comfyui(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load("squeezenet1_1")


@pytest.fixture
def photos() -> Tensor:
    """A batch of two IMAGEs, (2, 40, 56, 3)."""
    return torch.rand(2, 40, 56, 3, generator=torch.Generator().manual_seed(0))


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": f"Entoptic{kind}", "inputs": inputs}


def dream(**inputs: Any) -> dict[str, Any]:
    wires: dict[str, Any] = {"network": ["net", 0], "images": ["photos", 0]}
    return {"net": LOAD, "dream": node("Dream", **wires | FEW | inputs)}


def as_image(image: Tensor) -> Tensor:
    """One of a batch of IMAGEs as entoptic has it."""
    return image.movedim(-1, 0)[None]


def test_each_image_becomes_the_dream_that_it_is_in_python(
    comfy: ComfyUI, model: ent.Model, photos: Tensor
) -> None:
    made, jobs = comfy.run(dream(seed=3, strength=1.5), {"photos": photos})
    assert made.shape == photos.shape
    assert len(jobs) == 2
    for one, photo in zip(made, photos, strict=True):
        alone = ent.dream(model, as_image(photo), **FEW, seed=3, strength=1.5)
        assert torch.equal(as_image(one), alone.image)


def test_outside_of_the_mask_the_image_stays(comfy: ComfyUI, photos: Tensor) -> None:
    mask = torch.zeros(1, 40, 56)
    mask[:, :, :28] = 1
    made, _ = comfy.run(dream(mask=["mask", 0]), {"photos": photos, "mask": mask})
    assert torch.equal(made[:, :, 28:], photos[:, :, 28:])
    assert not torch.equal(made[:, :, :28], photos[:, :, :28])


def test_a_guide_is_an_image(comfy: ComfyUI, model: ent.Model, photos: Tensor) -> None:
    values = {"photos": photos[:1], "guide": photos[1:]}
    made, _ = comfy.run(dream(guide=["guide", 0]), values)
    alone = ent.dream(model, as_image(photos[0]), **FEW, guide=as_image(photos[1]))
    assert torch.equal(as_image(made[0]), alone.image)


def test_a_file_that_an_objective_names_is_one_of_the_input_folder(
    comfy: ComfyUI, model: ent.Model, photos: Tensor
) -> None:
    ent.write(comfy.folder / "input" / "guide.png", as_image(photos[1]))
    ent.write(comfy.folder / "secret.png", as_image(photos[1]))
    inputs = {"octaves": 1, "steps": 1, "layer": ""}
    made, _ = comfy.run(
        dream(**inputs, objective="match('fire2', 'guide.png')"), {"photos": photos[:1]}
    )
    objective = f"match('fire2', {str(comfy.folder / 'input' / 'guide.png')!r})"
    alone = ent.dream(model, as_image(photos[0]), octaves=1, steps=1, objective=objective)
    assert torch.equal(as_image(made[0]), alone.image)
    (comfy.folder / "input" / "link.png").symlink_to(comfy.folder / "secret.png")
    for name in ("../secret.png", str(comfy.folder / "secret.png"), "link.png", "."):
        with pytest.raises(NotAllowed, match="files of ComfyUI's input folder only"):
            comfy.run(dream(**inputs, objective=f"match('fire2', {name!r})"), {"photos": photos})


def test_units_become_the_pictures_that_they_are_in_python(
    comfy: ComfyUI, model: ent.Model
) -> None:
    units = {"units": "fire2:0\n\n class:goldfish ", "size": "32", "steps": 2}
    workflow = {"net": LOAD, "show": node("Visualize", network=["net", 0], **units)}
    made, mask, jobs = comfy.run(workflow)
    alone = ent.visualize(model, "fire2:0", "class:goldfish", size=32, steps=2)
    assert torch.equal(made.movedim(-1, 1), alone.images)
    assert not mask.any()
    assert mask.shape == (2, 32, 32)
    assert torch.equal(ent.run(jobs[1]).image, alone.images[1:])


def test_transparency_is_a_mask(comfy: ComfyUI, model: ent.Model) -> None:
    units = {"units": "fire2:0", "size": "32", "steps": 1, "canvas": "alpha"}
    workflow = {"net": LOAD, "show": node("Visualize", network=["net", 0], **units)}
    _, mask, _ = comfy.run(workflow)
    alone = ent.visualize(model, "fire2:0", size=32, steps=1, canvas="alpha")
    assert alone.alpha is not None
    assert torch.equal(mask, 1 - alone.alpha[:, 0])


def test_a_saved_picture_carries_the_job_beside_the_workflow(
    comfy: ComfyUI, photos: Tensor
) -> None:
    wires = {"images": ["dream", 0], "jobs": ["dream", 1]}
    workflow = dream() | {"save": node("Save", **wires, filename_prefix="a/dream")}
    said = comfy.run(workflow, {"photos": photos})
    names = [each["filename"] for each in said["ui"]["images"]]
    assert names == ["dream_00001_.png", "dream_00002_.png"]
    assert said["ui"]["images"][0] | {"filename": ""} == {
        "filename": "",
        "subfolder": "a",
        "type": "output",
    }
    path = comfy.folder / "output" / "a" / names[1]
    with Image.open(path) as image:
        assert json.loads(image.info["workflow"]) == {"nodes": ["net", "dream", "save"]}
        assert json.loads(image.info["prompt"]) == workflow
    photo = as_image(photos[1])
    again = ent.redo(path, photo=photo).image
    assert (again - ent.read(path).image).abs().max() <= 0.5 / 255 + 1e-6


def test_the_workflow_that_comes_with_the_nodes_runs(comfy: ComfyUI, photos: Tensor) -> None:
    workflow = json.loads((NODES / "workflow_api.json").read_text("utf-8"))
    assert workflow.pop("1")["class_type"] == "LoadImage"
    comfy.run(workflow, {"1": photos})
    job = json.loads(read_job(comfy.folder / "output" / "dream_00001_.png"))
    assert (job["recipe"], job["settings"]["octaves"]) == ("dream", 3)


def test_where_comfyui_writes_no_metadata_there_is_none(comfy: ComfyUI, photos: Tensor) -> None:
    comfy.arguments.disable_metadata = True
    workflow = dream() | {"save": node("Save", images=["dream", 0], jobs=["dream", 1])}
    workflow["save"]["inputs"]["filename_prefix"] = "x"
    comfy.run(workflow, {"photos": photos})
    with Image.open(comfy.folder / "output" / "x_00001_.png") as image:
        assert image.info.keys() <= {"srgb"}


def test_the_bar_goes_to_its_end_and_shows_pictures(comfy: ComfyUI, photos: Tensor) -> None:
    comfy.run(dream(), {"photos": photos})
    done, totals, previews = zip(*comfy.progress, strict=True)
    total = 2 * 2 * (29 * 40 + 40 * 56)
    assert {*totals} == {total}
    assert [*done] == sorted(done)
    assert done[-1] == total
    kind, picture, _ = previews[0]
    assert (kind, picture.size) == ("JPEG", (56, 40))


def test_cancelling_ends_a_node_within_a_step(comfy: ComfyUI, photos: Tensor) -> None:
    comfy.cancel_after = 1
    with pytest.raises(Interrupted):
        comfy.run(dream(steps=1_000_000), {"photos": photos})
    assert len(comfy.progress) == 1


def frames(count: int, **inputs: Any) -> dict[str, Any]:
    wires = {"network": ["net", 0], "frames": [f"frames{count}", 0]}
    few = {"octaves": 1, "steps": 2, "layer": "fire2"}
    return node("DreamFrames", **wires, **few | inputs)


def moving(count: int) -> Tensor:
    """A smooth pattern that moves a pixel to the right with each frame."""
    ramp = torch.sin(torch.arange(0.0, 64 + count).mul(0.3)).mul(0.4).add(0.5)
    rows = torch.stack([ramp[count - each : count - each + 64] for each in range(count)])
    return rows[:, None, :, None].expand(count, 48, 64, 3).contiguous()


def test_frames_in_parts_become_what_they_become_at_once(comfy: ComfyUI) -> None:
    pytest.importorskip("cv2")
    film = moving(4)
    whole, _ = comfy.run({"net": LOAD, "film": frames(0)}, {"frames0": film})
    workflow = {"net": LOAD, "a": frames(1), "b": frames(2, last_frame=["a", 1])}
    second, last = comfy.run(workflow, {"frames1": film[:2], "frames2": film[2:]})
    assert torch.equal(second, whole[2:])
    assert last.shot.frame.number == 3


def test_with_full_coherence_a_still_film_stays_as_its_first_dream(comfy: ComfyUI) -> None:
    pytest.importorskip("cv2")
    still = moving(1).expand(3, -1, -1, -1)
    made, _ = comfy.run({"net": LOAD, "film": frames(0, coherence=1.0)}, {"frames0": still})
    assert (made[0] - still[0]).abs().mean() > 2 / 255
    assert (made[1:] - made[:1]).abs().mean() < 0.5 / 255


def test_frames_change_only_where_their_masks_are_white(comfy: ComfyUI) -> None:
    pytest.importorskip("cv2")
    mask = torch.zeros(2, 48, 64)
    mask[0, :24] = 1
    values = {"frames0": moving(2), "mask": mask}
    made, _ = comfy.run({"net": LOAD, "film": frames(0, mask=["mask", 0])}, values)
    source = (values["frames0"] * 255).round() / 255
    assert torch.allclose(made[0, 24:], source[0, 24:], atol=1e-6)
    assert not torch.allclose(made[0, :24], source[0, :24], atol=1e-2)
    assert torch.allclose(made[1], source[1], atol=1e-6)
    values["mask"] = torch.ones(1, 30, 64)
    with pytest.raises(BadPicture, match="give a mask of the photo's shape"):
        comfy.run({"net": LOAD, "film": frames(0, mask=["mask", 0])}, values)


def test_a_network_is_loaded_from_a_file_of_the_input_folder(
    comfy: ComfyUI, photos: Tensor
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    program = torch.export.export(network, (torch.rand(1, 3, 40, 56),))
    torch.export.save(program, comfy.folder / "input" / "net.pt2")
    load = node("LoadNetwork", network="", file="net.pt2")
    (found,) = comfy.run({"net": load})
    (value,) = found.activations(as_image(photos[0]), ["output"]).values()
    assert torch.allclose(value, network(found.preprocess(as_image(photos[0]))), atol=1e-5)
    with pytest.raises(AssertionError, match="not in"):  # as ComfyUI checks what is chosen
        comfy.run({"net": node("LoadNetwork", network="", file="../x.onnx")})
    nodes = load_nodes().NODE_CLASS_MAPPINGS
    for name in ("../x.onnx", "/etc/passwd"):
        with pytest.raises(NotAllowed, match="input folder only"):
            nodes["EntopticLoadNetwork"]().load("", name)


@pytest.mark.parametrize(
    "network",
    ["python:os:getcwd", "onnx:/tmp/net.onnx", "timm:resnet18?weights=/tmp/w.safetensors"],
)
def test_a_workflow_names_no_code_and_no_file(comfy: ComfyUI, network: str) -> None:
    with pytest.raises(NotAllowed, match="a workflow alone doesn't load this"):
        comfy.run({"net": node("LoadNetwork", network=network)})


def test_what_is_wrong_is_said_before_any_work(comfy: ComfyUI, photos: Tensor) -> None:
    with pytest.raises(BadPicture, match=r"must be of \(batch, height, width, 3\)"):
        comfy.run(dream(), {"photos": torch.rand(1, 40, 56, 4)})
    with pytest.raises(BadPicture, match="the IMAGE has NaN or infinity"):
        comfy.run(dream(), {"photos": photos * torch.nan})
    three = torch.ones(3, 40, 56)
    with pytest.raises(BadPicture, match="one for all 2 images or one for each"):
        comfy.run(dream(mask=["mask", 0]), {"photos": photos, "mask": three})
    with pytest.raises(BadPicture, match="the mask is black all over"):
        comfy.run(dream(mask=["mask", 0]), {"photos": photos, "mask": three[:1] * 0})
    with pytest.raises(BadSetting, match="nothing to visualize; name units, one a line"):
        comfy.run({"net": LOAD, "a": node("Visualize", network=["net", 0], units=" \n")})
    save = {"save": node("Save", images=["photos", 0], jobs=["dream", 1], filename_prefix="x")}
    with pytest.raises(BadPicture, match="there are 3 images and 2 jobs"):
        comfy.run(
            dream(images=["two", 0]) | save,
            {"photos": three[..., None].expand(-1, -1, -1, 3), "two": photos},
        )
    pytest.importorskip("cv2")
    film = frames(0, layer="", objective="match('fire2', 'guide.png')")
    with pytest.raises(NotAllowed, match=r"names the file 'guide\.png'; connect a guide"):
        comfy.run({"net": LOAD, "film": film}, {"frames0": photos})
    workflow = {"net": LOAD, "a": frames(1), "b": frames(2, last_frame=["a", 1])}
    with pytest.raises(BadPicture, match="the frames are 30x56, and the last frame before them 40"):
        comfy.run(workflow, {"frames1": photos, "frames2": photos[:, :30]})


def test_widgets_are_the_settings_of_the_recipes(comfy: ComfyUI) -> None:
    types = load_nodes().NODE_CLASS_MAPPINGS["EntopticDream"].INPUT_TYPES()
    optional = types["optional"]
    assert optional["octaves"][0] == "INT"
    assert {name: optional["octaves"][1][name] for name in ("default", "min", "max")} == {
        "default": -1,
        "min": -1,
        "max": 100,
    }
    strength = optional["strength"][1]
    assert (strength["default"], strength["min"], strength["max"]) == (1.0, 0.0, 1000.0)
    assert (strength["step"], strength["round"]) == (0.1, False)
    assert optional["protect"] == (
        ["default", "saliency", "gradient"],
        {"default": "default", "tooltip": settings(recipes["dream"])["protect"].help},
    )
    assert optional["keep_colors"][0] == "BOOLEAN"
    told = settings(recipes["dream"])["jitter"].help
    shown = default_of(recipes["dream"], "jitter")
    assert optional["jitter"][1]["tooltip"] == f"{told} [default: {shown}]"
    assert optional["seed"][1]["control_after_generate"]
    advanced = {name for name, (_, options) in optional.items() if options.get("advanced")}
    assert {"optimizer", "rules", "memory", "precision"} <= advanced
    assert not {"layer", "octaves", "strength", "seed", "mask", "keep_colors"} & advanced
    assert not {"model", "photo", "device", "region", "noise", "together"} & optional.keys()
    for kind in load_nodes().NODE_CLASS_MAPPINGS.values():
        json.dumps(kind.INPUT_TYPES())  # as ComfyUI's page is given it


def test_the_defaults_of_all_widgets_are_those_of_python(
    comfy: ComfyUI, model: ent.Model, photos: Tensor
) -> None:
    optional = load_nodes().NODE_CLASS_MAPPINGS["EntopticDream"].INPUT_TYPES()["optional"]
    inputs = {
        name: options["default"] for name, (_, options) in optional.items() if "default" in options
    }
    made, _ = comfy.run(dream(**inputs | FEW), {"photos": photos[:1]})
    assert torch.equal(as_image(made[0]), ent.dream(model, as_image(photos[0]), **FEW).image)


def test_nodes_run_outside_of_comfyui(model: ent.Model, photos: Tensor) -> None:
    kind = load_nodes().NODE_CLASS_MAPPINGS["EntopticDream"]
    made, _ = kind().dream(model, photos[:1], **FEW)
    assert torch.equal(as_image(made[0]), ent.dream(model, as_image(photos[0]), **FEW).image)
    with pytest.raises(NotAllowed, match="this isn't ComfyUI"):
        kind().dream(model, photos[:1], objective="match('fire2', 'a.png')")
