"""How long switches' packet threads could have run and were not let: the kernel's own figures (schedstat).

This module knows processes and threads. It does not know what they are late for. A hypervisor that takes
the processor away from the whole machine does not show here.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Lateness"]

_EVERY_S = 0.1
_WORTH_NOTING_MS = 5.0
_THREADS = ("p4fabric", "engine")
"""How the names of threads that move packets begin."""


class Lateness:
    """Watches until it is closed."""

    def __init__(self, processes: Mapping[str, int | None]) -> None:
        """Begin.

        Args:
            processes: by the names that the result is to have.
        """
        self._paths = {
            name: task / "schedstat"
            for name, process in processes.items()
            for task in Path(f"/proc/{process}/task").iterdir()
            if (task / "comm").read_text().startswith(_THREADS) and task.name != str(process)
        }
        self._seen: list[tuple[float, str, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        before: dict[str, int] = {}
        while not self._stop.wait(_EVERY_S):
            for name, path in self._paths.items():
                with contextlib.suppress(OSError):
                    waited = int(path.read_text().split()[1])
                    late_ms = (waited - before.get(name, waited)) / 1e6
                    before[name] = waited
                    if late_ms >= _WORTH_NOTING_MS:
                        self._seen.append((time.monotonic(), name, round(late_ms, 1)))

    def close(self) -> list[tuple[float, str, float]]:
        """End; gives when who had waited how many milliseconds since the look before."""
        self._stop.set()
        self._thread.join()
        return self._seen
