"""Whether documents bear the signatures that the policy asks for: warnings only, the reviewer decides (ruling 12)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import queries as catalogue
from app.core.problems import Fault
from app.evidence.models import Document
from app.evidence.reports import latest_reports
from app.evidence.signature_rules import (
    ASKED_FOR,
    PROBLEMS,
    REMARKS,
    Found,
    ReportState,
    found_of,
    state_of,
)
from app.evidence.trust import SignerKind
from app.periods.models import Period

_WHOSE = {
    SignerKind.PERSON: ("cá nhân lãnh đạo", "the leader in person"),
    SignerKind.ORGANISATION: ("tổ chức", "the organisation"),
}


async def asks_for_signatures(session: AsyncSession, period: Period) -> bool:
    """Answer whether the period's policy asks for a leader's and the organisation's signature (004:57)."""
    policy = catalogue.policy_file(await catalogue.policy_by_id(session, period.policy_id))
    return policy.evidence_signatures is not None


async def warnings_of_signatures(session: AsyncSession, cited: Sequence[tuple[str, Document]]) -> list[Fault]:
    """Return what is missing of both signatures on documents, each with the pointer to the answer that cites it."""
    reports = await latest_reports(session, {document.sha256 for _, document in cited})
    found: list[Fault] = []
    for pointer, document in cited:
        made = reports.get(document.sha256)
        found += findings_of(pointer, document, made.report if made else None)
    return found


def findings_of(pointer: str, document: Document, report: Mapping[str, Any] | None) -> Iterator[Fault]:
    """Return what is missing of both signatures on a document, by its present report."""
    state = state_of(document.media_type, report)
    if report is None or state is not ReportState.CHECKED:
        yield _not_checked(pointer, document.file_name, state, report)
        return
    for kind in ASKED_FOR:
        found = found_of(kind, document.media_type, report)
        if found is Found.MISSING:
            yield _missing(pointer, document.file_name, kind, report)
        elif found is Found.NOT_SOUND:
            yield _not_sound(pointer, document.file_name, kind, report)


def _not_checked(pointer: str, name: str, state: ReportState, report: Mapping[str, Any] | None) -> Fault:
    vi, en = {
        ReportState.PENDING: ("chưa được kiểm tra chữ ký số", "has not been checked for signatures yet"),
        ReportState.NOT_APPLICABLE: (
            "không phải là PDF nên không kiểm tra được chữ ký số",
            "is not a PDF: its signatures cannot be checked",
        ),
    }.get(state, ("không kiểm tra được chữ ký số", "could not be checked for signatures"))
    for code in report["remarks"] if report else ():
        vi, en = f"{vi}: {REMARKS[code][0]}", f"{en}: {REMARKS[code][1]}"
    return Fault(pointer, "signature_not_checked", f"tệp {name} {vi}", f"the file {name} {en}")


def _missing(pointer: str, name: str, kind: SignerKind, report: Mapping[str, Any]) -> Fault:
    vi = f"tệp {name} không có chữ ký số của {_WHOSE[kind][0]}"
    en = f"the file {name} bears no signature of {_WHOSE[kind][1]}"
    if any(one["kind"] == SignerKind.UNKNOWN for one in report["signatures"]):
        vi += " (có chữ ký không rõ của cá nhân hay của tổ chức)"
        en += " (there is one that does not tell whose it is)"
    return Fault(pointer, f"signature_{kind.value}_missing", vi, en)


def _not_sound(pointer: str, name: str, kind: SignerKind, report: Mapping[str, Any]) -> Fault:
    """Say it of the kind's last signature: whoever signs again does so because of the others."""
    last = [one for one in report["signatures"] if one["kind"] == kind][-1]
    signer = last["signer"] or last["organisation"] or last["field"]
    why_vi, why_en = ("; ".join(PROBLEMS[code][lang] for code in last["problems"]) for lang in (0, 1))
    vi = f"tệp {name}: chữ ký số của {_WHOSE[kind][0]} ({signer}) có vấn đề: {why_vi}"
    en = f"the file {name}: the signature of {_WHOSE[kind][1]} ({signer}) is not sound: {why_en}"
    return Fault(pointer, "signature_not_sound", vi, en)
