"""What a mirror makes of two sides: pure, and compared with a slow rule for random ones."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from onebucket.domain.privileges import Level
from onebucket.mirror import comparison
from onebucket.mirror.comparison import Comparison, There, compare

READ, WRITE, ADMIN, NONE = Level.READ, Level.WRITE, Level.ADMIN, Level.NONE
MEMBERS = {"1": "alice", "2": "bob", "3": "carol"}
NAMES = {**MEMBERS, "9": "zoe"}


Levels = dict[tuple[str, str], Level]


def compared(
    here: Levels,
    there: Levels,
    *,
    inherited: Levels | None = None,
    ours: Collection[tuple[str, str]] = (),
    takes_over: bool = False,
    untouched: Collection[str] = (),
) -> Comparison:
    through = inherited or {}
    repositories = sorted({repository for repository, _ in (*here, *there, *through)})
    return compare(
        here,
        There(
            there,
            lambda repository: {person: level for (where, person), level in through.items() if where == repository},
            MEMBERS,
            untouched,
        ),
        repositories=repositories,
        ours=ours,
        takes_over=takes_over,
        names=NAMES,
    )


def lines(result: Comparison) -> list[str]:
    return comparison.described(result.differences)


def test_equal_sides_have_no_differences() -> None:
    result = compared({("rocket", "1"): WRITE}, {("rocket", "1"): WRITE})

    assert (lines(result), result.has_drift, result.compared) == ([], False, 1)


def test_what_is_missing_or_lower_there_is_given() -> None:
    result = compared({("rocket", "1"): WRITE, ("rocket", "2"): ADMIN}, {("rocket", "2"): READ})

    assert lines(result) == ["+ alice on rocket: none there, write here", "+ bob on rocket: read there, admin here"]
    assert result.removals == []


def test_what_is_higher_there_is_lowered() -> None:
    result = compared({("rocket", "1"): READ}, {("rocket", "1"): ADMIN})

    assert lines(result) == ["- alice on rocket: admin there, read here"]
    assert len(result.removals) == 1


def test_what_the_mirror_did_not_set_is_told_and_not_taken_away() -> None:
    there = {("rocket", "1"): WRITE, ("rocket", "2"): WRITE}

    result = compared({}, there, ours={("rocket", "1")})
    taking_over = compared({}, there, takes_over=True)

    assert lines(result) == ["- alice on rocket: write there, none here"]
    assert comparison.described(result.foreign) == ["- bob on rocket: write there, none here"]
    assert result.has_drift
    assert (len(taking_over.differences), taking_over.foreign) == (2, [])


def test_who_is_no_member_there_is_named_and_nothing_is_set_for_them() -> None:
    result = compared({("rocket", "9"): READ, ("probe", "9"): READ}, {})

    assert (result.differences, result.strangers) == ([], ["zoe"])


def test_owners_and_the_mirror_itself_are_left_alone() -> None:
    result = compared({("rocket", "1"): READ}, {("rocket", "1"): ADMIN, ("rocket", "2"): READ}, untouched={"1", "2"})

    assert (result.differences, result.foreign) == ([], [])


def test_who_has_it_there_through_a_group_is_given_nothing() -> None:
    result = compared({("rocket", "1"): WRITE}, {}, inherited={("rocket", "1"): WRITE})

    assert not result.has_drift


def test_what_a_group_there_lacks_is_given_and_what_it_has_too_much_is_told() -> None:
    here = {("rocket", "1"): ADMIN, ("rocket", "2"): READ}

    result = compared(here, {}, inherited={("rocket", "1"): READ, ("rocket", "2"): WRITE, ("rocket", "3"): READ})

    assert lines(result) == ["+ alice on rocket: read there, admin here"]
    assert comparison.described(result.inherited) == [
        "- bob on rocket: write there, read here",
        "- carol on rocket: read there, none here",
    ]


def test_what_is_needed_no_longer_because_of_a_group_is_taken_away() -> None:
    place = ("rocket", "1")

    result = compared({place: READ}, {place: ADMIN}, inherited={place: WRITE})

    assert [(each.target, each.effect.value) for each in result.differences] == [(NONE, "loses")]


_places = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "3", "9"])), st.sampled_from([READ, WRITE, ADMIN])
)


@given(
    here=_places,
    there=_places,
    inherited=_places,
    ours=st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from("1239"))),
    takes_over=st.booleans(),
    untouched=st.sets(st.sampled_from("123")),
)
def test_carrying_the_differences_over_leaves_only_what_may_not_be_touched(
    here: Levels, there: Levels, inherited: Levels, ours: set[tuple[str, str]], takes_over: bool, untouched: set[str]
) -> None:
    inherited = {place: level for place, level in inherited.items() if place[1] in MEMBERS}
    first = compared(here, there, inherited=inherited, ours=ours, takes_over=takes_over, untouched=untouched)
    after = dict(there)
    for difference in first.differences:
        after[difference.place] = difference.target
    after = {place: level for place, level in after.items() if level}

    for place in [(repository, person) for repository in "ab" for person in "1239"]:
        wanted, through = here.get(place, NONE), inherited.get(place, NONE)
        effective = max(after.get(place, NONE), through)
        if place[1] in untouched or (wanted and place[1] not in MEMBERS and wanted > there.get(place, NONE)):
            assert after.get(place, NONE) is there.get(place, NONE)
        elif wanted or place in ours or takes_over:
            assert effective is max(wanted, through)
        else:
            assert effective is max(there.get(place, NONE), through)
    assert (
        compared(here, after, inherited=inherited, ours=ours, takes_over=takes_over, untouched=untouched).differences
        == []
    )
