"""The readiness check: errors keep a dossier from going on, warnings must be explained."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.catalogue.plausibility import Plausibility, Term, plausibilities
from app.core.problems import Fault, Lang
from app.periods.models import Period
from app.scoring.engine import Scores
from app.scoring.exact import plain, shown
from app.scoring.model import IndexSet
from app.submissions.compared import Before, dossier_before, shares_of
from app.submissions.documents import warnings_of_documents
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
    session: AsyncSession,
    submission: Submission,
    content: dict[str, Any],
    scores: Scores,
    *,
    for_reviewer: bool = False,
) -> list[Fault]:
    """Return everything about the answers that looks wrong without being impossible.

    The unit learns nothing of other units; `for_reviewer` names those that use the same file. The number of queries
    does not depend on the dossier.
    """
    row = await catalogue.index_set_by_id(session, submission.index_set_id)
    period = await session.get_one(Period, submission.period_id)
    checks = plausibilities().get(row.sha256)
    found = list(_of_scoring(scores))
    if checks is not None:
        found += _contradictions(checks, content)
        found += _jumps(checks.jump, scores, await dossier_before(session, submission, period))
    return [*found, *await warnings_of_documents(session, content, period, for_reviewer=for_reviewer)]


def _of_scoring(scores: Scores) -> Iterator[Fault]:
    for line in scores.card(0).lines:
        for code in line.warnings:
            if code in _OF_SCORING:
                yield Fault(f"/answers/{line.code}", code, *_OF_SCORING[code])


def _contradictions(checks: Plausibility, content: dict[str, Any]) -> Iterator[Fault]:
    for found in checks.contradictions(content["general_information"], content["answers"]):
        check, other = found.check, found.check.other
        indicator = check.indicator_checked
        pointer = (
            f"/answers/{indicator}" if indicator else f"/general_information/{(check.information or [''])[0]}"
        )
        both_indicators = check.information is None and other.information is None
        code = "contradicts_indicator" if both_indicators else "contradicts_information"
        (left_vi, left_en), (right_vi, right_en) = _place(check), _place(other)
        left, right = plain(found.value), plain(found.other)
        if check.equals:
            vi = f"{left_vi} = {left} khác {right_vi} = {right}, dù cùng một số liệu"
            en = f"{left_en} = {left} differs from {right_en} = {right}, though both ask for the same"
        else:
            vi = f"{left_vi} = {left} lớn hơn {right_vi} = {right}"
            en = f"{left_en} = {left} is more than {right_en} = {right}"
        yield Fault(pointer, code, vi, en)


def _place(term: Term) -> tuple[str, str]:
    """Say where a compared figure stands."""
    if term.information is None:
        return (
            f"chỉ số {term.indicator}, số liệu {term.variable}",
            f"indicator {term.indicator}, figure {term.variable}",
        )
    codes = " + ".join(term.information)
    return f"thông tin chung {codes}", f"general information {codes}"


def _jumps(limit: Fraction, scores: Scores, before: Before | None) -> Iterator[Fault]:
    if before is None:
        return
    for code, share in shares_of(scores).items():
        then = before.shares.get(code)
        if then is not None and abs(share - then) > limit:
            now, earlier = (shown(100 * part, 2) for part in (share, then))
            vi = f"chỉ số {code} đạt {now}% điểm tối đa, năm {before.year} đạt {earlier}%"
            en = f"indicator {code} earns {now}% of its maximum, {earlier}% in {before.year}"
            yield Fault(f"/answers/{code}", "jump_since_last_year", vi, en)


def readiness_out(
    found: Readiness, submission: Submission, content: dict[str, Any], index_set: IndexSet, lang: Lang
) -> ReadinessOut:
    """Return what was found as the API shows it."""

    def said(one: Fault) -> dict[str, str]:
        return {"pointer": one.pointer, "code": one.code, "message": one.said(lang)}

    return ReadinessOut(
        is_ready=not found.errors and not found.unexplained,
        is_approved=submission.approved_hash == submission.content_hash,
        answered=len(content["answers"]),
        indicators=sum(1 for row in index_set.indicators if row.declared_by == "unit"),
        errors=[FindingOut(**said(one)) for one in found.errors],
        warnings=[
            WarningOut(**said(one), is_explained=found.explained(one.pointer)) for one in found.warnings
        ],
    )
