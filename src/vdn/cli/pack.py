"""`vdn pack`: pictures to train on, packed into shards."""

from pathlib import Path

import click

from vdn.cli import options
from vdn.cli.failures import report

__all__ = ["pack"]


@click.command()
@options.inputs
@click.option(
    "--output",
    "-o",
    metavar="PREFIX",
    type=options.PATH,
    required=True,
    help="How the names of the shards begin: PREFIX-000000.tar and so on.",
)
@click.option(
    "--shard-size",
    metavar="MB",
    type=options.Number(0.001, 1e6),
    default=1000.0,
    help="About how large a shard becomes.",
)
@click.option("--seed", type=int, default=0, help="Of the order of the pictures.")
@options.quiet
@options.debug
def pack(
    inputs: tuple[str, ...], output: Path, shard_size: float, seed: int, quiet: bool, debug: bool
) -> None:
    """Pack pictures into tar files (shards) to train on.

    They stay as they are, in random order. A run names them with data.shards in its
    configuration; they are read picture by picture, so there may be more of them
    than fit into the memory. Files that are no pictures are left out.
    """
    words = options.check_inputs(inputs, None, False)
    with report(debug):
        from vdn.cli.inputs import find_inputs
        from vdn.data.shards import pack as pack_files

        files = [Path(found.path) for found in find_inputs(words)]
        packed = pack_files(files, output, shard_bytes=1e6 * shard_size, seed=seed)
        for reason in () if quiet else packed.left_out:
            click.echo(f"vdn: warning: left out: {reason}", err=True)
        click.echo(f"{packed.pictures} pictures in {len(packed.shards)} shards, {packed.shards[0]}")
