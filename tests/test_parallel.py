"""Work in threads: the order of results, what is told of it, and how it ends."""

import threading

import pytest

from lowrank.parallel import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_jobs_whichever_is_done_first(threads):
    last_done = threading.Event()

    def job(i):
        if threads > 1 and i == 0:
            assert last_done.wait(60)  # the first is done after the second
        if i == 1:
            last_done.set()
        return i

    assert list(in_order([lambda _, i=i: job(i) for i in range(20)], threads)) == list(range(20))


@pytest.mark.parametrize("threads", [1, 3])
def test_no_jobs_give_no_results(threads):
    assert list(in_order([], threads)) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_rises_to_one_in_the_thread_that_asked(threads):
    told, asked = [], set()

    def progress(share):
        told.append(share)
        asked.add(threading.get_ident())

    def job(report):
        for share in (0.25, 0.5, 0.5, 1.0):
            report(share)

    list(in_order([job] * 7, threads, progress))
    assert told == sorted(set(told))
    assert told[-1] == 1
    assert asked == {threading.get_ident()}


def test_a_job_that_takes_long_is_heard_of_while_it_runs():
    heard = threading.Event()

    def job(report):
        report(0.5)
        assert heard.wait(60)

    def progress(share):
        if share == 0.25:  # half of the first of two
            heard.set()

    list(in_order([job, lambda report: heard.wait(60)], 2, progress))


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_job_raises_is_raised_and_nothing_goes_on(threads):
    begun, running = [], threading.active_count()

    def job(_):
        begun.append(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(in_order([job] * 1000, threads))
    assert len(begun) <= 2 * threads
    assert threading.active_count() == running


def test_what_progress_raises_ends_the_jobs_at_their_next_report():
    ended, running = [], threading.active_count()

    def job(report):
        try:
            while True:
                report(0.1)
        finally:
            ended.append(1)

    def progress(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(in_order([job] * 3, 2, progress))
    assert len(ended) in (2, 3)  # the third may have been begun in the place of the first to end
    assert threading.active_count() == running
