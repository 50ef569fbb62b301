"""The help of every command, in place of the line ``<!-- commands -->``."""

from typing import Any

import click

from vdn.cli import app


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the program's own help where the page asks for it."""
    if "<!-- commands -->" not in markdown:
        return markdown
    return markdown.replace("<!-- commands -->", "\n\n".join(_sections()))


def _sections() -> list[str]:
    root = click.Context(app, info_name="vdn", **app.context_settings)
    found = []
    for name, command in app.commands.items():
        context = click.Context(command, info_name=name, parent=root, max_content_width=74)
        context.terminal_width = 74
        found.append(f"## vdn {name}\n\n```text\n{command.get_help(context)}\n```")
    return found
