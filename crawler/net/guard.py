"""Which addresses a request may connect to, decided on the address itself and never on a name.

A check of the socket's address covers every notation of an IP literal, DNS names, and names whose
answer changes between check and use (DNS rebinding).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from enum import Enum

from crawler.policy import urls

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Ranges of IANA's special-purpose registries that older Pythons call global.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "fec0::/10"),
    )
)
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 §2.5.5.1, deprecated


class Reach(Enum):
    """How far a request may connect."""

    ANYWHERE = "anywhere"
    LOOPBACK = "public addresses and this machine"
    PUBLIC = "public addresses"


class AddressRefused(OSError):
    """Raised in place of a socket; an ``OSError`` so that other addresses of the name are still tried."""


class Checked:
    """The addresses that one request tried, and which of them were refused.

    ``starved``: for one of them the system had no descriptor left.
    """

    __slots__ = ("allowed", "reach", "refused", "starved")

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.allowed = 0
        self.refused: list[str] = []
        self.starved = False

    def permits(self, address: str) -> bool:
        """Whether the rule lets us connect to this address; remembers the answer."""
        if permits(self.reach, address):
            self.allowed += 1
            return True
        self.refused.append(address)
        return False

    @property
    def all_refused(self) -> bool:
        """Whether every address that was tried was refused."""
        return bool(self.refused) and not self.allowed


def permits(reach: Reach, address: str) -> bool:
    """Whether ``address`` (as in a socket address) lies within ``reach``."""
    if reach is Reach.ANYWHERE:
        return True
    inner = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if reach is Reach.LOOPBACK and inner.is_loopback:
        return True
    return not _is_private(inner)


def is_private(address: str) -> bool:
    """Whether the address is no place on the public internet: private, link-local, loopback, multicast…"""
    return _is_private(_unwrapped(ipaddress.ip_address(address.partition("%")[0])))


def _is_private(address: Address) -> bool:
    return (
        not address.is_global
        or address.is_multicast
        or any(address.version == network.version and address in network for network in _SPECIAL)
    )


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that is only its wrapping."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if inner := address.ipv4_mapped or address.sixtofour:
        return inner
    # :: and ::1 lie in the compatible range too, but are IPv6's own.
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def reach_of(
    *, allow_private: bool | None, asked: str, target: str, redirected: bool, trusted: frozenset[str]
) -> Reach:
    """How far a request for ``target`` may connect, when the manifest asked for ``asked`` (bare hosts)."""
    if allow_private is False:
        return Reach.PUBLIC
    if allow_private or not redirected or target == asked or target in trusted:
        return Reach.ANYWHERE
    return Reach.LOOPBACK if names_loopback(asked) else Reach.PUBLIC


def names_loopback(host: str) -> bool:
    """Whether a bare host is this machine by its spelling alone (RFC 6761 §6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return _unwrapped(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return False


def refused_by_spelling(reach: Reach, url: str) -> bool:
    """Whether the URL's host is itself an address outside ``reach``, for when a proxy connects for us."""
    host = urls.host(url)
    if reach is Reach.ANYWHERE:
        return False
    if names_loopback(host):
        return reach is Reach.PUBLIC
    try:
        return not permits(reach, host)
    except ValueError:
        return False


def guarded_socket(
    info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]],
    checked: Checked,
) -> socket.socket:
    """The socket for an address; raises ``AddressRefused`` before anything is sent to a refused one."""
    family, kind, protocol, _, address = info
    host = str(address[0])
    if not checked.permits(host):
        raise AddressRefused(f"{host} is not among {checked.reach.value}")
    try:
        return socket.socket(family, kind, protocol)
    except OSError as error:
        checked.starved = checked.starved or error.errno in _NO_DESCRIPTORS
        raise
