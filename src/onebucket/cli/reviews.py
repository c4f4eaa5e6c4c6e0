"""The command `review`."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Yes

if TYPE_CHECKING:
    from onebucket.actions.reviews import ReviewDetails
    from onebucket.domain.reviews import Row

review = typer.Typer(help="Access reviews: start, list, show, answer, remind, close.", no_args_is_help=True)

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="A team or a person", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id, from `review list`", show_default=False)]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each row.")]


@review.command("start")
def start(
    account: AccountArgument,
    until: Annotated[
        str,
        typer.Option("--until", metavar="T", help="When it ends: a date, or a time with its zone", show_default=False),
    ],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Default: what it covers")] = "",
    project: Annotated[
        str, typer.Option("--project", metavar="KEY", help="Review one project", show_default=False)
    ] = "",
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="SLUG", help="Review this group; repeatable")
    ] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(
            "--reviewer", metavar="NAME", help="Who answers; repeatable. Default: the administrators of each place"
        ),
    ] = None,
    end_unanswered: Annotated[bool, typer.Option("--end-unanswered", help="End what nobody has answered.")] = False,
    as_json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Start an access review of an account, a project or some groups, and send its reviewers a letter.

    It lists the access that there is now: who is in which group, and what people were given themselves.
    """
    from onebucket.actions import reviews
    from onebucket.actions.reviews import ReviewPlan
    from onebucket.domain import ends

    plan = ReviewPlan(ends.parse(until), title, project or None, group or (), reviewer or (), end_unanswered)
    with common.writing(database, data) as work:
        details = reviews.start(work, account, plan)
    if as_json:
        _show_json(details)
        return
    count = len(details.rows)
    common.show(f"started the review {details.review.id} of {count} row{'s' if count != 1 else ''}")


@review.command("list")
def list_reviews(
    account: AccountArgument, as_json: JsonOption = False, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """List an account's access reviews, newest first."""
    from onebucket.actions import reviews

    with common.reading(database, data) as work:
        owner, found = reviews.listed(work, account)
    if as_json:
        import msgspec

        from onebucket.surfaces.core import review_shapes

        common.show_json([msgspec.to_builtins(review_shapes.listed_shape(owner, each)) for each in found])
        return
    common.show_table(
        ["ID", "TITLE", "STATE", "ANSWERED", "UNTIL"],
        [
            [
                each.review.id,
                each.review.title,
                each.review.state.value,
                f"{each.answered} of {each.rows}",
                f"{each.review.due_at:%Y-%m-%d %H:%M}",
            ]
            for each in found
        ],
    )


@review.command("show")
def show(
    account: AccountArgument,
    id: Id,
    state: Annotated[
        str, typer.Option("--state", metavar="S", help="Only rows in this state, such as open", show_default=False)
    ] = "",
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Print what an access review lists, with each answer and its reason."""
    if as_json and as_csv:
        raise CommandError("choose --json or --csv")
    from onebucket.actions import reviews
    from onebucket.domain.reviews import RowState
    from onebucket.surfaces.core import review_shapes

    words = [each.value for each in RowState]
    if state and state not in words:
        raise CommandError(f"--state is one of {', '.join(words)}")
    with common.reading(database, data) as work:
        details = reviews.read(work, account, id)
    rows = [row for row in details.rows if state in ("", row.state.value)]
    if as_csv:
        typer.echo(review_shapes.csv_text(rows), nl=False)
    elif as_json:
        _show_json(details, state)
    else:
        _show_rows(rows)


@review.command("answer")
def answer(
    account: AccountArgument,
    id: Id,
    rows: Annotated[str, typer.Argument(metavar="ROWS", help="Numbers of rows, such as 1-3,7", show_default=False)],
    end: Annotated[bool, typer.Option("--end/--keep", help="What becomes of the access.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Needed to end access")] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Keep or end the access of rows: all of them, or none."""
    from onebucket.actions import review_answers
    from onebucket.domain import reviews
    from onebucket.domain.reviews import Decision

    with common.writing(database, data) as work:
        wanted = Decision.END if end else Decision.KEEP
        answered = review_answers.answer(work, account, id, reviews.parse_rows(rows), wanted, reason)
    for row in answered:
        common.show(f"{'ended' if end else 'kept'} {row.what}")


@review.command("remind")
def remind(account: AccountArgument, id: Id, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Send a letter to everybody who is asked for an answer."""
    from onebucket.actions import review_ends

    with common.writing(database, data) as work:
        number = review_ends.remind(work, account, id)
    common.show(f"reminded {number} {'person' if number == 1 else 'people'}")


@review.command("close")
def close(
    account: AccountArgument,
    id: Id,
    cancel: Annotated[bool, typer.Option("--cancel", help="End nothing that nobody answered.")] = False,
    yes: Yes = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Close an access review before its end: what nobody answered is listed, or ends if the review says so."""
    from onebucket.actions import review_ends

    if not common.confirmed(f"{'Cancel' if cancel else 'Close'} the review {id}?", yes=yes):
        raise CommandError("nothing was changed")
    with common.writing(database, data) as work:
        closed = (review_ends.cancel if cancel else review_ends.close)(work, account, id)
    common.show(f"{closed.state.value} the review {closed.title}")


def _show_rows(rows: "list[Row]") -> None:
    common.show_table(
        ["ROW", "WHO AND WHAT", "SINCE", "STATE", "BY", "NOTE"],
        [
            [
                str(row.number),
                row.what,
                f"{row.then.since:%Y-%m-%d}",
                row.state.value,
                row.answered_by or "",
                row.note,
            ]
            for row in rows
        ],
    )


def _show_json(details: "ReviewDetails", state: str = "") -> None:
    import msgspec

    from onebucket.surfaces.core import review_shapes

    rows = [row for row in details.rows if state in ("", row.state.value)]
    common.show_json(msgspec.to_builtins(review_shapes.details_shape(details, rows)))
