"""A person's page for site administrators: signing out, a password reset and another username, in one click each."""

from browsing import Visitor, deliver
from cast import Api


def test_a_person_is_signed_out_everywhere(api: Api) -> None:
    with Visitor(api, "bob") as bob, Visitor(api, "root") as root:
        page = root.open("/site/people/bob")
        done = root.send(page, "/site/people/bob/sign-out")

        assert "Signed out everywhere." in done.text
        assert "Sign out everywhere" in page.text
        assert "Sign out everywhere" not in done.text
        assert bob.open("/me").path == "/sign-in"


def test_a_person_gets_a_link_to_set_a_new_password(api: Api) -> None:
    with Visitor(api, "root") as root:
        sent = root.send(root.open("/site/people/bob"), "/site/people/bob/reset-password")

        assert "They get an e-mail with a link" in sent.text
    assert deliver(api)["bob@example.com"].startswith("/passwords/")


def test_a_disabled_person_gets_none(api: Api) -> None:
    with Visitor(api, "root") as root:
        page = root.open("/site/people/bob")
        root.send(page, "/site/people/bob/disable")
        refused = root.send(page, "/site/people/bob/reset-password")

        assert refused.status == 409
        assert "bob is disabled, has no address, or uses no password" in refused.text
    assert deliver(api) == {}


def test_a_person_is_deleted_and_struck_out_after_a_preview(api: Api) -> None:
    with Visitor(api, "root") as root:
        page = root.open("/site/people/dora/delete")
        done = root.send(page, "/site/people/dora/delete", strike_out="on")

        assert "Developers" in page.text and "website" in page.text
        assert (done.path, "The person is deleted." in done.text) == ("/site", True)
        assert root.open("/site/people/dora").status == 404
        assert "dora" not in root.open("/accounts/acme/journal").text
        assert "which are struck out of" in root.open("/accounts/acme/journal").text


def test_a_person_is_renamed_and_another_ones_name_is_refused(api: Api) -> None:
    with Visitor(api, "root") as root:
        page = root.open("/site/people/bob")
        taken = root.send(page, "/site/people/bob/rename", username="dora")
        odd = root.send(page, "/site/people/bob/rename", username="no blanks")
        renamed = root.send(page, "/site/people/bob/rename", username="robert")

        assert (taken.status, odd.status, renamed.status) == (400, 400, 200)
        assert renamed.path == "/site/people/robert"
        assert "Renamed. The old username no longer works." in renamed.text
