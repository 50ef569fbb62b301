"""`vdn models`: what ships, trained on what, how good."""

import click

from vdn.cli import options
from vdn.cli.failures import report

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
            colours = "colour" if card.channels == 3 else "gray"
            data = ", ".join(f"{d['name']} ({d['licence']})" for d in card.training_data)
            metrics = ", ".join(f"{name} {value}" for name, value in card.metrics.items())
            click.echo(f"{card.name}  {card.summary}")
            rows = {
                "task": f"{card.task}, {colours}",
                "size": f"{card.parameters:,} parameters, {card.kmac_per_pixel:g} kMAC per pixel",
                "trained on": data,
                "licence": card.licence,
                "measured": metrics,
            }
            for label, value in rows.items():
                if value:
                    click.echo(f"  {label:<11}{value}")
