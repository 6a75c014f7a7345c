"""What was computed once and is wanted again: bounded in bytes and entries, and each session's own.

A key is who asked, what was computed, a digest of the file's bytes and the options. Only what comes from a sample is
everybody's. What is not there is computed by way of the line (see work.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np
from cachetools import Cache, LRUCache, TTLCache

from app.ui import limits, notice, session, work

#: What an entry counts for beside its value; it bounds their number.
_ENTRY = 4096

#: What an object counts for that cannot be looked into: a chart of 300 points and two lines takes less.
_OBJECT = 65536

_EVERYBODY = "*"


def digest(data: bytes) -> str:
    """Return what stands for these bytes in a key."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def size(value: object) -> int:
    """Count the bytes that a value holds, roughly; arrays and encoded bytes to the byte."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size, value))
    if is_dataclass(value):
        return sum(size(getattr(value, field.name)) for field in fields(value))
    return 8 if value is None or isinstance(value, int | float | np.generic) else _OBJECT


class Store:
    """Values by key, the least recently used leaving first; or, where they are brief, the oldest, and soon.

    One that is larger than all may be is kept alone: whoever made it wants it again.
    """

    def __init__(self, most: int, seconds: float | None = None) -> None:
        def weight(value: object) -> int:
            return min(size(value) + _ENTRY, most)

        self._values: Cache = LRUCache(most, weight)
        if seconds is not None:
            self._values = TTLCache(most, seconds, getsizeof=weight)
        self._lock = Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)

    @property
    def bytes(self) -> int:
        """What its entries count for together."""
        with self._lock:
            return int(self._values.currsize)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return a value, or `default`."""
        with self._lock:
            return self._values.get(key, default)

    def put(self, key: Hashable, value: object) -> None:
        """Take a value in."""
        with self._lock:
            self._values[key] = value

    def drop(self, owner: str) -> int:
        """Forget all that is a session's; return how many entries that were."""
        with self._lock:
            gone = [key for key in self._values if key[0] == owner]
            for key in gone:
                self._values.pop(key, None)
            return len(gone)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def expire(self) -> None:
        """Forget what is brief and old."""
        with self._lock:
            if isinstance(self._values, TTLCache):
                self._values.expire()


#: What pages show; factors, which only measurements and files need again; and what is of no use after a while.
shown = Store(limits.SHOWN)
factors = Store(limits.FACTORS)
brief = Store(limits.BRIEF, limits.BRIEF_SECONDS)
STORES = (shown, factors, brief)

_shared: set[str] = set()


def share(digest: str) -> None:
    """Let everybody have what comes from these bytes: they are a sample's."""
    _shared.add(digest)


def is_shared(digest: str) -> bool:
    """Whether these bytes are a sample's."""
    return digest in _shared


def owner(digest: str) -> str:
    """Return whose entries are those of a picture, for the session that asks."""
    return _EVERYBODY if digest in _shared else session.current()


_MISSING = object()


def remembered(
    *, queued: Callable[[str, bytes], bool], within: Store = shown
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Remember what a function of (digest, options..., data) returns; only the digest and the options are the key.

    Parameters
    ----------
    queued : callable
        Digest, data -> whether it is heavy work, which takes its turn in the line.
    within : Store
        What it counts against.
    """

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{make.__module__}.{make.__qualname__}"

        @wraps(make)
        def found(digest: str, *rest: Any, watch: work.Watch = notice.show) -> Any:
            *options, data = rest
            key = (owner(digest), name, digest, *options)
            value = within.get(key, _MISSING)
            if value is not _MISSING:
                return value

            def compute() -> Any:
                made = make(digest, *options, data)
                within.put(key, made)
                return made

            try:
                return work.line.do(key, compute, queued=queued(digest, data), watch=watch)
            finally:
                notice.clear()

        found.is_known = lambda digest, *options: (
            within.get((owner(digest), name, digest, *options), _MISSING) is not _MISSING
        )
        return found

    return decorate
