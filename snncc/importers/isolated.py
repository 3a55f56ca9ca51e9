"""
Runs work on an untrusted file in a process of its own, with limits on time and memory.

The HDF5 library believes what a file says of itself: of some thousand mutants of a small
file a few end in a crash of the library or in an endless loop. The child is a fork, so it
starts in milliseconds; what it finds comes back as bytes through a pipe.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterable
from math import ceil

CHUNK = 1 << 20

PATIENCE = 4
"""The clock may run this much longer than the processor works: the machine may be busy."""


class IsolationFailure(Exception):
    """The child crashed, took too long, or ran out of memory; the text says which."""


Part = bytes | memoryview


def run_isolated(
    work: Callable[[], Iterable[Part]], *, seconds: float, memory: int
) -> bytes | bytearray:
    """
    The parts that `work` gives, joined; it must not raise. Raises IsolationFailure.

    `seconds` bounds the processor's time, and PATIENCE times that the clock's; `memory`, in
    bytes, what the child may take beyond what this process has. Where the system cannot
    fork, `work` runs here.
    """
    if not hasattr(os, "fork"):
        return b"".join(work())
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # of Python 3.12, where a process has threads: the child takes none of their locks
        # but h5py's, which h5py holds over a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reader)
        _child(work, writer, seconds, memory)
    os.close(writer)
    data = None
    try:
        data = _receive(reader, time.monotonic() + PATIENCE * seconds)
    finally:
        os.close(reader)
        if data is None:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    if data is None or late:
        raise IsolationFailure(f"reading it takes more than {seconds:.0f} s")
    if status != 0:
        raise IsolationFailure(
            "it needs more memory than the limit"
            if os.WIFEXITED(status)
            else "it brings the library that reads it down"
        )
    return data


def _child(work: Callable[[], Iterable[Part]], writer: int, seconds: float, memory: int) -> None:
    """Never returns: whatever happens ends in the child's exit."""
    code = 1
    try:
        _limit(seconds, memory)
        for part in work():
            view = memoryview(part).cast("B")
            while view:
                view = view[os.write(writer, view[:CHUNK]) :]
        code = 0
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def _limit(seconds: float, memory: int) -> None:
    """Limits that the system keeps, and no core file of a crash."""
    import resource

    faulthandler.disable()  # a crash is reported by the parent
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, ceil(seconds))
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, used + memory)


def _lower(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit, hard))


def _receive(reader: int, deadline: float) -> bytearray | None:
    """Everything from the pipe until it is closed; None when the time is over."""
    data = bytearray()
    waiting = select.poll()  # select takes no descriptors from 1024 on
    waiting.register(reader, select.POLLIN | select.POLLHUP)
    while waiting.poll(max(deadline - time.monotonic(), 0) * 1000):
        part = os.read(reader, CHUNK)
        if not part:
            return data
        data += part
    return None
