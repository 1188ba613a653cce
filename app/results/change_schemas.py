"""What a version of a result changed, as the API shows it."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.results.models import ResultState
from app.results.schemas import PointsOut


class Why(StrEnum):
    """Why something moved."""

    INPUTS = "inputs"  # the unit's own figures, evidence or decisions
    PEERS = "peers"  # another unit's figures moved the best or the mean it is measured against
    METHOD = "method"  # it is computed or rounded in another way
    OTHERS_MOVED = "others_moved"  # only its place among the others


class StandingOut(Schema):
    """What a unit came to in one version."""

    total: PointsOut
    maximum: PointsOut
    dti: PointsOut | None
    rank: int | None
    band: str | None


class NewDecision(Schema):
    """A decision of the reviewer that the earlier version does not know."""

    kind: str
    reason: str


class PublicIndicatorChange(Schema):
    """One indicator of a unit: its points in both versions, as people see them."""

    code: str
    before: str
    after: str
    why: Why


class IndicatorChange(PublicIndicatorChange):
    """One indicator of a unit, with the decisions that are new."""

    decisions: list[NewDecision]


class UnitMoved(Schema):
    """A unit whose points, DTI, rank or band moved."""

    unit_id: UUID
    unit_key: str
    unit_name: str
    before: StandingOut
    after: StandingOut
    places: int | None = Field(description="gained (+) or lost (-); null: it takes no rank")
    why: list[Why]


class PublicUnitChange(UnitMoved):
    """A unit that moved, by its indicators."""

    indicators: list[PublicIndicatorChange]


class UnitChange(UnitMoved):
    """A unit that moved, by its indicators with the decisions that are new."""

    indicators: list[IndicatorChange]


class VersionRef(Schema):
    """A version of a result."""

    id: UUID
    number: int
    state: ResultState


class VersionsCompared(Schema):
    """Two versions of a result."""

    version: VersionRef
    against: VersionRef | None = Field(description="null: there is no earlier version to compare with")
    reason: str | None = Field(description="why the later version was made")
    unchanged: int = Field(description="how many units did not move")


class PublicChangesOut(VersionsCompared):
    """Every unit that moved between two published versions of a result."""

    units: list[PublicUnitChange]


class ResultChangesOut(VersionsCompared):
    """Every unit that moved between two versions of a result, and why."""

    units: list[UnitChange]
