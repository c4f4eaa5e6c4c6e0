"""The house's words: the field's terms for names, *they* for persons, and no import alias without a reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import onebucket

SOURCE = Path(onebucket.__file__).parent
TOP = Path(__file__).parents[1]
PROSE = {".py", ".md", ".html", ".txt", ".toml", ".yaml", ".js", ".css"}
PRONOUN = re.compile(r"\b(?:s?he|his|hers?|him|(?:him|her)self)\b", re.IGNORECASE)

# What classes and modules were called once, and what to say. An engineer would not search for the former.
SAY = {
    "Answer": "Response",
    "Answers": "ResponseBuilder",
    "Ask": "ApiRequest",
    "Carrier": "OutboxWorker",
    "Case": "AccessInput",
    "Cases": "AccessInputs",
    "Crowd": "LazyMembers",
    "Deed": "Provenance",
    "Desk": "PageBackend or Composer",
    "Foundation": "CacheDependencies",
    "Guesses": "LoginThrottle",
    "Handling": "Dispatcher",
    "Holding": "AccountAccess",
    "House": "SiteInfo",
    "Lasting": "StreamingBody",
    "Lengths": "LongResponses",
    "Limits": "RateLimiter",
    "Loss": "AccessLoss",
    "Manner": "ResponseFormat",
    "Many": "LazyList",
    "Marks": "StampCounter",
    "Memory": "ResponseCache",
    "Overloaded": "TooManyRequests",
    "Parcel": "OutgoingMail",
    "Post": "MailTransport",
    "Proof": "VerifiedCredential",
    "Remembered": "CachedResponse",
    "Repeats": "FingerprintCache",
    "Roster": "GroupWithMembers",
    "Said": "ErrorResponse",
    "Seen": "ReadSet",
    "Span": "ReadMode",
    "Tally": "ProcessMetrics",
    "Terms": "SiteLimits",
    "Uses": "LastUsedRecorder",
    "Verdict": "AccessDecision",
    "Versions": "DataVersion",
    "Visit": "PageRequest",
    "Ways": "ServerOptions",
    "Whole": "AccountSnapshot",
    "Writer": "WriteQueue",
}

# Where a name is taken already by what the file itself is about. Another alias needs its line, or a better name.
ALIASES = {
    "actions/unit_of_work.py": {"house"},
    "cli/common.py": {"house", "settings_module"},
    "cli/serve.py": {"demo_data"},
    "http/app.py": {"requests"},
    "http/auth/credential_source.py": {"requests"},
    "http/cache/fingerprint_cache.py": {"requests"},
    "http/oauth/authorization_server.py": {"domain"},
    "http/oauth/endpoints.py": {"requests"},
    "store/account_rows.py": {"domain"},
    "store/connect.py": {"connect_postgres", "connect_replica", "connect_sqlite"},
    "store/postgres/database.py": {"libpq"},
    "store/postgres/replica.py": {"libpq"},
    "surfaces/v1/privileges.py": {"domain"},
    "surfaces/web/account/groups.py": {"domain"},
    "transfer/apply.py": {"pruning"},
    "transfer/apply_contents.py": {"domain"},
}


def prose() -> Iterator[Path]:
    """Every text of the product and its documentation."""
    for start in (SOURCE, TOP / "docs"):
        yield from (path for path in sorted(start.rglob("*")) if path.suffix in PROSE)
    yield from (TOP / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"))


def pronouns(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if PRONOUN.search(line)]


def private_names(module: ast.AST) -> list[str]:
    """The classes of a module that have a private word for a name, each with what to say."""
    names = [node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return [f"{name}: say {SAY[name.lstrip('_')]}" for name in names if name.lstrip("_") in SAY]


def aliases(module: ast.AST) -> set[str]:
    """The other names under which a module knows things of ours."""
    return {
        each.asname
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onebucket")
        for each in node.names
        if each.asname
    }


def test_nobody_is_called_he_or_she() -> None:
    assert {path.name: found for path in prose() if (found := pronouns(path.read_text()))} == {}


def test_no_class_has_a_name_that_nobody_would_search_for() -> None:
    modules = {path.name: ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")}

    assert {name: found for name, module in modules.items() if (found := private_names(module))} == {}


def test_every_import_alias_is_listed() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): names
        for path in SOURCE.rglob("*.py")
        if (names := aliases(ast.parse(path.read_text())))
    }

    assert found == ALIASES


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (pronouns, "Whoever asks is told what he may."),
        (pronouns, "Her address."),
        (lambda text: private_names(ast.parse(text)), "class Guesses: ..."),
        (lambda text: private_names(ast.parse(text)), "class _Memory: ..."),
        (lambda text: aliases(ast.parse(text)), "from onebucket.domain import groups as crews"),
    ],
)
def test_each_of_these_rules_notices(rule: object, text: str) -> None:
    assert callable(rule) and rule(text)
