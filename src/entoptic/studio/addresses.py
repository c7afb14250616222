"""Addresses of a studio beside the page's own: photos, the history, layers and units."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from entoptic import images
from entoptic.errors import BadSetting, EntopticError, PictureNotFound
from entoptic.studio.shelf import Shelf
from entoptic.studio.studio import Studio
from entoptic.studio.works import jpeg

STATIC = Path(__file__).parent / "static"

_SMALL_SIDE = 360
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

    @app.get("/studio/static/{name}")
    def static(name: str) -> Response:
        if name not in {each.name for each in STATIC.iterdir()}:
            raise PictureNotFound(f"there is no {name!r}")
        return FileResponse(STATIC / name, headers={"cache-control": "no-cache"})

    @app.post("/studio/photos")
    async def add(request: Request, visit: str = "", name: str = "photo") -> Any:
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > studio.limits.upload << 20:
                raise BadSetting(f"that is too large; at most {studio.limits.upload} MB")
        return await run_in_threadpool(_added, studio, visit, bytes(data), name)

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

    return app


def _added(studio: Studio, visit: str, data: bytes, name: str) -> dict[str, Any]:
    shelf = studio.shelf(visit)
    kept = shelf.add(data, name)
    photo = shelf.photo(kept)
    found: dict[str, Any] = {"name": kept, "height": photo.height, "width": photo.width}
    found["entoptic"] = shelf.job_of_photo(kept) is not None
    return found


def _used(shelf: Shelf, name: str) -> dict[str, Any]:
    """Make a photo of a picture of the history, to begin with."""
    file = shelf.file(name)
    kept = shelf.add(file.read_bytes(), name)
    photo = shelf.photo(kept)
    return {"name": kept, "height": photo.height, "width": photo.width, "entoptic": True}


def _rendition(file: Path, side: int) -> Response:
    """Return a picture as a JPEG file for the page, or the icon of a film."""
    if file.suffix == ".mp4":
        return FileResponse(STATIC / "film.svg")
    data = _smaller(file, file.stat().st_mtime_ns, side)
    return Response(data, media_type="image/jpeg", headers={"cache-control": "max-age=60"})


@functools.lru_cache(maxsize=256)
def _smaller(file: Path, changed: int, side: int) -> bytes:
    return jpeg(images.read(file).image, side, 88)
