"""The studio's server: who is let in, and what is refused; asked without a browser."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from PIL import Image

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images import write
from entoptic.jobs.inputs import scaled
from entoptic.jobs.job import Job, Source
from entoptic.studio.guard import Guard
from entoptic.studio.limits import Limits
from entoptic.studio.server import STATIC, address_of, listening
from entoptic.studio.studio import Studio
from entoptic.video.reading import facts_of, frames_of
from filming import film, moving
from shells.command import entoptic, picture, process

pytest.importorskip("gradio", reason="needs Gradio: pip install 'entoptic[studio]'")

from entoptic.studio.addresses import addresses_of

LOCAL = "127.0.0.1:7860"
JAVASCRIPT = "text/javascript"


@dataclass(frozen=True)
class Answer:
    """What a server answers; of status 0 where it ends the connection without a word."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)


class Served:
    """A studio, and its application, which is asked as a server asks it."""

    def __init__(self, folder: Path, token: str | None = None, **limits: int) -> None:
        self.studio = Studio(folder, Limits(**limits))
        uploads = {"/studio/photos": limits.get("upload", 64) << 20}
        app = addresses_of(self.studio)
        self.app: Any = Guard(app, token=token, local=token is None, uploads=uploads)

    def get(self, address: str, **headers: str) -> Answer:
        return asyncio.run(self._ask("GET", address, [b""], headers))

    def post(self, address: str, *parts: bytes, length: bool = True, **headers: str) -> Answer:
        if length:
            headers["content-length"] = str(sum(map(len, parts)))
        return asyncio.run(self._ask("POST", address, parts or [b""], headers))

    async def _ask(
        self, method: str, address: str, parts: Any, headers: Mapping[str, str]
    ) -> Answer:
        path, _, query = address.partition("?")
        about = {"host": LOCAL} | dict(headers)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": unquote(path), "raw_path": path.encode(), "root_path": "",
            "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in about.items()],
        }  # fmt: skip
        waiting = iter([*parts])
        left = len(parts)
        said: list[Any] = []

        async def receive() -> Any:
            part = next(waiting, None)
            if part is None:
                await asyncio.Event().wait()  # until it is cancelled
            nonlocal left
            left -= 1
            return {"type": "http.request", "body": part, "more_body": left > 0}

        async def send(message: Any) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        if not said:
            return Answer(0, {}, b"")
        found = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        body = b"".join(each.get("body", b"") for each in said[1:])
        return Answer(said[0]["status"], found, body)

    def close(self) -> None:
        self.studio.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio on this machine, whose uploads are bounded at a megabyte."""
    found = Served(tmp_path_factory.mktemp("served") / "studio", upload=1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def png(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("png") / "sky.png"
    picture().save(file)
    return file.read_bytes()


def test_the_command_serves_a_page_that_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as free:
        address = address_of(free, None)
    port = address.rstrip("/").rpartition(":")[2]
    started = process("studio", "--port", port, "--folder", "kept", folder=tmp_path)
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == f"The studio is at {address}\n"
        told = started.stdout.readline()
        assert told == f"Pictures are kept in {tmp_path / 'kept'}. Ctrl-C ends it.\n"
        with urlopen(address, timeout=60) as answer:
            policy, text = answer.headers["content-security-policy"], answer.read().decode()
        assert "default-src 'self'" in policy
        assert not re.search(r"https?:|\*", policy)
        loaded = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', text)
        assert "studio/static/studio.js" in text
        assert not [each for each in loaded if each.startswith(("http", "//"))]
        for path in ("gradio_api/file=/etc/passwd", "gradio_api/file=../../etc/passwd"):
            with pytest.raises(HTTPError, match=r"40[34]"):
                urlopen(address + path, timeout=60)
        started.send_signal(signal.SIGINT)
        assert started.wait(60) in (0, 130)
        assert "Traceback" not in (started.stderr.read() if started.stderr else "")
    finally:
        started.kill()
        started.communicate()


def test_scripts_load_only_each_other(served: Served) -> None:
    waiting, found = ["studio.js"], set()
    while waiting:
        name = waiting.pop()
        answer = served.get(f"/studio/static/{name}")
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, JAVASCRIPT)
        found.add(name)
        for loaded in re.findall(r'(?:from|import\()\s*"([^"]+)"', answer.text):
            assert loaded.startswith("./"), f"{name} loads {loaded}"
            waiting += {loaded.removeprefix("./")} - found
    assert found == {each.name for each in STATIC.glob("*.js")}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "192.168.1.5", ""])
def test_other_names_of_this_machine_are_refused(served: Served, host: str) -> None:
    answer = served.get("/studio/history", host=host)
    assert answer.status == 403
    assert answer.text == "this studio is for this machine alone; open it by its own address"


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:7860", "[::1]:7860"])
def test_its_own_names_are_let_through(served: Served, host: str) -> None:
    assert served.get("/studio/history", host=host).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null"])
@pytest.mark.parametrize("path", ["/studio/photos", "/studio/history/a.png/delete"])
def test_pages_from_elsewhere_may_ask_nothing(served: Served, origin: str, path: str) -> None:
    answer = served.post(path, b"{}", origin=origin)
    assert (answer.status, answer.text) == (403, "another page may ask nothing of this studio")


def test_a_photo_is_kept_and_shown(served: Served, png: bytes) -> None:
    answer = served.post("/studio/photos?name=My%20sky.png", png)
    found = answer.json()
    assert found == {"name": found["name"], "height": 36, "width": 48, "made_by": None}
    shown = served.get(f"/studio/photos/{found['name']}?small=1")
    assert (shown.status, shown.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 400, "is empty"),
        (b"GIF89a", 400, "'photo'"),
        (b"<svg onload=alert(1)>", 400, "'photo'"),
        (b"x" * 2_000_000, 413, "that is too large; at most 1 MB"),
    ],
)
def test_what_is_no_photo_is_refused(
    served: Served, content: bytes, status: int, told: str
) -> None:
    answer = served.post("/studio/photos", content)
    assert answer.status == status
    assert told in answer.text


def test_a_body_without_a_length_is_bounded_too(served: Served) -> None:
    before = sorted(served.studio.folder.rglob("*"))
    answer = served.post("/studio/photos", *[b"x" * 65536] * 64, length=False)
    assert (answer.status, answer.json()) == (400, {"error": "that is too large; at most 1 MB"})
    assert sorted(served.studio.folder.rglob("*")) == before


def test_a_small_file_of_a_huge_picture_is_refused(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(file)
    answer = served.post("/studio/photos", file.read_bytes())
    assert answer.status == 400
    assert "more than the limit of 60" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/studio/photos/..%2f..%2fetc%2fpasswd",
        "/studio/photos/%2fetc%2fpasswd",
        "/studio/history/stars.json",
        "/studio/history/..%2fphotos",
        "/studio/history/.%2e",
        "/studio/history/a%00.png",
        "/studio/static/..%2fserver.py",
        "/studio/static/nothing.js",
        "/studio/history/photos/again",
        "/openapi.json",
        "/docs",
        "/monitoring",
    ],
)
def test_no_path_leads_out_of_the_folder(served: Served, path: str) -> None:
    answer = served.get(path)
    assert answer.status in (400, 403, 404, 405)
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/studio/layers?model=python:os:getcwd",
        "/studio/layers?model=onnx:/etc/passwd",
        "/studio/units?model=squeezenet1_1&layer=fire5&numbers=1,x",
        "/studio/units?model=squeezenet1_1&layer=../x&numbers=1",
        "/studio/unit?model=squeezenet1_1&layer=fire5&number=-1",
        "/studio/unit?model=squeezenet1_1&layer=fire5&number=99999",
    ],
)
def test_units_are_those_of_known_networks(served: Served, path: str) -> None:
    assert served.get(path).status == 400


@pytest.mark.parametrize("action", ["star", "delete", "restore", "use", "run"])
def test_only_what_is_in_the_history_can_be_changed(served: Served, action: str) -> None:
    before = sorted(served.studio.folder.rglob("*"))
    for name in ("photos", "nothing.png", "..", "stars.json"):
        answer = served.post(f"/studio/history/{name}/{action}")
        assert answer.status in (404, 405)
    assert sorted(served.studio.folder.rglob("*")) == before


def test_a_picture_of_the_history_is_starred_deleted_and_begun_with(
    served: Served, png: bytes
) -> None:
    (served.studio.folder / "a.png").write_bytes(png)
    client = served
    assert client.get("/studio/history").json()[0]["name"] == "a.png"
    assert client.post("/studio/history/a.png/star").status == 200
    assert client.get("/studio/history").json()[0]["starred"]
    assert client.get("/studio/history/a.png").content == png
    about = client.get("/studio/history/a.png/again").json()
    assert (about["recipe"], "entoptic redo a.png" in about["again"]["command"]) == (None, True)
    assert client.post("/studio/history/a.png/use").json()["height"] == 36
    assert client.post("/studio/history/a.png/delete").status == 200
    assert client.get("/studio/history/a.png").status == 404
    assert client.post("/studio/history/a.png/restore").status == 200
    assert client.get("/studio/history/a.png").content == png


@pytest.fixture(scope="module")
def sky(served: Served, png: bytes) -> str:
    """The name of a photo of the studio's."""
    return str(served.post("/studio/photos?name=sky.png", png).json()["name"])


def test_a_film_is_shown_by_its_first_frame(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    clip = film(tmp_path / "clip.mp4", moving(3, 48, 64))
    name = served.post("/studio/films?name=clip.mp4", clip.read_bytes()).json()["name"]
    answer = served.get(f"/studio/photos/{name}")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as shown:
        found = np.asarray(shown).astype(int)
    wanted = next(frames_of(facts_of(clip))).pixels.astype(int)
    assert found.shape == wanted.shape
    assert abs(found - wanted).mean() < 3


def test_what_a_network_takes_a_photo_for_is_what_identify_says(
    served: Served, sky: str, tmp_path: Path
) -> None:
    answer = served.get(f"/studio/see/classes?model=squeezenet1_1&photo={sky}")
    picture().save(tmp_path / "sky.png")
    wanted = ent.identify(ent.load(), tmp_path / "sky.png", top=6)
    assert [(each["number"], each["probability"]) for each in answer.json()] == [
        (each.number, each.probability) for each in wanted
    ]


def test_a_position_has_the_channels_that_are_strongest_there(
    served: Served, sky: str, tmp_path: Path
) -> None:
    asked = f"model=squeezenet1_1&photo={sky}&layer=fire3"
    found = served.get(f"/studio/see/position?{asked}&down=0.99&across=0.0").json()
    picture().save(tmp_path / "sky.png")
    model, layer = ent.load(), "fire3"
    shown = scaled(ent.read(tmp_path / "sky.png"), 224).image
    acts = next(iter(model.activations(shown, [layer]).values()))[0]
    assert (found["row"], found["column"]) == (acts.shape[1] - 1, 0)
    assert (found["rows"], found["columns"]) == acts.shape[1:]
    values = acts[:, -1, 0]
    assert [each["number"] for each in found["channels"]] == values.topk(8).indices.tolist()
    assert found["channels"][0]["value"] == pytest.approx(float(values.max()), rel=1e-5)


def test_gradients_maps_and_sheets_are_pictures(served: Served, sky: str) -> None:
    asked = f"model=squeezenet1_1&photo={sky}"
    there = f"{asked}&layer=fire3"
    found = served.get(f"/studio/see/position?{there}&down=0.5&across=0.5").json()
    number, row, column = found["channels"][0]["number"], found["row"], found["column"]
    for address in (
        f"looked?{asked}&number=3",
        f"gradient?{there}&number={number}&row={row}&column={column}",
        f"map?{asked}&layer=fire3&number=1",
        f"maps?{asked}&layer=fire3",
    ):
        answer = served.get(f"/studio/see/{address}")
        assert (answer.status, answer.content[:2]) == (200, b"\xff\xd8"), answer.text


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("position?{}&layer=fire3&down=1.5&across=0", "the position must be in the photo"),
        ("position?{}&layer=fire3&down=nan&across=0", "the position must be in the photo"),
        ("position?{}&layer=../x&down=0&across=0", "has no layer '../x'"),
        ("position?{}&layer=fire3&down=a&across=0", "can't be read: down"),
        ("gradient?{}&layer=fire3&number=1&row=99999&column=0", "no such channel or position"),
        ("gradient?{}&layer=fire3&number=-1&row=0&column=0", "can't be read: number"),
        ("map?{}&layer=fire3&number=128", "fire3 has no channel 128"),
        ("looked?{}&number=1000", "1000"),
        ("classes?model=python:x:y&photo=sky", "no such network"),
        ("classes?model=squeezenet1_1&photo=../sky.png", "no picture"),
    ],
)
def test_what_cant_be_seen_is_said(served: Served, sky: str, address: str, told: str) -> None:
    answer = served.get("/studio/see/" + address.format(f"model=squeezenet1_1&photo={sky}"))
    assert answer.status in (400, 404)
    assert told in answer.json()["error"]


@pytest.mark.parametrize("name", ["a.exe", "a.mp4", "../a.webm", "a"])
def test_what_is_no_film_is_refused(served: Served, name: str) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    before = sorted(served.studio.folder.rglob("*"))
    answer = served.post(f"/studio/films?name={name}", b"no film at all")
    assert answer.status == 400
    assert name in answer.json()["error"]
    assert sorted(served.studio.folder.rglob("*")) == before


def test_a_playlist_under_a_films_name_leads_to_no_other_film(
    served: Served, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    other = film(tmp_path / "other.mp4", moving(3))
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    for text in (f"{head}{other}\n#EXT-X-ENDLIST\n", f"ffconcat version 1.0\nfile '{other}'\n"):
        answer = served.post("/studio/films?name=list.mp4", text.encode())
        assert answer.status == 400
        assert answer.json()["error"].startswith("can't decode 'list.mp4'")


@pytest.mark.parametrize("tab", ["dream", "zoom"])
def test_a_look_sets_the_controls_of_dreams_and_leaves_the_others(served: Served, tab: str) -> None:
    from entoptic.studio.form import Form
    from entoptic.studio.page import other_look

    form = Form(tab, served.studio)
    form.controls = dict.fromkeys(form.declared)
    found = other_look(form, "squeezenet1_1", "original")
    values = {name: each.get("value") for name, each in zip(form.controls, found, strict=True)}
    assert (values["steps"], values["octaves"], values["smoothing"]) == (10, 4, 0.0)
    assert values["size"] is None
    assert values.get("seconds") is None
    soft = dict(zip(form.controls, other_look(form, "squeezenet1_1", "soft"), strict=True))
    assert soft["shaping"]["value"] == ["blur(1.2)", "laplacian", "decorrelate", "spread"]


@pytest.fixture(scope="module")
def form(served: Served) -> Any:
    """The controls of a dream, drawn."""
    from entoptic.studio.form import Form

    found = Form("dream", served.studio)
    found.first()
    found.more()
    found.advanced()
    return found


def test_a_number_typed_beyond_a_sliders_ends_is_judged_by_the_declaration(form: Any) -> None:
    steps = form.controls["steps"]
    assert (steps.minimum, steps.maximum) == (1, 60)
    assert (steps.preprocess(0), steps.preprocess(100)) == (0, 100)
    assert form.controls["seed"].preprocess(None) is None
    with pytest.raises(BadSetting, match="steps is -3; it must be"):
        ent.Dream("squeezenet1_1", photo=None, noise=(8, 8), steps=steps.preprocess(-3))


def _said(form: Any, **others: Any) -> dict[str, Any]:
    values = {name: each.value for name, each in form.controls.items()} | others
    return {name: each for name, each in form.said([*values.values()]).items() if each is not None}


def test_controls_as_they_stand_say_what_is_usual(served: Served, form: Any, sky: str) -> None:
    asked = _said(form) | {"model": "squeezenet1_1", "photo": sky}
    wish = served.studio.wishes("").read("dream", asked)
    assert wish.given == {"model": "squeezenet1_1", "photo": f"photos/{sky}", "size": 768}


def test_advanced_settings_are_chosen_by_their_registered_names(form: Any) -> None:
    from entoptic.ascent.shaping import shapings

    assert {*form.controls["shaping"].choices} == {(each, each) for each in shapings}
    chosen = _said(form, shaping=["decorrelate", "luminance"], rules=["guided"], norm="none")
    assert (chosen["shaping"], chosen["rules"], chosen["norm"]) == (
        "decorrelate + luminance", "guided", "none"
    )  # fmt: skip
    assert _said(form, shaping=[], rules=[])["shaping"] == "none"
    assert "rules" not in _said(form, shaping=[], rules=[])
    assert _said(form, optimizer="adam")["optimizer"] == "adam"
    assert "optimizer" not in _said(form)


def test_numbers_that_may_be_left_out_are_typed(served: Served) -> None:
    from entoptic.studio.form import Form

    form = Form("film", served.studio, beside=Form("zoom", served.studio))
    form.first()
    assert [*form.controls] == ["coherence", "start", "end"]
    assert _said(form) == {"coherence": 0.75, "start": 0.0}
    assert _said(form, end=" 2.5 ")["end"] == 2.5
    with pytest.raises(BadSetting, match="end is 'soon'; it must be a number, or empty"):
        _said(form, end="soon")
    shown = dict(zip(form.controls, form.updates({"end": 3.0, "start": 1.0}), strict=True))
    assert (shown["end"]["value"], shown["start"]["value"]) == ("3", 1.0)


def test_a_film_brings_back_its_own_defaults_and_not_a_zooms(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    from entoptic.studio.form import Form
    from entoptic.studio.stage import Stage

    clip = film(tmp_path / "clip.mp4", moving(3, 48, 64))
    name = served.post("/studio/films?name=clip.mp4", clip.read_bytes()).json()["name"]
    zoom = Form("zoom", served.studio)
    stage = Stage(
        served.studio, "zoom", {"zoom": zoom, "film": Form("film", served.studio, beside=zoom)}
    )
    for form in stage.forms.values():
        form.first()
        form.more()
    stored = {"strength": 1.0, "steps": 10, "step_size": 0.01, "bits": 10}
    job = Job("film", "squeezenet1_1", "energy('fire2')", stored, Source(f"photos/{name}", None))
    monkeypatch.setattr(served.studio, "job_of", lambda *_: job)
    stage.with_look = True
    said, *updates = stage.brought_back("", {})
    names = ["model", "look", *zoom.controls, *stage.forms["film"].controls]
    values = {each: one.get("value") for each, one in zip(names, updates, strict=True)}
    assert (values["strength"], values["steps"], values["coherence"]) == (1.0, 10, 0.75)
    # The film's own size, which is below the slider's least, and what has no control.
    assert [each["option"] for each in said["kept"]] == ["--size 64", "--step-size 0.01"]
    assert said["kept"][1] == {"name": "step_size", "value": 0.01, "option": "--step-size 0.01"}
    assert said["left_out"] == ["--bits 10"]


def test_a_control_shows_what_it_can(form: Any) -> None:
    shown = [("steps", 60), ("norm", "l2"), ("rules", "guided(steps=3)"), ("keep_colors", True)]
    shown += [("seed", 2**40), ("optimizer", "adam(0.02)")]
    assert all(form.shows(name, value) for name, value in shown)
    not_shown = [
        ("steps", 61),
        ("size", 150),
        ("size", [512, 768]),
        ("step_size", 0.1),
        ("region", []),
    ]
    assert not any(form.shows(name, value) for name, value in not_shown)
    update = dict(zip(form.controls, form.updates({"optimizer": "adam(0.02)"}), strict=True))
    assert update["optimizer"]["value"] == "adam(0.02)"
    assert ("adam(0.02)" in update["optimizer"]["choices"], update["steps"].get("value")) == (
        True, None
    )  # fmt: skip


def test_others_need_the_token(tmp_path: Path) -> None:
    served = Served(tmp_path / "studio", token="abc")
    try:
        for path in ("/", "/studio/history", "/gradio_api/info", "/?token=abd", "/?token="):
            answer = served.get(path)
            assert answer.status == 401, path
            assert answer.text == "open the address that the command has shown, with its token"
        let_in = served.get("/?token=abc")
        assert (let_in.status, let_in.headers["location"]) == (303, "./")
        cookie = let_in.headers["set-cookie"]
        assert cookie == "entoptic-studio=abc; HttpOnly; SameSite=Strict; Path=/"
        assert served.get("/studio/history", cookie="entoptic-studio=abc").status == 200
        for wrong in ("x", "entoptic-studio=abd", "entoptic-studio=", "a=b;;=;\x01"):
            assert served.get("/studio/history", cookie=wrong).status == 401
    finally:
        served.close()


def test_a_port_that_is_taken_is_said_before_any_work(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = entoptic("studio", "--port", str(port), folder=tmp_path)
    assert ended.code == 2
    assert f"can't listen on 127.0.0.1, port {port} (" in ended.err
    assert "name another with --port" in ended.err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.machine.invalid"])
def test_an_address_of_another_machine_is_refused_with_what_to_name(host: str) -> None:
    with pytest.raises(BadSetting, match=r"no address of this machine; name one with --host"):
        listening(host, None)


def test_a_network_that_there_is_not_is_told_before_the_page_is_opened(tmp_path: Path) -> None:
    done = entoptic("studio", "-m", "nope", "--folder", "kept", folder=tmp_path)
    assert done.code != 0
    assert "'nope'" in done.err


def test_a_catalog_that_there_is_not_is_told_before_a_folder_is_made(tmp_path: Path) -> None:
    done = entoptic("studio", "--catalog", "nope", "--folder", "kept", folder=tmp_path)
    assert done.code == 1
    assert "'nope' is no catalog: it has no catalog.sqlite" in done.err
    assert not [*tmp_path.iterdir()]


def test_another_free_port_is_taken_where_none_is_named() -> None:
    with listening("127.0.0.1", None) as first, listening("127.0.0.1", None) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
        assert 7860 <= ports[0] < ports[1]
        assert address_of(first, "t") == f"http://127.0.0.1:{ports[0]}/?token=t"
    with pytest.raises(BadSetting, match=r"can't listen on 203\.0\.113\.1, port 80 \("):
        listening("203.0.113.1", 80)


def test_a_forged_job_in_a_picture_is_only_read(served: Served, tmp_path: Path) -> None:
    for number, job in enumerate(
        (
            "{}",
            "[" * 10_000,
            '{"entoptic": 1, "recipe": "dream", "model": "python:os:getcwd", "objective": "x", '
            '"settings": {}, "photo": null, "guides": [], "seed": 0, "device": "cpu", '
            '"stopped_after": null, "made_with": {}}',
            '{"entoptic": 99}',
        )
    ):
        file = write(tmp_path / f"{number}.png", _gray(), job=job)
        answer = served.post("/studio/photos", file.read_bytes())
        assert answer.status in (200, 400), job[:40]
        assert served.get("/studio/history").status == 200


def _gray() -> Any:
    return torch.full((1, 3, 8, 8), 0.5)
