"""Do the newest of what was asked for; whatever was asked in the meantime is forgotten."""

import threading
from collections.abc import Callable


class Latest:
    """Calls `work()` whenever asked, one at a time; what is asked while it works becomes one call.

    Widget callbacks may come in any thread. `work` reads the newest values itself, so a slow
    drawing never makes a queue.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._asked = False
        self._busy = False

    def __call__(self, *_: object) -> None:
        with self._lock:
            self._asked = True
            if self._busy:
                return
            self._busy = True
        while self._take():
            try:
                self._work()
            except BaseException:
                with self._lock:
                    self._busy = False
                raise

    def _take(self) -> bool:
        with self._lock:
            asked, self._asked = self._asked, False
            self._busy = asked
            return asked
