"""The house's words: the field's terms for names, the reader's words on pages and in mail, *they* for persons."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import onebucket
from checkout import TOP, parsed
from onebucket.cli.root import root

SOURCE = Path(onebucket.__file__).parent
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

# What pages and e-mails once said, and what people say. `(consumers)` stands beside "OAuth apps" once, for people who
# search for the original's word.
SAY_TO_PEOPLE = {
    r"letters?(?!, digits)": "e-mail",
    r"programs?": "OAuth app or script",
    r"(?<!\()consumers?": "OAuth app",
    r"privileges?": "permission",
    r"made": "created",
    r"make (?:an?|the)": "create",
    r"good (?:for|until)": "valid until",
    r"any more": "no longer",
    r"dead": "no longer works",
    r"stands": "is",
    r"in brackets": "(read)",
    r"gains? or loses? anything": "gains or loses access",
    r"would have less": "would lose access",
    r"by default it may": "default permission",
    r"runs? (?:this|the) (?:site|server)": "is a site administrator",
    r"need do nothing": "ignore this e-mail",
    r"is needed": "is required",
    r"fits?": "matches",
    r"once more": "again",
    r"go on": "continue",
    r"leave it as it is": "cancel",
}

# What documentation and the help of commands once said. Code in documentation is left out.
SAY_IN_DOCUMENTATION = {
    r"mend(?:s|ed|ing)?": "fix",
    r"heed(?:s|ed)?": "respect, or obey",
    r"throw-away": "temporary",
    r"whoever runs": "the operator, or a site administrator",
    r"whomever": "anybody",
    r"blanks?(?! line)": "space",
    r"anew": "again",
    r"in (?:the )?place of": "instead of",
    r"oauth (?:consumer|program)s?": "OAuth app",
    r"tells? of|told of": "say, record or report",
}

# Where a name is taken already by what the file itself is about. Another alias needs its line, or a better name.
ALIASES = {
    "actions/unit_of_work.py": {"house"},
    "cli/common.py": {"settings_module"},
    "cli/double.py": {"demo_data"},
    "cli/serve.py": {"demo_data"},
    "cli/server_start.py": {"demo_data"},
    "http/app.py": {"requests"},
    "http/auth/credential_source.py": {"requests"},
    "http/oauth/authorization_server.py": {"domain"},
    "http/oauth/endpoints.py": {"requests"},
    "store/account_rows.py": {"domain"},
    "store/connect.py": {"connect_postgres", "connect_replica", "connect_sqlite"},
    "store/postgres/database.py": {"libpq"},
    "store/postgres/replica.py": {"libpq"},
    "surfaces/v1/privileges.py": {"domain"},
    "surfaces/web/account/groups.py": {"domain"},
    "surfaces/web/account/projects.py": {"domain"},
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


def documentation() -> Iterator[Path]:
    """Every page of the documentation, with the pages at the top of the checkout."""
    yield from sorted({*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")})


def prose_of_page(text: str) -> str:
    """Return a page of documentation without its code."""
    return re.sub(r"```.*?```|^    .*?$|`[^`\n]*`", "`…`", text, flags=re.DOTALL | re.MULTILINE)


def help_texts(command: Any, name: str = "onebucket") -> Iterator[tuple[str, str]]:
    """Yield the help of a command, its options and all commands below it, each with the command's name."""
    yield name, command.help or ""
    yield from ((name, parameter.help) for parameter in command.params if getattr(parameter, "help", None))
    for below in getattr(command, "commands", {}).values():
        yield from help_texts(below, f"{name} {below.name}")


def odd_words_of_documentation(text: str) -> list[str]:
    """The words of a text that documentation once had, each with what to say."""
    return [
        f"{found[0]!r}: say {say}"
        for pattern, say in SAY_IN_DOCUMENTATION.items()
        for found in re.finditer(rf"\b(?:{pattern})\b", " ".join(text.split()), re.IGNORECASE)
    ]


def gendered_tests(module: ast.AST) -> list[str]:
    """The tests of a module whose names call somebody he or she."""
    names = [node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in names if name.startswith("test_") and PRONOUN.search(name.replace("_", " "))]


def private_names(module: ast.AST) -> list[str]:
    """The classes of a module that have a private word for a name, each with what to say."""
    names = [node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return [f"{name}: say {SAY[name.lstrip('_')]}" for name in names if name.lstrip("_") in SAY]


def sentences_of_template(text: str) -> Iterator[str]:
    """Yield what a template shows: its text, labels for screen readers, and the texts that it hands to macros."""
    text = re.sub(r"\{#.*?#\}|<style>.*?</style>", "", text, flags=re.DOTALL)
    for code in re.findall(r"\{[{%].*?[%}]\}", text, re.DOTALL):
        yield from (each for each in re.findall(r'"([^"]*)"', code) if re.search(r"\s|^[A-Z]", each))
    text = re.sub(r"\{[{%].*?[%}]\}", "…", text, flags=re.DOTALL)
    yield from re.findall(r'aria-label="([^"]*)"', text)
    yield from re.sub(r"<code>.*?</code>|<[^>]*>", "", text, flags=re.DOTALL).splitlines()


def sentences_of_script(text: str) -> Iterator[str]:
    """Yield the strings of a script that have a blank in them; names of events and classes have none."""
    code = re.sub(r"^\s*//.*|\s// .*", "", text, flags=re.MULTILINE)
    yield from (each for _, each in re.findall(r"([\"`])(.*?)\1", code) if " " in each)


def sentences_of_module(text: str) -> Iterator[str]:
    """Yield the strings of a module that have a blank in them, without docstrings."""
    module = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from [node.value] if " " in node.value else []


PEOPLE_READ = {".html": sentences_of_template, ".txt": sentences_of_template, ".js": sentences_of_script,
               ".py": sentences_of_module}  # fmt: skip


def unclear_words(sentences: Iterable[str]) -> list[str]:
    """The sentences with a word that people don't use, each with what to say."""
    return [
        f"{sentence.strip()!r}: say {say!r}"
        for sentence in sentences
        for word, say in SAY_TO_PEOPLE.items()
        if re.search(rf"\b{word}\b" if word[0] != "(" else rf"{word}\b", sentence, re.IGNORECASE)
    ]


def aliases(module: ast.AST) -> set[str]:
    """The other names under which a module knows things of ours."""
    return {
        each.asname
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onebucket")
        for each in node.names
        if each.asname
    }


def test_documentation_uses_the_words_that_people_use() -> None:
    words = {
        path.relative_to(TOP).as_posix(): odd_words_of_documentation(prose_of_page(path.read_text()))
        for path in documentation()
    }

    assert {page: found for page, found in words.items() if found} == {}


def test_the_help_of_commands_uses_the_words_that_people_use() -> None:
    texts = list(help_texts(typer.main.get_command(root)))
    assert len(texts) > 100

    assert [(name, found) for name, text in texts if (found := odd_words_of_documentation(text))] == []
    assert [(name, found) for name, text in texts if (found := pronouns(text))] == []


def test_no_test_has_a_gendered_name() -> None:
    modules = {path.name: ast.parse(path.read_text()) for path in TOP.glob("tests/**/*.py")}

    assert {name: found for name, module in modules.items() if (found := gendered_tests(module))} == {}


def test_nobody_has_a_gendered_pronoun() -> None:
    assert {path.name: found for path in prose() if (found := pronouns(path.read_text()))} == {}


def test_no_class_has_a_name_that_nobody_would_search_for() -> None:
    modules = {path.relative_to(SOURCE).as_posix(): parsed(path) for path in SOURCE.rglob("*.py")}

    assert {name: found for name, module in modules.items() if (found := private_names(module))} == {}


def test_pages_and_mail_use_the_words_that_people_use() -> None:
    paths = [*(SOURCE / "surfaces/web").rglob("*"), *(SOURCE / "letters").rglob("*")]
    read = {path: PEOPLE_READ[path.suffix](path.read_text()) for path in paths if path.suffix in PEOPLE_READ}

    found = {path.relative_to(SOURCE).as_posix(): unclear_words(sentences) for path, sentences in read.items()}
    assert {path: words for path, words in found.items() if words} == {}


def test_every_import_alias_is_listed() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): names for path in SOURCE.rglob("*.py") if (names := aliases(parsed(path)))
    }

    assert found == ALIASES


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (pronouns, "Whoever asks is told what he may."),
        (pronouns, "Her address."),
        (lambda text: odd_words_of_documentation(prose_of_page(text)), "`doctor` says how to mend it."),
        (lambda text: odd_words_of_documentation(prose_of_page(text)), "An OAuth\nconsumer."),
        (lambda text: gendered_tests(ast.parse(text)), "def test_a_member_sees_her_groups(): ..."),
        (lambda text: unclear_words(sentences_of_template(text)), "<p>The {{ name }} letter</p>"),
        (lambda text: unclear_words(sentences_of_template(text)), '{{ field(request, "label", "Make the program") }}'),
        (lambda text: unclear_words(sentences_of_template(text)), '<div aria-label="Privileges">'),
        (lambda text: unclear_words(sentences_of_script(text)), "text = `${count} letters`;"),
        (lambda text: unclear_words(sentences_of_module(text)), "def f():\n    return f'{n} programs'"),
        (lambda text: private_names(ast.parse(text)), "class Guesses: ..."),
        (lambda text: private_names(ast.parse(text)), "class _Memory: ..."),
        (lambda text: aliases(ast.parse(text)), "from onebucket.domain import groups as crews"),
    ],
)
def test_each_of_these_rules_notices(rule: object, text: str) -> None:
    assert callable(rule) and rule(text)
