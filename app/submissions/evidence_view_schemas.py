"""A dossier's documents as its readers see them."""

from datetime import datetime

from pydantic import Field

from app.core.http import Schema
from app.evidence.schemas import DocumentOut
from app.evidence.signature_schemas import SaidOut, SignaturesFoundOut


class CitedDocumentOut(Schema):
    """A document that a dossier cites, and everything to be known of it before it is believed."""

    document: DocumentOut
    indicators: list[str] = Field(
        description="those that cite it, as far as you may see them", examples=[["1.1"]]
    )
    purged_at: datetime | None = Field(description="when its bytes were taken out; null: they are kept")
    is_outside_period: bool = Field(description="dated outside the period; false without a date")
    used_by: list[str] | None = Field(
        description="other units whose dossiers cite the same bytes; null: not for you to know"
    )
    signatures: SignaturesFoundOut
    signature_findings: list[SaidOut] = Field(
        description="what is missing of the signatures the policy asks for; empty where it asks for none"
    )
