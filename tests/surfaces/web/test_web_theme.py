"""Light or dark: a browser keeps what was chosen, and every page follows it."""

from collections.abc import Iterator

import pytest

from browsing import Visitor
from cast import Api

PAGES = ("/theme", "/docs")


@pytest.fixture
def visitor(api: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(api) as opened:
        yield opened


def choose(visitor: Visitor, theme: str) -> int:
    """Send the form; return the status."""
    token = visitor.open("/theme").inputs["form_token"]["value"] or ""
    return visitor.ask("POST", "/theme", data={"form_token": token, "theme": theme}).status_code


@pytest.mark.parametrize("who", [None, "alice"])
def test_a_browser_keeps_the_theme_that_was_chosen(visitor: Visitor, who: str | None) -> None:
    if who:
        visitor.sign_in(who)
    shown = {}
    for theme in ("dark", "light", ""):
        assert choose(visitor, theme) == 303
        shown[theme] = [visitor.open(path).answer.text.partition("<html")[2].partition(">")[0] for path in PAGES]

    assert shown == {
        "dark": [' lang="en" data-theme="dark"'] * 2,
        "light": [' lang="en" data-theme="light"'] * 2,
        "": [' lang="en"'] * 2,
    }


@pytest.mark.parametrize("theme", ["blue", 'dark"><script>'])
def test_another_theme_is_refused_and_a_cookie_with_one_is_ignored(visitor: Visitor, theme: str) -> None:
    assert choose(visitor, theme) == 400
    visitor.client.cookies.set("onebucket_theme", theme)

    assert "data-theme" not in visitor.open("/theme").answer.text
