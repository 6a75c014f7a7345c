"""How much one session and all of them together may take. What is for a host to set is an environment variable."""

from __future__ import annotations

import os

from lowrank.errors import LowrankError
from lowrank.threads import wanted_threads


def _setting(name: str, default: int) -> int:
    said = os.environ.get(name, "").strip() or str(default)
    if not (said.isascii() and said.isdecimal() and int(said)):
        raise LowrankError(f"{name} is {said!r}. Set it to a whole number from 1.")
    return int(said)


_MB = 10**6

#: Sessions at a time; more have to wait.
SESSIONS = _setting("LOWRANK_SESSIONS", 200)

#: Bytes of all uploaded files of all sessions, those that are arriving included.
UPLOADED = _setting("LOWRANK_UPLOADS_MB", 1000) * _MB

#: Files of one session, and bytes of them, those that are arriving included.
SESSION_FILES = 24
SESSION_UPLOADED = 240 * _MB

#: Pictures that a session keeps, and bytes of their files; the oldest leave first.
KEPT = 8
KEPT_BYTES = 120 * _MB

#: Bytes of a file that a page other than those of pictures keeps; there are three such places.
KEPT_FILE = 30 * _MB

#: Bytes of all that is remembered of all sessions: what pages show, half; factors, the other half.
REMEMBERED = _setting("LOWRANK_CACHE_MB", 200) * _MB
SHOWN = FACTORS = REMEMBERED // 2

CORES = os.cpu_count() or 1

#: Threads of one matrix product: more would wait for each other as soon as two sessions compute.
THREADS = wanted_threads(default=1)

#: Jobs on large pictures that are done at once. Each uses several cores (see work.threads) and takes some 400 MB.
JOBS = max(1, min(4, CORES // 2))

#: Bytes of decoded pictures and previews, remembered for `BRIEF_SECONDS` only: room for each job.
BRIEF = JOBS * 60 * _MB
BRIEF_SECONDS = 10

#: Jobs that may wait for their turn: in all, and of one session.
WAITING = 40
SESSION_WAITING = 6

#: Seconds after which a session whose tab has gone is closed; until then the tab can come back to it.
FAREWELL = _setting("LOWRANK_FAREWELL_SECONDS", 90)
