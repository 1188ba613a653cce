"""Policies: the shape of their files, which is also the shape the API shows."""

from calendar import monthrange
from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.catalogue.schemas import Key, Points, Row, Text, Title


class BandRow(Row):
    """A class of results: from this percentage (included) up to the next band (excluded)."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, serialize_by_alias=True)

    key: Key
    title: Title
    from_percent: Points = Field(alias="from")


class PolicySource(Row):
    """Where a policy comes from."""

    document: Text
    decision: Text
    lines: Text
    note: Text | None = None


class SubmissionRow(Row):
    """The time a unit has to submit, from the day after the guidance was sent (ruling 15)."""

    calendar_days: Annotated[int, Field(strict=True, ge=1)]
    roll_to_working_day: bool
    source: Text


class TermRow(Row):
    """A number of working days, the first one not counted (ruling 16)."""

    working_days: Annotated[int, Field(strict=True, ge=1)]
    source: Text


class KeepRow(Row):
    """How many years the evidence of a period is kept, counted from the end of the year it assesses."""

    years: Annotated[int, Field(strict=True, ge=1, le=200)]
    source: Text


class DayOfYear(Row):
    """A day of the year after the assessed one, the last on which something is in time."""

    month: Annotated[int, Field(strict=True, ge=1, le=12)]
    day: Annotated[int, Field(strict=True, ge=1, le=31)]
    source: Text

    def of(self, year: int) -> date:
        """Return the day in a year; what a month does not have is its last day."""
        return date(year, self.month, min(self.day, monthrange(year, self.month)[1]))


class PolicyFile(Row):
    """How a province reads what the documents leave open; also the shape the API shows.

    Where the document sets no term to submit (`submission` null) the guidance letter does, and whoever prepares the
    period gives the day. The review ends a number of working days after that, or on a day of the next year.
    """

    key: Key
    version: Annotated[int, Field(strict=True, ge=1)]
    title: Title
    source: PolicySource
    rounding: Literal["result", "indicator"]
    digits: Annotated[int, Field(strict=True, ge=0, le=6)]
    not_applicable: Literal["exclude_from_maximum", "peer_average"]
    missing_evidence: Literal["explain_or_block", "zero"]
    late_evidence: Literal["zero"] | None = Field(
        None, description="zero: evidence after its time earns nothing; null: the reviewer decides"
    )
    unreviewed: dict[Key, Literal["zero"]] | None = Field(
        None,
        description="by kind of unit; zero: a dossier nobody reviewed in time has 0 points and keeps its rank;"
        " of the other kinds every dossier is waited for",
    )
    evidence_signatures: Literal["person_and_organisation"] | None = Field(
        None, description="the signatures that evidence must bear; null: the document asks for none"
    )
    keep_evidence: KeepRow | None = Field(
        None, description="how long evidence that was cited is kept; null: for ever"
    )
    bands: list[BandRow] = Field(max_length=20)
    submission: SubmissionRow | None = None
    review_working_days: dict[Key, Annotated[int, Field(strict=True, ge=1)]] | None = None
    reviewed_until: DayOfYear | None = Field(None, description="the last day of the review, of the next year")
    appeals: TermRow | None = Field(
        None, description="time to contest points; null: whoever announces a result gives the day, or none"
    )
    publish_until: DayOfYear | None = Field(None, description="the last day to publish, of the next year")
    ranking_scopes: dict[Key, Literal["all", "parent"]]
