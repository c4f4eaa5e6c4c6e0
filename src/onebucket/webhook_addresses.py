"""Where webhooks may be sent: URLs as they may be written, and addresses that are public or that the operator lists.

A name is checked twice: as it is written, and by every address that it resolves to at the moment of a delivery.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

LONGEST_URL = 2000

_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# IPv6 addresses that hold an IPv4 address, which a translator connects to.
_TRANSLATED = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class BadAddress(ValueError):
    """A webhook may not be sent there; the message is a sentence for whoever set it up."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL leads to: `host` is a name or an address in lower case, without brackets."""

    url: str
    is_secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class AllowedPlaces:
    """What the operator lists beside public addresses: networks, and names whose addresses may be any."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Check every address that a host has, because any may be connected to. Raises BadAddress."""
        if host.rstrip(".") in self.hosts:
            return
        for text in addresses:
            if not self._may_reach(address_of(text)):
                raise BadAddress(
                    f"{host} is at {text}, which is no public address; the setting webhook_allow can list it"
                )

    def _may_reach(self, address: Address) -> bool:
        if any(address.version == each.version and address in each for each in self.networks):
            return True
        return is_public(address)


def parse_allowed(words: Iterable[str]) -> AllowedPlaces:
    """Read a list of networks and host names. Raises ValueError."""
    networks, hosts = [], set()
    for word in words:
        try:
            networks.append(ip_network(word, strict=False))
        except ValueError:
            host = word.lower().rstrip(".")
            if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
                raise ValueError(f"{word!r} is neither a network nor a host") from None
            hosts.add(host)
    return AllowedPlaces(tuple(networks), frozenset(hosts))


def address_of(text: str) -> Address:
    """Return an address as what is connected to in the end: one that holds an IPv4 address counts as that.

    >>> address_of("::ffff:127.0.0.1"), address_of("64:ff9b::10.0.0.1"), address_of("fe80::1%eth0")
    (IPv4Address('127.0.0.1'), IPv4Address('10.0.0.1'), IPv6Address('fe80::1'))
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could have this address: no loopback, private, shared or link-local one.

    >>> [is_public(ip_address(each)) for each in ("8.8.8.8", "10.0.0.1", "100.64.0.1", "169.254.169.254", "2002::1")]
    [True, False, False, False, False]
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address):
        # 6to4 and Teredo hold an IPv4 address of somebody's choice.
        return not (address.is_site_local or address.sixtofour or address.teredo)
    return True


def parse_url(url: str, allowed: AllowedPlaces) -> Target:
    """Check the URL of a webhook as far as it tells by itself, without asking for a name's addresses.

    Raises BadAddress.
    """
    if len(url) > LONGEST_URL:
        raise BadAddress(f"the URL is longer than {LONGEST_URL} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise BadAddress("the URL must be ASCII without spaces and backslashes; a host of another script begins xn--")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadAddress("that is no URL") from None
    if parts.scheme not in ("http", "https"):
        raise BadAddress("the URL must begin with https:// or http://")
    if "@" in parts.netloc:
        raise BadAddress("the URL may not hold a user or a password: the signature tells who sends")
    if "#" in url:
        raise BadAddress("the URL may not have a fragment")
    if port == 0:
        raise BadAddress("the port must be 1 to 65535")
    target = Target(url, parts.scheme == "https", host.lower(), port or (443 if parts.scheme == "https" else 80))
    _check_host(target.host, allowed, is_literal="[" in parts.netloc)
    return target


def host_of(url: str) -> str:
    """Return the host of a URL that was checked."""
    return urlsplit(url).hostname or ""


def _check_host(host: str, allowed: AllowedPlaces, *, is_literal: bool) -> None:
    """Check a host as it is written. Raises BadAddress."""
    if is_literal:
        try:
            address = ip_address(host)
        except ValueError:
            raise BadAddress("that is no IPv6 address") from None
        allowed.check(host, [str(address)])
        return
    if not _HOST.fullmatch(host):
        raise BadAddress("the URL needs a host, such as hooks.example.com")
    name = host.rstrip(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # What ends in a number is an address to whoever resolves it, in forms such as 0177.0.0.1 and 2130706433.
        try:
            allowed.check(name, [str(IPv4Address(name))])
        except BadAddress:
            raise
        except ValueError:
            raise BadAddress("an address is four numbers from 0 to 255, such as 198.51.100.7") from None
    if name == "localhost" or name.endswith(".localhost"):
        allowed.check(name, ["127.0.0.1"])
