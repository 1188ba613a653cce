"""completes the review chain."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _create_tables()
    _change_tables()


def _create_tables() -> None:
    op.create_table(
        "notice_settings",
        sa.Column(
            "mailing",
            sa.Enum("off", "at_once", "daily", name="mailing", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("digest_at", sa.Time(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_settings")),
    )
    op.create_table(
        "outbox_event",
        sa.Column("audit_event_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_event_id"], ["audit_event.id"], name=op.f("fk_outbox_event_audit_event_id_audit_event")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_event")),
    )
    op.create_index(
        "ix_outbox_event_open",
        "outbox_event",
        ["id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "council",
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "unit_kind",
            sa.Enum(
                "province",
                "department",
                "district",
                "commune",
                "agency",
                name="unitkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_council_period_id_period")),
        sa.ForeignKeyConstraint(
            ["reviewer_unit_id"], ["unit.id"], name=op.f("fk_council_reviewer_unit_id_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_council")),
        sa.UniqueConstraint(
            "period_id",
            "reviewer_unit_id",
            "unit_kind",
            name=op.f("uq_council_period_id_reviewer_unit_id_unit_kind"),
        ),
    )
    op.create_table(
        "delegation",
        sa.Column("delegator_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "province_admin",
                "province_reviewer",
                "province_leader",
                "district_reviewer",
                "district_leader",
                "unit_reporter",
                "unit_leader",
                "verifying_agency",
                "auditor",
                "dashboard_reader",
                "service",
                name="role",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum("TM.", "KT.", "TL.", "TUQ.", name="basis", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delegate_id"], ["app_user.id"], name=op.f("fk_delegation_delegate_id_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["delegator_id"], ["app_user.id"], name=op.f("fk_delegation_delegator_id_app_user")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_delegation_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index(op.f("ix_delegation_delegate_id"), "delegation", ["delegate_id"], unique=False)
    op.create_index(op.f("ix_delegation_delegator_id"), "delegation", ["delegator_id"], unique=False)
    op.create_table(
        "hand_over",
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_unit_id", sa.Uuid(), nullable=False),
        sa.Column("to_unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "unit_kind",
            sa.Enum(
                "province",
                "department",
                "district",
                "commune",
                "agency",
                name="unitkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document_number", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("units", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handed_by", sa.Uuid(), nullable=False),
        sa.Column("handed_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_hand_over_period_id_period")),
        sa.ForeignKeyConstraint(
            ["reviewer_unit_id"], ["unit.id"], name=op.f("fk_hand_over_reviewer_unit_id_unit")
        ),
        sa.ForeignKeyConstraint(["to_unit_id"], ["unit.id"], name=op.f("fk_hand_over_to_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over")),
        sa.UniqueConstraint(
            "period_id",
            "reviewer_unit_id",
            "unit_kind",
            "number",
            name=op.f("uq_hand_over_period_id_reviewer_unit_id_unit_kind_number"),
        ),
    )
    op.create_table(
        "notice",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("about", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "mailing",
            sa.Enum("off", "at_once", "daily", name="mailing", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("mail_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mail_attempts", sa.Integer(), nullable=False),
        sa.Column("mail_error", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_notice_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_notice_user_id_key")),
    )
    op.create_index("ix_notice_feed", "notice", ["user_id", "id"], unique=False)
    op.create_index(
        "ix_notice_mail",
        "notice",
        ["mail_due_at"],
        unique=False,
        postgresql_where=sa.text("mailed_at IS NULL AND mail_due_at IS NOT NULL"),
    )
    op.create_table(
        "council_minutes",
        sa.Column("council_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("chair_id", sa.Uuid(), nullable=False),
        sa.Column("secretary_id", sa.Uuid(), nullable=False),
        sa.Column("present", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("absent", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conclusions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chair_id"], ["app_user.id"], name=op.f("fk_council_minutes_chair_id_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["council_id"], ["council.id"], name=op.f("fk_council_minutes_council_id_council")
        ),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["app_user.id"], name=op.f("fk_council_minutes_secretary_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_council_minutes")),
        sa.UniqueConstraint("council_id", "number", name=op.f("uq_council_minutes_council_id_number")),
    )
    op.create_table(
        "council_seat",
        sa.Column("council_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("chair", "secretary", "member", name="seatrole", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["council_id"], ["council.id"], name=op.f("fk_council_seat_council_id_council")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_council_seat_user_id_app_user")),
        sa.PrimaryKeyConstraint("council_id", "user_id", name=op.f("pk_council_seat")),
    )
    op.create_table(
        "entry_reopening",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("indicators", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("granted_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_entry_reopening_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_reopening")),
    )
    op.create_index(
        op.f("ix_entry_reopening_submission_id"), "entry_reopening", ["submission_id"], unique=False
    )
    op.create_table(
        "group_verdict",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("group_code", sa.String(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("checked_hash", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_group_verdict_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_verdict")),
    )
    op.create_index(
        "ix_group_verdict_submission", "group_verdict", ["submission_id", "group_code"], unique=False
    )
    op.create_table(
        "readiness_note",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column(
            "stage", sa.Enum("submit", "pass", name="stage", native_enum=False, length=32), nullable=False
        ),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_readiness_note_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readiness_note")),
    )
    op.create_index(
        op.f("ix_readiness_note_submission_id"), "readiness_note", ["submission_id"], unique=False
    )
    op.create_table(
        "adjustment_reply",
        sa.Column("adjustment_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adjustment_id"], ["adjustment.id"], name=op.f("fk_adjustment_reply_adjustment_id_adjustment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment_reply")),
    )
    op.create_index(
        op.f("ix_adjustment_reply_adjustment_id"), "adjustment_reply", ["adjustment_id"], unique=False
    )
    op.create_table(
        "appeal",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_code", sa.String(), nullable=False),
        sa.Column("grounds", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "lodged", "accepted", "refused", "withdrawn", name="appealstate", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("lodged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lodged_by", sa.Uuid(), nullable=False),
        sa.Column("lodged_by_name", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.String(), nullable=True),
        sa.Column("decision_reason", sa.String(), nullable=True),
        sa.Column("adjustment_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adjustment_id"], ["adjustment.id"], name=op.f("fk_appeal_adjustment_id_adjustment")
        ),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_appeal_result_id_result")),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["ranking_scope.id"], name=op.f("fk_appeal_scope_id_ranking_scope")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_appeal_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_appeal_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
    )
    op.create_index(op.f("ix_appeal_result_id"), "appeal", ["result_id"], unique=False)
    op.create_index(op.f("ix_appeal_scope_id"), "appeal", ["scope_id"], unique=False)
    op.create_index(op.f("ix_appeal_submission_id"), "appeal", ["submission_id"], unique=False)
    op.create_index(
        "uq_appeal_open",
        "appeal",
        ["result_id", "submission_id", "indicator_code"],
        unique=True,
        postgresql_where=sa.text("state = 'lodged'"),
    )
    op.create_table(
        "clarification_answer",
        sa.Column("clarification_id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clarification_id"],
            ["clarification.id"],
            name=op.f("fk_clarification_answer_clarification_id_clarification"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clarification_answer")),
    )
    op.create_index(
        op.f("ix_clarification_answer_clarification_id"),
        "clarification_answer",
        ["clarification_id"],
        unique=False,
    )


def _change_tables() -> None:
    op.add_column("audit_event", sa.Column("on_behalf_of", sa.Uuid(), nullable=True))
    op.add_column("audit_event", sa.Column("basis", sa.String(), nullable=True))
    op.add_column(
        "clarification",
        sa.Column(
            "kind",
            sa.Enum("return", "supplement", name="clarificationkind", native_enum=False, length=32),
        ),
    )
    op.add_column("clarification", sa.Column("asked_for", sa.Uuid()))
    # So far there were only returns, by the reviewing unit.
    op.execute("""
        UPDATE clarification c SET kind = 'return', asked_for = s.reviewer_unit_id
        FROM submission s WHERE s.id = c.submission_id
    """)
    op.alter_column("clarification", "kind", nullable=False)
    op.alter_column("clarification", "asked_for", nullable=False)
    op.create_foreign_key(
        op.f("fk_clarification_asked_for_unit"), "clarification", "unit", ["asked_for"], ["id"]
    )
    op.add_column("document", sa.Column("issued_on", sa.Date(), nullable=True))
    op.add_column("result", sa.Column("notes", postgresql.JSONB(astext_type=sa.Text())))
    op.execute("UPDATE result SET notes = '[]'")
    op.alter_column("result", "notes", nullable=False)
    op.add_column("result", sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("result", sa.Column("announced_by", sa.Uuid(), nullable=True))
    op.add_column("result", sa.Column("announced_by_name", sa.String(), nullable=True))
    op.add_column("result", sa.Column("appeals_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("result", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("result", sa.Column("withdrawn_by", sa.Uuid(), nullable=True))
    op.add_column("result", sa.Column("withdrawn_by_name", sa.String(), nullable=True))
    op.add_column("result", sa.Column("withdrawn_reason", sa.String(), nullable=True))
    op.add_column("submission", sa.Column("approved_revision", sa.Integer(), nullable=True))
    op.add_column("submission", sa.Column("submitted_revision", sa.Integer(), nullable=True))
    # A dossier that is returned at this moment is not asked to answer item by item.
    op.add_column("submission", sa.Column("open_items", sa.Integer(), nullable=False, server_default="0"))
    op.alter_column("submission", "open_items", server_default=None)
    op.add_column("submission", sa.Column("reopened", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    # What was approved and handed in so far is found by its fingerprint.
    op.execute("""
        UPDATE submission s SET
            approved_revision = (SELECT max(r.number) FROM submission_revision r
                WHERE r.submission_id = s.id AND r.content_hash = s.approved_hash),
            submitted_revision = (SELECT max(r.number) FROM submission_revision r
                WHERE r.submission_id = s.id AND r.content_hash = (
                    SELECT e.after ->> 'content_hash' FROM audit_event e
                    WHERE e.object_id = s.id AND e.action = 'submission.submit' ORDER BY e.id DESC LIMIT 1))
    """)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("submission", "reopened")
    op.drop_column("submission", "open_items")
    op.drop_column("submission", "submitted_revision")
    op.drop_column("submission", "approved_revision")
    op.drop_column("result", "withdrawn_reason")
    op.drop_column("result", "withdrawn_by_name")
    op.drop_column("result", "withdrawn_by")
    op.drop_column("result", "withdrawn_at")
    op.drop_column("result", "appeals_due_at")
    op.drop_column("result", "announced_by_name")
    op.drop_column("result", "announced_by")
    op.drop_column("result", "announced_at")
    op.drop_column("result", "notes")
    op.drop_column("document", "issued_on")
    op.drop_constraint(op.f("fk_clarification_asked_for_unit"), "clarification", type_="foreignkey")
    op.drop_column("clarification", "asked_for")
    op.drop_column("clarification", "kind")
    op.drop_column("audit_event", "basis")
    op.drop_column("audit_event", "on_behalf_of")
    op.drop_index(op.f("ix_clarification_answer_clarification_id"), table_name="clarification_answer")
    op.drop_table("clarification_answer")
    op.drop_index("uq_appeal_open", table_name="appeal", postgresql_where=sa.text("state = 'lodged'"))
    op.drop_index(op.f("ix_appeal_submission_id"), table_name="appeal")
    op.drop_index(op.f("ix_appeal_scope_id"), table_name="appeal")
    op.drop_index(op.f("ix_appeal_result_id"), table_name="appeal")
    op.drop_table("appeal")
    op.drop_index(op.f("ix_adjustment_reply_adjustment_id"), table_name="adjustment_reply")
    op.drop_table("adjustment_reply")
    op.drop_index(op.f("ix_readiness_note_submission_id"), table_name="readiness_note")
    op.drop_table("readiness_note")
    op.drop_index("ix_group_verdict_submission", table_name="group_verdict")
    op.drop_table("group_verdict")
    op.drop_index(op.f("ix_entry_reopening_submission_id"), table_name="entry_reopening")
    op.drop_table("entry_reopening")
    op.drop_table("council_seat")
    op.drop_table("council_minutes")
    op.drop_index(
        "ix_notice_mail",
        table_name="notice",
        postgresql_where=sa.text("mailed_at IS NULL AND mail_due_at IS NOT NULL"),
    )
    op.drop_index("ix_notice_feed", table_name="notice")
    op.drop_table("notice")
    op.drop_table("hand_over")
    op.drop_index(op.f("ix_delegation_delegator_id"), table_name="delegation")
    op.drop_index(op.f("ix_delegation_delegate_id"), table_name="delegation")
    op.drop_table("delegation")
    op.drop_table("council")
    op.drop_index(
        "ix_outbox_event_open", table_name="outbox_event", postgresql_where=sa.text("done_at IS NULL")
    )
    op.drop_table("outbox_event")
    op.drop_table("notice_settings")
