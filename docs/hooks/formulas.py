"""Formulas as MathML, made when the site is built: the pages need no script to show them."""

import re
from html import unescape
from typing import Any

from griffe import Extension, Object
from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
_BARE_SCRIPT = re.compile(r"\\mathcal (\w)")  # becomes a letter that browsers know in braces only
_ROLE = re.compile(r":math:`(.+?)`", re.DOTALL)
_DIRECTIVE = re.compile(r"^\.\. math::(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)


def on_page_content(html: str, **_: Any) -> str:
    """Replace the formulas that arithmatex has marked."""
    html = _INLINE.sub(lambda found: _mathml(found[1], "inline"), html)
    return _BLOCK.sub(lambda found: _mathml(found[1], "block"), html)


def _mathml(escaped: str, display: str) -> str:
    tex = _BARE_SCRIPT.sub(r"\\mathcal{\1}", unescape(escaped))
    return convert(tex, display=display)


class DocstringFormulas(Extension):
    """Write the formulas of docstrings, which are reStructuredText, as those of the pages."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            text = _ROLE.sub(lambda found: f"${' '.join(found[1].split())}$", obj.docstring.value)
            obj.docstring.value = _DIRECTIVE.sub(
                lambda found: f"$$\n{' '.join(found[1].split())}\n$$", text
            )
