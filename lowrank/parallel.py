"""Independent pieces of work in several threads, their results in order: planes of a stack, tiles of a picture.

NumPy lets other threads run while it computes, so this is what uses the cores where BLAS is kept to one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from itertools import islice
from threading import Event
from typing import TypeVar

#: Called with the finished share, 0 to 1. What it raises ends the computation.
Progress = Callable[[float], object]


def idle(share: float) -> None:
    """Report to nobody."""


Result = TypeVar("Result")

#: Seconds between two looks at how far the work is.
_LOOK = 0.05


def in_order(
    jobs: Sequence[Callable[[Progress], Result]], threads: int = 1, progress: Progress | None = None
) -> Iterator[Result]:
    """Run jobs and yield their results in the order of the jobs, whichever is done first.

    Parameters
    ----------
    jobs : sequence of callable
        Each is handed a function to report its own share with, 0 to 1, as often as it likes.
    threads : int
        How many jobs run at once. With 1 they run in this thread. At most twice as many are begun and not yet
        yielded, so that a caller who stops early wastes little.
    progress : callable, optional
        Called in this thread with the share of all jobs, rising to 1.

    Examples
    --------
    >>> list(in_order([lambda report, i=i: i * i for i in range(5)], threads=2))
    [0, 1, 4, 9, 16]
    """
    shares, told, stopped = [0.0] * len(jobs), -1.0, Event()

    def tell() -> None:
        nonlocal told
        share = sum(shares) / len(jobs)
        if progress is not None and share > told:
            told = share
            progress(share)

    def run(i: int) -> Result:
        def report(share: float) -> None:
            if stopped.is_set():
                raise CancelledError
            shares[i] = share
            if threads == 1:
                tell()

        result = jobs[i](report)
        shares[i] = 1.0
        return result

    if threads == 1:
        for i in range(len(jobs)):
            yield run(i)
            tell()
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = iter(range(len(jobs)))
        begun = deque(pool.submit(run, i) for i in islice(waiting, 2 * threads))
        try:
            while begun:
                while not begun[0].done():
                    wait([begun[0]], _LOOK)
                    tell()
                yield begun.popleft().result()
                tell()
                begun.extend(pool.submit(run, i) for i in islice(waiting, 1))
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
