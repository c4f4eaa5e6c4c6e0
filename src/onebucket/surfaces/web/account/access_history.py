"""The page of an account's access changes: who gained and lost what, of the last 30 days unless asked otherwise."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO

from starlette.responses import Response, StreamingResponse

from onebucket.actions import access_history
from onebucket.actions.access_history import ChangePage, ChangeQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import level_changes, time_range
from onebucket.domain.refusals import Invalid, Refusal
from onebucket.surfaces.core import change_shapes
from onebucket.surfaces.web.account.journal import verified
from onebucket.surfaces.web.core.page_request import Page, PageRequest
from onebucket.surfaces.web.core.page_responses import HEADERS, sentence
from onebucket.surfaces.web.core.table_query import PAGE_SIZES, page_size
from onebucket.wire.streaming import CHUNK_BYTES

# Batches of changes on a page, and how far back it looks if nobody asks for more.
USUAL, USUAL_PERIOD = 50, timedelta(days=30)

# Changes in a download: some seconds of work.
MAX_EXPORTED = 300_000

_FIELDS = ("person", "repository", "change", "level", "since", "until")


async def show(request: PageRequest) -> Response:
    """Show an account's access changes, newest first; `format=csv` or `format=json` returns them alone."""
    name = request.path_parameter("name")
    format = request.query("format") if request.query("format") in ("csv", "json") else ""
    fields = {field: request.query(field).strip() for field in _FIELDS}

    def load(work: UnitOfWork) -> dict[str, Any]:
        if "since" not in request.request.query_params:
            fields["since"] = f"{work.at - USUAL_PERIOD:%Y-%m-%d}"
        try:
            found: ChangePage | BinaryIO | Refusal = _find(work, request, fields, format)
        except Refusal as refusal:
            request.errors = {"": sentence(refusal)}
            found = refusal
        if format:
            return {"found": found}
        return {"found": found, **verified(request, work, name)}

    context = await request.read(load)
    found = context.pop("found")
    status = request.backend.status(found) or 500 if isinstance(found, Refusal) else 200
    if format:
        if isinstance(found, Refusal):
            return Response(f"{sentence(found)}\n", status, HEADERS, "text/plain")
        return _download(found, format)
    page = found if isinstance(found, ChangePage) else None
    end = page.next_position if page else None
    older = request.same_page({"before": level_changes.to_cursor(end), "verified": ""}) if end else ""
    rows = {"size": page_size(request, USUAL), "sizes": PAGE_SIZES, "usual": USUAL}
    return request.page(
        "access_history/page.html", status=status, query=fields, page=page, older=older, rows=rows, **context
    )


def _find(work: UnitOfWork, request: PageRequest, fields: dict[str, str], format: str) -> ChangePage | BinaryIO:
    name, query = request.path_parameter("name"), _read_query(fields)
    if format:
        return _export(work, name, query, format)
    before = request.query("before")
    after = level_changes.parse_cursor(before) if before else None
    return access_history.page(work, name, query, after=after, at_most=page_size(request, USUAL), in_batches=True)


def _read_query(fields: dict[str, str]) -> ChangeQuery:
    """Read the filter; `until` is the last day. Raises Invalid."""
    since, until = (_read_time(fields[name], name) for name in ("since", "until"))
    until = time_range.shifted(until, timedelta(days=1), what="until") if until else None
    return ChangeQuery.parse(since, until, fields)


def _read_time(text: str, name: str) -> datetime | None:
    return time_range.parse(text, what=name) if text else None


def _export(work: UnitOfWork, name: str, query: ChangeQuery, format: str) -> BinaryIO:
    """Write all changes as CSV or JSON into a temporary file. Raises Invalid for more than `MAX_EXPORTED`."""
    owner, changes = access_history.all_changes(work, name, query)
    with ExitStack() as cleanup:
        file = cleanup.enter_context(tempfile.TemporaryFile())
        lines = change_shapes.csv_lines if format == "csv" else change_shapes.json_lines
        for number, line in enumerate(lines(owner, changes)):
            if number > MAX_EXPORTED:
                raise Invalid("that is too much to download: choose a shorter time, or run `onebucket access changes`")
            file.write(line.encode())
        file.seek(0)
        cleanup.pop_all()
        return file


def _download(file: BinaryIO, format: str) -> Response:
    def chunks() -> Iterator[bytes]:
        with file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")

    disposition = {} if format == "json" else {"Content-Disposition": 'attachment; filename="access-changes.csv"'}
    media_type = "application/json" if format == "json" else "text/csv"
    return StreamingResponse(chunks(), 200, {**HEADERS, **disposition}, media_type)


PAGES = (Page("/accounts/{name}/changes", show, is_private=True, is_costly=True),)
