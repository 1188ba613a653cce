"""knows who acts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "former_password",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_former_password_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_password")),
    )
    op.create_index(op.f("ix_former_password_user_id"), "former_password", ["user_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_recovery_code_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"], unique=False)
    op.create_table(
        "sso_attempt",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("code_verifier", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_sso_attempt_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_attempt")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_sso_attempt_state_hash")),
    )
    op.create_table(
        "user_identity",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_user_identity_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_user_identity_issuer_subject")),
    )
    op.create_index(op.f("ix_user_identity_user_id"), "user_identity", ["user_id"], unique=False)
    op.add_column("app_user", sa.Column("lock_level", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("app_user", sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("app_user", sa.Column("totp_secret", sa.LargeBinary(), nullable=True))
    op.add_column("app_user", sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("app_user", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("app_user", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    method = sa.Enum("password", "sso", name="loginmethod", native_enum=False, length=32)
    op.add_column("login_session", sa.Column("method", method, nullable=False, server_default="password"))
    op.add_column(
        "login_session", sa.Column("is_strong", sa.Boolean(), nullable=False, server_default="false")
    )
    op.add_column("login_session", sa.Column("address", sa.String(), nullable=True))
    op.add_column("login_session", sa.Column("user_agent", sa.String(), nullable=True))
    op.add_column("login_session", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service_account", sa.Column("previous_secret_hash", sa.String(), nullable=True))
    op.add_column(
        "service_account", sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("service_account", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "service_account", sa.Column("networks", sa.ARRAY(sa.Text()), nullable=False, server_default="{}")
    )
    op.add_column("service_account", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("submission_revision", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    # Rows that were there have what the code gives new ones; the database itself gives nothing.
    for table, column in (
        ("app_user", "lock_level"),
        ("login_session", "method"),
        ("login_session", "is_strong"),
        ("service_account", "networks"),
    ):
        op.alter_column(table, column, server_default=None)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column("submission_revision", "erased_at")
    op.drop_column("service_account", "last_used_at")
    op.drop_column("service_account", "networks")
    op.drop_column("service_account", "expires_at")
    op.drop_column("service_account", "previous_secret_until")
    op.drop_column("service_account", "previous_secret_hash")
    op.drop_column("login_session", "last_used_at")
    op.drop_column("login_session", "user_agent")
    op.drop_column("login_session", "address")
    op.drop_column("login_session", "is_strong")
    op.drop_column("login_session", "method")
    op.drop_column("app_user", "erased_at")
    op.drop_column("app_user", "totp_step")
    op.drop_column("app_user", "totp_confirmed_at")
    op.drop_column("app_user", "totp_secret")
    op.drop_column("app_user", "password_set_at")
    op.drop_column("app_user", "lock_level")
    op.drop_index(op.f("ix_user_identity_user_id"), table_name="user_identity")
    op.drop_table("user_identity")
    op.drop_table("sso_attempt")
    op.drop_index(op.f("ix_recovery_code_user_id"), table_name="recovery_code")
    op.drop_table("recovery_code")
    op.drop_index(op.f("ix_former_password_user_id"), table_name="former_password")
    op.drop_table("former_password")
