"""lets evidence be trusted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _create_tables()
    _change_documents()
    _fill()


def _create_tables() -> None:
    op.create_table(
        "stored_file",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "scan_state",
            sa.Enum(
                "uploaded",
                "scanning",
                "clean",
                "infected",
                "failed",
                name="scanstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("scan_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scan_attempts", sa.Integer(), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scan_engine", sa.String(), nullable=True),
        sa.Column("scan_finding", sa.String(), nullable=True),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_stored_file")),
    )
    op.create_index(
        "ix_stored_file_scan_due_at",
        "stored_file",
        ["scan_due_at"],
        unique=False,
        postgresql_where=sa.text("scan_due_at IS NOT NULL AND purged_at IS NULL"),
    )
    op.create_table(
        "signature_report",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("trust_version", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"], ["stored_file.sha256"], name=op.f("fk_signature_report_sha256_stored_file")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature_report")),
        sa.UniqueConstraint("sha256", "trust_version", name=op.f("uq_signature_report_sha256_trust_version")),
    )
    op.create_table(
        "evidence_hold",
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_by_name", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_reason", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_evidence_hold_period_id_period")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_evidence_hold_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_hold")),
    )
    op.create_index(op.f("ix_evidence_hold_period_id"), "evidence_hold", ["period_id"], unique=False)
    op.create_table(
        "resumable_upload",
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["period_id"], ["period.id"], name=op.f("fk_resumable_upload_period_id_period")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_resumable_upload_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resumable_upload")),
    )
    op.create_index("ix_resumable_upload_expires_at", "resumable_upload", ["expires_at"], unique=False)
    op.create_table(
        "document_access",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "downloaded", "viewed", "linked", "archived", name="accesskind", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("person_name", sa.String(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_document_access_document_id_document")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_access")),
    )
    op.create_index(
        "ix_document_access_document_id_at", "document_access", ["document_id", "at"], unique=False
    )
    op.create_table(
        "document_revision",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_document_revision_document_id_document")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_revision")),
        sa.UniqueConstraint("document_id", "number", name=op.f("uq_document_revision_document_id_number")),
    )
    op.create_table(
        "upload_piece",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("object_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["resumable_upload.id"], name=op.f("fk_upload_piece_upload_id_resumable_upload")
        ),
        sa.PrimaryKeyConstraint("upload_id", "offset_bytes", name=op.f("pk_upload_piece")),
    )


def _change_documents() -> None:
    op.add_column("document", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.add_column("document", sa.Column("issuing_body", sa.String(), nullable=True))
    op.add_column("document", sa.Column("abstract", sa.String(), nullable=True))
    op.add_column("document", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("document", sa.Column("valid_until", sa.Date(), nullable=True))
    op.create_index(op.f("ix_document_replaces_id"), "document", ["replaces_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_document_replaces_id_document"), "document", "document", ["replaces_id"], ["id"]
    )


def _fill() -> None:
    """Give every document there is its stored bytes and its first revision."""
    op.execute(
        "INSERT INTO stored_file (sha256, size_bytes, media_type, touched_at, scan_state, scan_due_at, scan_attempts) "
        "SELECT DISTINCT ON (sha256) sha256, size_bytes, media_type, now(), 'uploaded', uploaded_at, 0 "
        "FROM document ORDER BY sha256, uploaded_at"
    )
    op.execute(
        "INSERT INTO document_revision (id, document_id, number, facts, made_by, made_by_name, made_at) "
        "SELECT gen_random_uuid(), id, 1, jsonb_build_object('title', title, 'number', number, 'issuing_body', NULL, "
        "'issued_on', issued_on, 'abstract', NULL, 'valid_from', NULL, 'valid_until', NULL), "
        "uploaded_by, uploaded_by_name, uploaded_at FROM document"
    )
    op.create_foreign_key(
        op.f("fk_document_sha256_stored_file"), "document", "stored_file", ["sha256"], ["sha256"]
    )


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_constraint(op.f("fk_document_sha256_stored_file"), "document", type_="foreignkey")
    op.drop_constraint(op.f("fk_document_replaces_id_document"), "document", type_="foreignkey")
    op.drop_index(op.f("ix_document_replaces_id"), table_name="document")
    op.drop_column("document", "valid_until")
    op.drop_column("document", "valid_from")
    op.drop_column("document", "abstract")
    op.drop_column("document", "issuing_body")
    op.drop_column("document", "replaces_id")
    op.drop_table("upload_piece")
    op.drop_table("document_revision")
    op.drop_index("ix_document_access_document_id_at", table_name="document_access")
    op.drop_table("document_access")
    op.drop_index("ix_resumable_upload_expires_at", table_name="resumable_upload")
    op.drop_table("resumable_upload")
    op.drop_index(op.f("ix_evidence_hold_period_id"), table_name="evidence_hold")
    op.drop_table("evidence_hold")
    op.drop_table("signature_report")
    op.drop_index(
        "ix_stored_file_scan_due_at",
        table_name="stored_file",
        postgresql_where=sa.text("scan_due_at IS NOT NULL AND purged_at IS NULL"),
    )
    op.drop_table("stored_file")
