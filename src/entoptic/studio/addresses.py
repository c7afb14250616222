"""Addresses of a studio beside the page's own: photos, the history, layers and units."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from entoptic import images
from entoptic.errors import BadSetting, EntopticError, MissingExtra, PictureNotFound
from entoptic.paths import is_film
from entoptic.studio.comparing import compared
from entoptic.studio.shelf import Shelf
from entoptic.studio.studio import Studio
from entoptic.studio.works import jpeg, jpeg_of_pixels

Number: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]

STATIC = Path(__file__).parent / "static"

_SMALL_SIDE = 360
# Seconds that a question may wait for the worker, which may be in a long step.
_PATIENCE_S = 120
_LARGE_SIDE = 1600


def addresses_of(studio: Studio) -> FastAPI:
    """Return the addresses beside those of the page."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.exception_handler(EntopticError)
    async def refuse(request: Request, error: EntopticError) -> Response:
        status = 404 if isinstance(error, PictureNotFound) else 400
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(RequestValidationError)
    async def misread(request: Request, error: RequestValidationError) -> Response:
        wrong = ", ".join(str(each["loc"][-1]) for each in error.errors())
        return JSONResponse({"error": f"what the page asked for can't be read: {wrong}"}, 400)

    @app.get("/studio/static/{name}")
    def static(name: str) -> Response:
        if name not in {each.name for each in STATIC.iterdir()}:
            raise PictureNotFound(f"there is no {name!r}")
        # Browsers take no module that bears another kind, and some systems' tables have another.
        kind = "text/javascript" if name.endswith(".js") else None
        return FileResponse(STATIC / name, media_type=kind, headers={"cache-control": "no-cache"})

    @app.post("/studio/{kind}")
    async def add(kind: str, request: Request, visit: str = "", name: str = "photo") -> Any:
        if kind not in ("photos", "films"):
            raise PictureNotFound(f"nothing is called {kind!r}")
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > studio.limits.upload << 20:
                raise BadSetting(f"that is too large; at most {studio.limits.upload} MB")
        return await run_in_threadpool(_added, studio, visit, kind, bytes(data), name)

    @app.get("/studio/photos/{name}")
    def photo(name: str, visit: str = "", small: bool = False) -> Response:
        shelf = studio.shelf(visit)
        file = shelf.photo_file(name)
        return _rendition(file, _SMALL_SIDE if small else _LARGE_SIDE)

    @app.get("/studio/history")
    def history(visit: str = "") -> Any:
        return [
            {"name": each.name, "made": each.made, "starred": each.starred, "film": each.film}
            for each in studio.shelf(visit).items()
        ]

    @app.get("/studio/history/{name}")
    def picture(name: str, visit: str = "", small: bool = False, save: bool = False) -> Response:
        file = studio.shelf(visit).file(name)
        if small:
            return _rendition(file, _SMALL_SIDE)
        headers = {"content-disposition": f'attachment; filename="{name}"'} if save else {}
        return FileResponse(file, headers=headers)

    @app.get("/studio/history/{name}/again")
    def again(name: str, visit: str = "") -> Any:
        return studio.about(visit, name)

    @app.post("/studio/history/{name}/{action}")
    def act(name: str, action: str, visit: str = "") -> Any:
        shelf = studio.shelf(visit)
        actions: dict[str, Callable[[], dict[str, Any] | None]] = {
            "star": functools.partial(shelf.star, name, True),
            "unstar": functools.partial(shelf.star, name, False),
            "delete": functools.partial(shelf.delete, name),
            "restore": functools.partial(shelf.restore, name),
            "use": functools.partial(_used, shelf, name),
        }
        if action not in actions:
            raise PictureNotFound(f"nothing is called {action!r}")
        return actions[action]() or {}

    @app.get("/studio/compare")
    def compare(names: str, visit: str = "") -> Any:
        return compared(studio.shelf(visit), names.split(","))

    @app.get("/studio/layers")
    def layers(model: str) -> Any:
        networks = studio.networks
        return [
            {
                "layer": layer,
                "channels": networks.channels(model, layer),
                "labels": networks.labels(model, layer),
            }
            for layer in networks.layers(model)
        ]

    @app.get("/studio/units")
    def units(model: str, layer: str, numbers: str) -> Any:
        try:
            wanted = [int(each) for each in numbers.split(",")]
        except ValueError:
            raise BadSetting("the numbers of units must be numbers") from None
        return studio.units.want(model, layer, wanted)

    @app.get("/studio/unit")
    def unit(model: str, layer: str, number: int) -> Response:
        file = studio.units.file(model, layer, number)
        if file is None:
            raise PictureNotFound(f"the picture of {layer}:{number} isn't made yet")
        return FileResponse(file, headers={"cache-control": "max-age=3600"})

    _see(app, studio)
    return app


def _see(app: FastAPI, studio: Studio) -> None:
    """Add the addresses of what networks make of photos; the engine's worker answers."""
    seeing = studio.seeing

    def answer(visit: str, ask: Callable[..., Any], *asked: Any) -> Any:
        shelf = studio.shelf(visit)
        return studio.engine.ask(functools.partial(ask, shelf, *asked)).result(_PATIENCE_S)

    def shown(visit: str, ask: Callable[..., bytes], *asked: Any) -> Response:
        return Response(answer(visit, ask, *asked), media_type="image/jpeg")

    @app.get("/studio/see/classes")
    def classes(model: str, photo: str, visit: str = "") -> Any:
        return answer(visit, seeing.classes, model, photo)

    @app.get("/studio/see/looked")
    def looked(model: str, photo: str, number: Number, visit: str = "") -> Response:
        return shown(visit, seeing.looked, model, photo, number)

    @app.get("/studio/see/position")
    def position(
        model: str, photo: str, layer: str, down: float, across: float, visit: str = ""
    ) -> Any:
        return answer(visit, seeing.position, model, photo, layer, down, across)

    @app.get("/studio/see/lesson")
    def lesson(model: str, photo: str, visit: str = "") -> Any:
        return answer(visit, studio.lesson.layers, model, photo)

    @app.get("/studio/see/strongest")
    def strongest(model: str, photo: str, layer: str, visit: str = "") -> Any:
        return answer(visit, studio.lesson.strongest, model, photo, layer)

    @app.get("/studio/see/gradient")
    def gradient(
        model: str,
        photo: str,
        layer: str,
        number: Number,
        row: Number,
        column: Number,
        visit: str = "",
    ) -> Response:
        return shown(visit, seeing.gradient, model, photo, layer, number, row, column)

    @app.get("/studio/see/map")
    def one_map(model: str, photo: str, layer: str, number: Number, visit: str = "") -> Response:
        return shown(visit, seeing.map, model, photo, layer, number)

    @app.get("/studio/see/maps")
    def maps(model: str, photo: str, layer: str, visit: str = "") -> Response:
        return shown(visit, seeing.maps, model, photo, layer)


def _added(studio: Studio, visit: str, kind: str, data: bytes, name: str) -> dict[str, Any]:
    shelf = studio.shelf(visit)
    if kind == "films":
        film = shelf.add_film(data, name)
        return film | {"made_by": _maker(shelf, film["name"])}
    return _begun_with(shelf, shelf.add(data, name))


def _used(shelf: Shelf, name: str) -> dict[str, Any]:
    """Make a photo of a picture of the history, to begin with."""
    file = shelf.file(name)
    return _begun_with(shelf, shelf.add(file.read_bytes(), name))


def _begun_with(shelf: Shelf, name: str) -> dict[str, Any]:
    """Return what a page is told of a photo to begin with."""
    photo = shelf.photo(name)
    shape = {"height": photo.height, "width": photo.width}
    return {"name": name, **shape, "made_by": _maker(shelf, name)}


def _maker(shelf: Shelf, name: str) -> str | None:
    """Return the recipe that made a photo; None of one that isn't entoptic's."""
    job = shelf.job_of_photo(name)
    return None if job is None else job.recipe


def _rendition(file: Path, side: int) -> Response:
    """Return a picture as a JPEG file for the page, or the icon of a film."""
    try:
        data = _smaller(file, file.stat().st_mtime_ns, side)
    except MissingExtra:  # a film that was made where films could be read
        return FileResponse(STATIC / "film.svg")
    return Response(data, media_type="image/jpeg", headers={"cache-control": "max-age=60"})


# Some 20 kB each.
@functools.lru_cache(maxsize=1024)
def _smaller(file: Path, changed: int, side: int) -> bytes:
    """Return a picture, or the first frame of a film, as a JPEG file of at most that side."""
    if not is_film(file):
        return jpeg(images.read(file).image, side, 88)
    from entoptic.video.reading import facts_of, frames_of

    return jpeg_of_pixels(next(frames_of(facts_of(file))).pixels, side)
