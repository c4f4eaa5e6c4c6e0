"""File descriptors: how many this process may have, and how many connections that makes."""

import resource

from onebucket import bounds


def limit() -> int:
    """How many descriptors this process may have once it has asked for more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return bounds.MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, bounds.MOST_DESCRIPTORS)


def raise_limit() -> int:
    """Let this process have as many as the system allows; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limit()
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def max_connections(descriptors: int) -> int:
    """How many connections there may be at once with so many descriptors.

    >>> max_connections(20_000), max_connections(256)
    (19744, 128)
    """
    return max(descriptors - bounds.OWN_DESCRIPTORS, descriptors // 2)
