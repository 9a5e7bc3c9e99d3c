# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A port that connects (client=1): what can be at its path, and beside it."""

import os
import socket
import struct
import time
from pathlib import Path

import pytest

from lab.attack import VhostPorts
from lab.flood import check_flood
from lab.frontend import FrontEnd


def _files(folder):
    """Changes where a path is waited for that does not exist."""
    names = [str(folder / "a"), str(folder / "b")]
    Path(names[0]).touch()
    while True:
        for _ in range(100):
            os.rename(*names)
            os.rename(*names[::-1])
        yield


@pytest.fixture
def client(lab):
    """The attacked port connects to `path_of_server`, which does not exist yet."""
    (lab.tmp / "folder").mkdir()
    path = lab.tmp / "folder" / "s"
    new = VhostPorts(lab, others=["net_null0", f"eth_virtq2,iface={path},client=1"])
    new.path_of_server = path
    return new


def _listen(path, backlog=8):
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(10)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def serves(client, listener):
    """The port connects, and forwards."""
    with FrontEnd(sock=listener.accept()[0]) as front:
        front.up()
        client.forwards(front)


def test_files_beside_a_path_that_is_waited_for(client):
    """However many come and go there; the one that is waited for is found."""
    check_flood(client, _files(client.path_of_server.parent))
    with _listen(client.path_of_server) as listener:
        serves(client, listener)
    client.check()


def test_a_listener_that_closes_at_once(client):
    """The port tries again, not more than twenty times a second."""
    with _listen(client.path_of_server) as listener:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 2:
            listener.accept()[0].close()
            count += 1
        assert 2 <= count <= 45
        serves(client, listener)
    assert client.said("eth_virtq2") < 60
    client.check()


def test_a_listener_that_never_accepts(client):
    """Nobody waits for it; when it does accept, the port is served."""
    with _listen(client.path_of_server, backlog=0) as listener:
        others = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for other in others:
            other.setblocking(False)
            try:
                other.connect(str(client.path_of_server))
            except BlockingIOError:
                pass
        for _ in range(10):
            client.check()
        for other in others:
            other.close()
        with pytest.raises(ConnectionError):
            while True:
                # Those that have left, and then the port.
                sock = listener.accept()[0]
                sock.settimeout(0.3)
                with FrontEnd(sock=sock) as front:
                    front.sock.settimeout(2)
                    try:
                        front.up()
                    except (OSError, TypeError, struct.error):
                        continue
                    client.forwards(front)
                    raise ConnectionError("served")
    client.check()


@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "loop", "link", "fifo"])
def test_what_else_can_be_at_the_path(client, kind):
    """Nobody is harmed; and a listener that replaces it is found."""
    path, real = client.path_of_server, client.lab.tmp / "real"
    {"file": path.touch, "folder": path.mkdir, "fifo": lambda: os.mkfifo(path),
     "dangling": lambda: path.symlink_to(real), "loop": lambda: path.symlink_to(path),
     "link": lambda: path.symlink_to(real)}[kind]()
    if kind == "link":
        with _listen(real) as listener:
            serves(client, listener)
        client.check()
        return
    client.check()
    if kind == "folder":
        path.rmdir()
    else:
        path.unlink()
    with _listen(path) as listener:
        serves(client, listener)
    client.check()
