"""The service: the page with its visit, and the interface for programs."""

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    StreamingResponse,
)
from pydantic import BaseModel, Field

from vdn import __version__
from vdn.errors import VdnError
from vdn.result_names import MARKS
from vdn.web import programs
from vdn.web.colours import scale_colours
from vdn.web.downloads import OnceResponse, attachment, files_of, write_zip
from vdn.web.guard import HEALTH, Guard, cookie_name, read_cookies
from vdn.web.lanes import Cancelled
from vdn.web.layers import draw_tile
from vdn.web.rasters import on_screen, png, upright
from vdn.web.service import Service
from vdn.web.settings import ServiceSettings
from vdn.web.uploads import receive_file, safe_name
from vdn.web.visits import MAPS, Entry, Visit

__all__ = ["create_app"]

_PAGE = resources.files("vdn.web") / "page"
_FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "viewer.js": "text/javascript",
    "example.jpg": "image/jpeg",
    "icon.svg": "image/svg+xml",
}
_SWEEP = 60.0  # seconds between two looks for visits that are over
_QUIET = 15.0  # seconds without news after which the connection is shown to live
_KEEP = {"cache-control": "private, max-age=3600"}


class GoalGiven(BaseModel):
    """What is to be done to pictures, see `vdn.models.Goal`."""

    task: str
    scale: int | None = None


class ChoicesGiven(BaseModel):
    """What a visitor may set; a goal without a model gets "auto"."""

    strength: float | None = Field(None, ge=0, le=2)
    goal: GoalGiven | None = None
    model: str | None = None


class FrameGiven(BaseModel):
    """Which image of a file is looked at, from 0."""

    frame: int = Field(ge=0)


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """Return the service as an ASGI application.

    Parameters
    ----------
    settings
        How it is set up; with a token of its own by default.

    Examples
    --------
    >>> app = create_app(ServiceSettings(token="secret"))
    >>> "/api/denoise" in app.openapi()["paths"]
    True
    """
    settings = settings or ServiceSettings()
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP)
                service.end_idle_visits()

        sweeper = asyncio.create_task(sweep())
        yield
        sweeper.cancel()
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="vdn",
        version=__version__,
        summary="Blind image denoising that tells you the noise.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(Guard, settings=settings)
    app.state.service = service

    @app.exception_handler(VdnError)
    async def refuse(request: Request, error: VdnError) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    @app.get(HEALTH, include_in_schema=False)
    async def health() -> Response:
        return PlainTextResponse("ok\n")

    _add_page(app, service)
    _add_visit(app, service)
    programs.add_routes(app, service)
    return app


def _add_page(app: FastAPI, service: Service) -> None:
    settings = service.settings

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        response = HTMLResponse((_PAGE / "index.html").read_text(encoding="utf-8"))
        visit = read_cookies(request.headers.get("cookie", "")).get(cookie_name("visit", settings))
        keep: dict[str, Any] = {"httponly": True, "samesite": "strict"}
        response.set_cookie(cookie_name("token", settings), settings.token, **keep)
        if visit is None or service.visit(visit) is None:
            response.set_cookie(cookie_name("visit", settings), service.new_visit(), **keep)
        response.headers["cache-control"] = "no-store"
        return response

    @app.get("/scale.png", include_in_schema=False)
    async def scale() -> Response:
        colours = np.arange(256, dtype=np.uint8)[np.newaxis]
        return Response(png(colours, colours=scale_colours()), media_type="image/png")

    def add_file(name: str, media_type: str) -> None:
        @app.get(f"/{name}", include_in_schema=False)
        async def file() -> Response:
            return Response((_PAGE / name).read_bytes(), media_type=media_type)

    for name, media_type in _FILES.items():
        add_file(name, media_type)


def _add_visit(app: FastAPI, service: Service) -> None:
    settings = service.settings

    async def find_visit(request: Request) -> Visit:
        cookies = read_cookies(request.headers.get("cookie", ""))
        visit = service.visit(cookies.get(cookie_name("visit", settings), ""))
        if visit is None:
            raise HTTPException(410, "This visit is over; load the page again.")
        return visit

    OfVisit = Annotated[Visit, Depends(find_visit)]

    async def find_entry(visit: OfVisit, picture: str) -> Entry:
        if picture not in visit.entries:
            raise HTTPException(404, "There is no such picture.")
        return visit.entries[picture]

    OfEntry = Annotated[Entry, Depends(find_entry)]

    @app.get("/visit", include_in_schema=False)
    async def look(visit: OfVisit) -> dict[str, Any]:
        return describe(visit)

    @app.put("/visit", include_in_schema=False)
    async def choose(visit: OfVisit, given: ChoicesGiven) -> dict[str, Any]:
        changes = given.model_dump(exclude_none=True)
        if given.goal is not None:
            goal = service.goal(given.goal.task, given.goal.scale)
            changes = {"model": "auto", **changes, "goal": goal}
        service.choose(visit, replace(visit.choices, **changes))
        return describe(visit)

    @app.delete("/visit", include_in_schema=False)
    async def leave(request: Request, visit: OfVisit) -> Response:
        cookies = read_cookies(request.headers.get("cookie", ""))
        name = cookie_name("visit", settings)
        await asyncio.to_thread(service.end_visit, cookies[name])
        response = Response(status_code=204)
        response.delete_cookie(name)
        return response

    @app.get("/visit/events", include_in_schema=False)
    async def watch(visit: OfVisit) -> Response:
        async def events() -> AsyncIterator[str]:
            with visit.watching() as news:
                while not visit.closed:
                    news.clear()
                    yield f"data: {json.dumps(describe(visit))}\n\n"
                    try:
                        await asyncio.wait_for(news.wait(), _QUIET)
                    except TimeoutError:
                        yield ": still here\n\n"
                    await asyncio.sleep(0.05)

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)

    @app.post("/visit/pictures", status_code=201, include_in_schema=False)
    async def add(request: Request, visit: OfVisit, name: str = "picture") -> dict[str, Any]:
        if len(visit.entries) >= settings.max_pictures:
            raise HTTPException(409, f"There are {settings.max_pictures} pictures; remove some.")
        name = safe_name(name)
        identity, folder = visit.new_folder()
        source = folder / f"source{Path(name).suffix.lower()[:12]}"
        try:
            await receive_file(request, source, settings)
            entry = await asyncio.to_thread(service.add, visit, identity, folder, source, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        visit.changed()
        return entry.describe(service.whole)

    @app.put("/visit/pictures/{picture}/frame", include_in_schema=False)
    async def show(visit: OfVisit, entry: OfEntry, given: FrameGiven) -> dict[str, Any]:
        await asyncio.to_thread(service.show, visit, entry, given.frame)
        return entry.describe(service.whole)

    @app.delete("/visit/pictures/{picture}", status_code=204, include_in_schema=False)
    async def remove(visit: OfVisit, entry: OfEntry) -> None:
        await asyncio.to_thread(visit.remove, entry)

    @app.post("/visit/pictures/{picture}/stop", status_code=204, include_in_schema=False)
    async def stop(visit: OfVisit, entry: OfEntry) -> None:
        service.stop(visit, entry)

    @app.post("/visit/pictures/{picture}/run", status_code=204, include_in_schema=False)
    async def run(visit: OfVisit, entry: OfEntry) -> None:
        service.queue(visit, entry)
        visit.changed()

    @app.get(
        "/visit/pictures/{picture}/tiles/{layer}/{level}/{row}/{column}", include_in_schema=False
    )
    def tile(entry: OfEntry, layer: str, level: int, row: int, column: int) -> Response:
        made = draw_tile(entry, layer, level, row, column)
        if made is None:
            raise HTTPException(404, "There is no such part.")
        return Response(made, media_type="image/png", headers=_KEEP)

    @app.get("/visit/pictures/{picture}/preview", include_in_schema=False)
    async def preview(
        visit: OfVisit,
        entry: OfEntry,
        row: float,
        column: float,
        strength: Annotated[float, Query(ge=0, le=2)],
        exact: bool = False,
    ) -> Response:
        def make() -> Response:
            place, pixels, is_exact = service.preview(visit, entry, row, column, strength, exact)
            screen = upright(on_screen(pixels, entry.range), entry.orientation)
            top, left = place
            headers = {
                "x-place": f"{top},{left},{screen.shape[0]},{screen.shape[1]}",
                "x-exact": str(int(is_exact)),
                "cache-control": "no-store",
            }
            return Response(png(screen, entry.icc), media_type="image/png", headers=headers)

        try:
            return await asyncio.to_thread(make)
        except Cancelled:
            raise HTTPException(410, "The service is stopping.") from None

    @app.get("/visit/pictures/{picture}/report", include_in_schema=False)
    async def report(visit: OfVisit, entry: OfEntry) -> list[dict[str, Any]]:
        return await asyncio.to_thread(service.report, visit, entry)

    @app.get("/visit/pictures/{picture}/files/{what}", include_in_schema=False)
    async def download(entry: OfEntry, what: str) -> Response:
        files = files_of(entry, MAPS)
        if what not in files:
            raise HTTPException(404, f"There is no {what}, or not yet.")
        name, path = files[what]
        return FileResponse(path, headers=attachment(name))

    @app.get("/visit/results.zip", include_in_schema=False)
    async def results(visit: OfVisit, maps: bool = False) -> Response:
        path = visit.folder / f"{secrets.token_hex(8)}.zip"
        remove = partial(path.unlink, missing_ok=True)
        entries = list(visit.entries.values())
        try:
            await asyncio.to_thread(write_zip, path, entries, MAPS if maps else ())
        except BaseException:
            remove()
            raise
        return OnceResponse(path, remove, attachment(f"{MARKS[visit.choices.goal.task]}.zip"))

    def describe(visit: Visit) -> dict[str, Any]:
        return {
            **visit.describe(service.whole),
            "goals": [{**asdict(goal), "models": names} for goal, names in service.models.items()],
            "limits": {"bytes": settings.max_upload, "pixels": settings.max_pixels},
        }
