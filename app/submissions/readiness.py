"""The readiness check: errors keep a dossier from going on, warnings must be explained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.problems import Fault, Lang
from app.scoring.engine import Scores
from app.scoring.model import IndexSet
from app.submissions.models import Submission
from app.submissions.schemas import FindingOut, ReadinessOut, WarningOut


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found of a dossier; `explained` tells of which pointers something has been said already."""

    errors: Sequence[Fault]
    warnings: Sequence[Fault]
    explained: Callable[[str], bool]

    @property
    def unexplained(self) -> list[Fault]:
        """Return the warnings that nobody has explained."""
        return [one for one in self.warnings if not self.explained(one.pointer)]


def explained_by_unit(content: dict[str, Any]) -> Callable[[str], bool]:
    """Tell of which pointers the unit has said something: its notes beside the answers."""
    noted = {f"/answers/{code}" for code, answer in content["answers"].items() if answer.get("note")}
    return noted.__contains__


_OF_SCORING = {
    "ratio_above_full": ("vượt mức tối đa", "above the full mark"),
    "zero_denominator": ("mẫu số bằng 0: không tính được tỷ lệ", "the denominator is 0: there is no ratio"),
}


async def warnings_of(
    session: AsyncSession, submission: Submission, content: dict[str, Any], scores: Scores
) -> list[Fault]:
    """Return everything about the answers that looks wrong without being impossible."""
    return [
        Fault(f"/answers/{line.code}", code, *_OF_SCORING[code])
        for line in scores.card(0).lines
        for code in line.warnings
        if code in _OF_SCORING
    ]


def readiness_out(found: Readiness, content: dict[str, Any], index_set: IndexSet, lang: Lang) -> ReadinessOut:
    """Return what was found as the API shows it."""

    def said(one: Fault) -> dict[str, str]:
        return {"pointer": one.pointer, "code": one.code, "message": one.said(lang)}

    return ReadinessOut(
        is_ready=not found.errors and not found.unexplained,
        answered=len(content["answers"]),
        indicators=sum(1 for row in index_set.indicators if row.declared_by == "unit"),
        errors=[FindingOut(**said(one)) for one in found.errors],
        warnings=[
            WarningOut(**said(one), is_explained=found.explained(one.pointer)) for one in found.warnings
        ],
    )
