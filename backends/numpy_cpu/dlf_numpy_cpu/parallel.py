"""Work on large arrays, piece by piece, shared between the calling thread and a few others.

NumPy gives the interpreter lock back while it computes, so threads that walk different pieces run
side by side. Pieces are handed out one at a time: a thread that the system does not run takes none,
and the caller then does them all. Waking a thread costs tens of microseconds, so only work on many
elements is shared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Condition, Thread

import numpy as np

__all__ = ["get_num_threads", "over", "set_num_threads"]

_LEAST = 1 << 19  # Elements.


def _default_threads() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        limit = int(os.environ.get("OMP_NUM_THREADS", ""))
    except ValueError:
        limit = 0
    return min(limit, allowed or 1) if limit > 0 else allowed or 1


class _Job:
    """The pieces of one piece of work, and how many helpers are at it."""

    def __init__(self, count: int, step: int, work: Callable[[slice], None]) -> None:
        self.starts: Iterator[int] = iter(range(0, count, step))
        self.count, self.step, self.work = count, step, work
        self.helpers = 0
        self.error: BaseException | None = None
        self.changed = Condition()

    def _next(self) -> slice | None:
        with self.changed:
            start = next(self.starts, None)
        return None if start is None else slice(start, min(start + self.step, self.count))

    def run(self) -> None:
        """Do pieces until none is left."""
        while (part := self._next()) is not None:
            self.work(part)

    def help(self) -> None:
        """`run` in another thread; an error goes to the caller, who does the rest."""
        with self.changed:
            self.helpers += 1
        try:
            self.run()
        except BaseException as error:  # it is raised where the work was asked for
            self.error = error
        with self.changed:
            self.helpers -= 1
            self.changed.notify()

    def finish(self) -> None:
        """Wait for the pieces that helpers have begun."""
        with self.changed:
            while self.helpers:
                self.changed.wait()
        if self.error is not None:
            raise self.error


class _Pool:
    """Helper threads, started when first needed."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.started = 0

    def ask(self, job: _Job, helpers: int) -> None:
        while self.started < helpers:
            self.started += 1
            Thread(target=_serve, args=(self.jobs,), name="dlf-cpu", daemon=True).start()
        for _ in range(helpers):
            self.jobs.put(job)


def _serve(jobs: SimpleQueue[_Job]) -> None:
    with np.errstate(all="ignore"):
        while True:
            # No name keeps the job, and with it the arrays, while the next is waited for.
            jobs.get().help()


_pool = _Pool()
_threads = _default_threads()


def _after_fork() -> None:
    # A forked child has the calling thread alone.
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """Threads that large elementwise work is shared between, the caller's own among them."""
    return _threads


def set_num_threads(count: int) -> None:
    """Share large elementwise work between `count` threads; 1 for none but the caller's own.

    At first as many as the process has processors, or fewer by ``OMP_NUM_THREADS``.
    """
    global _threads
    if count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {count}")
    _threads = count


def over(count: int, step: int, work: Callable[[slice], None], elements: int) -> None:
    """Call ``work(slice)`` for the pieces of ``range(count)``, `step` long, in any order.

    `elements` says how many array elements all pieces touch together; only large work is shared.
    Shared pieces are twice as long: each pass over one must outlast the threads' turns with the
    interpreter lock. The pieces must not write the same memory.
    """
    if elements < _LEAST or _threads == 1 or count <= step:
        for start in range(0, count, step):
            work(slice(start, min(start + step, count)))
        return
    step *= 2
    job = _Job(count, step, work)
    _pool.ask(job, min(_threads, -(-count // step)) - 1)
    job.run()
    job.finish()
