"""Heavy work, a few jobs at a time: a line that is bounded, says who is next, and drops what nobody waits for.

A page that wants something computed joins the job that is already making it, or queues a new one, and looks up every
tenth of a second: there Streamlit can stop or restart the page, and there the page can say what it waits for. A job
goes on for a moment after its page has left, so that a page that was only restarted finds it further on; then the next
report of progress ends it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.ui import limits, memory, session, text
from lowrank.errors import LowrankError

T = TypeVar("T")

#: Told where a job stands: its place in line (0: it is being done) and the share done.
Watch = Callable[[int, float], object]

_TICK = 0.1  # seconds between two looks of a waiting page
_GRACE = 2.0  # seconds that a job goes on without a page


class BusyError(LowrankError):
    """The line is full."""


class _AbandonedError(BaseException):
    """Ends a job that nobody waits for; no `except Exception` on its way is meant to stop it."""


@dataclass(eq=False)
class _Job:
    key: Hashable
    owner: str
    compute: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: BaseException | None = None
    share: float = 0.0
    pages: int = 0  # that wait for it
    left: float = 0.0  # when the last one went

    @property
    def abandoned(self) -> bool:
        return not self.pages and time.monotonic() - self.left > _GRACE

    def go_on(self, share: float) -> None:
        """Take a report of progress in the line: end the job if nobody waits for it."""
        self.share = share
        if self.abandoned:
            raise _AbandonedError

    def do(self, report: Callable[[float], object]) -> None:
        _here.report = report
        try:
            report(0.0)
            self.value = self.compute()
        except BaseException as error:
            expected = isinstance(error, LowrankError) or not isinstance(error, Exception)
            self.error = error.with_traceback(None) if expected else error  # a traceback holds on to pictures
        finally:
            _here.report = None


_here = threading.local()


def report(share: float) -> None:
    """Say how far the work of this thread is; to be given to whatever takes `progress`. May end the work."""
    told = getattr(_here, "report", None)
    if told is not None:
        told(share)


def threads() -> int:
    """Return how many threads a job may use: every core for a session alone, all but one where others want a page."""
    return max(1, limits.CORES - (len(session.known) > 1))


class Line:
    """Jobs by key, at most `workers` at once and `waiting` in line, `own_waiting` of one session."""

    def __init__(self, workers: int, waiting: int, own_waiting: int) -> None:
        self._waiting, self._own_waiting = waiting, own_waiting
        self._pool = ThreadPoolExecutor(workers, "heavy work")
        self._lock = threading.Lock()
        self._jobs: dict[Hashable, _Job] = {}
        self._line: OrderedDict[Hashable, _Job] = OrderedDict()

    def do(self, key: Hashable, compute: Callable[[], T], *, queued: bool, watch: Watch) -> T:
        """Return what `compute` makes; whoever asks for the same `key` meanwhile gets the same.

        Parameters
        ----------
        key : hashable
            What is made, and for whom.
        compute : callable
            Calls `report` now and then.
        queued : bool
            Whether it takes its turn in the line, or is done here and now.
        watch : callable
            Called while waiting, in this thread.

        Raises
        ------
        BusyError
            If the line is full.
        """
        if getattr(_here, "report", None):  # a part of a job
            return compute()
        while True:
            job, is_new = self._join(key, compute, queued)

            def look(share: float, job: _Job = job) -> None:
                session.give_way()
                watch(self._place(job), share)

            try:
                if is_new and not queued:
                    self._finish(job, look)
                while not job.done.wait(_TICK):
                    look(job.share)
            finally:
                with self._lock:
                    job.pages -= 1
                    job.left = time.monotonic()
            if job.error is None:
                found: T = job.value
                return found
            if is_new or isinstance(job.error, Exception):  # what ended another page's work is no matter of this one
                raise job.error

    def _join(self, key: Hashable, compute: Callable[[], T], queued: bool) -> tuple[_Job, bool]:
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and not job.abandoned:
                job.pages += 1
                return job, False
            owner = session.current()
            if queued:
                for gone in [k for k, waiting in self._line.items() if waiting.abandoned]:
                    self._jobs.pop(gone, None)
                    del self._line[gone]
                own = sum(waiting.owner == owner for waiting in self._line.values())
                if len(self._line) >= self._waiting or (owner and own >= self._own_waiting):
                    raise BusyError(text.TOO_BUSY)
            job = self._jobs[key] = _Job(key, owner, session.bound(compute), pages=1)
            if queued:
                self._line[key] = job
                self._pool.submit(self._next)
            return job, True

    def _next(self) -> None:
        with self._lock:
            if not self._line:
                return
            _, job = self._line.popitem(last=False)
        self._finish(job, job.go_on)
        memory.give_back()

    def _finish(self, job: _Job, report: Callable[[float], object]) -> None:
        job.do(report)
        job.compute = lambda: None  # it holds the file's bytes
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
        job.done.set()

    def _place(self, job: _Job) -> int:
        with self._lock:
            return next((place for place, waiting in enumerate(self._line.values(), 1) if waiting is job), 0)


line = Line(limits.JOBS, limits.WAITING, limits.SESSION_WAITING)
