"""A service that listens, with small limits, and programs that talk to it."""

import dataclasses
import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

anyio = pytest.importorskip("anyio")
httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")

from tiny_model import write_tiny_model, write_tiny_restorers  # noqa: E402
from vdn.export import write_cards  # noqa: E402
from vdn.web import ServiceSettings, create_app, make_server  # noqa: E402

TOKEN = "a-token"


@dataclasses.dataclass
class Served:
    """A running service."""

    settings: ServiceSettings
    app: object

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def service(self):
        return self.app.state.service

    def program(self) -> "httpx.Client":
        """Return a client that shows the token, as a program does."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    @contextmanager
    def visitor(self) -> Iterator["httpx.Client"]:
        """Give a client with the cookies that the page sets; its visit ends afterwards."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            assert client.get("/", params={"token": TOKEN}).status_code == 200
            yield client
            client.delete("/visit")

    def leftovers(self) -> list[str]:
        """Return what lies in the folder of the service."""
        folder = self.service.folder
        return [
            os.path.relpath(Path(above, name), folder)
            for above, folders, files in os.walk(folder)  # what goes meanwhile is no error
            for name in [*folders, *files]
        ]


def start(**changes) -> tuple[Served, "uvicorn.Server", threading.Thread]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = ServiceSettings(token=TOKEN, port=port, threads=1, **changes)
    app = create_app(settings)
    server = make_server(app, settings, "error")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    return Served(settings, app), server, thread


@contextmanager
def serving(**changes) -> Iterator[Served]:
    found, server, thread = start(max_upload=4_000_000, **changes)
    yield found
    server.should_exit = True
    thread.join(20)
    assert not found.service.folder.exists()


# Else these are loaded by a thread of the server, where pytest rewrites their assertions: in Python
# 3.11 that fails at times beside another thread that does the same.
for name in dir(anyio):
    getattr(anyio, name)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with serving(max_pixels=1_000_000, upload_seconds=1.0, head_seconds=1.5) as found:
        yield found


@pytest.fixture(scope="session")
def restoring(tmp_path_factory) -> Iterator[Served]:
    """A service with tiny models for every task."""
    folder = tmp_path_factory.mktemp("restoring")
    write_tiny_model(folder / "photo.onnx")
    write_tiny_model(folder / "gray.onnx", channels=1)
    write_tiny_restorers(folder)
    write_cards(folder)
    with serving(max_pixels=300_000, weights=folder) as found:
        yield found


def encoded(pixels: np.ndarray, format: str = "PNG", **options) -> bytes:
    """Return the file of a picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def noisy(height: int = 72, width: int = 96, channels: int = 3, sigma: float = 15, seed: int = 0):
    """Return a smooth picture with noise, uint8 (H, W, C)."""
    rows, columns = np.mgrid[:height, :width]
    smooth = 120 + 60 * np.sin(rows / 11) * np.cos(columns / 17)
    noise = np.random.default_rng(seed).normal(0, sigma, (height, width, channels))
    return np.clip(np.rint(smooth[..., None] + noise), 0, 255).astype(np.uint8)


def wait_until(condition, seconds: float = 60):
    """Wait until a condition gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)
    return found


def bring(visitor, name: str, content: bytes) -> dict:
    """Upload a picture; return what the page is told of it."""
    response = visitor.post("/visit/pictures", params={"name": name}, content=content)
    assert response.status_code == 201, response.text
    return response.json()


def look(visitor, picture: dict) -> dict | None:
    """Return what the page is told of a picture now."""
    found = visitor.get("/visit").json()["pictures"]
    return next((each for each in found if each["id"] == picture["id"]), None)


def done(visitor, picture: dict, strength: float | None = None) -> dict:
    """Wait until a picture is denoised."""

    def finished():
        found = look(visitor, picture)
        assert found["state"] != "failed", found["message"]
        if found["state"] != "done" or found["result"] is None:
            return None
        return found if strength in (None, found["result"]["strength"]) else None

    return wait_until(finished)
