"""Nobody walks back in by an invitation from before: every way in, every way out, and what was pending meanwhile."""

from collections.abc import Callable

import pytest

from cast import Api
from onebucket import hashing
from onebucket.actions import access, accounts, groups, invitation_acceptance, matrix, outbox, privileges
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import LinkExpired
from onebucket.transfer import apply, change_report, document

KEY = b"k" * 32
MALLORY = "mallory@example.com"
ROCKET = "acme/rocket"
ADMIN = AccountPrivilege.ADMIN

Way = Callable[[Api], None]


def links(api: Api) -> list[str]:
    """The hashes of the links in all letters that wait."""

    def carry(work: UnitOfWork) -> list[str]:
        found = outbox.claim(work, lambda id: hashing.link_secret(KEY, id), most=100)
        return [hashing.secret_hash(each.secret) for each in found]

    return api.operate(carry)


def invited_to(api: Api, *slugs: str) -> str:
    """Mallory is invited to groups of acme; the hash of the link."""
    for slug in slugs:
        api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": slug})
    return links(api)[-1]


def invited_to_rocket(api: Api, permission: str) -> str:
    """Mallory is invited to a repository; the hash of the link."""
    answer = api("alice", "POST", "/invitations/acme/rocket", json={"email": MALLORY, "permission": permission})
    assert answer.status_code == 200, answer.text
    return links(api)[-1]


def accept(api: Api, hash: str) -> None:
    def accept(work: UnitOfWork) -> None:
        with work.on_behalf(Actor(access.person(work, "mallory"), "session")):
            invitation_acceptance.accept(work, hash)

    api.operate(accept)


def applied(api: Api, text: str, *, prune: bool = False) -> list[str]:
    """Apply a document about acme; the difference that made."""

    def tell(work: UnitOfWork) -> list[str]:
        read = document.read(f"onebucket: 1\nteams:\n  - username: acme\n{text}", source="acme.yaml")
        apply.apply(work, [read], prune=prune)
        return list(change_report.describe_lines(work.entries))

    return api.operate(tell)


def pending(api: Api) -> list[str]:
    """What Mallory is invited to in acme."""
    found = api("alice", "GET", "/api/invitations?account=acme").json()
    return [place for each in found if each["email"] == MALLORY for place in each["groups"] or [each["repository"]]]


def level(api: Api) -> str | None:
    """What Mallory may do on the repository."""
    found: str | None = api("root", "GET", "/api/access/acme/rocket?user=mallory").json()["level"]
    return found


def ask(method: str, address: str, content: str = "") -> Way:
    """A request of alice, who administers acme."""

    def send(api: Api) -> None:
        answer = api("alice", method, address, content=content)
        assert answer.status_code in (200, 204), answer.text

    return send


def set_in_matrix(before: Level | None, after: Level | None) -> Way:
    """Another level for a group on a repository, as the matrix sets it."""

    def change(api: Api) -> None:
        def apply(work: UnitOfWork) -> None:
            cells = [matrix.CellChange("designers", "rocket", before, after)]
            plan = matrix.plan(work, "acme", cells)
            matrix.apply(work, "acme", cells, revision=plan.revision)

        api.operate(apply)

    return change


def by_document(text: str, *, prune: bool = False) -> Way:
    return lambda api: applied(api, text, prune=prune) and None


def by_another_invitation(api: Api) -> None:
    """Mallory's other address is invited too, and she accepts there."""
    api.operate(lambda work: accounts.set_email(work, "mallory", "m@example.org"))
    answer = api("alice", "PUT", "/users/acme/invitations", json={"email": "m@example.org", "group_slug": "designers"})
    assert answer.status_code == 200
    accept(api, links(api)[-1])
    api.operate(lambda work: addresses_of_mallory(work))


def addresses_of_mallory(work: UnitOfWork) -> None:
    """Both addresses are hers again: the one that was invited first has become hers anew."""
    accounts.set_email(work, "mallory", MALLORY)


MEMBERS = "/groups/acme/designers/members/mallory"
ON_ROCKET = "/group-privileges/acme/rocket/acme/designers"
HER_OWN = "/privileges/acme/rocket/mallory"

INTO_THE_GROUP: dict[str, Way] = {
    "the API": ask("PUT", MEMBERS),
    "a command": lambda api: api.operate(lambda work: groups.add_member(work, "acme", "designers", "mallory") and None),
    "a document": by_document("    groups: [{name: Designers, members: [bob, mallory]}]"),
    "another invitation": by_another_invitation,
}
OUT_OF_THE_GROUP: dict[str, Way] = {
    "the API": ask("DELETE", MEMBERS),
    "a pruning document": by_document("    groups: [{name: Administrators, account_privilege: admin}, "
                                      "{name: Developers}, {name: Designers, members: [bob]}]", prune=True),
}  # fmt: skip


@pytest.mark.parametrize("out", OUT_OF_THE_GROUP)
@pytest.mark.parametrize("into", INTO_THE_GROUP)
def test_nobody_who_was_removed_comes_back_by_an_invitation_from_before(api: Api, into: str, out: str) -> None:
    hash = invited_to(api, "designers")

    INTO_THE_GROUP[into](api)
    assert (pending(api), "mallory" in api.members("designers")) == ([], True)
    OUT_OF_THE_GROUP[out](api)

    with pytest.raises(LinkExpired):
        accept(api, hash)
    assert "mallory" not in api.members("designers")


# She is in designers, which has nothing yet; what lets her write on the repository, and what takes that.
UP: dict[str, tuple[Way, Way]] = {
    "her own": (ask("PUT", HER_OWN, "write"), ask("DELETE", HER_OWN)),
    "her own, lowered": (ask("PUT", HER_OWN, "write"), ask("PUT", HER_OWN, "read")),
    "a document": (
        by_document("    repositories: [{slug: rocket, users: {mallory: write}}]"),
        by_document("    repositories: [{slug: rocket, users: {}}, {slug: website}]", prune=True),
    ),
    "her group": (ask("PUT", ON_ROCKET, "write"), ask("DELETE", ON_ROCKET)),
    "her group everywhere": (ask("PUT", ON_ROCKET, "write"), ask("DELETE", "/group-privileges/acme/acme/designers")),
    "her group, which she leaves": (ask("PUT", ON_ROCKET, "write"), ask("DELETE", MEMBERS)),
    "her group, which is deleted": (ask("PUT", ON_ROCKET, "write"), ask("DELETE", "/groups/acme/designers")),
    "the matrix": (set_in_matrix(None, Level.WRITE), set_in_matrix(Level.WRITE, None)),
    "the group's default": (
        ask("PUT", "/groups/acme/designers", '{"permission": "write"}'),
        ask("PUT", "/groups/acme/designers", '{"permission": null}'),
    ),
    "administering": (
        lambda api: api.operate(lambda work: groups.set_account_privilege(work, "acme", "designers", ADMIN)),
        lambda api: api.operate(lambda work: groups.set_account_privilege(work, "acme", "designers", None)),
    ),
    "running the site": (
        lambda api: api.operate(lambda work: accounts.change_user(work, "mallory", site_admin=True) and None),
        lambda api: api.operate(lambda work: accounts.change_user(work, "mallory", site_admin=False) and None),
    ),
}


@pytest.fixture
def her(api: Api) -> Api:
    """The cast, with mallory in designers, which has nothing on rocket yet."""
    api.operate(lambda work: privileges.unset_for_group(work, "acme", "rocket", "designers"))
    api("alice", "PUT", MEMBERS)
    return api


@pytest.mark.parametrize("way", UP)
def test_whoever_gets_a_level_needs_no_invitation_to_it(her: Api, way: str) -> None:
    hash = invited_to_rocket(her, "write")

    UP[way][0](her)

    assert (pending(her), level(her) in ("write", "admin")) == ([], True)
    with pytest.raises(LinkExpired):
        accept(her, hash)


@pytest.mark.parametrize("way", UP)
def test_whoever_loses_a_level_gets_no_more_by_an_invitation_from_before(her: Api, way: str) -> None:
    hash = invited_to_rocket(her, "admin")
    up, down = UP[way]

    up(her)
    down(her)

    assert (pending(her), level(her) in (None, "read")) == ([], True)
    with pytest.raises(LinkExpired):
        accept(her, hash)
    assert level(her) in (None, "read")


def test_a_higher_level_can_still_be_accepted_by_whoever_has_a_lower_one(her: Api) -> None:
    hash = invited_to_rocket(her, "admin")
    api = her

    ask("PUT", HER_OWN, "write")(api)
    accept(api, hash)

    assert level(api) == "admin"


def test_whoever_leaves_the_last_group_has_nothing_pending_in_the_account(her: Api) -> None:
    hash = invited_to(her, "developers")

    ask("DELETE", MEMBERS)(her)

    with pytest.raises(LinkExpired):
        accept(her, hash)
    assert pending(her) == []


def test_whoever_moves_between_groups_keeps_what_is_pending_for_another_one(her: Api) -> None:
    ask("PUT", "/groups/acme/developers/members/mallory")(her)
    api = her
    api("alice", "POST", "/groups/acme/", data={"name": "Night Crew"})
    hash = invited_to(api, "night-crew")

    ask("DELETE", MEMBERS)(api)
    accept(api, hash)

    assert api.members("night-crew") == ["mallory"]


def test_disabling_hides_nothing_that_is_taken_meanwhile(her: Api) -> None:
    hash = invited_to_rocket(her, "admin")
    ask("PUT", HER_OWN, "write")(her)

    her.operate(lambda work: accounts.set_active(work, "mallory", False))
    ask("DELETE", HER_OWN)(her)
    her.operate(lambda work: accounts.set_active(work, "mallory", True))

    with pytest.raises(LinkExpired):
        accept(her, hash)


def test_a_document_says_which_invitations_end_by_it(api: Api) -> None:
    invited_to(api, "designers", "developers")

    told = applied(api, "    groups: [{name: Designers, members: [bob, mallory]}]")

    assert [line for line in told if "invited" in line] == [
        f"~ {MALLORY} invited to acme/developers: groups [designers, developers] → [developers]"
    ]


def test_a_document_invites_nobody_to_what_they_have(her: Api) -> None:
    text = f"    invitations: [{{email: {MALLORY}, groups: [designers], invited_by: alice}}]"

    assert (applied(her, text), pending(her)) == ([], [])


def test_the_preview_of_removing_says_which_invitations_end(her: Api) -> None:
    invited_to_rocket(her, "admin")
    ask("PUT", ON_ROCKET, "write")(her)

    told = her("alice", "GET", "/api/access/acme/groups/designers/members/mallory/impact").json()["invitations"]
    deleting = her("alice", "GET", "/api/access/acme/groups/designers/impact").json()["invitations"]
    ask("DELETE", MEMBERS)(her)

    ends = {"email": MALLORY, "groups": [], "repository": ROCKET, "permission": "admin"}
    carols = {"email": "carol@example.net", "groups": ["acme/designers"], "repository": None, "permission": None}
    assert (told, pending(her)) == ([ends], [])
    assert sorted(deleting, key=lambda each: str(each["email"])) == [carols, ends]


def test_the_preview_of_the_matrix_says_which_invitations_end(her: Api) -> None:
    invited_to_rocket(her, "write")
    cells = [matrix.CellChange("designers", "rocket", None, Level.WRITE)]

    plan = her.operate(lambda work: matrix.plan(work, "acme", cells))

    assert [(each.invitation.email, each.left) for each in plan.endings] == [(MALLORY, None)]
