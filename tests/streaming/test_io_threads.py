import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from vdn.streaming.io_threads import run_jobs


class Opened:
    def __init__(self, log, job):
        self.log, self.job = log, job

    def close(self):
        self.log.append(("close", self.job))


class Made:
    """Stands for the files of a folder: what is whole, and what is being written."""

    def __init__(self):
        self.whole, self.partial = {}, set()

    @contextmanager
    def create(self, name, fail=None):
        rows = []
        self.partial.add(name)
        made = self

        class Writer:
            streams = True

            def write_rows(self, index, part):
                if fail == "write":
                    raise OSError("disk full")
                rows.append((index, part))

        try:
            yield Writer()
            if fail == "close":
                raise OSError("cannot encode")
            made.whole[name] = sum(len(part) for _, part in rows)
        finally:
            self.partial.discard(name)


def run(jobs, work, opening=None):
    log, told = [], []

    def open_job(job):
        log.append(("open", job))
        if opening:
            opening(job)
        return Opened(log, job)

    run_jobs(jobs, open_job, work, lambda job, result: told.append((job, result)))
    return log, told


def writing(made, fail=None):
    def work(job, opened, io_threads, read):
        output = io_threads.output(made.create(job, fail.get(job) if fail else None))
        for _ in range(3):
            output.put(0, np.zeros((100, 4)))
        read()
        if fail and fail.get(job) == "work":
            raise ValueError("no such thing")

        def complete():
            output.finish()
            output.publish()
            return f"{job} done"

        return complete

    return work


def test_every_job_is_opened_written_told_and_closed_in_order():
    made = Made()
    log, told = run("abc", writing(made))
    assert told == [(job, f"{job} done") for job in "abc"]
    assert made.whole == dict.fromkeys("abc", 300)
    assert sorted(log) == sorted((what, job) for what in ("open", "close") for job in "abc")


def test_the_next_is_opened_and_the_last_is_written_meanwhile():
    encoding, computing = threading.Event(), threading.Event()

    def work(job, opened, io_threads, read):
        read()
        if job == "b":
            assert encoding.wait(10)  # a is being finished while b is worked on
            computing.set()

        def complete():
            if job == "a":
                encoding.set()
                assert computing.wait(10)
            return job

        return complete

    log, told = run("abc", work)
    assert [job for job, _ in told] == ["a", "b", "c"]
    assert all(job == result for job, result in told)
    assert log.index(("open", "b")) < log.index(("close", "b"))


@pytest.mark.parametrize("where", ["open", "work", "write", "close"])
def test_a_failure_belongs_to_its_job_and_leaves_nothing(where):
    def opening(job):
        if job == "b" and where == "open":
            raise ValueError("damaged")

    made = Made()
    _, told = run("abc", writing(made, {"b": where}), opening)
    assert [job for job, _ in told] == ["a", "b", "c"]
    assert [isinstance(result, Exception) for _, result in told] == [False, True, False]
    assert set(made.whole) == {"a", "c"}
    assert not made.partial


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_stopping_keeps_what_is_finished_and_nothing_else(stop):
    made = Made()
    slow = writing(made)

    def work(job, opened, io_threads, read):
        complete = slow(job, opened, io_threads, read)
        if job == "b":
            raise stop

        def late():
            time.sleep(0.05)
            return complete()

        return late

    told = []
    with pytest.raises(stop):
        run_jobs("abc", lambda job: Opened([], job), work, lambda *one: told.append(one))
    assert told == [("a", "a done")]
    assert set(made.whole) == {"a"}
    assert not made.partial


def test_what_telling_raises_ends_everything():
    made = Made()

    def finished(job, result):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_jobs("abcd", lambda job: Opened([], job), writing(made), finished)
    assert not made.partial


def test_what_was_opened_ahead_is_closed_when_stopped():
    closed = threading.Event()

    class Watched(Opened):
        def close(self):
            if self.job == "b":
                closed.set()

    def work(job, opened, io_threads, read):
        read()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs("ab", lambda job: Watched([], job), work, print)
    assert closed.wait(10)


def test_a_reader_that_waits_for_ever_does_not_keep_a_stop_waiting():
    never, waiting = threading.Event(), threading.Event()

    def open_job(job):
        if job == "b":
            waiting.set()
            never.wait()
        return Opened([], job)

    def work(job, opened, io_threads, read):
        read()
        waiting.wait()
        raise SystemExit

    with pytest.raises(SystemExit):
        run_jobs("ab", open_job, work, print)
    never.set()
