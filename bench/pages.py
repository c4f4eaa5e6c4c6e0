"""Pages of a real organisation, 407 groups by 202 repositories; `python -m bench.pages` runs this part alone."""

import http.client
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from bench import running, searches
from bench.report import row
from bench.running import Missing
from onebucket import hashing
from onebucket.actions import accounts, groups, repositories, reviews, teams
from onebucket.actions.reviews import ReviewDetails, ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.store import schema
from onebucket.store.connect import connect

NAME = "kubernetes-sigs"
FILES = Path(__file__).parents[2] / "shared" / "data" / "kubernetes-org" / NAME
PASSWORD = "a password for measuring"
TIMES = 30

HERE = f"/accounts/{NAME}"
MATRIX = f"{HERE}/privileges"
LEVELS = f"/2.0/workspaces/{NAME}/permissions/repositories?pagelen=100"
# What is measured in processor time of the server alone.
ALONE = {
    "a person": f"{HERE}/people/person-1",
    "a repository": f"{HERE}/repositories/kro",
    "the dashboard": "/",
    "access changes of 30 days": f"{HERE}/changes",
    "access changes of one person": f"{HERE}/changes?person=person-1",
}
OTHERS = (
    "/me",
    HERE,
    f"{HERE}/groups/members",
    f"{HERE}/groups/members/delete",
    f"{HERE}/projects",
    f"{HERE}/projects/PROJ",
    f"{HERE}/repositories",
    f"{HERE}/repositories/kro",
    f"{HERE}/people",
    f"{HERE}/people?find=ben",
    f"{HERE}/ask",
    f"{HERE}/ask?person=person-1",
    f"{HERE}/ask?repository=kro&level=read",
    f"{HERE}/invitations",
    f"{HERE}/journal",
    f"{HERE}/settings",
    "/site",
    "/site/journal",
    "/docs",
)


def make(folder: Path) -> str:
    """Create a database with the real (or a generated) organisation and alice as site admin; return its path."""
    path = folder / "pages.db"
    opened = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(opened)
    if FILES.is_dir():
        command = ["import", "peribolos", str(FILES), "--database", f"sqlite:///{path}"]
        subprocess.run([sys.executable, "-m", "onebucket", *command], check=True, capture_output=True)
    with opened.writing() as tx:
        work = common.work(tx)
        hash = hashing.password_hash(PASSWORD)
        accounts.add_user(work, "alice", email="alice@example.com", password_hash=hash, site_admin=True)
        if not FILES.is_dir():
            _make_up(work)
        accounts.add_user(work, "person-1", email=None)
        groups.add_member(work, NAME, "members", "person-1")
    opened.close()
    return str(path)


def _make_up(work: UnitOfWork) -> None:
    """Generate as many groups, people and repositories as the real organisation has."""
    teams.add(work, NAME, administrator="alice")
    for name in ("members", *(f"group {number}" for number in range(404))):
        groups.create(work, NAME, name=name)
    for number in range(1143):
        accounts.add_user(work, f"somebody-{number}", email=None)
        groups.add_member(work, NAME, "members", f"somebody-{number}")
    for slug in ("kro", *(f"repository-{number}" for number in range(201))):
        repositories.add(work, NAME, slug)


def _review(url: str) -> ReviewDetails:
    """Start a review of the whole organisation."""
    opened = connect(url)
    with opened.writing() as tx:
        work = common.work(tx)
        started = reviews.start(work, NAME, ReviewPlan(work.at + timedelta(days=9), people=["alice"]))
    opened.close()
    return started


def signed_in(at: int) -> dict[str, str]:
    """Sign alice in with a password; return the session cookie as a header."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    [token] = re.findall(r'name="form_token" value="([^"]+)"', answer.read().decode())
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    typed = urlencode({"form_token": token, "login": "alice", "password": PASSWORD})
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", typed, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    found = [each for each in answer.headers.get_all("Set-Cookie") or [] if each.startswith("onebucket_session=")]
    if not found:
        raise Missing(f"alice could not sign in: {answer.status}")
    return {"Cookie": found[0].partition(";")[0]}


def _levels(at: int, page: int) -> float:
    """Measure a page of effective permissions, in ms; never from the cache, because each address is another."""
    asks = [("GET", f"{LEVELS}&page={page}&limit={n}") for n in range(TIMES)]
    return statistics.median(running.milliseconds(at, asks, running.basic("alice", PASSWORD), times=1))


def measure(folder: Path) -> None:
    """Measure the permission matrix, the slowest of the other pages, and search among many people."""
    url, at = f"sqlite:///{make(folder)}", running.port()
    review = _review(url)
    with running.started("onebucket", "serve", "--port", str(at), "--database", url, at=at) as (process, _):
        cookie = signed_in(at)
        parts = (MATRIX, f"{MATRIX}?row=400&column=200", f"{MATRIX}?groups=admins&repositories=api")
        taken = running.milliseconds(at, [("GET", each) for each in parts], cookie, TIMES)
        row(f"the matrix: {taken[0]:.1f} ms; its end {taken[1]:.1f} ms; found in it {taken[2]:.1f} ms",
            f"{max(taken):.0f} ms", "≤ 150 ms")  # fmt: skip
        levels = [_levels(at, page) for page in (1, 2000)]
        others = running.milliseconds(at, [("GET", each) for each in OTHERS], cookie, TIMES)
        alone = {name: running.processor_ms(at, process.pid, each, cookie, TIMES) for name, each in ALONE.items()}
        its_page = f"{HERE}/reviews/{review.review.id}"
        of_review = running.processor_ms(at, process.pid, its_page, cookie, TIMES)
    row(f"a page of 100 of everybody's effective permissions: {levels[0]:.1f} ms; page 2,000: {levels[1]:.1f} ms",
        f"{max(levels):.0f} ms", "≤ 50 ms")  # fmt: skip
    slowest = sorted(zip(others, OTHERS, strict=True), reverse=True)
    told = "; ".join(f"`{each}` {ms:.1f} ms" for ms, each in slowest[:4])
    row(f"{len(OTHERS)} other pages, the slowest: {told}", f"{slowest[0][0]:.0f} ms", "≤ 50 ms")
    for name, ms in alone.items():
        row(f"{name}: the server's processor time", f"{ms:.1f} ms", "≤ 50 ms")
    row(f"a review of {len(review.rows):,} rows: the server's processor time", f"{of_review:.1f} ms", "≤ 200 ms")
    searches.measure(folder, PASSWORD, signed_in)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="onebucket-bench-") as beside:
        measure(Path(beside))
