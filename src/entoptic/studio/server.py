"""The server of a studio: Gradio's page, and addresses for photos, pictures and units."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from pathlib import Path

from entoptic.errors import BadSetting, MissingExtra
from entoptic.studio.guard import App, Guard, is_loopback
from entoptic.studio.studio import Studio

STATIC = Path(__file__).parent / "static"
PORT = 7860
"""The first port that is tried where none is named; Gradio's usual one."""

# So many ports are tried.
_TRIED = 20


def application(studio: Studio, *, token: str | None = None, local: bool = True) -> App:
    """Return the application that serves a studio.

    Args:
        studio: what is served.
        token: that visitors must bring.
        local: whether it is for this machine alone.

    Raises:
        MissingExtra: Gradio isn't installed.
    """
    # Before Gradio is imported, which would tell its makers of it.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import gradio
    except ImportError:
        raise MissingExtra(
            "the studio needs Gradio; install it with: pip install 'entoptic[studio]'"
        ) from None
    from entoptic.studio.addresses import addresses_of
    from entoptic.studio.page import look_of, page_of

    page = page_of(studio)
    app = gradio.mount_gradio_app(
        addresses_of(studio),
        page,
        path="/",
        footer_links=[],
        ssr_mode=False,
        show_error=True,
        max_file_size=1,
        favicon_path=str(STATIC / "eye.svg"),
        allowed_paths=[],
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        **look_of(),
    )
    upload = studio.limits.upload << 20
    uploads = {"/studio/photos": upload, "/studio/films": upload}
    return Guard(app, token=token, local=local, uploads=uploads)


def listening(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens, so that a port that is taken is told before any work.

    Args:
        host: an address of this machine.
        port: None for the first that is free from 7860 on.

    Raises:
        BadSetting: it is taken, or can't be listened on; with what to do.
    """
    reasons: list[str] = []
    code = None
    for each in [port] if port is not None else range(PORT, PORT + _TRIED):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, each))
            found.listen(128)
        except (OSError, OverflowError) as error:
            found.close()
            reasons.append(getattr(error, "strerror", None) or str(error))
            code = getattr(error, "errno", None)
        else:
            return found
    where = f"port {port}" if port is not None else f"ports {PORT} to {PORT + _TRIED - 1}"
    advice = "name another with --port"
    if code in (errno.EADDRNOTAVAIL, socket.EAI_NONAME):
        advice = (
            "that is no address of this machine; name one with --host, such as 127.0.0.1, or "
            "0.0.0.0 for all of them"
        )
    elif port is not None:
        advice = f"is a studio running there already? {advice}"
    raise BadSetting(f"can't listen on {host}, {where} ({reasons[0]}); {advice}")


def address_of(found: socket.socket, token: str | None) -> str:
    """Return the address that a browser opens."""
    host, port = found.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"?token={token}"
    return f"http://{shown}:{port}/{query}"


def serve(app: App, found: socket.socket) -> None:
    """Serve an application until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        # Behind a token or on this machine alone nothing says on whose behalf it asks.
        proxy_headers=not is_loopback(found.getsockname()[0]),
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    uvicorn.Server(config).run(sockets=[found])


def _is_no_end(record: logging.LogRecord) -> bool:
    """Tell whether a record is to be shown: not that an open page was cut off by Ctrl-C."""
    ended = record.exc_info[1] if record.exc_info else None
    return not isinstance(ended, asyncio.CancelledError) and "graceful shutdown" not in record.msg
