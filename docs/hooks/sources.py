"""Pages for what lies outside ``docs/``: the README is the first page, linked files are shown.

A link such as ``../src/vdn/noise/law.py`` works in a checkout as it stands. On the site it leads to
a page under ``source/`` that shows the file.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()(?!\w+:)[^)\s#]+(?=[)#])")
_LANGUAGES = {".py": "python", ".toml": "toml", ".cff": "yaml"}

_pages: dict[str, str] = {}  # a file of the checkout: the page of the site that shows it


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README as the first page, and a page for each file that is linked to."""
    root = Path(config.config_file_path).parent
    waiting = {name: f"source/{name}" for name in ("CONTRIBUTING.md", "CHANGELOG.md")}
    waiting["README.md"] = "index.md"
    _pages.clear()
    texts = [(f"docs/{file.src_uri}", file.content_string) for file in files.documentation_pages()]
    while waiting or texts:
        for name, page in waiting.items():
            text = (root / name).read_text(encoding="utf-8")
            if name.endswith(".md"):
                texts.append((name, text))
            else:
                text = (
                    f"# `{name}`\n\n```{_LANGUAGES.get(Path(name).suffix, 'text')}\n{text}\n```\n"
                )
            files.append(File.generated(config, page, content=text))
        _pages.update(waiting)
        linked = {_resolved(name, link[0]) for name, text in texts for link in _LINK.finditer(text)}
        texts = []
        waiting = {
            name: f"source/{name.removesuffix('.md')}.md"
            for name in sorted(linked - _pages.keys())
            if not name.startswith(("docs/", "..")) and (root / name).is_file()
        }
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead the links of a page to the pages that stand for files outside of ``docs/``."""
    here = page.file.src_uri
    name = next((name for name, uri in _pages.items() if uri == here), f"docs/{here}")
    if here.startswith(("results/", "source/")):
        page.meta["search"] = {"exclude": True}
    if not name.endswith(".md"):
        return markdown

    def lead(link: re.Match[str]) -> str:
        target = _resolved(name, link[0])
        return relpath(_pages.get(target, target.removeprefix("docs/")), PurePosixPath(here).parent)

    return _LINK.sub(lead, markdown)


def _resolved(name: str, link: str) -> str:
    return normpath(str(PurePosixPath(name).parent / link))
