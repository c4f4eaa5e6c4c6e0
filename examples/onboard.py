"""A small tool as people have them: it lets somebody into a group of a workspace, or invites them.

python onboard.py bob developers                     # $BITBUCKET_USER and $BITBUCKET_PASSWORD say who asks
onebucket run --demo -- python examples/onboard.py   # in a made-up company
"""

import os
import sys
import time

import requests

BASE = "https://api.bitbucket.org/1.0"


class Frozen(Exception):
    """The workspace is managed elsewhere: its groups can't be changed by this API any more."""


def onboard(
    who: str, group: str, *, workspace: str = "acme", base_url: str = BASE, auth: tuple[str, str] | None = None
) -> str:
    """Add a user to a group, or invite an e-mail address to it; return what was done."""
    if "@" in who:
        path = f"/users/{workspace}/invitations/{who}/{workspace}/{group}"
        _send("PUT", base_url + path, auth)
        return f"invited {who} to {group}"
    answer = _send("PUT", f"{base_url}/groups/{workspace}/{group}/members/{who}", auth, json={})
    return f"{who} was in {group} already" if answer.status_code == 409 else f"added {who} to {group}"


def _send(method: str, url: str, auth: tuple[str, str] | None, **how: object) -> requests.Response:
    """Send a request; wait when the server says so, and try again after an error of its own."""
    for attempt in range(4):
        answer = requests.request(method, url, auth=auth, timeout=30, **how)  # type: ignore[arg-type]
        if answer.status_code == 429:
            time.sleep(min(float(answer.headers.get("Retry-After", 1)), 60))
        elif answer.status_code >= 500:
            time.sleep(0.1 * 2**attempt)
        else:
            break
    if answer.status_code == 405:
        raise Frozen(answer.text)
    if answer.status_code != 409:
        answer.raise_for_status()
    return answer


if __name__ == "__main__":
    # By default alice of the demo's company asks, and lets dave design.
    login = os.environ.get("BITBUCKET_USER", "alice"), os.environ.get("BITBUCKET_PASSWORD", "wonderland")
    print(onboard(*(sys.argv[1:] or ("dave", "designers")), auth=login))  # noqa: T201
