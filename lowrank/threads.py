"""One knob for the threads of BLAS, for the command line and the app alike.

NumPy and SciPy each carry a BLAS that starts a thread for every core. For one job at a time that is right; several jobs
at once, as of an app's users, make threads that spin while they wait for each other, and one thread a job is faster by
far (`tests/load/many.py` prints both).
"""

from __future__ import annotations

import os

from lowrank.errors import LowrankError

#: Says how many threads each matrix product may use: a whole number from 1, or 0 for one on every core.
VARIABLE = "LOWRANK_THREADS"


def wanted_threads(default: int) -> int:
    """Return how many threads the environment asks for, `default` where it does not say.

    Raises
    ------
    LowrankError
        If it says something else than a whole number from 0.

    Examples
    --------
    >>> import os
    >>> os.environ["LOWRANK_THREADS"] = "2"
    >>> wanted_threads(default=1)
    2
    >>> del os.environ["LOWRANK_THREADS"]
    >>> wanted_threads(default=1)
    1
    """
    said = os.environ.get(VARIABLE, "").strip()
    if said and not (said.isascii() and said.isdecimal()):
        raise LowrankError(f"{VARIABLE} is {said!r}. Set it to a whole number, 0 for a thread on every core.")
    return int(said) if said else default


def use_threads(count: int) -> None:
    """Let each matrix product of this process use so many threads from now on; 0 leaves one on every core.

    Parameters
    ----------
    count : int
        From 0. More than there are cores helps nobody: it is as many as there are.
    """
    if count:
        import scipy.linalg  # noqa: F401  # its BLAS must be there to be told
        import threadpoolctl  # here, because --help has no use for it

        threadpoolctl.threadpool_limits(min(count, os.cpu_count() or 1))
