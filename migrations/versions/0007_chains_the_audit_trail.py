"""chains the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What the hash of a link covers: its number and time, then every column of its event. An array of texts and nulls can
# be read in one way only; instants count microseconds. app/core/audit_chain.py says the same for verification.
_COVERED = """
    jsonb_build_array(
      {seq}, (extract(epoch FROM {linked_at}) * 1000000)::bigint,
      {event}.id, (extract(epoch FROM {event}.at) * 1000000)::bigint, {event}.actor_id, {event}.actor_name,
      {event}.acting_for, {event}.request_id, {event}.action, {event}.object_type, {event}.object_id,
      {event}.before::text, {event}.after::text, {event}.reason, {event}.on_behalf_of, {event}.basis)::text"""

# Fires at the commit, so that the order of the chain is that of the commits and its lock lasts no longer than one.
# As its owner: who may write an event may write no link.
_LINK = """
CREATE FUNCTION link_audit_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
DECLARE
  head audit_link;
  linked timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(20230620);
  SELECT * INTO head FROM audit_link ORDER BY seq DESC LIMIT 1;
  head.seq := coalesce(head.seq, 0) + 1;
  head.hash := coalesce(head.hash, '');
  linked := clock_timestamp();
  INSERT INTO audit_link (seq, event_id, linked_at, previous, hash)
  VALUES (head.seq, NEW.id, linked, head.hash, sha256(head.hash || convert_to({covered}, 'UTF8')));
  RETURN NULL;
END $$"""

_PUBLISH = """
CREATE FUNCTION publish_audit_head(published timestamptz) RETURNS SETOF audit_head LANGUAGE sql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
  INSERT INTO audit_head (day, seq, hash, published_at)
  SELECT (published AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, seq, hash, published
    FROM audit_link ORDER BY seq DESC LIMIT 1
  ON CONFLICT (day) DO NOTHING RETURNING * $$"""

# The second line, for whoever has the rights. A retirement of old events says what it does (app/core/audit_retire.py).
_REFUSE = """
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_event' AND current_setting('dti.retiring', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% of % is refused: the audit trail is never rewritten', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$"""

_CHAIN_WHAT_IS_THERE = """
DO $$
DECLARE
  event audit_event;
  number bigint := 0;
  head bytea := '';
  following bytea;
  linked timestamptz := clock_timestamp();
BEGIN
  FOR event IN SELECT * FROM audit_event ORDER BY at, id LOOP
    number := number + 1;
    following := sha256(head || convert_to({covered}, 'UTF8'));
    INSERT INTO audit_link (seq, event_id, linked_at, previous, hash)
    VALUES (number, event.id, linked, head, following);
    head := following;
  END LOOP;
END $$"""

_TABLES = ("audit_event", "audit_link", "audit_head")


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "audit_link",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_link_event_id")),
    )
    op.create_table(
        "audit_head",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_audit_head")),
    )
    op.create_index(op.f("ix_audit_event_request_id"), "audit_event", ["request_id"], unique=False)
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    new = _COVERED.format(seq="head.seq", linked_at="linked", event="NEW")
    op.execute(_LINK.format(schema=schema, covered=new))
    op.execute(_PUBLISH.format(schema=schema))
    op.execute(_REFUSE)
    # Whoever may use the function could hang it on a table of his own.
    op.execute("REVOKE EXECUTE ON FUNCTION link_audit_event(), publish_audit_head(timestamptz) FROM PUBLIC")
    # Before what is there is chained: from here on nobody adds an event until the migration is over.
    op.execute(
        "CREATE CONSTRAINT TRIGGER audit_event_linked AFTER INSERT ON audit_event DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION link_audit_event()"
    )
    there = _COVERED.format(seq="number", linked_at="linked", event="event")
    op.execute(_CHAIN_WHAT_IS_THERE.format(covered=there))
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    """Bring the schema back."""
    for table in _TABLES:
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
    op.execute("DROP TRIGGER audit_event_linked ON audit_event")
    op.drop_index(op.f("ix_audit_event_request_id"), table_name="audit_event")
    op.execute("DROP FUNCTION publish_audit_head(timestamptz), link_audit_event(), refuse_rewriting()")
    op.drop_table("audit_head")
    op.drop_table("audit_link")
