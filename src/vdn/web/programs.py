"""The interface for programs: a file in the body, a file or figures in the answer."""

import asyncio
import html
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from vdn.image import output_suffix
from vdn.image.formats import format_by_name
from vdn.models import Goal
from vdn.result_names import MARKS, result_name
from vdn.runtime.cards import TASKS, list_models
from vdn.streaming import Report
from vdn.web.downloads import OnceResponse, attachment
from vdn.web.lanes import Cancelled, Work
from vdn.web.service import Service
from vdn.web.uploads import full_name, open_upload, receive_file, safe_name

__all__ = ["add_routes"]

_OF_THE_RESTORER = {"strength", "noise_sigma", "format", "quality", "ensemble"}

_LOOK = 0.5  # seconds between two looks whether the client is still there

_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of a picture file, of any format the command line reads.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The file."}
}


class Asked(BaseModel):
    """What a program may say along with a picture; anything else is refused."""

    model_config = ConfigDict(extra="forbid")

    token: str | None = Field(None, description="The token, where no header or cookie has it.")
    name: str = Field("picture", description="Name of the file, for the format and the answer.")
    model: str = Field("auto", description="Name of a model that ships, or auto.")


class FileAsked(Asked):
    """The same, and which file is wanted."""

    output: Literal["image", "noise", "uncertainty"] = Field(
        "image", description="The restored picture, or a float TIFF of standard deviations."
    )
    strength: float = Field(1.0, ge=0, le=4, description="Factor of the noise to remove.")
    noise_sigma: float | None = Field(
        None, ge=0, description="Standard deviation of the noise, if it is known."
    )
    format: str | None = Field(
        None, description="Format of the restored picture; that of the source."
    )
    quality: int | None = Field(None, ge=1, le=100, description="Quality of a lossy format.")
    ensemble: int = Field(
        1,
        description="Mean over 2, 4 or 8 mirrored and turned versions, in so many times the time.",
    )


class TaskAsked(FileAsked):
    """The same, and what is to be done."""

    task: str = Field(description=f"What to do: {', '.join(TASKS)}.")
    scale: int | None = Field(
        None, description="Times the pixels a side, to upscale; the smallest that ships."
    )


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the interface to the service."""

    @app.post("/api/denoise", openapi_extra=_BODY, response_class=FileResponse, responses=_FILE)
    async def denoise(request: Request, asked: Annotated[FileAsked, Query()]) -> Response:
        """Denoise a picture, and return the clean one in its format, with its metadata.

        The answer's headers `x-vdn-model` and `x-vdn-noise-sigma` say what was found.
        """
        return await _restore(request, service, service.goal("denoise"), asked)

    @app.post("/api/restore", openapi_extra=_BODY, response_class=FileResponse, responses=_FILE)
    async def restore(request: Request, asked: Annotated[TaskAsked, Query()]) -> Response:
        """Denoise, enlarge, sharpen or repair a picture, and return the result in its format.

        The answer's headers `x-vdn-model` and `x-vdn-noise-sigma` say what was found; so do
        `x-vdn-blur-sigma`, along x and y in pixels of the result, and `x-vdn-jpeg-quality`, where
        the model tells them.
        """
        return await _restore(request, service, service.goal(asked.task, asked.scale), asked)

    @app.post("/api/noise", openapi_extra=_BODY)
    async def noise(request: Request, asked: Annotated[Asked, Query()]) -> list[dict[str, Any]]:
        """Measure the noise of a picture: one record an image in it, as of `vdn noise --json`."""
        folder = Path(tempfile.mkdtemp(dir=service.folder))
        try:
            source, _ = await _receive(request, folder, asked.name, service)
            found: list[dict[str, Any]] = await _wait(
                request, service, lambda work: service.measure(source, asked.model, work)
            )
            return found
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @app.get("/api/models")
    async def models() -> list[dict[str, Any]]:
        """List the models that ship, as of `vdn models --json`."""
        return [card.to_mapping() for card in list_models(service.settings.weights)]

    @app.get("/api", include_in_schema=False)
    async def description() -> Response:
        return HTMLResponse(_page(app.openapi(), service))


async def _restore(request: Request, service: Service, goal: Goal, asked: FileAsked) -> Response:
    if asked.format is not None:
        format_by_name(asked.format)
    folder = Path(tempfile.mkdtemp(dir=service.folder))
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    try:
        source, name = await _receive(request, folder, asked.name, service, goal.scale or 1)
        stem, suffix = Path(name).stem, output_suffix(Path(name), asked.format)
        targets = {
            "image": folder / result_name(stem, MARKS[goal.task], suffix),
            "noise": folder / "noise.tiff",
            "uncertainty": folder / "uncertainty.tiff",
        }
        maps = {
            option: targets[option.removesuffix("_map")]
            for option in ("noise_map", "uncertainty")
            if option.removesuffix("_map") == asked.output
        }
        given = asked.model_dump(include=_OF_THE_RESTORER)

        def work(work: Work) -> Report:
            target = targets["image"]
            return service.run(source, target, work, goal, asked.model, **given, **maps)

        report: Report = await _wait(request, service, work)
        target = targets[asked.output]
        sent = target.name if asked.output == "image" else f"{stem}.{target.name}"
        return OnceResponse(target, remove, attachment(sent) | _figures(report))
    except BaseException:
        remove()
        raise


def _figures(report: Report) -> dict[str, str]:
    """Return headers that say what was found out about a picture."""
    found = {
        "x-vdn-model": report.model,
        "x-vdn-noise-sigma": " ".join(f"{sigma:.6g}" for sigma in report.noise_sigma),
    }
    if report.kernel is not None:
        found["x-vdn-blur-sigma"] = " ".join(f"{sigma:.6g}" for sigma in report.kernel.sigma)
    if report.jpeg is not None and report.jpeg.traces is not None:
        found["x-vdn-jpeg-quality"] = str(report.jpeg.traces.quality)
    return found


async def _receive(
    request: Request, folder: Path, name: str, service: Service, scale: int = 1
) -> tuple[Path, str]:
    """Write the picture of a request to a file; return it, and what it is called.

    HTTPException as of `open_upload`.
    """
    settings, name = service.settings, safe_name(name)
    source = folder / f"source{Path(name).suffix.lower()[:12]}"
    await receive_file(request, source, settings)
    with await asyncio.to_thread(open_upload, source, name, settings, scale) as picture:
        return source, full_name(name, picture.format)


async def _wait(request: Request, service: Service, function: Callable[[Work], Any]) -> Any:
    """Wait in the queue for what a function returns; no longer than the client does."""
    work = service.whole.submit(Work(function))
    future = asyncio.wrap_future(work.future)
    try:
        while not future.done():
            await asyncio.wait([future], timeout=_LOOK)
            if not future.done() and await request.is_disconnected():
                raise HTTPException(499, "The client has gone.")
        return future.result()
    except (Cancelled, asyncio.CancelledError):
        raise HTTPException(503, "The service is stopping.") from None
    finally:
        work.cancel()


def _page(openapi: dict[str, Any], service: Service) -> str:
    """Return the description of the interface as a page, with a command to try each part."""
    settings = service.settings
    base = f"http://{settings.host}:{settings.port}"
    parts = []
    for path, methods in openapi["paths"].items():
        for method, about in methods.items():
            rows = "".join(
                f"<tr><td><code>{html.escape(each['name'])}</code></td>"
                f"<td>{html.escape(each.get('description', ''))}</td>"
                f"<td>{html.escape(json.dumps(each['schema'].get('default')))}</td></tr>"
                for each in about.get("parameters", [])
            )
            table = (
                f"<table><tr><th>query</th><th>meaning</th><th>default</th></tr>{rows}</table>"
                if rows
                else ""
            )
            body = " --data-binary @photo.jpg" if "requestBody" in about else ""
            query = "?name=photo.jpg" if body else ""
            query += "&task=upscale" if path == "/api/restore" else ""
            save = " -OJ" if path in ("/api/denoise", "/api/restore") else ""
            command = f'curl -H "Authorization: Bearer $TOKEN"{body}{save} "{base}{path}{query}"'
            text = html.escape(about.get("description", ""))
            parts.append(
                f"<h2><code>{method.upper()} {path}</code></h2><p>{text}</p>{table}"
                f"<pre>{html.escape(command)}</pre>"
            )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>vdn for programs</title>'
        '<link rel="stylesheet" href="/page.css"><main class="text"><h1>For programs</h1>'
        "<p>The token is the end of the address that <code>vdn serve</code> printed. The same as "
        '<a href="/openapi.json">OpenAPI</a>.</p>' + "".join(parts) + "</main></html>"
    )
