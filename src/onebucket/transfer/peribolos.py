"""Imports GitHub organizations from Peribolos YAML as account documents; `peribolos_files` finds their files.

GitHub's names are case-insensitive, so one person may be spelled in several ways: they get one account, with the first
spelling. Unknown keys are skipped and reported.
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

# Known keys of each mapping; other keys are skipped.
_TEAM_KEYS = frozenset({"members", "maintainers", "repos", "teams", "previously"})
_REPOSITORY_KEYS = frozenset({"private", "description"})


@dataclass(frozen=True, slots=True)
class ImportedTeam:
    """A team of the organization; `privileges` are levels by repository slug, from Peribolos' `repos`."""

    name: str
    slug: str
    members: tuple[str, ...]
    privileges: dict[str, Level]
    previously: tuple[str, ...]
    file: Path
    line: int


@dataclass(slots=True)
class PeribolosOrganization:
    """An organization from its files, with one spelling for each person.

    `crews` are its teams by slug. `people` maps username keys to the first spelling of each name, `respelled` are
    other spellings that were found, `passed_over` the unknown keys that were skipped.
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
        """Return the organization's numbers of teams, memberships, grants and people, as a sentence."""
        memberships = sum(len(crew.members) for crew in self.crews.values())
        grants = sum(len(crew.privileges) for crew in self.crews.values())
        twice = f" ({len(self.respelled):,} of them in two spellings)" if self.respelled else ""
        return (
            f"{self.name} as {self.username}: {len(self.crews):,} teams, {memberships:,} memberships, "
            f"{grants:,} grants, {len(self.people):,} people{twice}"
        )


def read(paths: Sequence[Path], *, name: str | None = None) -> list[PeribolosOrganization]:
    """Read the organizations in these files and folders; `name` renames the only one. Raises UnreadableDocument."""
    parts_by_name = peribolos_files.found(paths)
    if name is not None and len(parts_by_name) > 1:
        raise UnreadableDocument(
            f"there are {len(parts_by_name)} organisations here, and --name can rename only one, to {name!r}"
        )

    return [_organisation(name or own_name, parts) for own_name, parts in parts_by_name.items()]


def _organisation(name: str, parts: Sequence[peribolos_files.Part]) -> PeribolosOrganization:
    first = parts[0]
    with source_tree.reading(str(first.file)):
        username = _username(name)
    organisation = PeribolosOrganization(username=username, name=username)
    for part in parts:
        with source_tree.reading(str(part.file)):
            _add_contents(organisation, part.node)
    for part in parts:
        with source_tree.reading(str(part.file)):
            _add_crews(organisation, peribolos_files.part(part.node, "teams"), part.file)

    if not any(part.says_something for part in parts):
        raise UnreadableDocument(
            "this describes no organisation: one has "
            f"{', '.join(peribolos_files.CONTENTS)}{_instead(organisation)}; nothing was imported",
            source=str(first.file),
        )
    return organisation


def _instead(organisation: PeribolosOrganization) -> str:
    skipped = sorted(organisation.passed_over)
    return f", and this has {', '.join(skipped)}" if skipped else ""


def _username(name: str) -> str:
    try:
        return slugs.slugify(name)
    except Refusal:
        raise UnreadableDocument(f"{name!r} has no letter or digit for the team's name") from None


def _add_contents(organisation: PeribolosOrganization, root: Mapping) -> None:
    """Add everything in a part but its teams."""
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
    """Add a repository with its attributes; most files give none, and then it is private."""
    private, description = peribolos_files.part(node, "private"), peribolos_files.part(node, "description")
    organisation.passed_over |= node.items.keys() - _REPOSITORY_KEYS
    organisation.repositories[slug.lower()] = Repository(
        slug=_slug(slug, node.line),
        is_private=field_parsers.flag(private, "'private'") if private else UNSET,
        description=field_parsers.text(description, "'description'") if description else UNSET,
    )


def _add_crews(organisation: PeribolosOrganization, node: Node | None, file: Path) -> None:
    """Add teams, and recursively their subteams."""
    if node is None:
        return
    for name, item in peribolos_files.mapping(node, "'teams'").items.items():
        team = peribolos_files.mapping(item, f"the team {name!r}")
        organisation.passed_over |= team.items.keys() - _TEAM_KEYS
        _add_crew(organisation, _crew(organisation, name, team, file))
        _add_crews(organisation, peribolos_files.part(team, "teams"), file)


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
    for repository_name, item in _items(node, "repos"):
        new = Repository(slug=_slug(repository_name, item.line))
        repository = organisation.repositories.setdefault(repository_name.lower(), new)
        privileges[repository.slug] = _level(item, f"the permission on {repository_name!r}", _LEVELS)

    before = peribolos_files.part(node, "previously")
    previously = tuple(_NAMES_BEFORE(before, "'previously'")) if before else ()
    return ImportedTeam(name, slug, tuple(dict.fromkeys(people)), privileges, previously, file, node.line)


# -- parts of the files ----------------------------------------------------------------------------


def _items(node: Mapping, key: str) -> Iterable[tuple[str, Node]]:
    value = peribolos_files.part(node, key)
    return peribolos_files.mapping(value, repr(key)).items.items() if value else ()


def _level(node: Node, what: str, levels: dict[str, Level]) -> Level:
    name = field_parsers.text(node, what)
    if name not in levels:
        raise UnreadableDocument(f"{what} must be one of {', '.join(levels)}", line=node.line)
    return levels[name]


def _slug(name: str, line: int) -> str:
    try:
        return repositories.check_slug(name)
    except Refusal as refusal:
        raise UnreadableDocument(refusal.sentence, line=line) from None


def _people(organisation: PeribolosOrganization, node: Mapping, key: str) -> tuple[str, ...]:
    """Return the people in a list, each once and in their first spelling."""
    value = peribolos_files.part(node, key)
    names = _NAMES(value, repr(key)) if value else []
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


# -- conversion to a document ----------------------------------------------------------------------


def to_document(organisation: PeribolosOrganization) -> Document:
    """Convert an organization to a document: a team with a group for each of its teams, its admins and its members.

    Each team becomes a group with exactly its members. The groups of admins and of everybody are called
    `administrators` and `members`, with the prefix `organization-` if a team has that slug. Repositories are private
    unless the files say otherwise, and people get placeholder addresses (`NOWHERE`).
    """
    everyone = tuple(dict.fromkeys((*organisation.admins, *organisation.members)))
    own_groups = (
        Group(
            name=_free_name(organisation, "administrators"),
            account_privilege=AccountPrivilege.ADMIN,
            permission=Level.ADMIN,
            members=list(organisation.admins),
        ),
        Group(
            name=_free_name(organisation, "members"),
            permission=organisation.permission,
            members=list(everyone),
        ),
    )
    team = Team(
        username=organisation.username,
        display_name=organisation.name,
        groups=[*own_groups, *map(_group, organisation.crews.values())],
        repositories=list(_repositories(organisation)),
    )
    return Document(
        users=[User(username=name, email=name + NOWHERE) for name in organisation.people.values()], teams=[team]
    )


def _group(crew: ImportedTeam) -> Group:
    return Group(
        name=crew.name, members=list(crew.members), previously=list(crew.previously) if crew.previously else UNSET
    )


def _free_name(organisation: PeribolosOrganization, name: str) -> str:
    for candidate in (name, f"organization-{name}"):
        if candidate not in organisation.crews:
            return candidate
    crew = organisation.crews[f"organization-{name}"]
    raise UnreadableDocument(
        f"the team {crew.name!r} has the name that the group of its {name} would get",
        line=crew.line,
        source=str(crew.file),
    )


def _repositories(organisation: PeribolosOrganization) -> Iterator[Repository]:
    privileges: dict[str, dict[str, Level]] = {}
    for crew in organisation.crews.values():
        for slug, level in crew.privileges.items():
            privileges.setdefault(slug, {})[crew.slug] = level
    for repository in organisation.repositories.values():
        yield msgspec.structs.replace(repository, privileges=privileges.get(repository.slug, {}))
