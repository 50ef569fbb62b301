"""The service as programs and pages meet it: who is let in, what comes out, what is left over."""

import io
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import anyio
import httpx
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vdn import Denoiser, Restorer, previews
from vdn.image import Range, open_picture, write
from vdn.noise.verdict import judge_noise
from vdn.runtime.cards import list_models
from vdn.web.downloads import OnceResponse
from vdn.web.lanes import Cancelled, Lane, Work
from vdn.web.uploads import safe_name
from web.conftest import bring, done, encoded, look, noisy, start, wait_until


def paths_of(served):
    for route in served.app.routes:
        path = getattr(route, "path", "")
        if path and path != "/health":
            for method in getattr(route, "methods", None) or ():
                yield (
                    method,
                    path.replace("{picture}", "1")
                    .replace("{layer}", "source")
                    .replace("{what}", "result")
                    .replace("{level}", "0")
                    .replace("{row}", "0")
                    .replace("{column}", "0"),
                )


# Who is let in


def test_every_path_wants_the_token(served):
    asked = list(paths_of(served))
    assert len(asked) > 20
    for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": "vdn-token-1=a-token"}):
        for method, path in asked:
            response = httpx.request(method, served.url + path, headers=headers)
            assert response.status_code == 401, (method, path)
            assert response.headers["content-security-policy"].startswith("default-src 'self'")
    assert httpx.get(served.url, params={"token": "a-tokem"}).status_code == 401
    assert httpx.get(served.url + "/health").text == "ok\n"


def test_the_token_is_taken_as_query_cookie_or_header(served):
    cookie = f"vdn-token-{served.settings.port}=a-token"
    for given_ in (
        {"params": {"token": "a-token"}},
        {"headers": {"cookie": cookie}},
        {"headers": {"authorization": "Bearer a-token"}},
    ):
        assert httpx.get(served.url + "/api/models", **given_).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.nip.io", "", "["])
def test_other_names_are_not_answered_to(served, host):
    headers = {"host": host, "authorization": "Bearer a-token"}
    assert httpx.get(served.url + "/api/models", headers=headers).status_code in (400, 421)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_are_not_answered(served, origin):
    with served.program() as program:
        response = program.post("/api/noise", content=b"x", headers={"origin": origin})
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers
        same = {"origin": served.url}
        assert program.get("/api/models", headers=same).status_code == 200


# Uploads


@given(st.text(max_size=300))
def test_names_of_files_lead_nowhere(name):
    safe = safe_name(name)
    assert 0 < len(safe) <= 141
    assert not {"/", "\\", "\0", "\n", ":"} & set(safe)
    assert not safe.startswith(".")


@pytest.mark.parametrize("name", ["../../../evil.png", "..\\..\\evil.png", "/etc/evil.png"])
def test_a_path_in_the_name_stays_in_the_folder(served, name):
    with served.visitor() as visitor:
        picture = bring(visitor, name, encoded(noisy()))
        assert picture["name"] == "evil.png"
        assert done(visitor, picture)["result"]["name"] == "evil.denoised.png"
    assert not Path("/etc/evil.png").exists()


def chunks(total: int, pause: float = 0.0):
    for _ in range(total):
        time.sleep(pause)
        yield b"\0" * 50_000


def test_uploads_are_bounded_in_size_and_time(served):
    with served.program() as program:
        announced = program.post("/api/noise", content=b"\0" * 4_000_001)
        streamed = program.post("/api/noise", content=chunks(100))
        assert [announced.status_code, streamed.status_code] == [413, 413]
        assert "larger than 4 MB" in announced.json()["detail"]
        assert program.post("/api/noise", content=b"").status_code == 400

        def slow():
            yield b"\0"
            time.sleep(3)
            yield b"\0"

        assert program.post("/api/noise", content=slow()).status_code == 408

        def dripping():
            for _ in range(60):
                yield b"\0"
                time.sleep(0.1)

        assert program.post("/api/noise", content=dripping()).status_code == 408
    assert wait_until(lambda: not served.leftovers())


def test_headers_that_do_not_come_hold_nobody_up(served):
    address = "127.0.0.1", served.settings.port
    part = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
    silent, begun = socket.create_connection(address), time.monotonic()
    slow = [socket.create_connection(address) for _ in range(40)]
    again = socket.create_connection(address)  # a first request comes whole, a second does not
    again.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert again.recv(1000).startswith(b"HTTP/1.1 200")
    for connection in [*slow, again]:
        connection.sendall(part)

    def closed(connection: socket.socket, drip: bytes = b"") -> bool:
        try:
            if drip:
                connection.sendall(drip)
            connection.settimeout(0.02)
            return connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    waiting = [silent, again, *slow]
    while waiting:
        assert time.monotonic() - begun < 10
        assert httpx.get(served.url + "/health").status_code == 200
        waiting = [each for each in waiting if not closed(each, b"" if each is silent else b"x")]
    assert time.monotonic() - begun > 1
    for connection in [silent, again, *slow]:
        connection.close()


def bomb(width: int, height: int) -> bytes:
    """Return the start of a PNG that promises many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return len(data).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    pixels = zlib.compress(b"\0" * 10_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_pictures_with_too_many_pixels_are_refused_at_once(served):
    with served.program() as program, served.visitor() as visitor:
        for ask in (
            lambda content: program.post("/api/denoise", content=content),
            lambda content: visitor.post("/visit/pictures", content=content),
        ):
            begun = time.monotonic()
            response = ask(bomb(25_000, 20_000))
            assert time.monotonic() - begun < 1
            assert response.status_code == 413
            assert "1,500 MB" in response.json()["detail"]
        response = program.post("/api/denoise", content=bomb(1200, 1000))
        assert response.status_code == 413
        assert "1 megapixel" in response.json()["detail"]
        assert visitor.get("/visit").json()["pictures"] == []


@pytest.mark.parametrize("content", [b"no picture at all", encoded(noisy())[:200], bomb(9, 9)[:40]])
def test_what_is_no_picture_is_refused_by_its_name(served, content):
    with served.program() as program, served.visitor() as visitor:
        for response in (
            program.post("/api/denoise", params={"name": "my.png"}, content=content),
            visitor.post("/visit/pictures", params={"name": "my.png"}, content=content),
        ):
            assert response.status_code == 422
            assert "my.png" in response.json()["detail"]
            assert str(served.service.folder) not in response.text
    assert not [path for path in served.leftovers() if "source" in path]


def test_who_goes_half_way_leaves_nothing(served):
    request = (
        b"POST /api/denoise HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer a-token\r\n"
        b"Content-Length: 3000000\r\n\r\n"
    )
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", served.settings.port)) as connection:
            connection.sendall(request + b"\0" * 100_000)
    whole = encoded(noisy(500, 600))
    head = request.replace(b"3000000", str(len(whole)).encode())
    with socket.create_connection(("127.0.0.1", served.settings.port)) as connection:
        connection.sendall(head + whole)
        wait_until(served.leftovers)
    wait_until(lambda: not served.leftovers())
    assert httpx.get(served.url + "/health").status_code == 200


# For programs


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", encoded(noisy())),
        ("a.jpg", encoded(noisy(), "JPEG", quality=88)),
        ("g.png", encoded(noisy(channels=1)[..., 0])),
        ("deep.png", encoded(noisy(channels=1)[..., 0].astype(np.uint16) * 257)),
    ],
)
def test_a_program_gets_what_the_library_makes(served, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    expected = tmp_path / f"x.denoised.{name.rpartition('.')[2]}"
    Denoiser(threads=1).file(tmp_path / name, expected, strength=0.7, noise_map=tmp_path / "n.tiff")
    with served.program() as program:
        ask = {"params": {"name": name, "strength": 0.7}, "content": content}
        response = program.post("/api/denoise", **ask)
        assert response.status_code == 200
        assert response.content == expected.read_bytes()
        stem = name.partition(".")[0]
        assert f"{stem}.denoised" in response.headers["content-disposition"]
        ask["params"] = ask["params"] | {"output": "noise"}
        sigma = tifffile.imread(io.BytesIO(program.post("/api/denoise", **ask).content))
    np.testing.assert_array_equal(sigma, tifffile.imread(tmp_path / "n.tiff"))
    said = [float(value) for value in response.headers["x-vdn-noise-sigma"].split()]
    np.testing.assert_allclose(
        said, np.sqrt(np.mean(np.square(np.atleast_3d(sigma)), axis=(0, 1))), rtol=1e-4
    )
    wait_until(lambda: not served.leftovers())


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif")])
@pytest.mark.parametrize("name", [None, "scan", "photo.2"])
def test_a_picture_whose_name_does_not_tell_its_format_keeps_it(served, kind, ending, name):
    content = io.BytesIO()
    Image.fromarray(noisy()).save(content, kind)
    with served.program() as program:
        ask = {"params": {"name": name} if name else {}, "content": content.getvalue()}
        response = program.post("/api/denoise", **ask)
    assert response.status_code == 200, response.text
    assert Image.open(io.BytesIO(response.content)).format == kind
    assert f"denoised.{ending}" in response.headers["content-disposition"]


def test_a_program_gets_every_task(restoring, tmp_path):
    (tmp_path / "a.png").write_bytes(content := encoded(noisy()))
    restorer = Restorer("upscale", 4, threads=1, weights=restoring.settings.weights)
    maps = {"noise_map": tmp_path / "n.tiff", "uncertainty": tmp_path / "u.tiff"}
    report = restorer.file(tmp_path / "a.png", tmp_path / "made.png", **maps)
    with restoring.program() as program:
        query = {"task": "upscale", "scale": 4, "name": "a.png"}
        for output, file in (("image", "made.png"), ("noise", "n.tiff"), ("uncertainty", "u.tiff")):
            ask = {"params": query | {"output": output}, "content": content}
            answer = program.post("/api/restore", **ask)
            assert answer.content == (tmp_path / file).read_bytes()
        assert answer.headers["x-vdn-model"] == "upscale-x4"
        blur = [float(value) for value in answer.headers["x-vdn-blur-sigma"].split()]
        np.testing.assert_allclose(blur, report.kernel.sigma, rtol=1e-4)
        del query["scale"]  # the smallest there is
        answer = program.post("/api/restore", params=query, content=content)
        assert Image.open(io.BytesIO(answer.content)).size == (192, 144)
        assert "a.upscaled.png" in answer.headers["content-disposition"]
        query = {"name": "a.png"}
        denoised = program.post("/api/denoise", params=query, content=content).content
        query["task"] = "denoise"
        assert program.post("/api/restore", params=query, content=content).content == denoised
        for wrong, way_out in (
            ({"task": "paint"}, "denoise, upscale x2, upscale x4, deblur, deblock"),
            ({"task": "upscale", "scale": 3}, "upscale x4"),
            ({"task": "deblur", "model": "photo"}, "auto, deblur"),
        ):
            answer = program.post("/api/restore", params=wrong, content=content)
            assert answer.status_code == 422
            assert way_out in answer.json()["detail"]
        assert program.post("/api/restore", content=content).status_code == 422
    wait_until(lambda: not restoring.leftovers())


def test_format_and_quality_can_be_asked_for(served):
    with served.program() as program:
        query = {"name": "a.png", "format": "jpeg", "quality": 40}
        response = program.post("/api/denoise", params=query, content=encoded(noisy()))
        assert Image.open(io.BytesIO(response.content)).format == "JPEG"
        assert "a.denoised.jpg" in response.headers["content-disposition"]
        for wrong in (
            {"format": "docx"},
            {"model": "/etc/passwd"},
            {"strength": 9},
            {"quality": 0},
            {"ensemble": 3},
            {"strenght": 0.5},
        ):
            response = program.post("/api/denoise", params=wrong, content=encoded(noisy()))
            assert response.status_code == 422, wrong
        assert "strenght" in response.text
        assert program.post("/api/noise", params=wrong, content=encoded(noisy())).status_code == 422


def test_a_program_may_ask_for_an_ensemble_with_the_token_in_the_address(served, tmp_path):
    (tmp_path / "a.png").write_bytes(content := encoded(noisy()))
    Denoiser(threads=1).file(tmp_path / "a.png", tmp_path / "b.png", ensemble=4)
    with served.program() as program:
        token = program.headers.pop("authorization").removeprefix("Bearer ")
        query = {"name": "a.png", "ensemble": 4, "token": token}
        response = program.post("/api/denoise", params=query, content=content)
        assert response.content == (tmp_path / "b.png").read_bytes()
        query["token"] += "x"
        assert program.post("/api/denoise", params=query, content=content).status_code in (401, 403)


def test_the_noise_is_what_the_command_says(served, tmp_path, run):
    (tmp_path / "a.png").write_bytes(encoded(noisy(200, 200)))
    printed = json.loads(run("noise", tmp_path / "a.png", "--json").stdout)
    with served.program() as program:
        (found,) = program.post("/api/noise", content=(tmp_path / "a.png").read_bytes()).json()
    assert found == {name: value for name, value in printed.items() if name != "input"}


def test_the_interface_describes_itself(served):
    with served.program() as program:
        paths = program.get("/openapi.json").json()["paths"]
        assert set(paths) == {"/api/denoise", "/api/restore", "/api/noise", "/api/models"}
        page = program.get("/api").text
        assert all(path in page for path in paths)
        assert "http://127" in page
        assert "<script" not in page
        assert [card["name"] for card in program.get("/api/models").json()]


# A visit


def tiles(visitor, picture, layer, scale: int = 1) -> np.ndarray:
    """Put the tiles of the finest level together."""
    rows = []
    for row in range(-(-scale * picture["height"] // 512)):
        line = []
        for column in range(-(-scale * picture["width"] // 512)):
            path = f"/visit/pictures/{picture['id']}/tiles/{layer}/0/{row}/{column}"
            line.append(np.asarray(Image.open(io.BytesIO(visitor.get(path).content))))
        rows.append(np.concatenate(line, axis=1))
    return np.concatenate(rows, axis=0)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_page_shows_the_very_pixels(served, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(noisy(540, 130), exif=exif)
    with served.visitor() as visitor:
        picture = done(visitor, bring(visitor, "a.png", content))
        upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
        assert (picture["height"], picture["width"]) == upright.shape[:2]
        np.testing.assert_array_equal(tiles(visitor, picture, "source"), upright)
        made = visitor.get(f"/visit/pictures/{picture['id']}/files/result")
        (tmp_path / "a.png").write_bytes(content)
        Denoiser(threads=1).file(tmp_path / "a.png", tmp_path / "b.denoised.png")
        assert made.content == (tmp_path / "b.denoised.png").read_bytes()
        shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(made.content))))
        np.testing.assert_array_equal(tiles(visitor, picture, "result"), shown)
        assert {"noise", "uncertainty"} == set(picture["spans"])
        for layer in ("noise", "uncertainty", "difference"):
            assert tiles(visitor, picture, layer).shape[:2] == upright.shape[:2]
        for wrong in ("source/0/9/0", "source/7/0/0", "source/-1/0/0", "nothing/0/0/0"):
            path = f"/visit/pictures/{picture['id']}/tiles/{wrong}"
            assert visitor.get(path).status_code == 404


@pytest.mark.parametrize(
    "pixels",
    [
        noisy(channels=1)[..., 0],
        noisy(channels=1)[..., 0].astype(np.uint16) * 200,
        noisy(channels=1)[..., 0].astype(np.float32) / 255 - 0.3,
        np.dstack([noisy(), np.full((72, 96), 128, np.uint8)]),
        noisy().astype(np.uint16) * 257,
        noisy(channels=5),
    ],
)
def test_any_kind_of_picture_can_be_looked_at(served, tmp_path, pixels):
    write(tmp_path / "a.tiff", pixels)
    with served.visitor() as visitor:
        picture = done(visitor, bring(visitor, "a.tiff", (tmp_path / "a.tiff").read_bytes()))
        for layer in ("source", "result", "noise", "uncertainty", "difference"):
            assert tiles(visitor, picture, layer).shape[:2] == (72, 96)
        result = visitor.get(f"/visit/pictures/{picture['id']}/files/result").content
        made = tifffile.imread(io.BytesIO(result))
        assert (made.dtype, made.shape) == (pixels.dtype, pixels.shape)
        query = {"row": 36, "column": 48, "strength": 0.5, "exact": True}
        answer = visitor.get(f"/visit/pictures/{picture['id']}/preview", params=query)
        assert answer.status_code == 200


@pytest.mark.parametrize("when", ["before", "after"])
def test_every_image_of_a_file_can_be_looked_at(served, tmp_path, when):
    pages = [noisy(60 + 10 * n, 90, 1, seed=n)[..., 0] for n in range(3)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page)
    with served.visitor() as visitor:
        picture = bring(visitor, "a.tif", (tmp_path / "a.tif").read_bytes())
        path = f"/visit/pictures/{picture['id']}"
        if when == "after":
            done(visitor, picture)
        order = (2, 0, 1)
        for number in order:
            told = visitor.put(f"{path}/frame", json={"frame": number}).json()
            assert (told["frame"], told["height"]) == (number, len(pages[number]))
            np.testing.assert_array_equal(tiles(visitor, told, "source"), pages[number])
        picture = done(visitor, picture)
        with tifffile.TiffFile(io.BytesIO(visitor.get(f"{path}/files/result").content)) as file:
            results = [page.asarray() for page in file.pages]
        for number in order:
            told = visitor.put(f"{path}/frame", json={"frame": number}).json()
            np.testing.assert_array_equal(tiles(visitor, told, "result"), results[number])
            for layer in ("noise", "uncertainty", "difference"):
                assert tiles(visitor, told, layer).shape[:2] == pages[number].shape
            query = {"row": 9, "column": 9, "strength": 1, "exact": True}
            answer = visitor.get(f"{path}/preview", params=query)
            assert answer.headers["x-place"] == f"0,0,{len(pages[number])},90"
        for wrong in (-1, 3):
            assert visitor.put(f"{path}/frame", json={"frame": wrong}).status_code == 422
        assert look(visitor, picture)["frame"] == order[-1]


@pytest.mark.parametrize("corner", [(0, 0), (3, 0), (0, 130), (101, 67), (200, 301)])
def test_a_preview_is_the_whole_wherever_it_is(tmp_path, corner):
    write(tmp_path / "a.png", noisy(320, 420))
    denoiser = Denoiser("photo", 1, precision="fp32")
    box = previews.Box(*corner, 96, 96)
    with open_picture(tmp_path / "a.png") as picture:
        (frame,) = picture.frames
        choice = denoiser.models.choose(frame)
        preview = previews.Preview(denoiser, frame, box, Range(0, 255), choice)
        whole = denoiser(frame.read(), range=(0, 255)).image
    preview.exact(1.0)
    pixels, exact = preview.pixels(1.0)
    assert exact
    expected = whole[corner[0] :, corner[1] :][:96, :96].astype(int)
    assert np.abs(pixels - expected).max() <= 1
    assert np.mean(pixels != expected) < 0.01


def test_a_preview_is_the_whole_where_it_is_exact_and_near_it_where_mixed(served):
    with served.visitor() as visitor:
        picture = done(visitor, bring(visitor, "a.png", encoded(noisy(260, 1090))))
        whole = tiles(visitor, picture, "result").astype(int)

        def preview(strength, exact):
            query = {"row": 130, "column": 1000, "strength": strength, "exact": exact}
            answer = visitor.get(f"/visit/pictures/{picture['id']}/preview", params=query)
            top, left, height, width = map(int, answer.headers["x-place"].split(","))
            pixels = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
            assert pixels.shape[:2] == (height, width)
            place = slice(top, top + height), slice(left, left + width)
            return pixels, place, answer.headers["x-exact"] == "1"

        found, place, exact = preview(1.0, True)
        assert exact
        assert place == (slice(0, 260), slice(66, 1090))
        assert np.abs(found - whole[place]).max() <= 1
        begun = time.monotonic()
        _, _, exact = preview(0.8, False)
        assert not exact
        assert time.monotonic() - begun < 2
        mixed = []

        def settled():  # when the strengths around it are computed
            mixed.append(preview(0.8, False)[0])
            return len(mixed) > 1 and (mixed[-1] != mixed[0]).any()

        wait_until(settled)
        true, _, exact = preview(0.8, True)
        assert exact
        errors = [np.sqrt(np.mean((made - true) ** 2)) for made in (mixed[0], mixed[-1])]
        assert errors[1] < min(1.5, errors[0])
        np.testing.assert_array_equal(
            preview(0.0, False)[0], tiles(visitor, picture, "source")[place]
        )


def test_strength_and_model_are_those_of_all_pictures(served):
    with served.visitor() as visitor:
        brought = [bring(visitor, f"{k}.png", encoded(noisy(seed=k))) for k in range(3)]
        for picture in brought:
            done(visitor, picture, 1.0)
        answer = visitor.put("/visit", json={"strength": 0.5, "model": "gaussian"})
        assert answer.json()["strength"] == 0.5
        for picture in brought:
            found = done(visitor, picture, 0.5)
            assert found["result"]["model"] == "gaussian"
        for wrong in ({"strength": 7}, {"strength": -1}, {"model": "../x.onnx"}):
            assert visitor.put("/visit", json=wrong).status_code == 422


GOALS = [
    ("upscale", 2, "upscaled"),
    ("upscale", 4, "upscaled"),
    ("deblur", None, "deblurred"),
    ("deblock", None, "deblocked"),
]


def set_goal(visitor, task: str, scale: int | None = None) -> dict:
    answer = visitor.put("/visit", json={"goal": {"task": task, "scale": scale}})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_offers_the_goals_that_models_ship_for(served, restoring):
    with served.visitor() as visitor:
        offered = visitor.get("/visit").json()["goals"]
    shipped = {(card.purpose, card.scale) for card in list_models()}
    assert {(goal["task"], goal["scale"] or 1) for goal in offered} == shipped
    named = [name for goal in offered for name in goal["models"] if name != "auto"]
    assert sorted(named) == sorted(card.name for card in list_models())
    with restoring.visitor() as visitor:
        offered = visitor.get("/visit").json()["goals"]
    assert offered == [
        {"task": "denoise", "scale": None, "models": ["auto", "gray", "photo"]},
        {"task": "upscale", "scale": 2, "models": ["auto", "upscale-x2"]},
        {"task": "upscale", "scale": 4, "models": ["auto", "upscale-x4"]},
        {"task": "deblur", "scale": None, "models": ["auto", "deblur"]},
        {"task": "deblock", "scale": None, "models": ["auto", "deblock"]},
    ]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("task", "scale", "mark"), GOALS)
def test_every_goal_gives_what_the_library_makes(
    restoring, tmp_path, task, scale, mark, orientation
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a.png").write_bytes(encoded(noisy(66, 141), exif=exif))
    weights = restoring.settings.weights
    restorer = Restorer(task, scale, threads=1, weights=weights)
    restorer.file(tmp_path / "a.png", tmp_path / "made.png", strength=0.5)
    with restoring.visitor() as visitor:
        visitor.put("/visit", json={"strength": 0.5})
        picture = bring(visitor, "a.png", (tmp_path / "a.png").read_bytes())
        done(visitor, picture)
        told = set_goal(visitor, task, scale)
        assert told["goal"] == {"task": task, "scale": scale}
        picture = done(visitor, picture)
        times = scale or 1
        assert picture["result"]["name"] == f"a.{mark}.png"
        sizes = picture["result"]["height"], picture["result"]["width"]
        assert sizes == (times * picture["height"], times * picture["width"])
        path = f"/visit/pictures/{picture['id']}"
        made = visitor.get(f"{path}/files/result")
        assert made.content == (tmp_path / "made.png").read_bytes()
        shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(made.content))))
        np.testing.assert_array_equal(tiles(visitor, picture, "result", times), shown)
        assert tiles(visitor, picture, "noise").shape == shown[::times, ::times, 0].shape
        assert tiles(visitor, picture, "uncertainty", times).shape == shown.shape[:2]
        difference = visitor.get(f"{path}/tiles/difference/0/0/0")
        assert difference.status_code == (404 if times > 1 else 200)
        query = {"row": 9, "column": 9, "strength": 1}
        assert visitor.get(f"{path}/preview", params=query).status_code == 422
        assert ("blur" in dict(picture["found"]["told"])) == (task != "deblock")
        archive = visitor.get("/visit/results.zip")
        assert f"{mark}.zip" in archive.headers["content-disposition"]
        (report,) = visitor.get(f"{path}/report").json()
        assert "verdict" in dict(map(tuple, report["lines"]))


def test_every_image_of_a_stack_is_enlarged(restoring, tmp_path):
    pages = [noisy(40, 60, seed=1), noisy(30, 50, seed=2)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, photometric="rgb")
    with restoring.visitor() as visitor:
        set_goal(visitor, "upscale", 2)
        picture = done(visitor, bring(visitor, "a.tif", (tmp_path / "a.tif").read_bytes()))
        path = f"/visit/pictures/{picture['id']}"
        with tifffile.TiffFile(io.BytesIO(visitor.get(f"{path}/files/result").content)) as file:
            results = [page.asarray() for page in file.pages]
        for number in (1, 0):
            told = visitor.put(f"{path}/frame", json={"frame": number}).json()
            assert told["result"]["height"] == 2 * len(pages[number])
            np.testing.assert_array_equal(tiles(visitor, told, "source"), pages[number])
            np.testing.assert_array_equal(tiles(visitor, told, "result", 2), results[number])


def test_enlarging_is_stopped_and_begun_again(restoring):
    with restoring.visitor() as visitor:
        set_goal(visitor, "upscale", 2)
        picture = bring(visitor, "a.png", encoded(noisy(200, 300)))
        assert visitor.post(f"/visit/pictures/{picture['id']}/stop").status_code == 204
        assert look(visitor, picture)["state"] in ("stopped", "done")
        visitor.post(f"/visit/pictures/{picture['id']}/run")
        assert done(visitor, picture)["result"]["name"] == "a.upscaled.png"
    wait_until(lambda: not restoring.leftovers())


def test_the_compression_of_a_jpeg_is_told(restoring):
    content = encoded(noisy(160, 160), "JPEG", quality=50)
    with restoring.visitor() as visitor:
        set_goal(visitor, "deblock")
        picture = done(visitor, bring(visitor, "a.jpg", content))
        assert "quality 50" in dict(picture["found"]["told"])["JPEG"]
        assert picture["result"]["name"] == "a.deblocked.jpg"
    with restoring.program() as program:
        query = {"task": "deblock", "name": "a.jpg"}
        answer = program.post("/api/restore", params=query, content=content)
        assert abs(int(answer.headers["x-vdn-jpeg-quality"]) - 50) < 5


def test_a_goal_has_models_of_its_own(restoring):
    with restoring.visitor() as visitor:
        visitor.put("/visit", json={"model": "photo"})
        assert set_goal(visitor, "upscale", 2)["model"] == "auto"
        for wrong, way_out in (
            ({"model": "photo"}, "upscale-x2"),
            ({"goal": {"task": "upscale", "scale": 3}}, "upscale x4"),
            ({"goal": {"task": "paint"}}, "deblock"),
        ):
            answer = visitor.put("/visit", json=wrong)
            assert answer.status_code == 422
            assert way_out in answer.json()["detail"]
        told = visitor.get("/visit").json()
        assert (told["goal"], told["model"]) == ({"task": "upscale", "scale": 2}, "auto")


def test_who_changes_a_goal_back_keeps_the_result(restoring):
    with restoring.visitor() as visitor:
        picture = done(visitor, bring(visitor, "a.png", encoded(noisy(200, 300))))
        version = picture["version"]
        free = threading.Event()  # what is enlarged may not be ready before the goal is back
        restoring.service.whole.submit(Work(lambda work: free.wait(60)))
        set_goal(visitor, "upscale", 2)
        set_goal(visitor, "denoise")
        free.set()
        assert look(visitor, picture)["state"] == "done"
        other = bring(visitor, "b.png", encoded(noisy()))
        done(visitor, other)  # what came before it has ended
        found = look(visitor, picture)
        assert (found["result"]["name"], found["version"]) == ("a.denoised.png", version)


def test_the_pixels_of_the_result_count(restoring):
    content = encoded(noisy(300, 400))  # four times as many are too many
    with restoring.program() as program:
        query = {"task": "upscale", "scale": 4}
        answer = program.post("/api/restore", params=query, content=content)
        assert answer.status_code == 413
        assert "Enlarged x4 the picture has 2 megapixels" in answer.json()["detail"]
    with restoring.visitor() as visitor:
        set_goal(visitor, "upscale", 2)
        picture = bring(visitor, "a.png", content)
        assert picture["state"] == "failed"
        assert "enlarge it less" in picture["message"]
        set_goal(visitor, "denoise")
        assert done(visitor, picture)["result"]["name"] == "a.denoised.png"


def test_visits_are_never_mixed(served):
    with served.visitor() as one, served.visitor() as other:
        ones, others = (bring(v, n, encoded(noisy(seed=k))) for v, n, k in
                        ((one, "one.png", 1), (other, "other.png", 2)))  # fmt: skip
        for visitor, name in ((one, "one.png"), (other, "other.png")):
            pictures = visitor.get("/visit").json()["pictures"]
            assert [picture["name"] for picture in pictures] == [name]
        one.put("/visit", json={"strength": 0.0})
        assert done(one, ones, 0.0)["result"]["strength"] == 0.0
        assert done(other, others)["result"]["strength"] == 1.0
        with served.program() as stranger:  # has the token, but no visit
            assert stranger.get("/visit").status_code == 410
            assert stranger.get(f"/visit/pictures/{ones['id']}/files/result").status_code == 410
        one.delete("/visit")
        assert one.get("/visit").status_code == 410
        assert other.get(f"/visit/pictures/{others['id']}/files/result").status_code == 200


def test_fifty_uploads_at_once_are_all_done_and_none_mixed(served):
    with served.visitor() as visitor:
        visitor.put("/visit", json={"strength": 0.0})  # returns the picture itself
        files = {f"{k}.png": encoded(np.full((16, 16, 3), 5 * k, np.uint8)) for k in range(50)}
        with ThreadPoolExecutor(50) as pool:
            brought = list(pool.map(lambda item: bring(visitor, *item), files.items()))
        assert len({picture["id"] for picture in brought}) == 50
        for picture in brought:
            assert done(visitor, picture)["result"]
            made = visitor.get(f"/visit/pictures/{picture['id']}/files/result").content
            assert made == files[picture["name"]]
        archive = visitor.get("/visit/results.zip").content
        with zipfile.ZipFile(io.BytesIO(archive)) as made:
            assert len(made.namelist()) == 50


def test_an_archive_holds_pictures_of_one_name_and_their_maps(served):
    with served.visitor() as visitor:
        for seed in (1, 2):
            done(visitor, bring(visitor, "same.png", encoded(noisy(seed=seed))))
        archive = visitor.get("/visit/results.zip", params={"maps": True}).content
        with zipfile.ZipFile(io.BytesIO(archive)) as made:
            names = made.namelist()
            assert len(names) == len(set(names)) == 6
            assert "same.denoised.png" in names
            assert "same.noise.tiff" in names
            assert made.testzip() is None


def test_work_is_stopped_and_begun_again(served):
    with served.visitor() as visitor:
        picture = bring(visitor, "a.png", encoded(noisy(400, 500)))
        waiting = bring(visitor, "b.png", encoded(noisy()))
        assert visitor.post(f"/visit/pictures/{picture['id']}/stop").status_code == 204
        assert look(visitor, picture)["state"] == "stopped"
        done(visitor, waiting)  # the queue goes on
        assert visitor.get(f"/visit/pictures/{picture['id']}/files/result").status_code == 404
        visitor.post(f"/visit/pictures/{picture['id']}/run")
        done(visitor, picture)
        assert visitor.delete(f"/visit/pictures/{picture['id']}").status_code == 204
        assert look(visitor, picture) is None
    wait_until(lambda: not served.leftovers())


def test_the_page_is_told_of_progress(served):
    with served.visitor() as visitor:
        picture = bring(visitor, "a.png", encoded(noisy(400, 400)))
        states = []
        with visitor.stream("GET", "/visit/events") as events:
            for line in events.iter_lines():
                if line.startswith("data: "):
                    (told,) = json.loads(line.removeprefix("data: "))["pictures"]
                    states.append(told["state"])
                    if told["state"] == "done":
                        break
        assert states[-1] == "done"
        assert states[0] in ("waiting", "working")
        assert told["found"]["whole"]
        assert len(told["found"]["sigma"]) == 3
        assert told["found"]["verdict"]["kind"] == "noisy"
        (report,) = visitor.get(f"/visit/pictures/{picture['id']}/report").json()
        assert dict(map(tuple, report["lines"]))["verdict"] == told["found"]["verdict"]["text"]


def test_visits_nobody_looks_at_are_removed():
    served, server, thread = start(idle_seconds=0.2)
    try:
        with served.visitor() as visitor:
            done(visitor, bring(visitor, "a.png", encoded(noisy())))
            served.service.end_idle_visits()
            assert served.leftovers()
            time.sleep(0.3)
            served.service.end_idle_visits()
            assert not served.leftovers()
            assert visitor.get("/visit").status_code == 410
    finally:
        server.should_exit = True
        thread.join(20)


# Lanes


def test_the_urgent_goes_first_and_the_rest_in_order():
    lane, order, gate = Lane("test"), [], threading.Event()
    started = threading.Event()
    lane.submit(Work(lambda work: started.set() or gate.wait(10)))
    started.wait(10)
    pieces = [
        lane.submit(Work(lambda work, name=name: order.append(name), urgency=urgency))
        for name, urgency in (("a", 0), ("b", 1), ("c", 0), ("d", 1))
    ]
    assert [lane.position(piece) for piece in pieces] == [3, 1, 4, 2]
    pieces[2].cancel()
    gate.set()
    pieces[0].future.result(10)
    lane.close()
    assert order == ["b", "d", "a"]


def test_work_that_fails_says_so_and_the_lane_lives():
    lane = Lane("test")
    failing = lane.submit(Work(lambda work: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        failing.future.result(10)
    unwanted = Work(lambda work: work.check())
    unwanted.cancel()
    with pytest.raises(Cancelled):
        unwanted.check()
    assert lane.submit(Work(lambda work: 7)).future.result(10) == 7
    lane.close()


# The command


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process")
def test_a_bomb_takes_neither_time_nor_memory(tmp_path):
    def peak(process) -> int:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    command = [sys.executable, "-m", "vdn", "serve", "--no-open", "--port", "0", "--threads", "1"]
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    with subprocess.Popen(command, text=True, env=environment, stdout=subprocess.PIPE) as process:
        try:
            address, _, query = process.stdout.readline().strip().partition("?")
            token = {"token": query.removeprefix("token=")}
            with httpx.Client(base_url=address, params=token, timeout=60) as program:
                wait_until(lambda: answered(program))
                for content in (bomb(25_000, 20_000), bomb(2**31 - 1, 2**31 - 1)):
                    begun = time.monotonic()
                    assert program.post("/api/denoise", content=content).status_code == 413
                    assert time.monotonic() - begun < 1
            assert peak(process) < 300e6
        finally:
            process.terminate()


def answered(program) -> bool:
    try:
        return program.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_the_command_prints_its_address_and_cleans_up(tmp_path):
    words = ["serve", "--no-open", "--port", "0", "--threads", "1"]
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "vdn", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **streams) as process:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert "/?token=" in address

        def answers():
            try:
                return httpx.get(address)
            except httpx.TransportError:
                return None

        page = wait_until(answers)
        assert page.status_code == 200
        assert "<canvas" in page.text
        assert list(tmp_path.iterdir())
        again = [*command[:4], "--no-open", "--port", address.split(":")[2].partition("/")[0]]
        taken = subprocess.run(again, capture_output=True, text=True, env=environment)
        assert taken.returncode == 1
        assert "give another --port" in taken.stderr
        process.terminate()
        assert process.stderr.read() == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sigma", "kind"),
    [([0.2] * 3, "clean"), ([2.3], "clean"), ([2.5], "noisy"), ([40] * 3, "noisy")],
)
def test_the_verdict_follows_the_range(sigma, kind):
    for scale in (1.0, 255.0, 65535.0):
        verdict = judge_noise([value * scale / 255 for value in sigma], scale)
        assert verdict.kind == kind
        assert ("nothing to do" in verdict.text) == (kind == "clean")
        quiet = judge_noise([9 * scale / 255] * 3, scale, [v * scale / 255 for v in sigma])
        assert quiet.kind == kind


@pytest.mark.parametrize("version", ["2.3", "2.4"])  # told by a message, and by an error
def test_what_is_sent_once_is_deleted_though_the_browser_goes_away(version, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "result.png").write_bytes(b"a" * 10**6)
    response = OnceResponse(folder / "result.png", lambda: shutil.rmtree(folder), {})
    pieces = []

    async def send(message):
        pieces.append(message)
        if len(pieces) == 2:
            raise OSError("the browser went away")

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": version}}
    with suppress(OSError):
        anyio.run(response, scope, receive, send)
    assert len(pieces) <= 2
    assert not folder.exists()
