"""The command `journal`: print the audit log and verify its hash chains."""

import json as encoding
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.store.journal_chain import ChainHead, VerifiedChain


def journal(
    account: Annotated[
        str, typer.Option("--account", metavar="A", help="Only this account's", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="T", help="Only since a date, or a time span such as 2d", show_default=False)
    ] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Check that no entry was changed or removed.")] = False,
    expect: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Compare with the output of an earlier --verify", show_default=False),
    ] = None,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Print the journal (audit log), oldest entry first. With --json, one object per line."""
    if since and (verify or expect):
        raise CommandError("--verify starts at the beginning: leave out --since")
    if expect and not verify:
        raise CommandError("--expect needs --verify")

    with common.reading(database, data) as work:
        if not verify:
            _print(work, account, since, json)
        elif not _verify(work, account, _expected(expect) if expect else {}, json):
            raise typer.Exit(1)


def _print(work: "UnitOfWork", account: str, since: str, json: bool) -> None:
    import msgspec

    from onebucket.actions import journal
    from onebucket.cli import formatting
    from onebucket.surfaces.core.shared_shapes import entry_shape

    earliest = common.moment(since, now=work.at, ahead=False) if since else None
    for entry in journal.entries(work, account or None, since=earliest):
        common.show(msgspec.json.encode(entry_shape(entry)).decode() if json else formatting.entry_line(entry))


def _verify(work: "UnitOfWork", account: str, expected: "dict[str, ChainHead]", json: bool) -> bool:
    """Print a line for each account's chain; return True if all are intact."""
    from onebucket.actions import journal

    all_whole = True
    for chain in journal.verify(work, account or None, expected=expected):
        all_whole = all_whole and chain.is_whole
        for line in [_as_json(chain)] if json else _as_lines(chain):
            common.show(line)
    return all_whole


def _as_lines(chain: "VerifiedChain") -> Iterator[str]:
    ending = f"{{{chain.account_id}}}  {chain.head.number:>7}  {chain.head.hash or '-':<64}  {chain.account}"
    yield f"{'whole' if chain.is_whole else 'WRONG'}  {ending}"
    for fault in chain.faults:
        yield f"       {fault}"
    if chain.further:
        yield f"       and {chain.further:,} more"
    if chain.struck_out:
        yield f"{_STRUCK_OUT}{chain.struck_out:,} {'entry' if chain.struck_out == 1 else 'entries'}"


def _as_json(chain: "VerifiedChain") -> str:
    fields = {
        "account": chain.account,
        "account_uuid": f"{{{chain.account_id}}}",
        "number": chain.head.number,
        "hash": chain.head.hash or None,
        "whole": chain.is_whole,
        "faults": chain.faults,
        "further_faults": chain.further,
        "struck_out": chain.struck_out,
    }
    return encoding.dumps(fields, ensure_ascii=False)


_STRUCK_OUT = "       names are struck out of "
_WHOLE = re.compile(r"whole  \{([0-9a-f-]{36})\} +([0-9]+)  ([0-9a-f]{64})  .*")


def _expected(file: Path) -> "dict[str, ChainHead]":
    """Read the chain heads, by account id, that an earlier `--verify` printed into `file`. Raises CommandError."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandError(f"can't read {file}: {reason}") from None
    return dict(_heads(lines, file))


def _heads(lines: Iterable[str], file: Path) -> "Iterator[tuple[str, ChainHead]]":
    from onebucket.store.journal_chain import ChainHead

    for number, line in enumerate(lines, start=1):
        if line.startswith(_STRUCK_OUT):
            continue
        match = _WHOLE.fullmatch(line)
        if match is None:
            raise CommandError(f"{file}, line {number}: --verify prints no such line for an intact journal")
        yield match[1], ChainHead(int(match[2]), match[3])
