"""Resolve the address of the client behind trusted proxies (`X-Forwarded-For` or `Forwarded`)."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from onebucket.http.request import Scope

_X_FORWARDED_FOR = b"x-forwarded-for"
_CACHE_SIZE = 4096


class TrustedProxies:
    """The trusted proxies, by address or network, and the one header in which they name the client.

    `header` is `x-forwarded-for`, `forwarded` or `off`. The other headers are ignored: a client could have sent them.
    """

    def __init__(self, trusted: Iterable[str], header: str = "x-forwarded-for") -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in trusted) if header in _PARSERS else ()
        self._is_trusted_cached = lru_cache(_CACHE_SIZE)(self._is_trusted)
        self._header = header.encode()
        self._parse_header = _PARSERS.get(header, _parse_x_forwarded_for)

    def resolve_client(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Replace a trusted proxy's address in `scope` by the client's; return whether the peer is a trusted proxy."""
        peer = scope.get("client")
        if not self._networks or not peer or not self._is_trusted_cached(peer[0]):
            return False
        scope["client"] = (self.client_address(peer[0], headers), peer[1])
        return True

    def client_address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """The client of the outermost trusted proxy: the last address in the header that isn't a trusted proxy.

        Everything left of that address is ignored: an untrusted client may have written it.
        """
        if not self._is_trusted_cached(peer):
            return peer
        return self._address_behind_proxies(peer, self._parse_header(headers.get(self._header, b"")))

    def is_unlisted_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the peer looks like a proxy that isn't configured: all its clients would share one address."""
        peer = scope.get("client")
        if _X_FORWARDED_FOR not in headers or not peer:
            return False
        address = _address(peer[0])
        return address is not None and ip_address(address).is_private

    def _address_behind_proxies(self, peer: str, chain: list[str]) -> str:
        client = peer
        for entry in reversed(chain):
            address = _address(entry)
            if address is None:
                return client
            client = address
            if not self._is_trusted_cached(address):
                break
        return client

    def _is_trusted(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(ip_address(parsed) in network for network in self._networks)


def _parse_x_forwarded_for(value: bytes) -> list[str]:
    return value.decode("latin-1").split(",") if value.strip() else []


def _parse_forwarded(value: bytes) -> list[str]:
    """The `for` parameter of each element of a Forwarded header (RFC 7239); empty text where there is none."""
    chain = []
    for element in _parse_x_forwarded_for(value):
        pairs = (pair.strip().partition("=") for pair in element.split(";"))
        values = [value for name, _, value in pairs if name.lower() == "for"]
        chain.append(values[-1] if values else "")
    return chain


_PARSERS: Mapping[str, Callable[[bytes], list[str]]] = {
    "x-forwarded-for": _parse_x_forwarded_for,
    "forwarded": _parse_forwarded,
}


@lru_cache(_CACHE_SIZE)
def _address(text: str) -> str | None:
    """Parse an address as proxies write it, perhaps with quotes, brackets and a port; None when it is invalid.

    >>> _address('"[2001:db8::1]:4711"'), _address("192.0.2.1:80"), _address("::ffff:192.0.2.1"), _address("unknown")
    ('2001:db8::1', '192.0.2.1', '192.0.2.1', None)
    """
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ip_address(bare)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
