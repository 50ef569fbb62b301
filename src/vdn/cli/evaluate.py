"""`vdn evaluate`: tables of methods, test sets and noise, beside what is published."""

import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.failures import report, usage_errors
from vdn.errors import InputError
from vdn.extras import needs_extra

if TYPE_CHECKING:
    from vdn.evaluation import Method, RowStore
    from vdn.evaluation.runner import Item

__all__ = ["evaluate"]


@click.command()
@click.argument(
    "suite",
    metavar="SUITE",
    help="paper, awgn, real, noise, calibration, speed; upscale, deblur, deblock or kernels.",
)
@click.option(
    "--data",
    metavar="ROOT",
    type=options.PATH,
    multiple=True,
    required=True,
    help="A folder whose sub-folders are the sets (ROOT/Set5), or a .toml file with a table "
    "[sets]; may be repeated.",
)
@click.option(
    "--method",
    "methods",
    metavar="NAME[@SIGMA]",
    multiple=True,
    help="noisy, a model that ships, an .onnx file, a baseline, or file.py:function; @true tells "
    "it the true noise, @MODEL what that model infers; may be repeated.",
)
@click.option(
    "--set", "sets", metavar="NAME", multiple=True, help="This set only; may be repeated."
)
@click.option(
    "--noise",
    "noises",
    metavar="NOISE",
    multiple=True,
    help="This noise instead of the suite's, as for `vdn simulate`; may be repeated.",
)
@click.option(
    "--limit",
    metavar="[METHOD=]N",
    multiple=True,
    help="The first N pictures of every set, by all methods or, where it is slow, by one (bm3d=4); "
    "may be repeated.",
)
@click.option(
    "--out",
    "-o",
    metavar="FOLDER",
    type=options.PATH,
    help="Default: runs/evaluate-SUITE in this folder.",
)
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=options.PATH,
    help="Write one HTML file with plots too.",
)
@click.option("--json", metavar="FILE", type=options.PATH, help="Write every figure as JSON too.")
@click.option(
    "--resume/--fresh",
    default=True,
    help="Keep the rows in the folder and measure what is missing, or begin again.",
)
@options.seed
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="Processes; with several, times are not measured.",
)
@options.threads
@options.precision
@options.quiet
@options.debug
def evaluate(
    suite: str,
    data: tuple[Path, ...],
    methods: tuple[str, ...],
    sets: tuple[str, ...],
    noises: tuple[str, ...],
    limit: tuple[str, ...],
    out: Path | None,
    report_file: Path | None,
    json: Path | None,
    resume: bool,
    seed: int,
    jobs: int,
    threads: int | None,
    precision: str,
    quiet: bool,
    debug: bool,
) -> None:
    """Measure methods on test sets, beside the published figures.

    The folder holds the rows, and the tables as Markdown, CSV and LaTeX. A run that was stopped
    is resumed: pictures and methods that were measured before are not measured again.
    """
    with report(debug):
        with needs_extra("bench"):
            from vdn import evaluation
            from vdn.evaluation.environment import describe_run
            from vdn.image.atomic import check_target

            if report_file is not None:
                from vdn.evaluation.report import check_report, write_report

                check_report(report_file)
        if json is not None:
            check_target(json, overwrite=True)
        with usage_errors("SUITE"):
            chosen = evaluation.find_suite(suite)
        with usage_errors("--noise"):
            chosen = chosen.with_noise(noises) if noises else chosen
        with usage_errors("--method"):
            threads = 1 if jobs > 1 and threads is None else threads
            names = methods or chosen.methods
            known = [evaluation.parse_method(name, threads, precision) for name in names]
        with usage_errors("--limit"):
            limits = _parse_limits(limit, known)
        with usage_errors("--data"):
            folders = evaluation.SetFolders.of(data)
            found, missing = evaluation.choose_sets(chosen, folders, sets)
        remarks = [*missing, *(fault for images in found if (fault := images.verify()))]
        for remark in remarks:
            click.echo(f"vdn: {remark}", err=True)
        folder = out or Path("runs") / f"evaluate-{chosen.name}"
        store = evaluation.RowStore(folder, fresh=not resume)
        work = [
            (evaluation.plan(chosen, found, seed=seed, limit=number), methods_of)
            for number, methods_of in _by_limit(known, limits).items()
        ]
        failures = _measure(work, store, jobs, quiet)

        whole = evaluation.plan(chosen, found, seed=seed)  # rows of earlier, longer runs count too
        rows = store.select(item.key(method) for method in known for item in whole)
        about = describe_run(["vdn", *sys.argv[1:]], known) | {
            "suite": f"{chosen.protocol}: {chosen.summary}",
            "seed": seed,
            "remarks": remarks,
            "failures": failures,
        }
        results = evaluation.conclude(chosen, rows, about)
        evaluation.write_results(folder, results)
        if json is not None:
            evaluation.write_json(json, results)
        if report_file is not None:
            items = evaluation.plan(chosen, found, seed=seed, limit=limits.get(""))
            write_report(report_file, folder, chosen, results, items, known)
        if not quiet:
            click.echo("\n".join(table.markdown() for table in results.tables))
            click.echo(f"{folder}: rows.jsonl, tables.md, figures.csv, tables.tex")
        for fault in results.about["wrong"]:
            click.echo(f"vdn: self-check failed: {fault}", err=True)
        if results.about["wrong"] or failures:
            raise click.exceptions.Exit(1)


def _parse_limits(texts: Sequence[str], methods: "Sequence[Method]") -> dict[str, int]:
    """Read how many pictures of a set a method does; under "", all that are not named."""
    names = [method.name for method in methods]
    limits = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not (number.isdecimal() and int(number)):
            raise InputError(f"{text!r} is neither a number from 1 on nor METHOD=N")
        if name and name not in names:
            raise InputError(
                f"{text!r}: no method is called {name!r}; there are {', '.join(names)}"
            )
        limits[name] = int(number)
    return limits


def _by_limit(
    methods: "Sequence[Method]", limits: Mapping[str, int]
) -> dict[int | None, list["Method"]]:
    """Put the methods together that do equally many pictures of a set; None are all."""
    groups: dict[int | None, list[Method]] = {}
    for method in methods:
        groups.setdefault(limits.get(method.name, limits.get("")), []).append(method)
    return groups


def _measure(
    work: "Sequence[tuple[Sequence[Item], Sequence[Method]]]",
    store: "RowStore",
    jobs: int,
    quiet: bool,
) -> list[str]:
    """Measure what is missing, with a bar on a terminal; return what failed."""
    from rich.console import Console
    from rich.progress import Progress

    from vdn.evaluation import Failure, run

    absent = sum(
        item.lacks(method, store) for items, methods in work for item in items for method in methods
    )
    console = Console(stderr=True)
    hidden = quiet or not sys.stderr.isatty()
    failures = []
    with Progress(console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("measuring", total=absent)
        for outcome in chain.from_iterable(
            run(items, methods, store, jobs=jobs) for items, methods in work
        ):
            progress.advance(task)
            if isinstance(outcome, Failure):
                key: Any = outcome.key
                where = f"{key['method']} on {key['set']}, {key['image']}, {key['case']}"
                failures.append(f"{where}: {outcome.error}")
                click.echo(f"vdn: {failures[-1]}", err=True)
    return failures
