"""The documents keep up with the code."""

import dataclasses
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import vdn
from vdn.cli import app
from vdn.noise.registry import NOISE, parse_noise

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def test_every_noise_is_in_its_table_with_its_values():
    text = (DOCS / "noise.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for name, make in NOISE.items():
        (row,) = (row for row in rows if f"`{name}`" in row.split("|")[1])
        if dataclasses.is_dataclass(make):
            for parameter in dataclasses.fields(make):
                assert re.search(rf"`{parameter.name}[`=]", row), (name, parameter.name)


def test_the_noise_in_the_documents_is_known():
    text = (DOCS / "noise.md").read_text()
    for name in re.findall(r"--noise ([\w:.,]+)", text):
        if name != "and":
            parse_noise(name)


def test_every_key_of_a_training_configuration_is_explained():
    pytest.importorskip("torch")
    from vdn.training import Config

    text = (DOCS / "training.md").read_text()
    for section in dataclasses.fields(Config):
        kind = section.default_factory
        if kind is dataclasses.MISSING or section.name == "objective":
            assert f"`{section.name}" in text
            continue
        for key in dataclasses.fields(kind):
            named = rf"`(data|network|optimiser|schedule)?\.?{key.name}`"
            assert re.search(named, text), f"{section.name}.{key.name}"


def test_every_public_name_is_in_the_reference():
    named = re.findall(r"^::: vdn\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(vdn.__all__)


def test_every_command_and_option_is_in_the_reference():
    spec = importlib.util.spec_from_file_location("commands", DOCS / "hooks" / "commands.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = hook.on_page_markdown((DOCS / "commands.md").read_text())
    for name, command in app.commands.items():
        _, _, section = page.partition(f"## vdn {name}\n")
        help_ = section.partition("\n## ")[0]
        for option in command.params:
            assert max(option.opts, key=len) in help_ or option.human_readable_name in help_


def _commands(page: Path) -> list[list[str]]:
    """Return the arguments of every `vdn` in the indented code of a page."""
    text = page.read_text().replace("\\\n", " ")
    lines = re.findall(r"^(?: {4})+(?:.*[|] )?vdn (?!…)(.*)$", text, re.MULTILINE)
    return [shlex.split(re.split(r" [|>] ", line)[0], comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_in_the_documents_are_understood(page):
    for name, *arguments in _commands(page):
        command = app.commands[name]
        command.make_context(name, arguments)  # refuses options and values that there are not


@pytest.mark.parametrize("page", ["scientists", "developers", "researchers"])
def test_the_snippets_run_one_after_the_other(page, tmp_path, monkeypatch):
    if page == "researchers":
        pytest.importorskip("torch")
    pytest.importorskip("scipy")
    generator = np.random.default_rng(0)
    image = (1000 + 20 * generator.standard_normal((64, 64))).astype(np.uint16)
    tifffile.imwrite(tmp_path / "scan.tif", image)
    Image.fromarray((image // 8).astype(np.uint8)).convert("RGB").save(tmp_path / "photo.jpg")
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "my/clean/pictures").mkdir(parents=True)
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "my/clean/pictures")
    shutil.copy(DOCS / "results/training/photo-4.jsonl", tmp_path / "runs/mine/log.jsonl")
    monkeypatch.chdir(tmp_path)
    names = {"image": image, "data": (tmp_path / "photo.jpg").read_bytes(), "__name__": page}
    text = (DOCS / f"{page}.md").read_text()
    for indent, code in re.findall(r"^( *)```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        code = re.sub(f"(?m)^{indent}", "", code)
        if code.startswith("# mine.py"):
            (tmp_path / "mine.py").write_text(code)
        exec(compile(code, f"{page}.md", "exec"), names)


def test_the_site_builds_with_every_link_and_fetches_nothing(tmp_path):
    for package in ("material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(package)
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "<math" in (tmp_path / "theory.html").read_text()
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(
            r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"?https?:[^>]*", page.read_text()
        )
        assert not fetched, page
