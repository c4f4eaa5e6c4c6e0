"""What a mirror makes of groups on both sides: pure, and for random sides everybody has there what they have here."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level
from onebucket.mirror import comparison, group_comparison
from onebucket.mirror.comparison import Comparison, There, UnsplitGroup
from onebucket.mirror.group_comparison import GroupComparison, GroupsHere, GroupsThere, GroupsToCompare

READ, WRITE, ADMIN, NONE = Level.READ, Level.WRITE, Level.ADMIN, Level.NONE
Levels = dict[tuple[str, str], Level]
GROUPS = {"devs": "Devs", "ops": "Ops"}
PEOPLE = {"1": "ann", "2": "bob"}
PROJECTS = {"a": "PROJ", "b": "PROJ", "c": "OTHER"}


def compared(
    here: GroupsHere,
    on_repositories: Levels,
    members: Mapping[str, set[str]],
    *,
    on_projects: Levels | None = None,
    whole: frozenset[str] = frozenset({"PROJ"}),
    ours: frozenset[tuple[str, str]] = frozenset(),
    takes_over: bool = False,
    max_split: int = 1000,
) -> GroupComparison:
    there = GroupsThere(on_repositories, on_projects or {}, members, PROJECTS, whole)
    groups = GroupsToCompare(GROUPS, dict.fromkeys(GrantKind, ours), takes_over, PEOPLE, max_split)
    return group_comparison.compare(here, there, groups)


def lines(result: Comparison) -> list[str]:
    return comparison.described(result.differences)


def test_a_grant_here_becomes_the_grant_there() -> None:
    here = GroupsHere({("a", "devs"): WRITE}, {}, {("a", "1"): WRITE, ("a", "2"): ADMIN})

    assert lines(compared(here, {}, {"devs": {"1", "2"}}).found) == ["+ group Devs on a: none there, write here"]


def test_a_group_gets_no_more_than_everybody_in_it_there_has_here() -> None:
    here = GroupsHere({("a", "devs"): WRITE}, {}, {("a", "1"): WRITE, ("a", "2"): READ})

    lowered = compared(here, {("a", "devs"): WRITE}, {"devs": {"1", "2"}})
    foreign = compared(here, {("a", "devs"): WRITE}, {"devs": {"1", "3"}})

    assert lines(lowered.found) == ["- group Devs on a: write there, read here"]
    assert (lines(foreign.found), foreign.on_repositories) == ([], {("a", "devs"): WRITE})
    assert comparison.described(foreign.found.foreign) == ["- group Devs on a: write there, none here"]


def test_a_group_that_would_be_split_into_too_many_permissions_keeps_what_it_has_and_names_who_has_less() -> None:
    members = {str(number) for number in range(1, 6)}
    people = {(repository, member): WRITE for repository in "ab" for member in members - {"2"}}
    here = GroupsHere({("a", "devs"): WRITE, ("b", "devs"): WRITE}, {("PROJ", "devs"): WRITE}, people)
    on_project = {("PROJ", "devs"): WRITE}

    split = compared(here, {}, {"devs": members}, on_projects=on_project, takes_over=True, max_split=8)
    kept = compared(here, {}, {"devs": members}, on_projects=on_project, takes_over=True, max_split=7)
    without = compared(here, {}, {"devs": members - {"2"}}, on_projects=on_project, max_split=0)

    assert (lines(split.found), split.found.unsplit) == (["- group Devs on project PROJ: write there, none here"], [])
    assert (lines(kept.found), kept.on_projects) == ([], on_project)
    assert kept.found.unsplit == [UnsplitGroup("devs", "Devs", 8, ("bob",))]
    assert (lines(without.found), without.found.unsplit) == ([], [])


def test_a_group_that_is_not_split_loses_what_it_lost_itself_and_gains_nothing() -> None:
    members = {str(number) for number in range(1, 6)}
    people = {(repository, member): ADMIN for repository in "ab" for member in members - {"2"}}
    here = GroupsHere({("a", "devs"): READ, ("b", "devs"): ADMIN}, {}, people)
    given = {("a", "devs"): WRITE, ("b", "devs"): WRITE}

    kept = compared(here, given, {"devs": members}, max_split=7)

    assert lines(kept.found) == ["- group Devs on a: write there, read here"]
    assert [each.permissions for each in kept.found.unsplit] == [8]


def test_a_grant_on_a_whole_project_spares_those_on_its_repositories() -> None:
    people = {(repository, "1"): WRITE for repository in "abc"}
    here = GroupsHere(
        {(each, "devs"): WRITE for each in "abc"}, {("PROJ", "devs"): WRITE, ("OTHER", "devs"): WRITE}, people
    )

    assert lines(compared(here, {}, {"devs": {"1"}}).found) == [
        "+ group Devs on project PROJ: none there, write here",
        # Not every repository of the other project is mirrored.
        "+ group Devs on c: none there, write here",
    ]


def test_only_what_the_mirror_set_is_taken_away() -> None:
    here, there = GroupsHere({}, {}, {}), {("a", "devs"): READ, ("b", "devs"): READ}

    result = compared(here, there, {"devs": set()}, ours=frozenset({("a", "devs")})).found

    assert lines(result) == ["- group Devs on a: read there, none here"]
    assert comparison.described(result.foreign) == ["- group Devs on b: read there, none here"]


_given = st.sampled_from([READ, WRITE, ADMIN])
_repositories, _groups, _people = st.sampled_from("abc"), st.sampled_from([*GROUPS]), st.sampled_from("123")
_members = st.fixed_dictionaries({slug: st.sets(_people) for slug in GROUPS})


@given(
    defaults=st.dictionaries(st.tuples(_repositories, _groups), _given),
    on_projects=st.dictionaries(st.tuples(st.sampled_from(["PROJ", "OTHER"]), _groups), _given),
    direct=st.dictionaries(st.tuples(_repositories, _people), _given),
    members_here=_members,
    members_there=_members,
    groups_there=st.dictionaries(st.tuples(_repositories, _groups), _given),
    on_projects_there=st.dictionaries(st.tuples(st.just("PROJ"), _groups), _given),
    given_there=st.dictionaries(st.tuples(_repositories, _people), _given),
)
def test_once_the_differences_are_put_right_everybody_has_there_what_they_have_here(
    defaults: Levels,
    on_projects: Levels,
    direct: Levels,
    members_here: dict[str, set[str]],
    members_there: dict[str, set[str]],
    groups_there: Levels,
    on_projects_there: Levels,
    given_there: Levels,
) -> None:
    def effective(
        on_it: Mapping[tuple[str, str], Level],
        in_project: Mapping[tuple[str, str], Level],
        own: Mapping[tuple[str, str], Level],
        members: Mapping[str, set[str]],
    ) -> Levels:
        return {
            (repository, person): max(
                own.get((repository, person), NONE),
                *(
                    max(on_it.get((repository, group), NONE), in_project.get((project, group), NONE))
                    if person in members[group]
                    else NONE
                    for group in GROUPS
                ),
            )
            for repository, project in PROJECTS.items()
            for person in "123"
        }

    here = effective(defaults, on_projects, direct, members_here)
    of_groups = {
        (repository, group): max(defaults.get((repository, group), NONE), on_projects.get((project, group), NONE))
        for repository, project in PROJECTS.items()
        for group in GROUPS
    }

    groups = compared(
        GroupsHere(of_groups, on_projects, here),
        groups_there,
        members_there,
        on_projects=on_projects_there,
        takes_over=True,
    )
    through = effective(groups.on_repositories, groups.on_projects, {}, members_there)
    people = comparison.compare(
        here,
        There(
            given_there,
            lambda repository: {person: level for (where, person), level in through.items() if where == repository},
            {person: person for person in "123"},
            (),
        ),
        repositories=PROJECTS,
        ours=(),
        takes_over=True,
        names={},
    )
    after = {**given_there, **{each.place: each.target for each in people.differences}}

    assert effective(groups.on_repositories, groups.on_projects, after, members_there) == here
    assert people.inherited == []
    assert {each.kind for each in groups.found.differences} <= {GrantKind.GROUP, GrantKind.PROJECT_GROUP}
