"""What finalization would do, as the API shows it."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.submissions.models import ReviewState
from app.units.schemas import UnitRef


class PreviewLine(Schema):
    """What finalization would give a unit now; empty while dossiers are missing."""

    unit_id: UUID
    unit_name: str
    is_ranked: bool
    state: ReviewState
    total: str | None = None
    maximum: str | None = None
    dti: str | None = None
    dti_shown: str | None = None
    rank: int | None = None


class MissingOut(Schema):
    """A dossier that finalization waits for, and the unit whose turn it is with it."""

    unit_id: UUID
    unit_name: str
    state: ReviewState
    turn_of: UnitRef


class PeersOut(Schema):
    """What the units are measured against in one indicator; exact. Null: no peer declared anything."""

    indicator: str
    best: str | None
    best_units: list[UUID]
    lowest: str | None
    lowest_units: list[UUID]
    mean: str | None = Field(
        description="share that the peers earned, where it stands in for what does not apply"
    )


class NearTie(Schema):
    """Two neighbours in the ranking that hardly differ."""

    unit_id: UUID
    unit_name: str
    rank: int
    next_unit_id: UUID
    next_unit_name: str
    next_rank: int
    difference: str = Field(description="of their DTI in points of percent, exact")
    is_tie: bool = Field(description="they are equal and share the rank")


class OpenAppeal(Schema):
    """An undecided appeal."""

    id: UUID
    unit_id: UUID
    unit_name: str
    indicator_code: str
    lodged_at: datetime


class HandOverNote(Schema):
    """A reviewing unit, and the list it handed over last; null: it has handed over none."""

    unit: UnitRef
    number: int | None
    handed_at: datetime | None


class OpenReopening(Schema):
    """A dossier in which something may be entered again until then."""

    unit_id: UUID
    unit_name: str
    indicators: list[str] | None = Field(description="null: everything")
    until: datetime | None


class PreviewOut(Schema):
    """What finalization would do now."""

    scope_id: UUID
    scope_name: str
    is_ready: bool = Field(description="no dossier is waited for")
    would_change: bool = Field(description="false: the latest version holds exactly this")
    next_number: int
    waiting: list[UUID] = Field(description="units whose dossiers have not passed, and are waited for")
    missing: list[MissingOut] = Field(description="the same, with whose turn it is")
    defaulted: list[UUID] = Field(
        description="units that nobody reviewed in time: 0 points by the policy, and a rank (D-112)"
    )
    units: list[PreviewLine]
    peers: list[PeersOut]
    near_ties: list[NearTie] = Field(
        description="neighbours less than 0.01 points of percent apart; the first 200"
    )
    near_ties_total: int
    open_appeals: list[OpenAppeal]
    hand_overs: list[HandOverNote] = Field(
        description="where other units review than the one that finalizes; a missing list does not stand in the way"
    )
    open_reopenings: list[OpenReopening]
    allowed_actions: list[AllowedAction]
