"""Starts hosts' tasks when their time has come, and ends them."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from p4fabric.net.model import Task

PATIENCE = 1.0
"""Seconds between asking a task to end and killing it."""
Popen = Callable[..., "subprocess.Popen[bytes]"]


class Tasks:
    """The tasks of a network, from `start` to `close`. `add` takes more while it runs."""

    def __init__(self, log_folder: Path) -> None:
        self._folder = log_folder
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._running: dict[subprocess.Popen[bytes], IO[bytes]] = {}
        self._thread = threading.Thread(target=self._run, name="tasks", daemon=True)
        self._numbers: dict[str, int] = {}

    def start(self) -> None:
        """Let time run."""
        self._thread.start()

    def add(self, node: str, task: Task, popen: Popen, begun: float) -> Path:
        """Plan a task; its times count from `begun`, as time.monotonic has it. Returns its log."""
        number = self._numbers[node] = self._numbers.get(node, 0) + 1
        log = self._folder / f"{node}-task-{number}.log"
        self._at(begun + task.start_s, lambda: self._begin(task, popen, log, begun))
        return log

    def close(self) -> None:
        """End all tasks. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        for process in list(self._running):
            self._end(process)

    def _at(self, when: float, act: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._events, (when, next(self._order), act))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (not self._events or self._events[0][0] > time.monotonic()):
                    wait = self._events[0][0] - time.monotonic() if self._events else None
                    self._changed.wait(wait)
                if self._closing:
                    return
                _, _, act = heapq.heappop(self._events)
            act()

    def _begin(self, task: Task, popen: Popen, log: Path, begun: float) -> None:
        output = log.open("ab")
        process = popen(
            task_command(task.command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[process] = output
        if task.end_s is not None:
            self._at(begun + task.end_s, lambda: self._end(process))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        if (output := self._running.pop(process, None)) is not None:
            output.close()


def task_command(command: str) -> str:
    """What a shell runs; p4-utils' own traffic functions are ours."""
    first, _, rest = command.partition(" ")
    if first == "p4fabric-traffic":
        return f"exec {shlex.quote(sys.executable)} -m p4fabric.net.traffic {rest}"
    return command


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # A task leads a session of its own: what its shell has started ends with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
