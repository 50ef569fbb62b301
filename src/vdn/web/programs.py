"""The interface for programs: a file in the body, a file or figures in the answer."""

import asyncio
import html
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.background import BackgroundTask

from vdn.image import output_suffix
from vdn.image.formats import format_by_name
from vdn.runtime.cards import list_models
from vdn.streaming import Report
from vdn.web.downloads import attachment
from vdn.web.lanes import Cancelled, Work
from vdn.web.service import Service
from vdn.web.uploads import open_upload, receive_file, safe_name

__all__ = ["add_routes"]

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

Name = Annotated[str, Query(description="Name of the file, for the format and the answer.")]
Model = Annotated[str, Query(description="Name of a model that ships, or auto.")]


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the interface to the service."""

    @app.post("/api/denoise", openapi_extra=_BODY, response_class=FileResponse, responses=_FILE)
    async def denoise(
        request: Request,
        name: Name = "picture",
        output: Annotated[
            Literal["image", "noise", "uncertainty"],
            Query(description="The clean picture, or a float TIFF of standard deviations."),
        ] = "image",
        model: Model = "auto",
        strength: Annotated[
            float, Query(ge=0, le=4, description="Factor of the noise to remove.")
        ] = 1.0,
        noise_sigma: Annotated[
            float | None,
            Query(ge=0, description="Standard deviation of the noise, if it is known."),
        ] = None,
        format: Annotated[
            str | None, Query(description="Format of the clean picture; that of the source.")
        ] = None,
        quality: Annotated[
            int | None, Query(ge=1, le=100, description="Quality of a lossy format.")
        ] = None,
    ) -> Response:
        """Denoise a picture, and return the clean one in its format, with its metadata.

        The answer's headers `x-vdn-model` and `x-vdn-noise-sigma` say what was found.
        """
        if format is not None:
            format_by_name(format)
        folder = Path(tempfile.mkdtemp(dir=service.folder))
        try:
            source = await _receive(request, folder, name, service)
            suffix = output_suffix(source, format)
            targets = {
                "image": folder / f"{Path(safe_name(name)).stem}.denoised{suffix}",
                "noise": folder / "noise.tiff",
                "uncertainty": folder / "uncertainty.tiff",
            }
            maps = {
                option: targets[option.removesuffix("_map")]
                for option in ("noise_map", "uncertainty")
                if option.removesuffix("_map") == output
            }
            given: dict[str, Any] = {"strength": strength, "noise_sigma": noise_sigma}
            given |= {"format": format, "quality": quality, **maps}

            def work(work: Work) -> Report:
                return service.run(source, targets["image"], work, model, **given)

            report: Report = await _wait(request, service, work)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        target = targets[output]
        sent = target.name if output == "image" else f"{Path(safe_name(name)).stem}.{target.name}"
        headers = attachment(sent) | {
            "x-vdn-model": report.model,
            "x-vdn-noise-sigma": " ".join(f"{sigma:.6g}" for sigma in report.noise_sigma),
        }
        clean_up = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(target, headers=headers, background=clean_up)

    @app.post("/api/noise", openapi_extra=_BODY)
    async def noise(
        request: Request, name: Name = "picture", model: Model = "auto"
    ) -> list[dict[str, Any]]:
        """Measure the noise of a picture: one record an image in it, as of `vdn noise --json`."""
        folder = Path(tempfile.mkdtemp(dir=service.folder))
        try:
            source = await _receive(request, folder, name, service)
            found: list[dict[str, Any]] = await _wait(
                request, service, lambda work: service.measure(source, model, work)
            )
            return found
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @app.get("/api/models")
    async def models() -> list[dict[str, Any]]:
        """List the models that ship, as of `vdn models --json`."""
        return [card.to_mapping() for card in list_models()]

    @app.get("/api", include_in_schema=False)
    async def description() -> Response:
        return HTMLResponse(_page(app.openapi(), service))


async def _receive(request: Request, folder: Path, name: str, service: Service) -> Path:
    source = folder / f"source{Path(safe_name(name)).suffix.lower()[:12]}"
    await receive_file(request, source, service.settings)
    (await asyncio.to_thread(open_upload, source, safe_name(name), service.settings)).close()
    return source


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
            name = "?name=photo.jpg" if body else ""
            save = " -OJ" if path == "/api/denoise" else ""
            command = f'curl -H "Authorization: Bearer $TOKEN"{body}{save} "{base}{path}{name}"'
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
