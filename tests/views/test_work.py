"""The line for heavy work: how many at once, who is next, who shares, and what happens to work that nobody waits for.

Nothing here depends on how fast the machine is: every job waits until the test lets it go on.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.ui import session, text, work
from app.ui.work import BusyError, Line
from lowrank.errors import ImageError

PATIENCE = 30  # seconds; never reached


class LeavingError(BaseException):
    """How Streamlit ends a run of a page: with what no `except Exception` stops."""


class Job:
    """A piece of work that says when it has begun and goes on when it is told to."""

    def __init__(self, value="made"):
        self.value, self.runs = value, 0
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self):
        self.runs += 1
        self.begun.set()
        assert self.go.wait(PATIENCE)
        work.report(0.5)
        return self.value


class Page(threading.Thread):
    """A page that waits for a job: what it saw of the line, and what came of it."""

    def __init__(self, line, key, job, owner="", queued=True):
        super().__init__()
        self.seen, self.found, self.error = [], None, None
        self.leave, self.looked = threading.Event(), threading.Event()
        self.ask = lambda: line.do(key, job, queued=queued, watch=self.watch)
        self.owner = owner
        self.start()

    def watch(self, place, share):
        self.seen.append(place)
        self.looked.set()
        if self.leave.is_set():
            raise LeavingError

    def run(self):
        session._acting.set(self.owner)
        try:
            self.found = self.ask()
        except BaseException as error:
            self.error = error

    def end(self):
        self.join(PATIENCE)
        assert not self.is_alive()
        return self

    def next_look(self):
        self.looked.clear()
        assert self.looked.wait(PATIENCE)
        return self.seen[-1]


@pytest.fixture
def line():
    return Line(workers=1, waiting=3, own_waiting=2)


def test_as_many_jobs_at_once_as_there_are_workers_and_the_others_are_told_their_place(line):
    first, second, third = Job(1), Job(2), Job(3)
    pages = [Page(line, "first", first)]
    assert first.begun.wait(PATIENCE)
    pages.append(Page(line, "second", second))
    assert pages[1].next_look() == 1
    pages.append(Page(line, "third", third))
    assert pages[2].next_look() == 2
    assert pages[0].next_look() == 0
    assert not second.begun.is_set()
    first.go.set()
    assert second.begun.wait(PATIENCE)
    assert pages[2].next_look() == 1
    assert not third.begun.is_set()
    second.go.set()
    third.go.set()
    assert [page.end().found for page in pages] == [1, 2, 3]


def test_who_asks_for_the_same_shares_one_job(line):
    job = Job()
    pages = [Page(line, "same", job) for _ in range(3)]
    for page in pages:
        page.next_look()
    job.go.set()
    assert [page.end().found for page in pages] == ["made"] * 3
    assert job.runs == 1
    again = Job("afresh")
    again.go.set()
    assert line.do("same", again, queued=True, watch=lambda *_: None) == "afresh"  # a line remembers nothing


def test_what_is_not_queued_is_done_at_once_and_shared_as_well(line):
    heavy, quick = Job(), Job("quick")
    Page(line, "heavy", heavy)
    assert heavy.begun.wait(PATIENCE)
    pages = [Page(line, "quick", quick, queued=False)]
    assert quick.begun.wait(PATIENCE)  # although the only worker is taken
    pages.append(Page(line, "quick", quick, queued=False))
    assert pages[1].next_look() == 0
    quick.go.set()
    assert [page.end().found for page in pages] == ["quick"] * 2
    assert quick.runs == 1
    heavy.go.set()


def test_a_part_of_a_job_is_done_within_it_and_waits_for_no_turn(line):
    def whole():
        return line.do("part", lambda: threading.current_thread().name, queued=True, watch=lambda *_: None)

    assert line.do("whole", whole, queued=True, watch=lambda *_: None).startswith("heavy work")


def test_a_job_goes_on_for_a_page_that_comes_back_and_ends_for_one_that_does_not(line, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(work.time, "monotonic", lambda: clock[0])
    job = Job()
    page = Page(line, "job", job)
    assert job.begun.wait(PATIENCE)
    page.leave.set()
    assert isinstance(page.end().error, LeavingError)
    clock[0] += work._GRACE / 2  # a page that was restarted
    page = Page(line, "job", job)
    page.next_look()
    page.leave.set()
    page.end()
    clock[0] += work._GRACE * 2
    job.go.set()  # its next report finds that nobody waits
    after = Job("after")
    after.go.set()
    assert line.do("job", after, queued=True, watch=lambda *_: None) == "after"
    assert (job.runs, after.runs) == (1, 1)


def test_what_left_the_line_before_its_turn_is_never_begun(line, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(work.time, "monotonic", lambda: clock[0])
    busy, gone, last = Job(), Job(), Job("last")
    pages = [Page(line, "busy", busy)]
    assert busy.begun.wait(PATIENCE)
    page = Page(line, "gone", gone)
    page.next_look()
    page.leave.set()
    page.end()
    clock[0] += 2 * work._GRACE
    pages.append(Page(line, "last", last))
    assert pages[1].next_look() == 1  # the place of the one that left
    busy.go.set()
    last.go.set()
    assert pages[1].end().found == "last"
    assert gone.runs == 0


def test_a_full_line_says_so_in_a_sentence(line):
    jobs = [Job() for _ in range(4)]
    pages = [Page(line, i, job, owner=f"session {i}") for i, job in enumerate(jobs[:1])]
    assert jobs[0].begun.wait(PATIENCE)
    for i in (1, 2, 3):
        pages.append(Page(line, i, jobs[i], owner=f"session {i}"))
        pages[-1].next_look()
    with pytest.raises(BusyError, match=text.TOO_BUSY.partition(".")[0]):
        line.do("one too many", Job(), queued=True, watch=lambda *_: None)
    for job in jobs:
        job.go.set()
    assert [page.end().found for page in pages] == ["made"] * 4


def test_one_session_cannot_fill_the_line(line):
    jobs = [Job() for _ in range(4)]
    pages = [Page(line, 0, jobs[0], owner="greedy")]
    assert jobs[0].begun.wait(PATIENCE)
    for i in (1, 2):
        pages.append(Page(line, i, jobs[i], owner="greedy"))
        pages[-1].next_look()
    assert isinstance(Page(line, 3, Job(), owner="greedy").end().error, BusyError)
    pages.append(Page(line, 4, jobs[3], owner="another"))
    assert pages[-1].next_look() == 3
    for job in jobs:
        job.go.set()
    assert [page.end().found for page in pages] == ["made"] * 4


def test_an_error_reaches_everyone_who_waits(line):
    job = Job()
    gate = threading.Event()

    def fail():
        job.begun.set()
        assert gate.wait(PATIENCE)
        raise ImageError("This is no picture.")

    pages = [Page(line, "bad", fail), Page(line, "bad", fail)]
    for page in pages:
        page.next_look()
    gate.set()
    assert [str(page.end().error) for page in pages] == ["This is no picture."] * 2
    assert line.do("bad", lambda: "better", queued=True, watch=lambda *_: None) == "better"


def test_a_page_that_ends_its_own_quick_work_does_not_end_that_of_another(line):
    begun, gate, runs = threading.Event(), threading.Event(), []

    def quick():
        runs.append(1)
        begun.set()
        assert gate.wait(PATIENCE)
        work.report(0.5)  # where the first page ends
        return "done"

    first = Page(line, "quick", quick, queued=False)
    assert begun.wait(PATIENCE)
    second = Page(line, "quick", quick, queued=False)
    second.next_look()
    first.leave.set()
    gate.set()
    assert isinstance(first.end().error, LeavingError)
    assert second.end().found == "done"
    assert len(runs) == 2


def test_work_is_done_for_the_session_that_asked(line):
    with ThreadPoolExecutor(2) as pool:

        def ask(owner):
            token = session._acting.set(owner)
            try:
                return line.do(owner, session.current, queued=True, watch=lambda *_: None)
            finally:
                session._acting.reset(token)

        assert list(pool.map(ask, ["one", "two"])) == ["one", "two"]


def test_a_session_alone_has_every_core_and_others_leave_one(monkeypatch):
    monkeypatch.setattr(work.limits, "CORES", 4)
    monkeypatch.setattr(session, "known", {"me"})
    assert work.threads() == 4
    monkeypatch.setattr(session, "known", {"me", "you"})
    assert work.threads() == 3
    monkeypatch.setattr(work.limits, "CORES", 1)
    assert work.threads() == 1
