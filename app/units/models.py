"""Who is assessed: units whose names, parents and existence have dates."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Row, VersionedRow


class UnitKind(StrEnum):
    """What a unit is. Kinds choose the index set; nothing depends on how many levels lie between them."""

    PROVINCE = "province"
    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"
    AGENCY = "agency"


class Unit(VersionedRow):
    """An administrative unit or agency, for ever the same through renames and moves."""

    __tablename__ = "unit"

    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[UnitKind] = mapped_column(index=True)
    is_ranked: Mapped[bool]
    exists_from: Mapped[date]
    exists_to: Mapped[date | None]


class UnitVersion(Row):
    """The name and the parent of a unit from `valid_from` to `valid_to`, both days included."""

    __tablename__ = "unit_version"
    __table_args__ = (UniqueConstraint("unit_id", "valid_from"), Index("ix_unit_version_parent", "parent_id"))

    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("unit.id"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    name: Mapped[str]
    search_text: Mapped[str]
    sort_key: Mapped[bytes]
    legal_act: Mapped[str | None]


class UnitIdentifier(Row):
    """A code of a unit under a scheme (GSO, QCVN 102 …): unique in its scheme for all time, never reused."""

    __tablename__ = "unit_identifier"
    __table_args__ = (UniqueConstraint("scheme", "value"),)

    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    scheme: Mapped[str]
    value: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    status: Mapped[str]
    legal_act: Mapped[str | None]
