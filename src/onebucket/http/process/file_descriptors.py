"""The limit of file descriptors, and the number of connections that it allows."""

import resource

from onebucket import bounds


def limit() -> int:
    """Return how many descriptors this process may have after `raise_limit`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return bounds.MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, bounds.MOST_DESCRIPTORS)


def raise_limit() -> int:
    """Raise the soft limit of this process as far as the system allows, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = limit()
    if soft == resource.RLIM_INFINITY or soft >= target:
        return target
    resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return target


def max_connections(descriptors: int) -> int:
    """Return how many connections may be open at once; the rest of the descriptors is for databases, logs and files.

    >>> max_connections(20_000), max_connections(256)
    (19744, 128)
    """
    return max(descriptors - bounds.OWN_DESCRIPTORS, descriptors // 2)
