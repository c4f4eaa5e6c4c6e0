"""What stands in letters, whatever names hold; and templates of the operator's."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from pathlib import Path

import pytest

import post_office
from checkout import TOP
from onebucket.actions.outbox import OutgoingMail
from onebucket.domain.letters import OF_REVIEWS, MailKind
from onebucket.mail import template_context
from onebucket.mail.composer import Composer, TemplateError
from onebucket.mail.transport import to_bytes

NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
BASE = "https://git.example/onebucket"
TO_GROUP, TO_GROUPS, TO_REPOSITORY, TO_REPOSITORIES, CONFIRM, RESET, *NOTICES = template_context.sample_contexts()
DOCUMENTED = TOP / "docs" / "letters.md"


def written(parcel: OutgoingMail, **desk: object) -> EmailMessage:
    """A letter as whoever gets it reads it."""
    message = Composer(base_url=BASE, **desk).compose(parcel, NOW)  # type: ignore[arg-type]
    read = message_from_bytes(to_bytes(message), policy=default)
    assert isinstance(read, EmailMessage)
    return read


def named(parcel: OutgoingMail, **names: str) -> OutgoingMail:
    """The parcel with other names: of the `inviter`, the `team`, the `group`, the `repository`, or another `email`."""
    invitation = parcel.invitation
    assert invitation is not None
    if "inviter" in names:
        invitation = replace(invitation, invited_by=replace(invitation.invited_by, display_name=names["inviter"]))
    if "repository" in names and invitation.repository:
        invitation = replace(invitation, repository=replace(invitation.repository, name=names["repository"]))
    return replace(
        parcel,
        invitation=invitation,
        owner=replace(parcel.owner, display_name=names.get("team", parcel.owner.display_name)),
        group_names=(names["group"],) if "group" in names else parcel.group_names,
        letter=replace(parcel.letter, email=names.get("email", parcel.letter.email)),
    )


def test_an_invitation_says_who_invites_whom_to_what_and_until_when() -> None:
    for parcel, what in ((TO_GROUPS, ("Acme & Sons (acme)", "Designers", "Developers")),
                         (TO_REPOSITORY, ("acme/rocket", "write"))):  # fmt: skip
        text, html = post_office.parts(written(parcel))
        for each in ("Alice Liddell (alice)", "Thursday 7 February 2030, 12:00 UTC", "carol@example.net", BASE, *what):
            assert each in text
            assert each.replace("&", "&amp;") in re.sub(r"</?(bdi|strong)>", "", html)
        assert "ignore this e-mail" in text and "ignore this e-mail" in html


def test_an_invitation_to_several_repositories_lists_them_and_says_when_access_ends() -> None:
    letter = written(TO_REPOSITORIES)

    for text in post_office.parts(letter):
        assert "rocket (read)" in text and "website (read)" in text
        assert "What it gives ends on Thursday 7 February 2030, 12:00 UTC." in text
    assert letter["Subject"] == "Alice Liddell invites you to acme on git.example"


@pytest.mark.parametrize(
    ("parcel", "link"),
    [(TO_GROUP, "/invitations/secret"), (CONFIRM, "/emails/secret"), (RESET, "/passwords/secret")],
)
def test_every_letter_has_its_link_plainly_and_one_button(parcel: OutgoingMail, link: str) -> None:
    letter = written(parcel)
    text, html = post_office.parts(letter)

    assert text.splitlines().count(BASE + link) == 1
    assert re.findall(r'href="([^"]+)"', html) == [BASE + link] * 2
    assert html.count('class="button"') == 1
    assert letter["To"] == "carol@example.net"


ABOUT_REQUESTS = (MailKind.REQUEST_ADDED, MailKind.REQUEST_GRANTED, MailKind.REQUEST_DENIED)
OTHERS = (
    MailKind.MIRROR_STOPPED,
    MailKind.DIRECTORY_STUCK,
    MailKind.ACCESS_ENDS,
    MailKind.WEBHOOK_SWITCHED_OFF,
    *ABOUT_REQUESTS,
    *OF_REVIEWS.values(),
)
OF_SECURITY = [each for each in NOTICES if each.letter.kind not in OTHERS]


@pytest.mark.parametrize("parcel", OF_SECURITY, ids=[each.letter.kind.value for each in OF_SECURITY])
def test_a_notice_says_what_happened_and_what_to_do_and_its_link_only_shows_a_page(parcel: OutgoingMail) -> None:
    letter = written(parcel)
    text, html = post_office.parts(letter)

    pages = ("/me", "/me/tokens", "/me/security", "/me/ssh-keys", "/accounts/alice/consumers")
    assert set(re.findall(r'href="([^"]+)"', html)) <= {BASE + page for page in pages}
    assert len(re.findall(r'href="', html)) == 2
    for each in (
        "alice",
        "Thursday 31 January 2030, 12:00 UTC",
        "from 192",
        f"{BASE}/passwords/forgotten",
        f"{BASE}/me",
    ):
        assert each in text and each in re.sub(r"</?(bdi|strong)>", "", html)
    assert "If that was you, ignore this e-mail" in text and "alice" in str(letter["Subject"])


def test_the_notice_of_a_mirror_says_why_it_stopped_and_where_to_resume_it() -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is MailKind.MIRROR_STOPPED]
    letter = written(parcel)

    for text in post_office.parts(letter):
        assert "Builder: the credential is refused; GET /2.0/user answers 401" in re.sub(r"</?bdi>", "", text)
        assert f"{BASE}/accounts/alice/mirrors" in text
    assert letter["Subject"] == "A mirror of alice on git.example has stopped"


def test_the_notice_of_a_directory_says_what_it_was_refused_and_where_to_look() -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is MailKind.DIRECTORY_STUCK]
    letter = written(parcel)

    for text in post_office.parts(letter):
        plain = unescape(re.sub(r"</?bdi>", "", text))
        assert "Builder: can't disable alice: the team would be left without an administrator" in plain
        assert f"{BASE}/accounts/alice/directories" in text
    assert letter["Subject"] == "A directory of alice on git.example needs you"


def test_the_letter_about_access_that_ends_lists_it_and_leads_to_where_it_is_extended() -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is MailKind.ACCESS_ENDS]
    letter = written(parcel)

    for text in post_office.parts(letter):
        plain = re.sub(r"</?bdi>", "", text)
        assert "read on the repository rocket, until 12:00 UTC" in plain
        assert "dora: member of the group designers, until 12:00 UTC" in plain
        assert "ask alice" in plain
        assert f"{BASE}/accounts/acme/ends" in plain
    assert letter["Subject"] == "acme on git.example: access ends on Thursday 7 February 2030"


def test_a_letter_about_much_access_that_ends_says_how_much_it_leaves_out() -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is MailKind.ACCESS_ENDS]
    assert parcel.ending is not None

    text, _ = post_office.parts(written(replace(parcel, ending=replace(parcel.ending, given=parcel.ending.given * 50))))

    assert text.count("dora: member") == 20
    assert "* and 30 more" in text


@pytest.mark.parametrize(
    ("kind", "subject", "page", "says"),
    [
        (MailKind.REQUEST_ADDED, "alice asks for access in alice on git.example", "/accounts/alice/requests",
         "Reason: I build the release"),
        (MailKind.REQUEST_GRANTED, "You have write on alice/Builder on git.example", "/me/requests", "You have: write"),
        (MailKind.REQUEST_DENIED, "Your request for write on alice/Builder on git.example is denied", "/me/requests",
         "Why not: ask again after the release"),
    ],
)  # fmt: skip
def test_a_letter_about_a_request_says_what_and_why(kind: MailKind, subject: str, page: str, says: str) -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is kind]
    letter = written(parcel)

    for text in post_office.parts(letter):
        plain = re.sub(r"</?(bdi|strong)>", "", text)
        assert says in plain and "write on alice/Builder" in plain and f"{BASE}{page}" in text
    assert letter["Subject"] == subject


@pytest.mark.parametrize("kind", OF_REVIEWS.values())
def test_letters_of_an_access_review_lead_to_it_and_leave_its_title_out_where_anybody_signs_up(kind: MailKind) -> None:
    [parcel] = [each for each in NOTICES if each.letter.kind is kind]
    letter, of_strangers = (post_office.parts(written(parcel, is_open=is_open)) for is_open in (False, True))

    assert all("Builder" in text and f"{BASE}/accounts/alice/reviews/0b6f1c1e-" in text for text in letter)
    assert not any("Builder" in text for text in of_strangers)


def test_nothing_is_fetched_for_a_letter() -> None:
    for parcel in template_context.sample_contexts():
        _, html = post_office.parts(written(parcel))

        assert re.findall(r"<(img|link|script|iframe|object|video)\b|url\(|@import|@font-face", html) == []


def test_the_heads_of_a_letter() -> None:
    first, again = written(TO_GROUP), written(TO_GROUP)

    assert first["From"] == "onebucket <onebucket@git.example>"
    assert first["Subject"] == "Alice Liddell invites you to acme on git.example"
    assert (first["Auto-Submitted"], first["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert first["Message-ID"] == again["Message-ID"] == "<letter@git.example>"
    assert first["Date"].datetime == NOW
    assert first.get_content_type() == "multipart/alternative"
    assert "List-Unsubscribe" not in first


def test_the_sender_is_the_operators() -> None:
    assert written(TO_GROUP, sender="Acme Git <git@bücher.example>")["From"] == "Acme Git <git@xn--bcher-kva.example>"
    assert written(TO_GROUP, sender="git@localhost")["From"] == "git@localhost"
    assert Composer(base_url="http://127.0.0.1:8080").sender == "onebucket <onebucket@localhost>"


@pytest.mark.parametrize(
    "name",
    ["Alice\r\nBcc: mallory@example.com", "Alice\n\nHello", "Alice\u2028Bcc: x", "Alice\x00\x1b[2J", "A" * 255,
     "ש" * 255, "=?utf-8?q?Bcc?=: x", "李" * 80 + "\r\n\tTo: x"],
)  # fmt: skip
def test_no_name_makes_another_head(name: str) -> None:
    expected = list(written(TO_GROUP).keys())

    letter = written(named(TO_GROUP, inviter=name, team=name, group=name))

    assert list(letter.keys()) == expected
    assert len(str(letter["Subject"]).splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f]", str(letter["Subject"]))
    assert str(letter["To"]) == "carol@example.net"
    assert [len(line) for line in to_bytes(letter).split(b"\r\n") if len(line) > 998] == []


def test_names_in_every_script_arrive_as_they_are() -> None:
    for name in ("Zoë Müller", "李小龍", "Ольга", "ΑΒΓ", "😀 Smith", 'O\'Neil "Jr" & Co'):
        letter = written(named(TO_GROUP, inviter=name))

        assert str(letter["Subject"]).startswith(f"{name} invites")
        assert f"{name} (alice) invites" in post_office.parts(letter)[0]


def test_a_name_that_is_written_from_the_right_turns_nothing_else_round() -> None:
    for name in ("שרה לוי", "محمد", "\u202ealice", "x\u2066"):
        letter = written(named(TO_GROUP, inviter=name))
        text, html = post_office.parts(letter)

        assert not re.search("[\u202a-\u202e]", f"{letter['Subject']}{text}{html}")
        for each in (text, html, str(letter["Subject"])):
            assert each.count("\u2068") == each.count("\u2069") and "\u2066" not in each
        if "\u202e" not in name and "\u2066" not in name:
            assert f"\u2068{name}\u2069 (alice) invites" in text


def test_markup_in_a_name_is_text() -> None:
    evil = "<script>alert(1)</script><a href='x'>{{ link }}{% raw %}"

    text, html = post_office.parts(written(named(TO_GROUP, inviter=evil, team=evil, group=evil)))

    assert "<script>" not in html and "<a href='x'>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert(1)</script><a href='x'>{{ link }}" in text
    assert html.count("secret") == 3


def test_a_name_that_looks_like_a_link_becomes_none() -> None:
    text, html = post_office.parts(
        written(named(TO_GROUP, inviter="Free money at https://evil.example/x or pay@evil.example", team="evil.com"))
    )

    for each in (text, html):
        assert not re.search(r"evil\.\w|://evil|pay@evil", each)
        assert "Free money at https" in each


def test_a_letter_is_addressed_as_the_address_was_given() -> None:
    to = written(named(TO_GROUP, email="Mina.O'Kafor+git@Example.ORG"))["To"]
    other = written(named(TO_GROUP, email="zoë@Bücher.example"))["To"]

    assert str(to) == "Mina.O'Kafor+git@example.org"
    assert str(other) == "zoë@xn--bcher-kva.example"


# -- templates --------------------------------------------------------------------------------------


def test_templates_take_the_place_of_ours_one_by_one_and_at_once(tmp_path: Path) -> None:
    desk = Composer(base_url=BASE, templates=tmp_path)
    before = desk.compose(TO_GROUP, NOW)
    (tmp_path / "invitation").mkdir()
    subject = tmp_path / "invitation" / "subject.txt"
    subject.write_text("Hello from {{ account_name }}")
    changed = desk.compose(TO_GROUP, NOW)
    subject.unlink()

    assert [each["Subject"] for each in (before, changed, desk.compose(TO_GROUP, NOW))] == [
        "Alice Liddell invites you to acme on git.example",
        "Hello from Acme & Sons",
        "Alice Liddell invites you to acme on git.example",
    ]
    assert post_office.parts(changed) == post_office.parts(before)


def test_words_are_escaped_in_html_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "invitation").mkdir()
    for part in ("body.txt", "body.html"):
        (tmp_path / "invitation" / part).write_text("{{ account_name }}")

    text, html = post_office.parts(written(TO_GROUP, templates=tmp_path))

    assert (text.strip(), html.strip()) == ("Acme & Sons", "Acme &amp; Sons")


@pytest.mark.parametrize(
    ("template", "trouble"),
    [
        ("{{ nobody }}", "the template invitation/body.html: 'nobody' is undefined"),
        (
            "x\n{% if %}",
            "the template invitation/body.html line 2: Expected an expression, got 'end of ",
        ),
        ("{{ 1 / 0 }}", "the template invitation/body.html: division by zero"),
        ("{% include 'none.html' %}", "the template invitation/body.html: none.html"),
        (" \n", "the template invitation/body.html is empty"),
        (b"\xff", "the template invitation/body.html is not written in UTF-8"),
    ],
)
def test_a_broken_template_is_named(tmp_path: Path, template: str | bytes, trouble: str) -> None:
    file = tmp_path / "invitation" / "body.html"
    file.parent.mkdir()
    file.write_bytes(template if isinstance(template, bytes) else template.encode())
    desk = Composer(base_url=BASE, templates=tmp_path)

    with pytest.raises(TemplateError) as broken:
        desk.compose(TO_GROUP, NOW)

    assert str(broken.value).startswith(trouble)
    assert list(desk.check(NOW)) == [str(broken.value)]


def test_ours_have_nothing_wrong() -> None:
    assert list(Composer(base_url=BASE).check(NOW)) == []


def test_every_word_of_a_template_is_documented_and_there() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|.*\| ([a-z, -]+) \|$", DOCUMENTED.read_text(), re.MULTILINE)
    notices, ending = ({name for name, where in rows if where == kind} for kind in ("notices", "access-ends"))
    but_in_notices = {name for name, where in rows if where == "all but notices"}
    everywhere = {name for name, where in rows if where == "every e-mail"}
    invitations = {name for name, where in rows if where == "invitations"}
    of_requests = {name for name, where in rows if where == "requests"}

    names = {name for name, where in rows if where == "all but confirmations"}

    assert set(template_context.context_of(CONFIRM, BASE)) == everywhere | but_in_notices
    assert set(template_context.context_of(RESET, BASE)) == everywhere | but_in_notices | names
    for parcel in (TO_GROUP, TO_GROUPS, TO_REPOSITORY, TO_REPOSITORIES):
        assert set(template_context.context_of(parcel, BASE)) == everywhere | but_in_notices | names | invitations
    of_reviews = {name for name, where in rows if where == "access reviews"} | {"until"}
    for parcel in NOTICES:
        more = of_reviews if parcel.letter.kind in OF_REVIEWS.values() else set()
        own = ending if parcel.letter.kind is MailKind.ACCESS_ENDS else notices
        more |= of_requests if parcel.letter.kind in ABOUT_REQUESTS else set()
        assert set(template_context.context_of(parcel, BASE)) == everywhere | names | own | more
    assert {f"`{kind.value}`" for kind in MailKind} <= set(re.findall(r"`[a-z-]+`", DOCUMENTED.read_text()))
