"""Pictures of the pages, for the documentation and to look at: `python -m bench.screenshots [FOLDER]`.

Without a folder it replaces the pictures in `docs/`, and makes them small if pngquant is installed. With one, it puts
every main page there, wide and narrow, light and dark.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path
from shutil import which
from typing import NamedTuple

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench import pictured_mirror, running
from bench.running import Missing
from onebucket import hashing
from onebucket.actions import accounts, bulk_invitations, consumers, second_factors, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.domain.accounts import Actor
from onebucket.store import account_rows, schema
from onebucket.store.connect import connect

DOCS = Path(__file__).parents[1] / "docs"
WIDE, NARROW = 1280, 360
INVITATIONS = {
    "judy@example.net": ["designers", "night-crew"],
    "kim@example.net": ["developers"],
    "bob@example.com": ["auditors"],
}
PASSWORDS = {"alice": "wonderland", "bob": "bobthebuilder", "dave": "reddwarf", "root": "a password for pictures"}
# Each signs dave in once.
RECOVERY_CODES = [f"pict-ures-of-{number:04}" for number in range(10)]
PROVIDERS = """
[oidc.okta]
issuer = "https://example.okta.com"
client_id = "0oa1b2c3d4"
client_secret = "for pictures"
label = "Okta"
groups_claim = "groups"

[oidc.google]
issuer = "https://accounts.google.com"
client_id = "1.apps.googleusercontent.com"
client_secret = "for pictures"
label = "Google"
"""

ACME = "/accounts/acme"
MAIN = {
    "nobody": ("/", "/sign-in", "/passwords/forgotten", "/docs", "/docs/listGroups"),
    "alice": (
        ACME,
        f"{ACME}/groups/designers",
        f"{ACME}/groups/nowhere",
        f"{ACME}/groups/developers/members/bob/remove",
        f"{ACME}/groups/night-crew/delete",
        f"{ACME}/projects",
        f"{ACME}/projects/FLIGHT",
        f"{ACME}/projects/FLIGHT/delete",
        f"{ACME}/repositories",
        f"{ACME}/repositories/rocket",
        f"{ACME}/people",
        f"{ACME}/people/bob",
        f"{ACME}/people/bob/remove",
        f"{ACME}/mirrors",
        f"{ACME}/mirrors/cloud",
        f"{ACME}/mirrors/cloud/differences",
        f"{ACME}/privileges",
        f"{ACME}/invitations",
        f"{ACME}/consumers",
        f"{ACME}/journal",
        f"{ACME}/settings",
        f"{ACME}/ask",
        f"{ACME}/ask?person=erin&repository=rocket&level=write",
        f"{ACME}/ask?repository=rocket&level=read",
    ),
    "bob": (
        "/me",
        "/me/tokens",
        "/me/security",
        ACME,
        f"{ACME}/groups/designers",
        f"{ACME}/projects",
        f"{ACME}/projects/FLIGHT",
    ),
    "dave": ("/me/security",),
    "root": (
        "/site",
        "/site/people/dave",
        "/site/people/bob",
        "/site/people/bob/offboard",
        "/site/journal",
        "/site/letters",
        "/me",
    ),
}


class Picture(NamedTuple):
    """A picture of the documentation: who sees which page, and the size of the window in CSS pixels."""

    file: str
    who: str
    path: str
    width: int
    height: int
    scheme: str = "light"


PICTURES = (
    Picture("screenshots/ask.png", "alice", f"{ACME}/ask?person=erin&repository=rocket&level=write", 1080, 830),
    Picture("screenshots/delete.png", "alice", f"{ACME}/groups/night-crew/delete", 1080, 700),
    Picture("screenshots/invitations-phone.png", "alice", f"{ACME}/invitations", NARROW, 1100),
    Picture("screenshots/give.png", "alice", f"{ACME}/give?person=bob", 1080, 760),
    Picture("screenshots/home.png", "alice", "/", 1080, 900),
    Picture("screenshots/journal.png", "alice", f"{ACME}/journal", 1080, 760, "dark"),
    Picture("screenshots/matrix.png", "alice", f"{ACME}/privileges", 1080, 900),
    Picture("screenshots/me-phone.png", "bob", "/me", NARROW, 1100, "dark"),
    Picture("screenshots/mirror.png", "alice", f"{ACME}/mirrors/cloud", WIDE, 1000),
    Picture("screenshots/mirror-differences.png", "alice", f"{ACME}/mirrors/cloud/differences", WIDE, 640),
    Picture("screenshots/people.png", "alice", f"{ACME}/people", 1080, 700),
    Picture("screenshots/project.png", "alice", f"{ACME}/projects/FLIGHT", 1080, 900),
    Picture("screenshots/security.png", "dave", "/me/security", 1080, 900),
    Picture("screenshots/sign-in.png", "nobody", "/sign-in", 720, 620),
    Picture("screenshots/plan.png", "alice", f"{ACME}/privileges", 1080, 700),
)


def make(folder: Path) -> str:
    """Create a database with the company of `screenshots.yaml` and a site administrator; return its URL."""
    (folder / "onebucket.toml").write_text(PROVIDERS + pictured_mirror.TABLE)
    url = f"sqlite:///{folder / 'onebucket.db'}"
    opened = connect(url)
    schema.bring_up_to_date(opened)
    document = str(Path(__file__).with_suffix(".yaml"))
    applied = ["apply", document, "--database", url]
    subprocess.run([sys.executable, "-m", "onebucket", *applied], check=True, capture_output=True)
    with opened.writing() as tx:
        work = common.work(tx)
        hash = hashing.password_hash(PASSWORDS["root"])
        accounts.add_user(work, "root", email="root@example.com", password_hash=hash, site_admin=True)
        consumers.add(
            work,
            "acme",
            key="builds",
            label="Build server",
            callback="https://ci.example.com/done",
            scopes=frozenset({"account", "repository"}),
            is_public=False,
            acts_as="bob",
        )
        for label, scopes in (("backup script", {"account"}), ("laptop", {"account:write", "repository:admin"})):
            secret = hashing.secret_hash(label)
            tokens.add(work, "bob", secret_hash=secret, scopes=frozenset(scopes), label=label, expires_at=None)
        alice = account_rows.named(tx, "alice")
        assert alice is not None
        with work.on_behalf(Actor(alice, "password")):
            for email, groups in INVITATIONS.items():
                bulk_invitations.invite_to_groups(work, "acme", [email], groups)
        pictured_mirror.follow(work)
        dave = account_rows.named(tx, "dave")
        assert dave is not None
        with work.on_behalf(Actor(dave, "password")):
            set_up_factors(work)
    opened.close()
    return url


def set_up_factors(work: UnitOfWork) -> None:
    """Let the actor have two authenticator apps, and recovery codes to sign in with."""
    for label in ("phone", "tablet"):
        begun, secret = second_factors.start_app(work, label), pyotp.random_base32()
        code = pyotp.TOTP(secret).at(work.at)

        def secret_of(_: str, __: str, secret: str = secret) -> str:
            return secret

        second_factors.confirm_app(work, begun.id, code, secret_of=secret_of, recovery_codes=RECOVERY_CODES)


def invitation(folder: Path, email: str) -> tuple[str, str]:
    """Return the link and the HTML of the invitation to an address, once it is written."""
    for _ in range(200):
        for file in (folder / "letters").glob("*.eml"):
            message = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
            html = message.get_body(("html",))
            if message["To"] == email and html:
                content = str(html.get_content())
                return content.partition('href="')[2].partition('"')[0], content
        time.sleep(0.1)
    raise Missing(f"no invitation was written for {email}")


def window(browser: Browser, base: str, who: str, width: int, height: int, scheme: str) -> BrowserContext:
    """Open a window of that size, and sign in unless `who` is nobody."""
    opened = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = opened.new_page()
    if who != "nobody":
        page.goto("/sign-in")
        page.get_by_label("Username or e-mail address").fill(who)
        page.get_by_label("Password").fill(PASSWORDS[who])
        page.keyboard.press("Enter")
        if who == "dave":
            page.get_by_label("Code").fill(RECOVERY_CODES.pop())
            page.keyboard.press("Enter")
        page.wait_for_url("**/me")
    return opened


def choose(page: Page) -> None:
    """Change two cells of the permission matrix."""
    page.get_by_role("textbox", name="Night Crew rocket").press("w")
    page.get_by_role("textbox", name="Auditors telemetry").press("n")


def for_docs(browser: Browser, base: str, folder: Path) -> None:
    """Replace the pictures of the documentation."""
    for each in PICTURES:
        opened = window(browser, base, each.who, each.width, each.height, each.scheme)
        page = opened.pages[0]
        page.goto(each.path)
        if each.path.endswith("/privileges"):
            choose(page)
        if each.file.endswith("plan.png"):
            page.get_by_role("button", name="Preview changes").click()
            page.wait_for_load_state()
        page.screenshot(path=DOCS / each.file)
        opened.close()
    link, html = invitation(folder, "judy@example.net")
    opened = window(browser, base, "nobody", 1080, 960, "light")
    opened.pages[0].goto(link)
    opened.pages[0].screenshot(path=DOCS / "images" / "invitation.png")
    # A new tab: the server's pages allow no inline styles.
    tab = opened.new_page()
    tab.set_viewport_size({"width": 640, "height": 560})
    tab.set_content(html.replace(base, "https://git.example.com"))
    tab.screenshot(path=DOCS / "images" / "letter.png")
    opened.close()
    opened = window(browser, base, "bob", NARROW, 560, "light")
    opened.pages[0].goto(invitation(folder, "bob@example.com")[0])
    opened.pages[0].screenshot(path=DOCS / "images" / "invitation-phone.png")
    opened.close()


def shrink() -> None:
    """Leave the pictures of the documentation no more colours than they need, if pngquant is installed."""
    files = [DOCS / each.file for each in PICTURES]
    if program := which("pngquant"):
        subprocess.run([program, "--force", "--strip", "--ext", ".png", "64", *map(str, files)], check=True)


def every_page(browser: Browser, base: str, folder: Path, to: Path) -> Iterator[Path]:
    """Put every main page into `to`, wide and narrow, light and dark; yield the files."""
    link, _ = invitation(folder, "judy@example.net")
    for width, scheme in ((WIDE, "light"), (NARROW, "light"), (WIDE, "dark"), (NARROW, "dark")):
        for who, paths in MAIN.items():
            opened = window(browser, base, who, width, 800, scheme)
            for path in (*paths, link) if who == "nobody" else paths:
                opened.pages[0].goto(path)
                name = "invitation" if path == link else path.strip("/").replace("/", "_").replace("?", "_") or "home"
                file = to / f"{width}-{scheme}-{who}-{name}.png"
                opened.pages[0].screenshot(path=file, full_page=True)
                yield file
            opened.close()


def main() -> None:
    """Start a server with a made-up company, and take the pictures."""
    chromium = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise Missing("Chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="onebucket-pictures-") as beside, sync_playwright() as playwright:
        folder, at = Path(beside), running.port()
        serve = ("serve", "--port", str(at), "--database", make(folder), "--data", beside)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running.started("onebucket", *serve, at=at):
            base = f"http://127.0.0.1:{at}"
            if len(sys.argv) > 1:
                Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
                for file in every_page(browser, base, folder, Path(sys.argv[1])):
                    print(file)
            else:
                for_docs(browser, base, folder)
                shrink()
        browser.close()


if __name__ == "__main__":
    main()
