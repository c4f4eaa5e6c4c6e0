"""Whether a host is this machine itself, where HTTP needs no TLS."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether requests to a host stay on this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "127.0.0.1.example.com")]
    [True, True, True, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
