"""The page in a real browser, as a person uses it: Debian's Chromium, by Playwright."""

import base64
import io
import os
import re
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from web.conftest import TOKEN, encoded, noisy

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

CHROMIUM = os.environ.get("VDN_CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-quic"]
SLOW = 60_000  # ms


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def visit(browser, served):
    """Open the page as a new visitor; every error in it fails the test."""
    opened, errors = [], []

    def open_page(width: int = 1200, height: int = 800, at=served, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{at.url}/?token={TOKEN}")
        opened.append((context, at))
        return page

    yield open_page
    for context, at in opened:
        context.request.delete(f"{at.url}/visit")
        context.close()
    assert not errors


def choose(page, name: str, content: bytes) -> None:
    files = [{"name": name, "mimeType": "image/png", "buffer": content}]
    page.locator("#files").set_input_files(files)


def stack(pages: list[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in pages:
            writer.write(page)
    return buffer.getvalue()


def wait_for_result(page, strength: str = "1") -> None:
    expect(page.locator("#progress-text")).to_contain_text(f"strength {strength},", timeout=SLOW)


def drawn(page) -> np.ndarray:
    """Return the pixels of the canvas, (H, W, 3)."""
    url = page.locator("#canvas").evaluate("canvas => canvas.toDataURL('image/png')")
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., :3].astype(int)


def middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (round(total / 2 - size / 2) for total, size in
                 zip(pixels.shape[:2], (height, width), strict=True))  # fmt: skip
    return pixels[top : top + height, left : left + width]


def test_a_picture_is_denoised_looked_at_and_saved(visit, served, tmp_path):
    page = visit()
    expect(page.locator("#start")).to_be_visible()
    content = encoded(noisy(300, 420))
    choose(page, "my picture.png", content)
    expect(page.locator("#facts")).to_contain_text("420 × 300 pixels, PNG, 8 bits, colour")
    expect(page.locator("#verdict")).to_contain_text("oisy", timeout=SLOW)
    wait_for_result(page)
    # Every pixel of the picture is one of the screen, and is the picture's.
    page.locator("#actual").click()
    expect(page.locator("#zoom-value")).to_have_text("100 %")
    page.locator("#split").fill("100")
    source = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    page.wait_for_timeout(500)
    np.testing.assert_array_equal(middle(drawn(page), 300, 420), source)
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "my picture.denoised.png"
    saved = download.value.path().read_bytes()
    page.locator("#split").fill("0")
    page.wait_for_timeout(500)
    result = np.asarray(Image.open(io.BytesIO(saved))).astype(int)
    np.testing.assert_array_equal(middle(drawn(page), 300, 420), result)
    with served.program() as program:  # the same bytes as programs get
        asked = program.post("/api/denoise", params={"name": "my picture.png"}, content=content)
    assert asked.content == saved


def test_tabs_are_walked_through_by_keys(visit):
    page = visit()
    choose(page, "a.png", encoded(noisy(200, 200)))
    wait_for_result(page)
    before = drawn(page)
    page.locator("#tab-result").focus()
    for name in ("noise", "uncertainty"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#legend-high")).not_to_be_empty()
        page.wait_for_timeout(500)
        shown = drawn(page)
        assert (shown != before).any()
        with page.expect_download() as download:
            page.locator("#download-map").click()
        assert download.value.suggested_filename == f"a.{name}.tiff"
        before = shown
        page.locator(f"#tab-{name}").focus()
    page.keyboard.press("End")
    expect(page.locator("#report")).to_contain_text("verdict", timeout=SLOW)
    expect(page.locator("#report")).to_contain_text("sigma")


def test_the_divider_follows_mouse_and_keys(visit):
    page = visit()
    choose(page, "a.png", encoded(noisy(200, 300)))
    wait_for_result(page)
    split, view = page.locator("#split"), page.locator("#view").bounding_box()
    split.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#divider")).to_have_attribute("style", "left: 40%;")
    box = split.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(300)
    place = page.locator("#divider").bounding_box()["x"] - view["x"]
    assert place == pytest.approx(0.8 * view["width"], abs=20)


def test_the_view_is_zoomed_and_moved_by_keys(visit):
    page = visit()
    choose(page, "a.png", encoded(noisy(400, 600)))
    wait_for_result(page)
    page.locator("#canvas").focus()
    for key, zoom in (("1", "100 %"), ("+", "150 %"), ("-", "100 %")):
        page.keyboard.press(key)
        expect(page.locator("#zoom-value")).to_have_text(zoom)
    page.wait_for_timeout(300)
    before = drawn(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    np.testing.assert_array_equal(drawn(page)[:, 100:500], before[:, 180:580])
    page.keyboard.press("0")
    expect(page.locator("#fit")).to_have_attribute("aria-pressed", "true")


def test_the_images_of_a_stack_are_walked_through(visit):
    pages = [noisy(200, 240, 1, seed=n)[..., 0] for n in range(3)]
    page = visit()
    expect(page.locator("#frames")).to_be_hidden()
    choose(page, "stack.tif", stack(pages))
    expect(page.locator("#facts")).to_contain_text("3 images")
    wait_for_result(page)
    page.locator("#actual").click()
    page.locator("#split").fill("100")

    def shows(number):
        expect(page.locator("#frame")).to_have_value(str(number + 1))
        page.wait_for_timeout(500)
        expected = np.dstack([pages[number]] * 3)
        np.testing.assert_array_equal(middle(drawn(page), 200, 240), expected)

    shows(0)
    page.locator("#canvas").focus()
    page.keyboard.press("PageDown")
    shows(1)
    page.locator("#frame").fill("3")
    page.keyboard.press("Enter")
    shows(2)
    page.locator("#canvas").focus()
    page.keyboard.press("PageDown")  # there is none
    shows(2)
    page.reload()
    expect(page.locator("#frame")).to_have_value("3", timeout=SLOW)


def test_the_strength_answers_while_it_moves_and_is_kept(visit):
    page = visit()
    choose(page, "a.png", encoded(noisy(300, 300)))
    wait_for_result(page)
    page.locator("#strength").focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#strength-value")).to_have_text("0.70")
    expect(page.locator("body")).to_have_attribute(
        "data-preview", re.compile(r"^0\.7 exact"), timeout=SLOW
    )
    wait_for_result(page, "0.7")
    page.reload()
    expect(page.locator("#strength-value")).to_have_text("0.70")
    wait_for_result(page, "0.7")  # the picture and its result are still there
    page.locator("#model").select_option("gaussian")
    expect(page.locator("#progress-text")).to_contain_text("model gaussian", timeout=SLOW)


def test_a_picture_is_enlarged_and_compared(visit, restoring):
    page = visit(at=restoring)
    content = encoded(noisy(150, 210))
    choose(page, "a.png", content)
    wait_for_result(page)
    offered = ["Denoise", "Enlarge ×2", "Enlarge ×4", "Sharpen", "Remove JPEG artefacts"]
    assert page.locator("#task option").all_text_contents() == offered
    expect(page.locator("#model-field")).to_be_visible()
    page.locator("#task").select_option(label="Enlarge ×2")
    expect(page.locator("#progress-text")).to_contain_text("a.upscaled.png: 420 × 300 pixels")
    expect(page.locator("#facts")).to_contain_text("210 × 150 pixels")
    expect(page.locator("#verdict")).to_contain_text("Blur: ")
    expect(page.locator("#verdict")).not_to_contain_text("nothing to do")
    expect(page.locator("#label-after")).to_have_text("enlarged ×2")
    expect(page.locator("#model-field")).to_be_hidden()
    # Every pixel of the result is one of the screen; one of the picture is four, in their place.
    page.locator("#actual").click()
    expect(page.locator("#zoom-value")).to_have_text("100 %")
    page.locator("#split").fill("100")
    page.wait_for_timeout(500)
    source = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    enlarged = source.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(middle(drawn(page), 300, 420), enlarged)
    page.locator("#split").fill("0")
    page.wait_for_timeout(500)
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "a.upscaled.png"
    result = np.asarray(Image.open(download.value.path())).astype(int)
    np.testing.assert_array_equal(middle(drawn(page), 300, 420), result)
    page.locator("#tab-difference").click()
    expect(page.locator("#no-difference")).to_contain_text("more pixels than the picture")
    expect(page.locator("#view")).to_be_hidden()
    page.locator("#tab-report").click()
    expect(page.locator("#report")).to_contain_text("blur", timeout=SLOW)
    page.reload()
    expect(page.locator("#task option:checked")).to_have_text("Enlarge ×2")
    expect(page.locator("#progress-text")).to_contain_text("a.upscaled.png")
    page.locator("#strength").fill("0.5")
    expect(page.locator("#progress-text")).to_contain_text("strength 0.5,", timeout=SLOW)
    page.locator("#task").select_option(label="Sharpen")
    expect(page.locator("#progress-text")).to_contain_text(
        "a.deblurred.png: 210 × 150", timeout=SLOW
    )
    page.locator("#tab-difference").click()
    expect(page.locator("#view")).to_be_visible()


def test_what_would_be_too_large_is_refused_until_another_task_is_chosen(visit, restoring):
    page = visit(at=restoring)
    choose(page, "a.png", encoded(noisy(300, 400)))
    wait_for_result(page)
    page.locator("#task").select_option(label="Enlarge ×4")
    expect(page.locator("#progress-text")).to_contain_text("the limit here is")
    expect(page.locator("#download")).to_have_text("Download the last result")
    page.locator("#task").select_option(label="Denoise")
    wait_for_result(page)


def test_what_is_clean_is_called_so(visit):
    page = visit()
    rows, columns = np.mgrid[:200, :200]
    smooth = np.rint(120 + 60 * np.sin(rows / 40) * np.cos(columns / 50)).astype(np.uint8)
    choose(page, "smooth.png", encoded(np.dstack([smooth] * 3)))
    expect(page.locator("#verdict")).to_contain_text("nothing to do", timeout=SLOW)


def test_bad_and_large_files_are_refused_in_words(visit):
    page = visit()
    choose(page, "notes.txt", b"no picture")
    expect(page.locator("#message")).to_contain_text("notes.txt")
    choose(page, "large.png", b"\0" * 4_100_000)
    expect(page.locator("#message")).to_contain_text("larger than 4.00 MB")
    choose(page, "wide.png", encoded(np.zeros((1001, 1000, 3), np.uint8)))
    expect(page.locator("#message")).to_contain_text("megapixel")
    expect(page.locator("#start")).to_be_visible()


def test_several_pictures_share_one_setting_and_one_archive(visit):
    page = visit()
    for name in ("a.png", "b.png"):
        choose(page, name, encoded(noisy(100, 100)))
        expect(page.locator("#picture-name")).to_have_text(name)
    wait_for_result(page)
    expect(page.locator("#pictures li")).to_have_count(2)
    with page.expect_download() as download:
        page.locator("#download-all").click()
    assert download.value.suggested_filename == "denoised.zip"
    page.locator("#pictures .remove").first.click()
    expect(page.locator("#picture-name")).to_have_text("b.png")
    page.locator("#leave").click()
    expect(page.locator("#start")).to_be_visible()


def test_two_visitors_at_once_see_their_own(visit):
    one, other = visit(), visit()
    choose(one, "one.png", encoded(noisy(150, 150, seed=1)))
    choose(other, "other.png", encoded(noisy(160, 150, seed=2)))
    wait_for_result(one)
    wait_for_result(other)
    for page, name in ((one, "one.png"), (other, "other.png")):
        expect(page.locator("#picture-name")).to_have_text(name)
        expect(page.locator("#progress-text")).to_contain_text(name.replace(".", ".denoised."))


def test_work_is_stopped(visit):
    page = visit()
    choose(page, "a.png", encoded(noisy(960, 1040)))
    page.locator("#stop").click(timeout=SLOW)
    expect(page.locator("#progress-text")).to_have_text("stopped")
    page.locator("#again").click()
    wait_for_result(page)


@pytest.mark.parametrize("width", [1200, 380])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(visit, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.base")
    page = visit(width, 780, color_scheme=scheme, bypass_csp=True)

    def faults():
        page.evaluate(axe.AXE_SCRIPT)
        found = page.evaluate("axe.run()")["violations"]
        return [(fault["id"], [node["html"][:80] for node in fault["nodes"]]) for fault in found]

    assert faults() == []
    choose(page, "a.png", encoded(noisy(150, 150)))
    choose(page, "b.png", encoded(noisy(150, 150)))
    wait_for_result(page)
    assert faults() == []
    page.locator("#tab-noise").click()
    assert faults() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
