"""What the documentation says is so: settings, commands, events, links, and the README's command lines."""

import re
import shutil
import subprocess

import pytest
import typer

import cast
from checkout import TOP
from live import Live, wait_until
from onebucket import settings
from onebucket.cli.root import root
from onebucket.domain.events import Event
from onebucket.transfer import apply, document

PAGES = sorted({*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")})


def _table(page: str) -> dict[str, str]:
    """The rows of a page's tables whose first cell is code: that code, and the rest of the row."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", (TOP / "docs" / page).read_text(), re.MULTILINE)
    return dict(rows)


def test_every_setting_is_documented_with_its_default():
    documented = _table("settings.md")

    assert list(documented) == [setting.name for setting in settings.SETTINGS]
    for setting in settings.SETTINGS:
        assert not setting.default or f"`{setting.default}`" in documented[setting.name]


def test_every_event_is_documented():
    assert list(_table("journal.md")) == [event.value for event in Event]


def test_every_command_is_documented_with_its_options():
    documented = {re.split(r" [-A-Z[]", name)[0]: name + about for name, about in _table("commands.md").items()}
    commands = dict(_commands(typer.main.get_command(root), "onebucket"))

    assert set(documented) == set(commands)
    for name, options in commands.items():
        everywhere = {"--database", "--data", "--json", "--yes", "--workers"}
        assert [option for option in options - everywhere if option not in documented[name]] == [], name


def _commands(command, name):
    children = getattr(command, "commands", None)
    if not children:
        yield name, {max(option.opts, key=len) for option in command.params if option.opts[0].startswith("-")}
        return
    for child, below in children.items():
        yield from _commands(below, f"{name} {child}")


def test_the_example_document_can_be_applied(db):
    blocks = re.findall(r"```yaml\n(onebucket: 1.*?)```", (TOP / "docs" / "documents.md").read_text(), re.DOTALL)

    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, [document.read(text, source="documents.md") for text in blocks], prune=False)

    assert len(blocks) == 1
    assert "invitation.added" in {entry.event.value for entry in work.entries}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.subprocess
def test_the_command_lines_of_the_readme_answer_what_it_says(tmp_path):
    blocks = re.findall(r"```console\n\$ (curl [^\n]+)\n(.*?)\n?```", (TOP / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 4

    with Live(tmp_path, "--demo") as demo:
        answers = [_paste(command, demo.port) for command, _ in blocks]

    # A revision is the moment of the last change.
    told, shown = ([re.sub(r'"revision":\d{16}', '"revision":…', each) for each in some]
                   for some in (answers, [answer for _, answer in blocks]))  # fmt: skip
    assert told == shown


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.subprocess
def test_the_command_lines_that_the_demo_prints_work(tmp_path):
    with Live(tmp_path, "--demo") as demo:
        # The lines come one after the other; the last is about letters.
        wait_until(lambda: "e-mails can be read" in demo.output())
        commands = re.findall(r"^ +(curl .+)$", demo.output(), re.MULTILINE)
        statuses = [_paste(f"{command} -o /dev/null -w '%{{http_code}}'", demo.port) for command in commands]
        [letters] = re.findall(r"e-mails can be read at (http://\S+)$", demo.output(), re.MULTILINE)
        page = demo(None, "GET", letters.removeprefix(demo.base))

    assert (page.status_code, "Demo e-mail" in page.text) == (200, True)
    assert statuses == ["200"] * len(commands) != []


def _paste(command: str, port: int) -> str:
    line = command.replace("curl ", "curl -s ", 1).replace(":8080", f":{port}")
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.rstrip("\n").replace(f":{port}", ":8080")
