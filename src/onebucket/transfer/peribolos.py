"""GitHub organisations kept as Peribolos YAML, as our document; `orgfiles` knows which files tell of which.

GitHub's names don't tell upper from lower case, so one person may be spelled in several ways: they get one account,
spelled as they are met first. Keys that mean nothing to us are passed over, and told.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import UNSET

from onebucket import slugs
from onebucket.domain import accounts, groups, repositories
from onebucket.domain.accounts import username_key
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Refusal
from onebucket.transfer import field_parsers, peribolos_files, source_tree
from onebucket.transfer.model import NOWHERE, Document, Group, Repository, Team, User
from onebucket.transfer.source_tree import Mapping, Node, UnreadableDocument

__all__ = ["ImportedTeam", "PeribolosOrganization", "UnreadableDocument", "read", "to_document"]

_LEVELS = {
    "none": Level.NONE,
    "read": Level.READ,
    "triage": Level.READ,
    "write": Level.WRITE,
    "maintain": Level.WRITE,
    "admin": Level.ADMIN,
}
_DEFAULT_LEVELS = {word: _LEVELS[word] for word in ("none", "read", "write", "admin")}

# What is understood of each mapping; other keys are passed over.
_OF_TEAM = frozenset({"members", "maintainers", "repos", "teams", "previously"})
_OF_REPOSITORY = frozenset({"private", "description"})


@dataclass(frozen=True, slots=True)
class ImportedTeam:
    """A team of the organisation; what Peribolos calls `repos` is `privileges` here, by repository."""

    name: str
    slug: str
    members: tuple[str, ...]
    privileges: dict[str, Level]
    previously: tuple[str, ...]
    file: Path
    line: int


@dataclass(slots=True)
class PeribolosOrganization:
    """What an organisation's files say, every person spelled in one way.

    `people` is everybody, by the form in which names are the same; `respelled` the other spellings that were met;
    `passed_over` the keys that mean nothing here.
    """

    username: str
    name: str
    permission: Level = Level.NONE
    admins: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    crews: dict[str, ImportedTeam] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    respelled: set[str] = field(default_factory=set)
    passed_over: set[str] = field(default_factory=set)

    def summary(self) -> str:
        """The organisation in numbers."""
        memberships = sum(len(crew.members) for crew in self.crews.values())
        grants = sum(len(crew.privileges) for crew in self.crews.values())
        twice = f" ({len(self.respelled):,} of them spelled in two ways)" if self.respelled else ""
        return (
            f"{self.name} as {self.username}: {len(self.crews):,} teams, {memberships:,} memberships, "
            f"{grants:,} grants, {len(self.people):,} people{twice}"
        )


def read(paths: Sequence[Path], *, name: str | None = None) -> list[PeribolosOrganization]:
    """Read the organisations in these files and folders; `name` is what to call the only one. Raises Unreadable."""
    found = peribolos_files.found(paths)
    if name is not None and len(found) > 1:
        raise UnreadableDocument(f"there are {len(found)} organisations here, and only one can be called {name!r}")

    return [_organisation(name or called, parts) for called, parts in found.items()]


def _organisation(called: str, parts: Sequence[peribolos_files.Part]) -> PeribolosOrganization:
    first = parts[0]
    with source_tree.reading(str(first.file)):
        username = _username(called)
    organisation = PeribolosOrganization(username=username, name=username)
    for part in parts:
        with source_tree.reading(str(part.file)):
            _take_up(organisation, part.node)
    for part in parts:
        with source_tree.reading(str(part.file)):
            _add_crews(organisation, peribolos_files.part(part.node, "teams"), part.file)

    if not any(part.says_something for part in parts):
        raise UnreadableDocument(
            "nothing in this was understood: an organisation has "
            f"{', '.join(peribolos_files.CONTENTS)}{_instead(organisation)}; nothing was imported",
            source=str(first.file),
        )
    return organisation


def _instead(organisation: PeribolosOrganization) -> str:
    met = sorted(organisation.passed_over)
    return f", and this has {', '.join(met)}" if met else ""


def _username(name: str) -> str:
    try:
        return slugs.slugify(name)
    except Refusal:
        raise UnreadableDocument(f"{name!r} has no letter or digit that the team could be called by") from None


def _take_up(organisation: PeribolosOrganization, root: Mapping) -> None:
    """Take up all that a part says but its teams."""
    name, level = peribolos_files.part(root, "name"), peribolos_files.part(root, "default_repository_permission")
    if name:
        organisation.name = field_parsers.text(name, "'name'")
    if level:
        organisation.permission = _level(level, "'default_repository_permission'", _DEFAULT_LEVELS)
    organisation.admins = _joined(organisation.admins, _people(organisation, root, "admins"))
    organisation.members = _joined(organisation.members, _people(organisation, root, "members"))
    for slug, node in _items(root, "repos"):
        _add_repository(organisation, slug, peribolos_files.mapping(node, f"the repository {slug!r}"))
    organisation.passed_over |= root.items.keys() - peribolos_files.KEYS


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _add_repository(organisation: PeribolosOrganization, slug: str, node: Mapping) -> None:
    """Take up what is said of a repository itself; most files say nothing, and then it is private."""
    private, description = peribolos_files.part(node, "private"), peribolos_files.part(node, "description")
    organisation.passed_over |= node.items.keys() - _OF_REPOSITORY
    organisation.repositories[slug.lower()] = Repository(
        slug=_slug(slug, node.line),
        is_private=field_parsers.flag(private, "'private'") if private else UNSET,
        description=field_parsers.text(description, "'description'") if description else UNSET,
    )


def _add_crews(organisation: PeribolosOrganization, node: Node | None, file: Path) -> None:
    """Take up teams, and the teams inside them."""
    if node is None:
        return
    for name, item in peribolos_files.mapping(node, "'teams'").items.items():
        inside = peribolos_files.mapping(item, f"the team {name!r}")
        organisation.passed_over |= inside.items.keys() - _OF_TEAM
        _add_crew(organisation, _crew(organisation, name, inside, file))
        _add_crews(organisation, peribolos_files.part(inside, "teams"), file)


def _add_crew(organisation: PeribolosOrganization, crew: ImportedTeam) -> None:
    other = organisation.crews.setdefault(crew.slug, crew)
    if other is not crew:
        raise UnreadableDocument(
            f"the team {crew.name!r} and the team {other.name!r} ({other.file}:{other.line}) "
            f"would both be the group {crew.slug!r}",
            line=crew.line,
        )


def _crew(organisation: PeribolosOrganization, name: str, node: Mapping, file: Path) -> ImportedTeam:
    try:
        slug = slugs.slugify(groups.check_name(name))
    except Refusal as refusal:
        raise UnreadableDocument(f"the team {name!r}: {refusal.sentence}", line=node.line) from None

    people = (*_people(organisation, node, "members"), *_people(organisation, node, "maintainers"))
    privileges = {}
    for repository, item in _items(node, "repos"):
        known = organisation.repositories.setdefault(repository.lower(), Repository(slug=_slug(repository, item.line)))
        privileges[known.slug] = _level(item, f"the permission on {repository!r}", _LEVELS)

    before = peribolos_files.part(node, "previously")
    previously = tuple(_NAMES_BEFORE(before, "'previously'")) if before else ()
    return ImportedTeam(name, slug, tuple(dict.fromkeys(people)), privileges, previously, file, node.line)


# -- parts of the files ----------------------------------------------------------------------------


def _items(node: Mapping, key: str) -> Iterable[tuple[str, Node]]:
    found = peribolos_files.part(node, key)
    return peribolos_files.mapping(found, repr(key)).items.items() if found else ()


def _level(node: Node, what: str, words: dict[str, Level]) -> Level:
    word = field_parsers.text(node, what)
    if word not in words:
        raise UnreadableDocument(f"{what} must be one of {', '.join(words)}", line=node.line)
    return words[word]


def _slug(name: str, line: int) -> str:
    try:
        return repositories.check_slug(name)
    except Refusal as refusal:
        raise UnreadableDocument(refusal.sentence, line=line) from None


def _people(organisation: PeribolosOrganization, node: Mapping, key: str) -> tuple[str, ...]:
    """Those in a list, each once and as they are spelled everywhere."""
    found = peribolos_files.part(node, key)
    names = _NAMES(found, repr(key)) if found else []
    for name in names:
        if organisation.people.setdefault(username_key(name), name) != name:
            organisation.respelled.add(name)
    return tuple(dict.fromkeys(organisation.people[username_key(name)] for name in names))


def _name(node: Node, what: str) -> str:
    name = field_parsers.text(node, what)
    try:
        return accounts.check_username(name)
    except Refusal as refusal:
        raise UnreadableDocument(refusal.sentence, line=node.line) from None


_NAMES = field_parsers.listed(_name, each="name")
_NAMES_BEFORE = field_parsers.listed(field_parsers.checked(groups.check_name), each="name")


# -- as our document -------------------------------------------------------------------------------


def to_document(organisation: PeribolosOrganization) -> Document:
    """The organisation as a team with a group for each of its teams, and one each for its admins and for everyone.

    Those two are called `administrators` and `members`, with `organization-` before it where a team has that slug:
    every team is a group with exactly its members. Repositories are private unless the files say otherwise, and people
    have an address at `NOWHERE`.
    """
    everyone = tuple(dict.fromkeys((*organisation.admins, *organisation.members)))
    own = (
        Group(
            name=_free(organisation, "administrators"),
            account_privilege=AccountPrivilege.ADMIN,
            permission=Level.ADMIN,
            members=list(organisation.admins),
        ),
        Group(
            name=_free(organisation, "members"),
            permission=organisation.permission,
            members=list(everyone),
        ),
    )
    team = Team(
        username=organisation.username,
        display_name=organisation.name,
        groups=[*own, *map(_group, organisation.crews.values())],
        repositories=list(_repositories(organisation)),
    )
    return Document(
        users=[User(username=name, email=name + NOWHERE) for name in organisation.people.values()], teams=[team]
    )


def _group(crew: ImportedTeam) -> Group:
    return Group(
        name=crew.name, members=list(crew.members), previously=list(crew.previously) if crew.previously else UNSET
    )


def _free(organisation: PeribolosOrganization, name: str) -> str:
    for free in (name, f"organization-{name}"):
        if free not in organisation.crews:
            return free
    crew = organisation.crews[f"organization-{name}"]
    raise UnreadableDocument(
        f"the team {crew.name!r} has the name that the group of its {name} would get",
        line=crew.line,
        source=str(crew.file),
    )


def _repositories(organisation: PeribolosOrganization) -> Iterator[Repository]:
    granted: dict[str, dict[str, Level]] = {}
    for crew in organisation.crews.values():
        for slug, level in crew.privileges.items():
            granted.setdefault(slug, {})[crew.slug] = level
    for repository in organisation.repositories.values():
        yield msgspec.structs.replace(repository, privileges=granted.get(repository.slug, {}))
