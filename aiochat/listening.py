"""The address the site listens on: taken before anything is started, so that a taken one is told at once."""

from __future__ import annotations

import errno
import socket
import time

from aiochat.trouble import Trouble

OLD_WORKERS_END = 3.0
LOOK_AGAIN = 0.1


class CannotListen(Trouble):
    """The address cannot be had."""


def take(host: str, port: int) -> socket.socket:
    """A socket bound to the address, for one process. Raises `CannotListen`."""
    return _bound(host, port, shared=False)


def take_shared(host: str, port: int) -> socket.socket:
    """A socket bound to an address that processes of this user may share. Raises `CannotListen`.

    Sharing is only allowed where nobody listens yet: two sites would otherwise take turns on one port.
    """
    until = time.monotonic() + OLD_WORKERS_END
    while True:
        try:
            with _bound(host, port, shared=False) as alone:
                port = alone.getsockname()[1]
            return _bound(host, port, shared=True)
        except CannotListen:
            # Workers whose parent was killed a moment ago may still be on their way out.
            if time.monotonic() > until:
                raise
            time.sleep(LOOK_AGAIN)


def join_shared(host: str, port: int) -> socket.socket:
    """One more socket on a shared address. Raises `CannotListen`."""
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CannotListen(
            f"There is no address {host}: set AIOCHAT_HOST to one of this machine's."
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise CannotListen(_why(error, host, port)) from error
    return listener


def _why(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is taken: stop what uses it, or choose another with AIOCHAT_PORT or --port."
        case errno.EACCES:
            return f"Port {port} is not for this user: choose one above 1023 with AIOCHAT_PORT or --port."
        case errno.EADDRNOTAVAIL:
            return f"This machine has no address {host}: set AIOCHAT_HOST to one it has."
        case _:
            return f"Nobody can listen on {host}, port {port}: {error.strerror}."
