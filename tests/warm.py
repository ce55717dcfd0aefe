"""The command as a fork of a process that has imported it already: a run without the time that imports take.

What runs is ``python -m crawler`` from its first line on, in a process of its own with its own arguments,
environment, folder, streams and exit code. It differs from a cold start only in what is imported already. So
tests that hurt a command, measure it or ask how it starts do not come here; ``tests/test_jobs.py`` and
``tests/cli/test_warm.py`` start each job type and each command cold; and ``pytest --cold`` keeps all away.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

LARGEST = 1 << 20  # bytes of a request
_READ_AT_START = ("PYTHON", "SSL_")  # variables that count while Python starts and OpenSSL is imported


class Warm:
    """``with Warm() as warm: warm.run(["check", "a.yaml"], cwd=…, env=…)``; one command at a time."""

    def __enter__(self) -> Self:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # -P: what is imported is what ``python -m crawler`` finds from any folder.
        command = [sys.executable, "-P", __file__]
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._process.wait(10)

    @property
    def pid(self) -> int:
        """Of the process whose children the commands are."""
        return self._process.pid

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether Python, started in this environment, would be as it is here."""
        return _read_at_start(env) == _read_at_start(os.environ)

    def run(
        self, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with nothing on stdin. Raises ``subprocess.TimeoutExpired``."""
        request = json.dumps({"args": args, "cwd": str(cwd), "env": dict(env)}).encode()
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told, open(os.devnull) as nothing:
            streams = [each.fileno() for each in (nothing, said, told)]
            self._control.settimeout(None)
            socket.send_fds(self._control, [request], streams)
            pid = int(self._control.recv(LARGEST))
            try:
                self._control.settimeout(timeout)
                code = int(self._control.recv(LARGEST))
            except BaseException as error:  # also what ends a test: the next one's answer must not be this
                os.kill(pid, signal.SIGKILL)
                self._control.settimeout(None)
                self._control.recv(LARGEST)
                if not isinstance(error, TimeoutError):
                    raise
                raise subprocess.TimeoutExpired(list(args), timeout, _text(said), _text(told)) from None
            return subprocess.CompletedProcess(list(args), code, _text(said), _text(told))


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def main() -> None:
    """Import all there is, and fork once for each request that comes on stdin."""
    # The command sets it before its first import; here those are done by then.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    crawler = importlib.import_module("crawler")
    for module in pkgutil.walk_packages(crawler.__path__, "crawler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # a collection in a fork shall not touch, and so copy, what all share
    _become(*_forked(socket.socket(fileno=os.dup(0))))


def _forked(control: socket.socket) -> tuple[bytes, list[int]]:
    """A request and its streams. Only forks return from here; without further requests the process ends."""
    while True:
        request, streams, _, _ = socket.recv_fds(control, LARGEST, 3)
        if not request:
            sys.exit()
        if not (pid := os.fork()):
            control.close()
            return request, streams
        for stream in streams:
            os.close(stream)
        control.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: bytes, streams: list[int]) -> None:
    """Be ``python -m crawler``."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    wanted = json.loads(request)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    time.tzset()
    sys.path.insert(0, wanted["cwd"])
    sys.argv = ["crawler", *wanted["args"]]
    runpy.run_module("crawler", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
