"""The rules of the house that no linter can hold; each is also shown to notice what it forbids."""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path

import pytest

import onebucket
from checkout import TOP, parsed
from onebucket import bounds
from onebucket.domain import access_events, access_undo, policy, refusals
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Refusal
from onebucket.http import errors
from onebucket.store import migrations, schema
from onebucket.surfaces.core.plain_text_errors import EXACT_BODIES

ROOMS = Path(onebucket.__file__).parent

# Files of more than 300 lines and functions of more than 40 are a question to answer; these are the answers.
LONG_FILES = {
    "actions/access.py": "the only door to stored things: everything that can be asked for, and whether it may be",
    "actions/invitations.py": "everything that invites, to groups and to repositories",
    "actions/privileges.py": "everything that sets a permission, for groups and for people",
    "domain/access_undo.py": "one table of what each event changed, which is read as one",
    "domain/journal_text.py": "one table of the sentences for all events, which is read as one",
    "domain/scope_rules.py": "one table of what scopes allow, which is read as one",
    "mirror/sync.py": "one run of a mirror from the comparison to the last change, over one state",
    "settings.py": "one table of all settings, which is read as one",
    "store/tables.py": "a schema, table after table",
}
LONG_FUNCTIONS = {
    "cli/server_start.py: run_process": "every part of a server process, started and stopped in order",
    "cli/bitbucket_import.py: import_bitbucket": "a command with many options, one after the other",
    "http/wiring.py: build": "every part is put into its place, once",
    "store/migrations/versions/0001_first.py: upgrade": "a schema, table after table",
    "store/migrations/versions/0005_oauth.py: _consumers_and_issued": "two tables, column after column",
}
# Actions that don't begin at the door.
NOT_THROUGH_THE_DOOR = {
    "account_overview.own_accounts": "of the actor's own accounts alone",
    "access_requests.waiting_counts": "of accounts that the actor was found to administer",
    "directory_accounts.addresses": "it reads only what a directory has sent",
    "directory_accounts.keeping": "around what a directory does that went through the door",
    "directory_accounts.namesake": "for a directory that came through the door; a refusal says that there is somebody",
    "administrators.keep_one": "of a team and a group that are held already",
    "member_ends.of_listed": "of groups that the actor was shown",
    "ending_access.to_ask": "whoever has access that ends may know whom to ask",
    "invitation_letters.send_together": "of an account that is held already",
    "member_ends.move": "of a membership of a group that was fetched through the door",
    "access_effects.compare": "of people and repositories that an action has loaded through the door",
    "journal.redacted": "of an entry that an action has read through the door, or that a worker sends",
    "undo.recent": "of the actor's own entries alone",
    "undo.has_opposite": "of entries that `recent` has read",
    "mirrors.intend": "for an account that `mirrored_access` came to through the door",
    "mirrors.record_removal": "as above",
    "mirrors.record_set": "as above",
    "letter_budgets.check": "for a letter of an account that is held already",
    "invitation_acceptance.check_open": "whoever makes an account has none yet; it tells what making one would",
    "passwords.request_reset": "whoever has forgotten his password can't sign in; nothing tells whether there is one",
    "passwords.find_reset": "whoever holds the secret may know whose password it sets",
    "oauth.check_consent_request": "whoever is sent to the consent page may know what a program wants of him",
    "oauth.consumer": "its secret is what counts",
    "oauth.authenticate_consumer": "for a consumer that has shown what was issued to it",
    "oauth.redirect_target": "whoever is sent to the consent page is sent back, with a refusal too",
    "oauth.request": "a consumer that has signed asks for nothing yet but that a person be asked",
    "oauth.requested": "whoever holds the request's token may know what a program wants of him",
    "oauth.find_token": "whoever holds a token may know what it is good for",
    "invitation_letters.renewal_columns": "of an account that is held already",
    "invitation_letters.add": "to an account that is held already",
    "invitation_letters.withdraw": "of an account that is held already",
    "pending_invitations.settling": "around what an action does that went through the door",
    "pending_invitations.look_ahead": "for an action that went through the door",
    "pending_invitations.predict": "of an account that is held already, for a preview",
    "pending_invitations.invited": "of a group that is held already",
    "pending_invitations.end_held": "for a person whose addresses an action has just changed",
    "sessions.actor": "whoever holds a session's secret is who began it: there is nobody yet to ask the door for",
    "second_factors.is_missing": "for whoever asks, before anything else is asked for",
    "sessions.lacks_second_factor": "the same",
    "second_factor_checks.passkey_ids": "for a browser that has shown the password",
    "second_factor_checks.use_passkey": "whoever has signed with a passkey is whose it is; there is nobody yet",
    "session_links.view": "whoever holds the secret may know whom it signs in",
    "session_links.use": "whoever holds the secret is signed in: there is nobody yet to ask the door for",
    "reviewers.administrators": "of an account that is held already",
    "reviewers.rows_for": "it is what the door asks",
    "review_ends.require_open": "of a review that is held already",
    "review_ends.on_behalf": "of an actor alone",
    "review_ends.record_answer": "of a review that is held already",
    "reviews.reviewers_now": "of a review that was fetched through the door",
    "reviews.waiting": "of accounts that an action has loaded through the door, and only what waits for the actor",
    "suggestions.near": "names of each kind come through the door, or are of whom the actor is in groups with",
    "setup.is_needed": "tells only whether there is a site administrator",
    "setup.is_link_valid": "whoever holds the secret may know whether it is still good",
}
# What `http` takes from the store without an action, by room.
ROWS_IN_HTTP = {
    ("auth", "account_rows"): "it finds out who asks: there is nobody yet to ask the door for",
    ("auth", "app_password_rows"): "the same; and it records when they were used, which is nobody's change",
    ("auth", "credential_holders"): "it finds out who asks, anew in the transaction of each request",
    ("auth", "directory_rows"): "it records when their keys were used, which is nobody's change",
    ("auth", "email_rows"): "whether the login of a credential is still its holder's",
    ("auth", "oauth_consumer_rows"): "a signature is checked against what was issued, before anybody asks for anything",
    ("auth", "oauth_token_rows"): "the same",
    ("cache", "revisions"): "whether anything of a cached response has changed; nothing of it is shown",
    ("execution", "site_values"): "a value that means nothing, so that timing doesn't tell whether a change was one",
    (
        "http",
        "prefetch",
    ): "it fills the row cache of the transaction, and returns nothing: the door is asked for what is there",
    ("http", "revisions"): "what a response depends on, for the cache",
}


def tree(source: str) -> ast.Module:
    return ast.parse(source)


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module of these rooms, or of all, by its path within the package."""
    for path in sorted(ROOMS.rglob("*.py")):
        name = path.relative_to(ROOMS).as_posix()
        if not rooms or name.split("/")[0] in rooms:
            yield name, parsed(path)


def named(module: ast.AST, owner: str) -> set[str]:
    """The attributes of `owner` that are used: for `To`, `{"SEE_GROUP", …}`."""
    return {
        node.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
    }


def imported(module: ast.AST) -> set[str]:
    """The modules that are imported, in full."""
    found = {alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}


# --- the domain is pure, and nothing below http and cli reads the clock, the environment or randomness


# As pure as the domain, but for the wire too, which may not know the domain.
PURE_TOO = ["onebucket", "safe_text"]


def impure_imports(module: ast.AST) -> set[str]:
    ours = {name for name in imported(module) if name.split(".")[:2] in (["onebucket", "domain"], PURE_TOO)}
    return {name for name in imported(module) - ours if name.split(".")[0] not in sys.stdlib_module_names}


RANDOMNESS = {"random", "secrets", "uuid", "time"}
READINGS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("os", "environ"),
            ("os", "getenv"), ("os", "urandom"), ("time", "time"), ("time", "monotonic")}  # fmt: skip


def readings(module: ast.AST) -> set[str]:
    """What a module takes from the world that should have been handed to it."""
    taken = {f"{owner}.{name}" for owner, name in READINGS if name in named(module, owner)}
    return taken | {name for name in imported(module) if name.split(".")[0] in RANDOMNESS}


def test_the_domain_imports_the_standard_library_and_itself() -> None:
    assert {
        name: found for name, module in modules("domain", "safe_text.py") if (found := impure_imports(module))
    } == {}


def test_clock_environment_and_randomness_are_handed_down() -> None:
    below = modules("domain", "store", "actions", "wire", "surfaces", "mail")

    assert {name: found for name, module in below if (found := readings(module))} == {}


# --- every verb has a rule, every refusal a status, every event a use


def unused(words: Iterable[str], owner: str, *rooms: str) -> set[str]:
    return set(words) - set[str]().union(*(named(module, owner) for _, module in modules(*rooms)))


def test_every_verb_has_a_rule_and_is_used() -> None:
    assert set(policy.RULES) == set(To)
    assert unused((verb.name for verb in To), "To", "actions") == set()


def test_every_rule_is_the_rule_of_a_verb() -> None:
    module = dict(modules("domain"))["domain/policy.py"]
    rules = {node.name for node in module.body if isinstance(node, ast.FunctionDef) and node.name != "may"}

    assert {rule.__name__ for rule in policy.RULES.values()} == rules


def kinds_below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds_below(each)


def without_status(kinds: Iterable[type[Exception]], statuses: Mapping[type[Exception], int]) -> list[str]:
    return [kind.__name__ for kind in kinds if not any(each in statuses for each in kind.__mro__)]


def test_every_refusal_has_a_status() -> None:
    ours = [kind for kind in kinds_below(Refusal) if kind.__module__.startswith("onebucket.")]

    assert without_status(ours, errors.STATUS_OF_ERROR) == []
    assert {kind for kind in EXACT_BODIES if not issubclass(kind, Refusal)} == set()
    assert refusals.Invalid in ours and len(ours) > 10


def test_the_newest_step_of_the_schema_is_the_one_that_a_database_is_brought_to() -> None:
    folder = Path(migrations.__file__).parent / "versions"
    steps = [path.name.partition("_")[0] for path in folder.glob("[0-9]*.py")]

    assert max(steps) == schema.HEAD
    assert len(steps) == len({*steps}) == int(schema.HEAD)


def test_every_event_is_known_to_change_access_or_not() -> None:
    assert {*access_undo.EVENTS} | access_events.OF_NO_ACCESS == {*Event}
    assert not {*access_undo.EVENTS} & access_events.OF_NO_ACCESS


def test_every_event_is_told_by_an_action() -> None:
    assert unused((event.name for event in Event), "Event", "actions") == set()


# --- every action begins at the door


def calls(function: ast.AST, module: str) -> set[str]:
    """What a function calls or hands on, as `module.name`; what is of its own module included."""
    dotted = {f"{node.value.id}.{node.attr}" for node in ast.walk(function)
              if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}  # fmt: skip
    return dotted | {f"{module}.{node.id}" for node in ast.walk(function) if isinstance(node, ast.Name)}


def past_the_door(sources: Mapping[str, ast.Module]) -> set[str]:
    """The public functions, as `module.name`, that reach nothing of `access`, neither themselves nor through others."""
    graph = {f"{name}.{node.name}": calls(node, name) for name, module in sources.items() for node in module.body
             if isinstance(node, ast.FunctionDef)}  # fmt: skip
    reaching = {name for name, called in graph.items() if any(each.startswith("access.") for each in called)}
    while more := {name for name, called in graph.items() if called & reaching} - reaching:
        reaching |= more
    return {name for name in graph if not name.split(".")[1].startswith("_")} - reaching


def test_every_action_begins_at_the_door() -> None:
    sources = {Path(name).stem: module for name, module in modules("actions")}
    for other in ("access", "unit_of_work", "__init__"):
        del sources[other]

    assert past_the_door(sources) == set(NOT_THROUGH_THE_DOOR)


NOT_ROWS = {"connect", "engine", "schema"}


def rows_used(module: ast.AST) -> set[str]:
    """The modules of the store, by name, that read or write its rows and are imported here."""
    names = {f"{node.module}.{alias.name}" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)
             for alias in node.names} | imported(module)  # fmt: skip
    parts = (name.split(".") for name in names if name.startswith("onebucket.store."))
    return {part[2] for part in parts} - NOT_ROWS


def test_http_comes_to_stored_things_through_actions() -> None:
    rooms = ((name.split("/")[-2], module) for name, module in modules("http"))

    assert {(room, rows) for room, module in rooms for rows in rows_used(module)} == set(ROWS_IN_HTTP)


def test_only_the_door_asks_whether_somebody_may() -> None:
    assert [name for name, module in modules("actions", "surfaces", "http", "cli", "transfer")
            if named(module, "policy") & {"may", "RULES"}] == ["actions/access.py"]  # fmt: skip


# --- everything public says what it is


def overrides(class_: type) -> Iterator[tuple[str, str | None, str]]:
    """The public methods of a class that override a documented one of ours, with their own docstring and that one's."""
    for name, member in vars(class_).items():
        above = (vars(base).get(name) for base in class_.__mro__[1:] if base.__module__ not in sys.stdlib_module_names)
        described = next((each.__doc__ for each in above if each is not None and each.__doc__), None)
        if described and not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member.__doc__, described


def classes() -> Iterator[tuple[str, type]]:
    """Every class of ours, with the file that it stands in."""
    for name, _ in modules():
        if name.startswith("store/migrations/") or name.endswith("__main__.py"):
            continue
        dotted = ".".join(("onebucket", *Path(name).with_suffix("").parts)).removesuffix(".__init__")
        module = importlib.import_module(dotted)
        yield from (
            (name, each) for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == dotted
        )


def copied(class_: type) -> list[str]:
    """The overrides whose docstring is that of what they override."""
    return [f"{class_.__name__}.{name}" for name, own, above in overrides(class_) if own == above]


def test_no_override_repeats_the_docstring_of_what_it_overrides() -> None:
    assert [(name, each) for name, class_ in classes() for each in copied(class_)] == []


def test_a_docstring_that_is_repeated_is_noticed() -> None:
    class Above:
        def told(self) -> None:
            """Say so."""

    class Below(Above):
        def told(self) -> None:
            """Say so."""

    class Silent(Above):
        def told(self) -> None: ...

    assert (copied(Below), copied(Silent)) == (["Below.told"], [])


def undescribed(name: str, module: ast.Module, inherited: Set[str] = frozenset()) -> list[str]:
    """Public modules, classes, functions and methods without a docstring; `inherited`: methods that need none."""
    missing = [] if ast.get_docstring(module) or not module.body else [name]
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        members = node.body if isinstance(node, ast.ClassDef) else []
        for each in (node, *(each for each in members if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))):
            is_overload = any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in each.decorator_list)
            has_one = ast.get_docstring(each) or f"{node.name}.{each.name}" in inherited
            if not each.name.startswith("_") and not is_overload and not has_one:
                missing.append(f"{name}: {each.name}")
    return missing


def test_everything_public_has_a_docstring() -> None:
    # A step of the schema has the two functions that Alembic wants; what it does, its module says.
    described = [(name, module) for name, module in modules() if "/versions/" not in name]
    inherited: dict[str, set[str]] = {}
    for name, class_ in classes():
        inherited.setdefault(name, set()).update(f"{class_.__name__}.{method}" for method, *_ in overrides(class_))

    assert [
        each for name, module in described for each in undescribed(name, module, inherited.get(name, frozenset()))
    ] == []


# --- small


def long_functions(name: str, module: ast.Module) -> list[str]:
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{name}: {each.name}" for each in functions if (each.end_lineno or 0) - each.lineno >= 40]


def test_long_files_and_functions_have_a_reason_and_short_ones_need_none() -> None:
    files = [name for name, _ in modules() if (ROOMS / name).read_text().count("\n") > 300]
    functions = [each for name, module in modules() for each in long_functions(name, module)]

    assert (sorted(files), sorted(functions)) == (sorted(LONG_FILES), sorted(LONG_FUNCTIONS))


# --- what a refusal is about is read from its field, not from its words


def words_read(module: ast.Module) -> list[str]:
    """Where the sentence of a refusal is searched for words, which names and URLs in it can hold too."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.In | ast.NotIn) for each in node.ops):
            asked = node.comparators
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = [node.func.value] if node.func.attr in ("startswith", "endswith", "find", "index", "count") else []
        else:
            continue
        found += [ast.unparse(node) for each in asked if isinstance(each, ast.Attribute) and each.attr == "sentence"]
    return found


def test_no_sentence_of_a_refusal_is_searched_for_words() -> None:
    read = {path.name: words_read(parsed(path)) for path in ROOMS.rglob("*.py")}

    assert {name: found for name, found in read.items() if found} == {}


# --- nothing is left for later

LATER = re.compile(r"\b(TODO|FIXME|X{3})\b")
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".sh", ".txt", ""}


def texts() -> Iterator[Path]:
    """Every text of the checkout that could hold a note."""
    for start in ("src", "tests", "docs", "bench", ".ci", ".github"):
        yield from (path for path in (TOP / start).rglob("*") if path.suffix in TEXTS and path.is_file())
    yield from (path for path in TOP.iterdir() if path.suffix in TEXTS and path.is_file())


def test_no_note_says_that_something_is_to_be_done_later() -> None:
    found = [path.name for path in texts() if path != Path(__file__) and LATER.search(path.read_text())]

    assert found == []


# --- and each of these rules would notice


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (impure_imports, "import sqlalchemy"),
        (impure_imports, "from onebucket.store import groups"),
        (impure_imports, "def f():\n    from argon2 import low_level"),
        (readings, "from datetime import datetime\nat = datetime.now()"),
        (readings, "import os\nos.environ['X']"),
        (readings, "from uuid import uuid4"),
        (readings, "def f():\n    import random"),
        (lambda module: undescribed("x.py", module), "x = 1"),
        (lambda module: undescribed("x.py", module), '"""X."""\n\n\ndef f():\n    return 1'),
        (lambda module: undescribed("x.py", module), '"""X."""\n\n\nclass A:\n    """A."""\n\n    def f(self): ...'),
        (lambda module: long_functions("x.py", module), "def f():\n" + "    pass\n" * 40),
        (lambda module: past_the_door({"x": module}), "def f(work):\n    return groups.find(work.tx)"),
        (lambda module: past_the_door({"x": module}), "def f(work):\n    _g()\n\n\ndef _g():\n    rows.g()"),
        (words_read, 'refusal.sentence.startswith("until ")'),
        (words_read, '"label" in refusal.sentence'),
        (rows_used, "from onebucket.store import group_rows"),
        (rows_used, "def f():\n    from onebucket.store.group_rows import find"),
        (rows_used, "import onebucket.store.group_rows"),
        (lambda module: {"SEE"} - named(module, "To"), "policy.may(To.LOOK)"),
    ],
)  # fmt: skip
def test_a_rule_notices_what_it_forbids(rule: Callable[[ast.Module], object], source: str) -> None:
    assert rule(tree(source))


def test_a_refusal_without_a_status_and_a_note_are_noticed() -> None:
    assert without_status([Refusal], errors.STATUS_OF_ERROR) == ["Refusal"]
    assert LATER.search("# TO" + "DO: later")


# --- limits and deadlines are chosen in bounds.py, not taken over from a dependency

# What waits for somebody else, and the words with which we say for how long.
WAITS = {
    "sqlite3.connect": {"timeout", "cached_statements"},
    "psycopg.connect": {"prepare_threshold"},
    "smtplib.SMTP": {"timeout"},
    "smtplib.SMTP_SSL": {"timeout", "context"},
    "socket.create_connection": {"timeout"},
    "request.urlopen": {"timeout"},
    "client.HTTPConnection": {"timeout"},
    "client.HTTPSConnection": {"timeout"},
    "subprocess.run": {"timeout"},
    **{f"{library}.{verb}": {"timeout"} for library in ("httpx", "requests")
       for verb in ("get", "post", "put", "delete", "request", "Client", "AsyncClient")},
}  # fmt: skip
# A copy of a database is made once, with few statements.
FEW_STATEMENTS = {"store/sqlite/database.py: sqlite3.connect(unfinished)"}

# What granian's server is not told, since it limits nothing.
NO_LIMITS = {
    "uds", "log_level", "log_dictconfig", "log_access", "log_access_format", "ssl_key_password", "ssl_ca", "ssl_crl",
    "ssl_client_verify", "url_path_prefix", "factory", "static_path_route", "static_path_mount",
    "static_path_dir_to_file", "static_path_expires",
}  # fmt: skip


def waiting_calls(module: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, by the last two words of what is called."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield ".".join(ast.unparse(node.func).split(".")[-2:]), node


def left_to_a_dependency(name: str, module: ast.AST) -> Iterator[str]:
    """Calls that wait for somebody else without saying for how long."""
    for called, node in waiting_calls(module):
        missing = WAITS.get(called, set()) - {word.arg for word in node.keywords}
        if f"{name}: {called}({ast.unparse(node.args[0]) if node.args else ''})" in FEW_STATEMENTS:
            missing -= {"cached_statements"}
        if missing:
            yield f"{name}:{node.lineno}: {called} without {', '.join(sorted(missing))}"


def test_no_call_leaves_a_limit_or_a_deadline_to_a_dependency() -> None:
    assert not [each for name, module in modules() for each in left_to_a_dependency(name, module)]


def test_a_call_that_leaves_its_deadline_to_a_dependency_is_noticed() -> None:
    for source in ("sqlite3.connect(path)", "smtplib.SMTP(host)", "urllib.request.urlopen(url)", "httpx.get(url)"):
        assert list(left_to_a_dependency("x.py", tree(source)))


def test_the_server_program_is_told_everything_that_it_has_a_default_for() -> None:
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    told = dict(waiting_calls(tree((ROOMS / "http/process/listener.py").read_text())))
    for called, program in (("Listener", Server), ("HTTP1Settings", HTTP1Settings)):
        takes = set(inspect.signature(program).parameters) - {"target"}
        assert takes - {word.arg for word in told[called].keywords} - NO_LIMITS == set()


def test_postgresql_is_never_waited_for_without_end() -> None:
    for chosen in (bounds.POSTGRES, bounds.REPLICA):
        assert set(chosen) == {
            "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"
        }  # fmt: skip
