"""Where a request comes from, when proxies stand in between: only those that are trusted are believed."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from onebucket.http.request import Scope

_X_FORWARDED_FOR = b"x-forwarded-for"
_REMEMBERED = 4096


class TrustedProxies:
    """The proxies that are trusted, by address or network, and the one header in which they say who asked them.

    `header` is `x-forwarded-for`, `forwarded` or `off`: the others may come from the caller, and are not looked at.
    """

    def __init__(self, trusted: Iterable[str], header: str = "x-forwarded-for") -> None:
        self._networks = tuple(ip_network(each, strict=False) for each in trusted) if header in _READ else ()
        self._trusts = lru_cache(_REMEMBERED)(self._is_trusted)
        self._header = header.encode()
        self._read = _READ.get(header, _listed)

    def resolve_client(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Put the caller's address in the place of a trusted proxy's; whether there was one."""
        peer = scope.get("client")
        if not self._networks or not peer or not self._trusts(peer[0]):
            return False
        scope["client"] = (self.client_address(peer[0], headers), peer[1])
        return True

    def client_address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """Who asked the outermost trusted proxy: the last address in its header that isn't trusted.

        Whoever is not trusted may write into it what they like: what stands left of their address is not looked at.
        """
        if not self._trusts(peer):
            return peer
        return self._address_behind_proxies(peer, self._read(headers.get(self._header, b"")))

    def is_unlisted_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a proxy seems to stand close by that nobody has named: then all who come through it are one."""
        peer = scope.get("client")
        if _X_FORWARDED_FOR not in headers or not peer:
            return False
        address = _address(peer[0])
        return address is not None and ip_address(address).is_private

    def _address_behind_proxies(self, peer: str, chain: list[str]) -> str:
        seen = peer
        for each in reversed(chain):
            address = _address(each)
            if address is None:
                return seen
            seen = address
            if not self._trusts(address):
                break
        return seen

    def _is_trusted(self, address: str) -> bool:
        read = _address(address)
        return read is not None and any(ip_address(read) in network for network in self._networks)


def _listed(value: bytes) -> list[str]:
    return value.decode("latin-1").split(",") if value.strip() else []


def _forwarded(value: bytes) -> list[str]:
    """What `for` says in each element of a Forwarded header (RFC 7239); nothing where it doesn't say."""
    chain = []
    for element in _listed(value):
        pairs = (pair.strip().partition("=") for pair in element.split(";"))
        named = [given for name, _, given in pairs if name.lower() == "for"]
        chain.append(named[-1] if named else "")
    return chain


# How each header that may count is read.
_READ: Mapping[str, Callable[[bytes], list[str]]] = {"x-forwarded-for": _listed, "forwarded": _forwarded}


@lru_cache(_REMEMBERED)
def _address(text: str) -> str | None:
    """An address as proxies write it, perhaps with quotes, brackets and a port; None for what is none.

    >>> _address('"[2001:db8::1]:4711"'), _address("192.0.2.1:80"), _address("::ffff:192.0.2.1"), _address("unknown")
    ('2001:db8::1', '192.0.2.1', '192.0.2.1', None)
    """
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        read = ip_address(bare)
    except ValueError:
        return None
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(read)
