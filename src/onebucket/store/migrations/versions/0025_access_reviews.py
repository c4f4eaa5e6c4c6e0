"""Access reviews: who answers, and what each one lists."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")
_WAITING = sa.text("acts_at IS NOT NULL")


def _part_of_review(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id", "review_id"],
        ["access_reviews.account_id", "access_reviews.id"],
        name=f"fk_{table}_account_id_review_id",
    )


def _refers(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["accounts.id"], name=f"fk_{table}_{column}")


def upgrade() -> None:
    _reviews()
    _reviewers()
    _rows()


def _reviews() -> None:
    op.create_table(
        "access_reviews",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=False),
        sa.Column("reviewers", sa.Text(), nullable=False),
        sa.Column("ends_unanswered", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_by", Id),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("acts_at", sa.BigInteger()),
        sa.Column("reminded_at", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("closed_by", Id),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        _refers("access_reviews", "account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_access_reviews"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_access_reviews_acts_at", "access_reviews", ["acts_at"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )


def _reviewers() -> None:
    op.create_table(
        "access_reviewers",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("review_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        _refers("access_reviewers", "account_id"),
        _refers("access_reviewers", "person_id"),
        _part_of_review("access_reviewers"),
        sa.PrimaryKeyConstraint("account_id", "review_id", "person_id", name="pk_access_reviewers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_reviewers_person", "access_reviewers", ["person_id"])


def _rows() -> None:
    op.create_table(
        "access_review_rows",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("review_id", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place_id", Id, nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("level", sa.SmallInteger()),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("answer", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("answered_by", Id),
        sa.Column("answered_at", sa.BigInteger()),
        _refers("access_review_rows", "account_id"),
        _refers("access_review_rows", "person_id"),
        _part_of_review("access_review_rows"),
        sa.PrimaryKeyConstraint("account_id", "review_id", "number", name="pk_access_review_rows"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("access_review_rows")
    op.drop_index("ix_access_reviewers_person", "access_reviewers")
    op.drop_table("access_reviewers")
    op.drop_index("ix_access_reviews_acts_at", "access_reviews")
    op.drop_table("access_reviews")
