"""Several processes of one server: started, replaced when they die, ended together."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

log = logging.getLogger("shortlist.server")

RESTART_DELAY = 1.0  # seconds before a worker that died is replaced
TERMINATION_TIMEOUT = 15.0  # seconds that workers have to end


def supervise(make: Callable[[], BaseProcess], count: int) -> None:
    """Keep ``count`` processes of ``make`` alive until SIGINT or SIGTERM, then end them gracefully."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    workers = [_started(make) for _ in range(count)]
    while not stop.wait(0.1):
        for index, worker in enumerate(workers):
            if not worker.is_alive():
                log.error("worker %s ended with status %s; starting another", worker.pid, worker.exitcode)
                if not stop.wait(RESTART_DELAY):
                    workers[index] = _started(make)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(TERMINATION_TIMEOUT)
        worker.kill()


def end_with(parent: int) -> None:
    """Make this process end gracefully when its parent, the process ``parent``, is gone, however that died."""

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="follow-parent", daemon=True).start()


def _started(make: Callable[[], BaseProcess]) -> BaseProcess:
    worker = make()
    worker.start()
    return worker
