"""A throw-away nginx on a free loopback port, serving one folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """
worker_processes 1;
daemon off;
pid {home}/pid;
error_log {home}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
  log_format statuses "$status";
  access_log {access_log};
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{ listen {address}:{port} backlog=1024; root {root}; {locations} }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def nginx(
    root: Path,
    *,
    statuses: Path | None = None,
    address: str = "127.0.0.1",
    locations: str = "",
    connections: int = 1024,
) -> Iterator[str]:
    """Base URL of a running nginx. Raises FileNotFoundError where nginx is not installed.

    ``statuses`` is where it writes the status of each answer, one a line; ``address`` what it listens on,
    0.0.0.0 for every loopback alias; ``locations`` more of its configuration.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise FileNotFoundError("nginx is not installed")
    with tempfile.TemporaryDirectory() as home:
        # As root, nginx drops to another user, who must be able to look in.
        Path(home).chmod(0o755)
        port = free_port()
        config = Path(home, "nginx.conf")
        access_log = "off" if statuses is None else f"{statuses} statuses"
        config.write_text(
            CONFIG.format(
                home=home,
                port=port,
                root=root,
                access_log=access_log,
                address=address,
                locations=locations,
                connections=connections,
            )
        )
        command = [program, "-c", str(config), "-e", f"{home}/error.log"]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def wait_for(port: int) -> None:
    """Return once something listens there. Raises ``TimeoutError`` after 5 s."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port} after 5 s")
