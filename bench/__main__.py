"""`./dev bench [--quick] [--write] [PART…]`: run benchmarks, print medians and ratios, write them into docs/."""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    directories,
    distance,
    doubles,
    figures,
    letters,
    limits,
    mirrors,
    pages,
    plans,
    plot,
    privileges,
    redirection,
    replicas,
    report,
    running,
    scale,
    sizes,
)
from bench.running import Missing

PARTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "figures": ("the figures to be reached, beside the ceilings, Kinto and PocketBase", figures.measure),
    "sizes": ("what the same costs in accounts of 100 to 100,000 members, groups and repositories", sizes.measure),
    "limits": ("what counting costs, and what guessing does to others", limits.measure),
    "privileges": ("long lists, many questions at once, setting one privilege among many", privileges.measure),
    "pages": ("the pages of a real organisation of 407 groups and 202 repositories", pages.measure),
    "plan": ("`tofu plan` on a real organisation, with OpenTofu and its calls alone", plans.measure),
    "mirrors": ("importing, comparing and following a real organisation at another server", mirrors.measure),
    "directories": (
        "bringing 10,000 people over SCIM, and looking people up among 100,000",
        directories.measure,
    ),
    "letters": ("what a mail server that hangs costs", letters.measure),
    "redirection": ("what `onebucket run` adds to a request", redirection.measure),
    "distance": ("what requests wait for when PostgreSQL is a millisecond away", distance.measure),
    "double": ("what tests wait for: start, resets, snapshots", doubles.measure),
}
# Parts that run only when they are named.
ON_REQUEST: dict[str, tuple[str, Callable[[Path], None]]] = {
    "scale": ("what ten million people would take, from what is counted and weighed here", scale.measure),
    "replicas": ("what positions cost, and reading on a replica beside reading on the primary", replicas.measure),
}
OPTIONS = {"--quick": "fewer and shorter runs", "--write": "put tables and plot into docs/"}


def usage() -> str:
    """Return the help text."""
    lines = [
        f"  {name:<12}{about}"
        for name, about in ({name: about for name, (about, _) in (PARTS | ON_REQUEST).items()} | OPTIONS).items()
    ]
    return "\n".join(("usage: ./dev bench [--quick] [--write] [PART…]", "", *lines))


def main(words: list[str]) -> None:
    """Run the named parts, or all of `PARTS`."""
    if {"-h", "--help"} & set(words):
        print(usage())
        return
    parts = [word for word in words if word not in OPTIONS] or list(PARTS)
    if set(parts) - set(PARTS | ON_REQUEST):
        sys.exit(usage())
    print(f"{report.machine()} Medians of {running.ROUNDS} runs in turn of {running.SECONDS} s "
          f"with {running.CONNECTIONS} connections.")  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(prefix="onebucket-bench-") as made:
            for part in parts:
                folder = Path(made) / part
                folder.mkdir()
                if part in PARTS:
                    report.begin(part)
                (PARTS | ON_REQUEST)[part][1](folder)
    except Missing as missing:
        sys.exit(f"bench: {missing}")
    if "--write" in words:
        report.write()
        plot.write()


if __name__ == "__main__":
    # Exit normally on SIGTERM, so that the servers it started are stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(sys.argv[1:])
