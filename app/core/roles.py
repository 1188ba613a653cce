"""The roles of the database: the owner migrates, the application reads and writes what it has to, and no more."""

import base64
import hashlib
import hmac
import os

from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import SettingMissing

# What the application may do with every table, and what it may not with these.
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"
_EXCEPT = {
    "audit_event": "UPDATE, DELETE",
    "audit_link": "INSERT, UPDATE, DELETE",
    "audit_head": "INSERT, UPDATE, DELETE",
    "alembic_version": "INSERT, UPDATE, DELETE",
}
# What it may do through the owner.
_FUNCTIONS = "publish_audit_head(timestamptz)"
_SCRAM_ROUNDS = 4096


def give_rights(connection: Connection, application_url: str) -> None:
    """Give the role of this URL its rights on all tables, in the owner's transaction; make it if it is absent.

    Does nothing where owner and application are one role.

    Raises: SettingMissing if the role is absent and the owner may not make one.
    """
    url = make_url(application_url)
    role = url.username or ""
    if role == connection.scalar(text("SELECT current_user")):
        return
    quote = connection.dialect.identifier_preparer.quote
    name, schema = quote(role), quote(connection.scalar(text("SELECT current_schema()")))
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        _make_role(connection, name, url.password)
    for statement in (
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",  # clusters that were made before PostgreSQL 15
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
        f"GRANT {_RIGHTS} ON ALL TABLES IN SCHEMA {schema} TO {name}",
        *(f"REVOKE {rights} ON {table} FROM {name}" for table, rights in _EXCEPT.items()),
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {_FUNCTIONS} TO {name}",
    ):
        connection.exec_driver_sql(statement)


def _make_role(connection: Connection, name: str, password: str | None) -> None:
    may = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
    if not connection.scalar(text(may)):
        raise SettingMissing(
            f"DATABASE_URL: there is no role {name}, and DATABASE_OWNER_URL may not make one. As an administrator of "
            f"the server: CREATE ROLE {name} LOGIN PASSWORD '…' NOSUPERUSER NOCREATEDB NOCREATEROLE"
        )
    secret = f" PASSWORD '{scram_verifier(password)}'" if password else ""
    connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE{secret}")


def scram_verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password, so that the password itself never stands in a statement.

    Source: RFC 5803; ASCII passwords only, others would have to be prepared by RFC 4013.

    Raises: SettingMissing.
    """
    if not password.isascii():
        raise SettingMissing("DATABASE_URL: the password of a role that is to be made must be ASCII")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{shown[0]}${shown[1]}:{shown[2]}"


async def may_rewrite(session: AsyncSession) -> bool:
    """Answer whether this role could change the audit trail: as its owner, as a superuser, or by a right."""
    query = (
        "SELECT has_table_privilege('audit_event', 'UPDATE, DELETE, TRUNCATE')"
        " OR (SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'audit_event'::regclass)"
    )
    return bool(await session.scalar(text(query)))
