"""Settings of a mirror: its page's before those of onebucket.toml, by whom, and back; and what a page can't change."""

from collections.abc import Iterator

import pytest

import cast
from office import Office
from onebucket.actions import journal, mirror_settings, teams
from onebucket.domain import mirror_settings as domain
from onebucket.domain.journal_text import describe_entry
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.refusals import Forbidden, Invalid

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

CLOUD = MirrorDefinition("cloud", "acme", "acme-inc", "https://api.example.com", {"repositories": ("site-*",)})


@pytest.fixture
def office(api: cast.Api) -> Iterator[Office]:
    """The cast, in one transaction."""
    with api.db.writing() as tx:
        yield Office(tx)


def held(office: Office, mirror: MirrorDefinition = CLOUD) -> dict[str, tuple[object, str]]:
    """What holds, and where it comes from."""
    return {each.name: (each.value, each.source) for each in mirror_settings.effective(office.operator, "acme", mirror)}


def test_each_setting_says_where_it_comes_from_and_the_way_back_is_open(office: Office) -> None:
    before = held(office)

    changed = mirror_settings.change(
        office.as_("alice"), "acme", CLOUD, {"mode": "apply", "never_touch": ("bot-*",), "take_over": "off"}
    )
    now = held(office)
    again = mirror_settings.change(office.as_("alice"), "acme", CLOUD, {"mode": "apply"})
    forgotten = mirror_settings.forget(office.as_("alice"), "acme", CLOUD)

    assert before["repositories"] == (("site-*",), "from onebucket.toml")
    assert before["mode"] == ("report", "default")
    assert (changed, again, {*forgotten}) == (["mode", "never_touch"], [], {"mode", "never_touch"})
    assert now == before | {
        "mode": ("apply", "set on its page by alice"),
        "never_touch": (("bot-*",), "set on its page by alice"),
    }
    assert held(office) == before
    written = [each for each in journal.entries(office.operator, "acme") if each.event.value == "mirror.configured"]
    assert [(each.actor, describe_entry(each)) for each in written] == [
        ("alice", "configured the mirror cloud: mode: report → apply; never_touch: nothing → [bot-*]"),
        ("alice", "configured the mirror cloud: mode: apply → report; never_touch: [bot-*] → nothing"),
    ]


def test_a_value_that_the_file_has_too_follows_the_file(office: Office) -> None:
    mirror_settings.change(office.as_("alice"), "acme", CLOUD, {"repositories": ("*",)})
    mirror_settings.change(office.as_("alice"), "acme", CLOUD, {"repositories": ("site-*",)})

    assert held(office)["repositories"] == (("site-*",), "from onebucket.toml")
    assert mirror_settings.set_by_page(office.operator, "acme", "cloud") == {}


def test_the_operators_limit_on_removals_is_not_changed_by_a_page(office: Office) -> None:
    limited = MirrorDefinition("cloud", "acme", "acme-inc", "https://api.example.com", {"max_removals": "5%"})
    mirror_settings.change(office.as_("alice"), "acme", CLOUD, {"max_removals": "100%"})

    assert held(office)["max_removals"] == ("100%", "set on its page by alice")
    # The file has it since then.
    assert held(office, limited)["max_removals"] == ("5%", "from onebucket.toml")
    with pytest.raises(Invalid, match=r"max_removals is set in onebucket\.toml, and can only be changed there"):
        mirror_settings.change(office.as_("alice"), "acme", limited, {"max_removals": "50%"})


def test_only_administrators_see_and_change_them_and_nothing_else_is_a_setting(office: Office) -> None:
    for who in ("bob", "mallory"):
        with pytest.raises(Forbidden):
            mirror_settings.change(office.as_(who), "acme", CLOUD, {"mode": "apply"})
        with pytest.raises(Forbidden):
            mirror_settings.effective(office.as_(who), "acme", CLOUD)
    for name in ("api", "username", "token_file", "token_env", "workspace", "account", "requests_per_hour"):
        with pytest.raises(Invalid, match=f"a mirror has no setting {name}"):
            mirror_settings.change(office.as_("alice"), "acme", CLOUD, {name: "x"})


def test_they_go_with_their_team(office: Office) -> None:
    mirror_settings.change(office.as_("alice"), "acme", CLOUD, {"mode": "apply"})

    teams.delete(office.operator, "acme")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("mode", "write", "mode is report or apply"),
        ("take_over", "yes", "take_over is on or off"),
        ("max_removals", "many", "max_removals: 'many' is neither a number nor a percentage like 25%"),
        ("repositories", "rocket", "repositories must be a list of strings"),
        ("never_touch", ["x"] * 101, "never_touch has 101 patterns; 100 are the most"),
        ("never_touch", [""], "never_touch has the pattern '', which is empty, too long or not printable"),
    ],
)
def test_what_will_not_do_is_told_in_a_sentence(name: str, value: object, sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        domain.read(name, value)

    assert str(error.value) == sentence
