"""`vdn evaluate`: tables of methods, test sets and noise, beside what is published."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdn.cli import options
from vdn.cli.failures import needs_extra, report, usage_errors

if TYPE_CHECKING:
    from vdn.evaluation import Method, RowStore
    from vdn.evaluation.runner import Item

__all__ = ["evaluate"]


def evaluate(
    suite: Annotated[
        str,
        typer.Argument(metavar="SUITE", help="paper, awgn, real, noise, calibration or speed."),
    ],
    data: Annotated[
        list[Path],
        typer.Option(
            metavar="ROOT",
            help="A folder whose sub-folders are the sets (ROOT/Set5), or a .toml file with a "
            "table [sets]; may be repeated.",
        ),
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME[@SIGMA]",
            help="noisy, a model that ships, an .onnx file, a baseline, or file.py:function; "
            "@true tells it the true noise, @MODEL what that model infers; may be repeated.",
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME", help="This set only; may be repeated."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The first N pictures of every set.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Default: runs/evaluate-SUITE in this folder."
        ),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write one HTML file with plots too."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every figure as JSON too.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh",
            help="Go on with the rows in the folder, or set them aside and begin again.",
        ),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same noise.")] = 0,
    jobs: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Processes; with several, seconds mean nothing."),
    ] = 1,
    threads: options.Threads = None,
    precision: options.Precision = "auto",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Measure methods on test sets and print the tables beside the published figures.

    The folder holds the rows, and the tables as Markdown, CSV and LaTeX. A run that was stopped
    goes on where it was; rows of pictures and methods measured before are not measured again.
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
        with usage_errors("--method"):
            threads = 1 if jobs > 1 and threads is None else threads
            names = methods or chosen.methods
            known = [evaluation.parse_method(name, threads, precision) for name in names]
        with usage_errors("--data"):
            folders = evaluation.SetFolders.of(data)
            found, missing = evaluation.choose_sets(chosen, folders, sets or ())
        remarks = [*missing, *(fault for images in found if (fault := images.verify()))]
        for remark in remarks:
            typer.echo(f"vdn: {remark}", err=True)
        folder = out or Path("runs") / f"evaluate-{chosen.name}"
        store = evaluation.RowStore(folder, fresh=not resume)
        items = evaluation.plan(chosen, found, seed=seed, limit=limit)
        failures = _measure(items, known, store, jobs, quiet)

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
            write_report(report_file, folder, chosen, results, items, known)
        if not quiet:
            typer.echo("\n".join(table.markdown() for table in results.tables))
            typer.echo(f"{folder}: rows.jsonl, tables.md, figures.csv, tables.tex")
        for fault in results.about["wrong"]:
            typer.echo(f"vdn: self-check failed: {fault}", err=True)
        if results.about["wrong"] or failures:
            raise typer.Exit(1)


def _measure(
    items: "Sequence[Item]", methods: "Sequence[Method]", store: "RowStore", jobs: int, quiet: bool
) -> list[str]:
    """Measure what is missing, with a bar on a terminal; return what failed."""
    from rich.console import Console
    from rich.progress import Progress

    from vdn.evaluation import Failure, run

    absent = sum(item.key(method) not in store for item in items for method in methods)
    console = Console(stderr=True)
    hidden = quiet or not sys.stderr.isatty()
    failures = []
    with Progress(console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("measuring", total=absent)
        for outcome in run(items, methods, store, jobs=jobs):
            progress.advance(task)
            if isinstance(outcome, Failure):
                key: Any = outcome.key
                where = f"{key['method']} on {key['set']}, {key['image']}, {key['case']}"
                failures.append(f"{where}: {outcome.error}")
                typer.echo(f"vdn: {failures[-1]}", err=True)
    return failures
