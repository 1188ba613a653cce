"""adds the states of index sets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "index_set_event",
        sa.Column("index_set_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("draft", "published", "retired", name="setstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["index_set_id"], ["index_set.id"], name=op.f("fk_index_set_event_index_set_id_index_set")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_set_event")),
        sa.UniqueConstraint("index_set_id", "number", name=op.f("uq_index_set_event_index_set_id_number")),
    )
    # Every set stored so far came with the service, and could be chosen from that moment on.
    op.execute("""
        INSERT INTO index_set_event (id, index_set_id, number, state, "at", "by", by_name)
        SELECT gen_random_uuid(), id, 1, 'published', loaded_at, '00000000-0000-0000-0000-000000000000', 'system'
        FROM index_set
    """)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_table("index_set_event")
