"""Finds the Peribolos YAML files of each organization, in the layouts that are in use.

A file either lists organizations by name below `orgs`, or is one organization or a part of one. Then `org.yaml`, and
the files of an organization that is split into parts, belong to the organization named after their folder; any other
file to the organization named after the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onebucket.transfer import source_tree
from onebucket.transfer.source_tree import Mapping, Node, UnreadableDocument

# Keys that hold an organization's contents, and all known keys.
CONTENTS = ("admins", "members", "teams", "repos")
KEYS = frozenset({*CONTENTS, "name", "default_repository_permission"})

_SPLIT = tuple(f"{key}.yaml" for key in CONTENTS)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one organization that is in one file."""

    file: Path
    node: Mapping

    @property
    def says_something(self) -> bool:
        """Return whether the part has any of the keys in `CONTENTS`."""
        return any(part(self.node, key) for key in CONTENTS)


Found = dict[str, list[Part]]


def found(paths: Sequence[Path]) -> Found:
    """Return the parts of each organization in these files and folders, by its name. Raises UnreadableDocument."""
    organisations: Found = {}
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        for name, parts in _parts(file).items():
            organisations.setdefault(name, []).extend(parts)

    _assign_team_files(organisations, paths)
    return organisations


def _files(path: Path) -> list[Path]:
    """Return the files that a path stands for; `_assign_team_files` adds the `teams.yaml` below a folder."""
    if path.is_file():
        return _files(path.parent) if path.name == "org.yaml" else [path]
    if (path / "org.yaml").is_file():
        return [path / "org.yaml"]
    if (path / "admins.yaml").is_file() or (path / "members.yaml").is_file():
        return [path / name for name in _SPLIT if (path / name).is_file()]
    files = [file for file in sorted(path.glob("*.y*ml")) if file.is_file() and _has_organisations(file)]
    if not files:
        raise UnreadableDocument(_why_none(path), source=str(path))
    return files


def _has_organisations(file: Path) -> bool:
    with source_tree.reading(str(file)):
        try:
            root = source_tree.parsed(_bytes(file))
        except UnreadableDocument:
            return False
    return isinstance(root, Mapping) and part(root, "orgs") is not None


def _why_none(path: Path) -> str:
    if not path.is_dir():
        return "there is no such file or folder"
    below = sorted(each.parent.name for each in path.glob("*/org.yaml"))
    if below:
        return f"there is no org.yaml in this folder, but in these below it: {', '.join(below)}; use those"
    return "there is no org.yaml in this folder, so it is no Peribolos organisation"


def _parts(file: Path) -> Found:
    with source_tree.reading(str(file)):
        root = _parsed(file)
        orgs = part(root, "orgs")
        if orgs is None:
            return {_default_name(file): [Part(file, root)]}
        by_name = mapping(orgs, "'orgs'").items
        if other_keys := sorted(root.items.keys() - {"orgs"}):
            raise UnreadableDocument(
                f"beside 'orgs' this has {', '.join(other_keys)}: they belong below an organisation", line=1
            )
        if not by_name:
            raise UnreadableDocument("there is no organisation below 'orgs'", line=orgs.line)
        return {name: [Part(file, mapping(node, f"the organisation {name!r}"))] for name, node in by_name.items()}


def _default_name(file: Path) -> str:
    return file.resolve().parent.name if file.name in ("org.yaml", *_SPLIT) else file.stem


def _assign_team_files(organisations: Found, paths: Sequence[Path]) -> None:
    """Add the `teams.yaml` files below each folder to the one organization in it. Raises UnreadableDocument."""
    for path in paths:
        folder = path.parent if path.name == "org.yaml" else path
        known = {each.file for parts in organisations.values() for each in parts}
        below = [file for file in sorted(folder.rglob("teams.yaml")) if file not in known] if folder.is_dir() else []
        here = [name for name, parts in organisations.items() if any(each.file.parent == folder for each in parts)]
        if below and len(here) > 1:
            raise UnreadableDocument(
                f"this doesn't say whose teams they are: {' or '.join(here)}", source=str(below[0])
            )
        for file in below:
            with source_tree.reading(str(file)):
                organisations[here[0]].append(Part(file, _parsed(file)))


def _parsed(file: Path) -> Mapping:
    text = _bytes(file)
    return mapping(source_tree.parsed(text) if text.strip() else Mapping(1, {}, {}), "the file")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableDocument(f"the file can't be read: {error.strerror}") from None


def part(node: Mapping, key: str) -> Node | None:
    """Return the value of a key, None if it is missing or null."""
    value = node.items.get(key)
    return None if value is None or source_tree.is_null(value) else value


def mapping(node: Node, what: str) -> Mapping:
    """Return the node as a mapping, empty for null. Raises UnreadableDocument for anything else."""
    if source_tree.is_null(node):
        return Mapping(node.line, {}, {})
    if not isinstance(node, Mapping):
        raise UnreadableDocument(f"{what} must be a mapping (name: value)", line=node.line)
    return node
