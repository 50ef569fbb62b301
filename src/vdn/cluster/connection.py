"""A Dask cluster: of this machine, of a scheduler that runs somewhere, or of jobs of Slurm."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from vdn.errors import ClusterError, InputError
from vdn.extras import needs_extra

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect", "restart_missing", "slurm_cluster"]

_PATIENCE = 15.0  # seconds, for a scheduler to answer
_CORES = 4  # of a job of Slurm
_MEMORY = "8 GB"


@contextmanager
def connect(
    cluster: str, *, workers: int | None = None, threads: int | None = None
) -> Iterator[Client]:
    """Start a cluster, or connect to one that runs; what was started ends with the body.

    Parameters
    ----------
    cluster
        "local", "slurm", the address of a scheduler (`tcp://host:8786`), or the file it wrote
        (`dask scheduler --scheduler-file`).
    workers
        How many processes to start, on this machine or as jobs; local default: one for every
        `threads` cores.
    threads
        Cores for each.

    Raises
    ------
    ClusterError
        When the scheduler does not answer.
    InputError
        When the number of processes does not go with the cluster.
    MissingExtraError
        When Dask is not installed.

    Examples
    --------
    >>> with connect("local", workers=2) as client:  # doctest: +SKIP
    ...     print(client.dashboard_link)
    """
    with needs_extra("cluster"):
        from distributed import Client, LocalCluster
    if workers is not None and cluster not in ("local", "slurm"):
        raise InputError(f"{workers} workers: the cluster {cluster} has its own")
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dashboard on another port
        if cluster == "local":
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
            per_process = threads or 1
            started: Any = LocalCluster(
                n_workers=workers or max(1, (cores or os.cpu_count() or 1) // per_process),
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:8787",
                silence_logs=logging.CRITICAL,
            )
            client = Client(stack.enter_context(started), set_as_default=False)
            client.register_plugin(_uninterrupted())
        elif cluster == "slurm":
            jobs = stack.enter_context(slurm_cluster(workers, threads))
            client = Client(jobs, set_as_default=False)
        else:
            given = {"scheduler_file": cluster} if os.path.isfile(cluster) else {"address": cluster}
            try:
                client = Client(**given, timeout=_PATIENCE, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"{cluster}: no Dask scheduler answers ({error}); give local, slurm, an "
                    "address such as tcp://host:8786, or the scheduler's file"
                ) from error
        yield stack.enter_context(client)


def restart_missing(client: Client) -> None:
    """Start processes of this machine that have ended while they started; Dask does the others."""
    from distributed import LocalCluster

    if isinstance(client.cluster, LocalCluster):
        client.cluster.scale(len(client.cluster.worker_spec))


def _uninterrupted() -> Any:
    """Return what keeps Ctrl-C, which all processes of a terminal get, from those of a cluster."""
    from distributed import WorkerPlugin

    class Uninterrupted(WorkerPlugin):
        name = "vdn-uninterrupted"

        def setup(self, worker: Any) -> None:
            import signal

            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Uninterrupted()


def slurm_cluster(workers: int | None, threads: int | None) -> Any:
    """Return a cluster of jobs of Slurm, a process each; jobs that end are replaced.

    The queue, the account, the wall time, cores and memory are those of the configuration of Dask
    (`jobqueue.slurm`).
    """
    with needs_extra("cluster"):
        import dask
        from dask_jobqueue import SLURMCluster
    if workers is None:
        raise InputError("slurm: say how many jobs to submit, with --workers N")
    of_jobs = dask.config.get("jobqueue.slurm", {})
    cores = threads or of_jobs.get("cores") or _CORES
    cluster = SLURMCluster(
        cores=cores,
        processes=1,
        memory=of_jobs.get("memory") or _MEMORY,
        job_cpu=of_jobs.get("job-cpu") or cores,
        worker_extra_args=["--nthreads", "1", *(of_jobs.get("worker-extra-args") or [])],
    )
    cluster.adapt(minimum=workers, maximum=workers)
    return cluster
