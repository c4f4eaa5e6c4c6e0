"""A browser without JavaScript in this process: it keeps cookies, follows redirects and submits forms."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

import cast
from cast import Api
from live import Live
from onebucket import hashing
from onebucket.actions import invitations, outbox
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.privileges import Level
from onebucket.store import account_rows
from onebucket.store.connect import connect

KEY = b"what links in letters are made from"


class Form:
    """A form on a page: its target, its fields with their attributes, and the text of its button."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.options: dict[str, list[str]] = {}
        self.ticked: dict[str, list[str]] = {}
        self.hidden: dict[str, list[str]] = {}
        self.button = ""
        self.passkey_options = ""

    @property
    def values(self) -> dict[str, str | list[str]]:
        """What it submits if nothing is typed; of checkboxes, the ticked ones."""
        several = {name: each for name, each in self.hidden.items() if len(each) > 1} | self.ticked
        return {name: several.get(name, given.get("value") or "") for name, given in self.inputs.items()}


class Page(HTMLParser):
    """A response parsed as a page: its text, its forms, and the URLs it refers to."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.path = answer.url.path if answer.request else ""
        self.text = ""
        self.title = ""
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self._choosing = ""
        self.feed(answer.text)

    @property
    def inputs(self) -> dict[str, dict[str, str | None]]:
        """All fields of all forms."""
        return {name: given for form in self.forms for name, given in form.inputs.items()}

    def form(self, action: str) -> Form:
        """Return the only form that posts to `action`."""
        [found] = [each for each in self.forms if urlsplit(each.action).path == action and each.method == "post"]
        return found

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.add(tag)
        self.attributes |= set(given)
        self._open.append(tag)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if tag == "label":
            self.labels.append(given["for"] or "")
        if tag == "form":
            assert given["method"] in ("get", "post")
            self.forms.append(Form(urljoin(str(self.answer.url), given.get("action") or ""), given["method"] or ""))
            self.forms[-1].passkey_options = given.get("data-options") or ""
        if given.get("name") and tag in ("input", "select", "textarea"):
            self._field(tag, given["name"] or "", given)
        if tag == "option" and self.forms and self._choosing:
            self._option(given.get("value") or "", is_chosen="selected" in given)
        for name in ("src", "href", "formaction", "data", "srcset", "poster"):
            if given.get(name) is not None:
                (self.linked if tag == "a" else self.loaded).append(given[name] or "")

    def _field(self, tag: str, name: str, given: dict[str, str | None]) -> None:
        form = self.forms[-1]
        form.inputs[name] = given
        # Options of a list of suggestions, which stands beside an input, are no values.
        self._choosing = "" if tag == "input" else name
        if tag == "input" and given.get("type") == "hidden":
            form.hidden.setdefault(name, []).append(given["value"] or "")
        if tag == "input" and given.get("type") == "checkbox":
            form.ticked.setdefault(name, []).extend([given["value"] or ""] if "checked" in given else [])

    def _option(self, value: str, *, is_chosen: bool) -> None:
        form = self.forms[-1]
        options = form.options.setdefault(self._choosing, [])
        if is_chosen or not options:
            form.inputs[self._choosing]["value"] = value
        options.append(value)

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] == "textarea":
            self.forms[-1].inputs[self._choosing]["value"] = data.removeprefix("\n")
        if self._open and self._open[-1] == "title":
            self.title += data
        if self._open and self._open[-1] == "button" and self.forms:
            self.forms[-1].button += data

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass


class Visitor:
    """A user with their own browser, at a server in this process."""

    def __init__(self, api: Api, name: str | None = None, *, base: str = cast.BASE) -> None:
        self.api = api
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(api.server.app), base_url=base, headers={"User-Agent": "A browser"}
        )
        if name is not None:
            self.sign_in(name)

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request without following redirects."""
        return self.api.run(self.client.request(method, path, **how))

    def open(self, path: str) -> Page:
        """Open a page and follow redirects."""
        return Page(self.ask("GET", path, follow_redirects=True))

    def send(
        self,
        page: Page,
        action: str,
        *,
        follow: bool = True,
        fields: Mapping[str, str | list[str]] | None = None,
        **typed: str | list[str],
    ) -> Page:
        """Fill in and submit the form that posts to `action`; `fields` have names that aren't identifiers."""
        return self.submit(page.form(action), follow=follow, **typed | dict(fields or {}))

    def submit(self, form: Form, *, follow: bool = True, **typed: str | list[str]) -> Page:
        """Fill in and submit one form of a page."""
        assert set(typed) <= set(form.inputs), form.inputs
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
        return Page(self.ask("POST", form.action, data=form.values | typed, headers=headers, follow_redirects=follow))

    def sign_in(self, name: str, password: str | None = None) -> Page:
        """Sign in with a username or an e-mail address."""
        return self.send(self.open("/sign-in"), "/sign-in", login=name, password=password or cast.password(name))

    @property
    def cookies(self) -> dict[str, str]:
        """The browser's cookies."""
        return dict(self.client.cookies)

    def close(self) -> None:
        """Close the browser."""
        self.api.run(self.client.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def at_once(api: Api, *asks: "tuple[Visitor, str, dict[str, str]]") -> list[httpx.Response]:
    """Submit several forms concurrently."""

    async def all_of_them() -> list[httpx.Response]:
        return list(await asyncio.gather(*(each.client.post(path, data=data) for each, path, data in asks)))

    return api.run(all_of_them())


# -- invitations and their letters -----------------------------------------------------------------


def as_person(work: UnitOfWork, name: str) -> Actor:
    """Return a member of the cast as an actor."""
    found = account_rows.named(work.tx, name)
    assert found is not None
    return Actor(found, "password")


def done_by(name: str, action: Callable[[UnitOfWork], Any]) -> Callable[[UnitOfWork], Any]:
    """Make an action run on behalf of a member of the cast."""

    def act(work: UnitOfWork) -> Any:
        with work.on_behalf(as_person(work, name)):
            return action(work)

    return act


class Beside:
    """A second connection to the database of a running server, to set up data from a test."""

    def __init__(self, running: Live) -> None:
        self.db = connect(running.url)

    def operate(self, action: Callable[[UnitOfWork], Any]) -> Any:
        """Run an action as the operator."""
        with self.db.writing() as tx:
            return action(cast.operator(tx))


def invite(api: Api | Beside, email: str, *groups: str, by: str = "alice") -> str:
    """Invite an address to groups of acme and deliver the mail; return the path of its link."""
    for group in groups or ("designers",):
        api.operate(done_by(by, partial(_to_group, email=email, group=group)))
    return deliver(api)[email]


def _to_group(work: UnitOfWork, email: str, group: str) -> None:
    invitations.invite_to_group(work, "acme", email, None, group)


def invite_to_repository(api: Api | Beside, email: str, slug: str, level: Level, *, by: str = "alice") -> str:
    """Invite an address to a repository of acme and deliver the mail; return the path of its link."""
    api.operate(done_by(by, lambda work: invitations.invite_to_repository(work, "acme", slug, email, level)))
    return deliver(api)[email]


_PATHS = {"invitation": "/invitations/", "confirm-email": "/emails/", "reset-password": "/passwords/"}


def deliver(api: Api | Beside) -> dict[str, str]:
    """Mark all queued mails as sent; return the path of the link in the latest mail to each address."""
    parcels = api.operate(lambda work: outbox.claim(work, partial(hashing.link_secret, KEY), most=1000))
    for parcel in parcels:
        api.operate(lambda work, letter=parcel.letter: outbox.mark_sent(work, letter))
    with_link = [each for each in parcels if not each.letter.is_notice]
    return {each.letter.email: _PATHS[each.letter.kind.value] + each.secret for each in with_link}
