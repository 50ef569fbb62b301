"""`vdn denoise --cluster` and the like: the files of a command over the processes of a cluster."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from vdn.cli.batch import Outcome, Reporter, reporting
from vdn.cli.failures import report as reported
from vdn.cli.inputs import Input
from vdn.cli.outputs import Outputs, Plan
from vdn.errors import ExistsError, FileError, VdnError
from vdn.image.atomic import refuse_existing
from vdn.storage import Location, ObjectPath, by_stem, is_finished, names_below

if TYPE_CHECKING:
    from vdn.cluster import Done, Job, Manifest
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import Report, Settings

__all__ = ["MANIFEST", "ClusterOptions", "run_on_cluster"]

MANIFEST = "manifest.parquet"
"""The name of the record in the folder of the results."""

_BLOCK = 1000  # files that are planned at a time
_PERIOD = 60.0  # seconds between lines on how far it is, where there is no bar


@dataclass(frozen=True)
class ClusterOptions:
    """What the user said of a cluster.

    Attributes
    ----------
    cluster
        As in `vdn.cluster.connect`.
    workers
        How many processes.
    manifest
        Where the record is kept, if it is.
    """

    cluster: str
    workers: int | None
    manifest: Location | None


def run_on_cluster(
    options: ClusterOptions,
    listed: Callable[[], Iterator[Input]],
    plan: Callable[[list[Input]], list[Plan]],
    outcome: Callable[[Plan, "Report", float], Outcome],
    *,
    root: Location | None,
    output: Location | None,
    arguments: "DenoiserArguments",
    settings: "Settings",
    skip_existing: bool,
    mark: str,
    many: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Restore every input on a cluster, and report as `run_batch` does.

    Parameters
    ----------
    options
        The cluster.
    listed
        Lists the inputs, anew at each call.
    plan
        Names the outputs of some of them.
    outcome
        Says what was done to one.
    root
        The folder that all inputs are in, if the user named one and nothing else: it is listed as
        the work goes. Of other inputs the whole list is in memory.
    output
        The folder or file of the results.
    arguments, settings, skip_existing
        As in `vdn.cluster.map_files`.
    mark
        What is done to a picture: "denoised".
    many, as_json, quiet, debug
        As in `run_batch`.

    Raises
    ------
    Exit, SystemExit
        As `reporting`; status 1 too when the cluster is lost.
    """
    from vdn.cluster import Manifest, connect, map_files

    with (
        reporting(
            done=mark, many=many, as_json=as_json, quiet=quiet, warn=not quiet, debug=debug
        ) as report,
        reported(debug),
        ExitStack() as stack,
    ):
        client = stack.enter_context(
            connect(options.cluster, workers=options.workers, threads=arguments.threads)
        )
        if not quiet:
            count = len(client.nthreads())
            ready = f"{count} worker{'s' * (count != 1)}" if count else "waiting for workers"
            click.echo(f"vdn: {ready}, dashboard at {client.dashboard_link}", err=True)
        record = None
        if options.manifest is not None:
            record = stack.enter_context(Manifest(options.manifest))
        blocks = _blocks(listed()) if root is not None else [list(listed())]
        if root is not None:
            Thread(target=_count, args=(report, listed), daemon=True).start()
        files = _Files(
            plan,
            report,
            record,
            overwrite=settings.overwrite,
            skip_existing=skip_existing,
            root=root,
            output=output,
        )
        told = time.monotonic()
        for done in map_files(
            files.jobs(blocks),
            client,
            model=arguments.model,
            threads=arguments.threads,
            max_memory=arguments.max_memory,
            precision=arguments.precision,
            device=arguments.device,
            task=arguments.task,
            scale=arguments.scale,
            settings=settings,
            skip_existing=skip_existing,
        ):
            files.finished(done, outcome)
            if not (quiet or sys.stderr.isatty()) and time.monotonic() - told > _PERIOD:
                told = time.monotonic()
                click.echo(f"vdn: {report.progress.line}", err=True)


class _Files:
    """The inputs on their way to the cluster and back.

    Parameters
    ----------
    plan, report, record
        Names outputs, tells what came of them, and records it.
    overwrite, skip_existing
        What to do with what is there.
    root, output
        As in `run_on_cluster`.
    """

    def __init__(
        self,
        plan: Callable[[list[Input]], list[Plan]],
        report: Reporter,
        record: "Manifest | None",
        *,
        overwrite: bool,
        skip_existing: bool,
        root: Location | None,
        output: Location | None,
    ) -> None:
        self._plan, self._report, self._record = plan, report, record
        self._overwrite, self._skip_existing = overwrite, skip_existing
        self._root, self._output = root, output
        self._waiting: dict[Job, Plan] = {}
        self._names: tuple[ObjectPath, frozenset[str]] | None = None  # of the present folder

    def jobs(self, blocks: Iterable[list[Input]]) -> "Iterator[Job]":
        """Yield what is to be done; report what is not."""
        from vdn.cluster import Done

        for block in blocks:
            if self._root is None:
                self._report.progress.expect(block)
            for plan in self._plan(block):
                try:
                    wanted = self._wanted(plan)
                except VdnError as error:
                    self._report.finished(plan, error)
                    self._note(Done(_job(plan.input, plan.outputs), "failed", error=error))
                    continue
                if list(wanted):
                    job = _job(plan.input, wanted)
                    self._waiting[job] = replace(plan, wanted=wanted)
                    yield job
                    continue
                self._report.finished(plan, ExistsError(str(plan.outputs.first)), skipped=True)
                self._note(Done(_job(plan.input, plan.outputs), "skipped"))

    def finished(self, done: "Done", outcome: Callable[[Plan, "Report", float], Outcome]) -> None:
        """Tell what came of a job."""
        plan = self._waiting.pop(done.job)
        if done.report is not None:
            self._report.progress.begin(plan.input, done.report.pixels)
            self._report.progress.advance(1.0)
            made = replace(plan, wanted=Outputs(*done.made))
            self._report.finished(made, outcome(made, done.report, done.seconds))
        elif done.error is not None:
            self._report.finished(plan, done.error, skipped=done.status == "skipped")
        self._note(done)

    def _note(self, done: "Done") -> None:
        """Record it, unless an earlier run has recorded how it was made."""
        if self._record is None:
            return
        if done.status != "skipped" or not self._record.holds(done.job.source):
            self._record.add(done)

    def _wanted(self, plan: Plan) -> Outputs:
        """Return what is to be made of an input, or raise why nothing can be."""
        if plan.problem is not None:
            raise plan.problem
        missing = plan.outputs.without_existing(self._is_there)
        if self._skip_existing:
            return missing
        there = [path for path in plan.outputs if path not in list(missing)]
        for path in there:
            if not self._overwrite:
                refuse_existing(path)
            self._check_apart(path)
        return plan.outputs

    def _is_there(self, path: Location) -> bool:
        """Tell whether an output exists; of object storage a folder is listed once."""
        if isinstance(path, Path):
            return is_finished(path)
        if self._names is None or self._names[0] != path.parent:
            self._names = path.parent, names_below(path.parent)
        return path.name in self._names[1]

    def _check_apart(self, path: Location) -> None:
        """Refuse to replace what may be an input that has not been listed yet."""
        if self._root is None or self._output is None:
            return
        real, root, output = map(_real, (path, self._root, self._output))
        if real.is_relative_to(root) and not (
            output.is_relative_to(root) and real.is_relative_to(output)
        ):
            raise FileError(f"{path}: lies among the inputs; choose another folder")


def _job(entry: Input, outputs: Outputs) -> "Job":
    from vdn.cluster import Job

    made = outputs.image, outputs.noise_map, outputs.uncertainty
    return Job(entry.path, *made, size=entry.size, named=entry.named)


def _real(path: Location) -> Location:
    return Path(os.path.realpath(path)) if isinstance(path, Path) else path


def _blocks(entries: Iterator[Input]) -> Iterator[list[Input]]:
    """Yield inputs of a folder some at a time, those that could share an output together."""
    block: list[Input] = []
    alike = groupby(entries, lambda entry: (entry.path.parent, by_stem(entry.path.name)[0]))
    for _, some in alike:
        block += some
        if len(block) >= _BLOCK:
            yield block
            block = []
    if block:
        yield block


def _count(report: Reporter, listed: Callable[[], Iterator[Input]]) -> None:
    """Find out how much there is to do, while it is done."""
    with suppress(VdnError):  # which the run tells
        report.progress.expect(listed())
