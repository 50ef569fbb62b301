"""`vdn models`: what ships, trained on what, how good."""

import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from vdn.cli import options
from vdn.cli.failures import report

if TYPE_CHECKING:
    from vdn.runtime.cards import Card

__all__ = ["models"]


@click.command()
@options.json
@options.debug
def models(json: bool, debug: bool) -> None:
    """List the models that ship, and how good they are."""
    from vdn.runtime.cards import list_models

    with report(debug):
        cards = list_models()
        if json:
            from json import dumps

            for card in cards:
                click.echo(dumps(card.to_mapping()))
            return
        if not cards:
            click.echo("no model ships with this vdn; give --model an .onnx file", err=True)
        for card in cards:
            click.echo(f"{card.name}: {card.summary}")
            for label, text in _rows(card):
                if text:
                    click.echo(_paragraph(label, text))


def _rows(card: "Card") -> Iterator[tuple[str, str]]:
    """Yield labels and what there is to say, in the order to be read."""
    yield "for", _command(card)
    yield "task", f"{card.task}; {'colour' if card.channels == 3 else 'gray'}"
    yield "not for", card.not_for
    yield "measured", "; ".join(f"{name}: {value}" for name, value in card.metrics.items())
    yield "size", f"{card.parameters:,} parameters, {card.kmac_per_pixel:g} kMAC per pixel"
    yield (
        "trained on",
        "; ".join(f"{data['name']}, {data['licence']}" for data in card.training_data),
    )
    yield "licence", card.licence
    if card.non_commercial:
        yield (
            "companies",
            "the licence lets you use it; whether training on sets for non-commercial use "
            f"({'; '.join(card.non_commercial)}) stands against that is not settled everywhere",
        )


def _command(card: "Card") -> str:
    scale = f" --scale {card.scale}" if card.scale > 1 else ""
    told = ", ".join(what.replace("_", " ") for what in card.infers)
    return f"vdn {card.purpose}{scale}; tells {told}"


def _paragraph(label: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(
        text,
        max(width, 2 * len(_INDENT)),
        initial_indent=f"  {label:<12}",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


_INDENT = " " * 14
_WIDEST = 100
