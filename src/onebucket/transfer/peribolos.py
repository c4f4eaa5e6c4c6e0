"""A GitHub organisation kept as Peribolos YAML: `org.yaml` and the `teams.yaml` files below it, as our document.

GitHub's names don't tell upper from lower case, so one person may be spelled in several ways: he gets one account,
spelled as in `org.yaml`, or else where he is met first. Keys that mean nothing to us are passed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import UNSET

from onebucket.domain import accounts, groups, repositories
from onebucket.domain.accounts import username_key
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Refusal
from onebucket.transfer import reading, tree
from onebucket.transfer.parts import NOWHERE, Document, Group, Repository, Team, User
from onebucket.transfer.tree import Mapping, Node, Unreadable

__all__ = ["Crew", "Organisation", "Unreadable", "read", "to_document"]

_LEVELS = {
    "read": Level.READ,
    "triage": Level.READ,
    "write": Level.WRITE,
    "maintain": Level.WRITE,
    "admin": Level.ADMIN,
}
_DEFAULT_LEVELS = {"none": Level.NONE} | {word: _LEVELS[word] for word in ("read", "write", "admin")}


@dataclass(frozen=True, slots=True)
class Crew:
    """A team of the organisation; what Peribolos calls `repos` is `privileges` here, by repository."""

    name: str
    slug: str
    members: tuple[str, ...]
    privileges: dict[str, Level]
    file: Path
    line: int


@dataclass(slots=True)
class Organisation:
    """What an organisation's folder says, every person spelled in one way.

    `people` is everybody, by the form in which names are the same; `respelled` the other spellings that were met.
    """

    username: str
    name: str
    permission: Level = Level.NONE
    admins: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    crews: dict[str, Crew] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    respelled: set[str] = field(default_factory=set)

    def summary(self) -> str:
        """The organisation in numbers."""
        memberships = sum(len(crew.members) for crew in self.crews.values())
        grants = sum(len(crew.privileges) for crew in self.crews.values())
        twice = f" ({len(self.respelled):,} of them spelled in two ways)" if self.respelled else ""
        return (
            f"{self.name} as {self.username}: {len(self.crews):,} teams, {memberships:,} memberships, "
            f"{grants:,} grants, {len(self.people):,} people{twice}"
        )


def read(folder: Path) -> Organisation:
    """Read an organisation's folder. Raises Unreadable."""
    top = folder / "org.yaml"
    if not top.is_file():
        raise Unreadable(_why_none(folder), source=str(folder))

    with tree.reading(str(top)):
        organisation = _organisation(folder, _parsed(top))
    for file in (top, *sorted(folder.rglob("teams.yaml"))):
        with tree.reading(str(file)):
            _add_crews(organisation, _part(_parsed(file), "teams"), file)

    return organisation


def _why_none(folder: Path) -> str:
    if not folder.is_dir():
        return "there is no such folder"
    below = sorted(path.parent.name for path in folder.glob("*/org.yaml"))
    if below:
        return f"there is no org.yaml in this folder, but in these below it: {', '.join(below)}; import one at a time"
    return "there is no org.yaml in this folder: it holds no organisation kept as Peribolos YAML"


def _parsed(file: Path) -> Mapping:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file can't be read: {error.strerror}") from None
    return _mapping(tree.parsed(text) if text.strip() else Mapping(1, {}, {}), "the file")


def _organisation(folder: Path, root: Mapping) -> Organisation:
    try:
        username = groups.slug_of(folder.resolve().name)
    except Refusal:
        raise Unreadable("the folder's name has no letter or digit that the team could be called by") from None

    name, level = _part(root, "name"), _part(root, "default_repository_permission")
    organisation = Organisation(
        username=username,
        name=reading.text(name, "'name'") if name else username,
        permission=_level(level, "'default_repository_permission'", _DEFAULT_LEVELS) if level else Level.NONE,
    )
    organisation.admins = _people(organisation, root, "admins")
    organisation.members = _people(organisation, root, "members")
    for slug, node in _items(root, "repos"):
        _add_repository(organisation, slug, _mapping(node, f"the repository {slug!r}"))

    return organisation


def _add_repository(organisation: Organisation, slug: str, node: Mapping) -> None:
    """Take up what is said of a repository itself; most files say nothing, and then it is private."""
    private, description = _part(node, "private"), _part(node, "description")
    organisation.repositories[slug.lower()] = Repository(
        slug=_slug(slug, node.line),
        is_private=reading.flag(private, "'private'") if private else UNSET,
        description=reading.text(description, "'description'") if description else UNSET,
    )


def _add_crews(organisation: Organisation, node: Node | None, file: Path) -> None:
    """Take up teams, and the teams inside them."""
    if node is None:
        return
    for name, item in _mapping(node, "'teams'").items.items():
        inside = _mapping(item, f"the team {name!r}")
        _add_crew(organisation, _crew(organisation, name, inside, file))
        _add_crews(organisation, _part(inside, "teams"), file)


def _add_crew(organisation: Organisation, crew: Crew) -> None:
    other = organisation.crews.setdefault(crew.slug, crew)
    if other is not crew:
        raise Unreadable(
            f"the team {crew.name!r} and the team {other.name!r} ({other.file}:{other.line}) "
            f"would both be the group {crew.slug!r}",
            line=crew.line,
        )


def _crew(organisation: Organisation, name: str, node: Mapping, file: Path) -> Crew:
    try:
        slug = groups.slug_of(groups.name_of(name))
    except Refusal as refusal:
        raise Unreadable(f"the team {name!r}: {refusal.sentence}", line=node.line) from None

    people = (*_people(organisation, node, "members"), *_people(organisation, node, "maintainers"))
    privileges = {}
    for repository, item in _items(node, "repos"):
        known = organisation.repositories.setdefault(repository.lower(), Repository(slug=_slug(repository, item.line)))
        privileges[known.slug] = _level(item, f"the permission on {repository!r}", _LEVELS)

    return Crew(name, slug, tuple(dict.fromkeys(people)), privileges, file, node.line)


# -- parts of the files ----------------------------------------------------------------------------


def _part(node: Mapping, key: str) -> Node | None:
    """What is said under a key, if anything is."""
    found = node.items.get(key)
    return None if found is None or tree.is_null(found) else found


def _items(node: Mapping, key: str) -> Iterable[tuple[str, Node]]:
    found = _part(node, key)
    return _mapping(found, repr(key)).items.items() if found else ()


def _mapping(node: Node, what: str) -> Mapping:
    if tree.is_null(node):
        return Mapping(node.line, {}, {})
    if not isinstance(node, Mapping):
        raise Unreadable(f"{what} must be a mapping (name: value)", line=node.line)
    return node


def _level(node: Node, what: str, words: dict[str, Level]) -> Level:
    word = reading.text(node, what)
    if word not in words:
        raise Unreadable(f"{what} must be one of {', '.join(words)}", line=node.line)
    return words[word]


def _slug(name: str, line: int) -> str:
    try:
        return repositories.checked_slug(name)
    except Refusal as refusal:
        raise Unreadable(refusal.sentence, line=line) from None


def _people(organisation: Organisation, node: Mapping, key: str) -> tuple[str, ...]:
    """Those in a list, each once and as he is spelled everywhere."""
    found = _part(node, key)
    names = _NAMES(found, repr(key)) if found else []
    for name in names:
        if organisation.people.setdefault(username_key(name), name) != name:
            organisation.respelled.add(name)
    return tuple(dict.fromkeys(organisation.people[username_key(name)] for name in names))


def _name(node: Node, what: str) -> str:
    name = reading.name(node, what)
    try:
        return accounts.checked_username(name)
    except Refusal as refusal:
        raise Unreadable(refusal.sentence, line=node.line) from None


_NAMES = reading.listed(_name, each="name")


# -- as our document -------------------------------------------------------------------------------


def to_document(organisation: Organisation) -> Document:
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
        groups=[*own, *(Group(name=crew.name, members=list(crew.members)) for crew in organisation.crews.values())],
        repositories=list(_repositories(organisation)),
    )
    return Document(
        users=[User(username=name, email=name + NOWHERE) for name in organisation.people.values()], teams=[team]
    )


def _free(organisation: Organisation, name: str) -> str:
    for free in (name, f"organization-{name}"):
        if free not in organisation.crews:
            return free
    crew = organisation.crews[f"organization-{name}"]
    raise Unreadable(
        f"the team {crew.name!r} has the name that the group of its {name} would get",
        line=crew.line,
        source=str(crew.file),
    )


def _repositories(organisation: Organisation) -> Iterator[Repository]:
    granted: dict[str, dict[str, Level]] = {}
    for crew in organisation.crews.values():
        for slug, level in crew.privileges.items():
            granted.setdefault(slug, {})[crew.slug] = level
    for repository in organisation.repositories.values():
        yield msgspec.structs.replace(repository, privileges=granted.get(repository.slug, {}))
