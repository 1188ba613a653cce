"""Accesses to documents as the API shows them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.evidence.models import AccessKind


class AccessOut(Schema):
    """Somebody got a document's bytes; what he read within ten minutes is one access of its kind."""

    at: datetime = Field(description="when it began")
    kind: AccessKind
    person_name: str
    unit_id: UUID | None = Field(description="home unit of the person")
    unit_name: str | None = Field(description="its name on that day")
