"""The content of a dossier: merging a change into it, checking it, its hash and what it lacks. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.catalogue.schemas import IndexSetFile
from app.core.problems import Fault
from app.scoring import answers as answer_format
from app.scoring.engine import Line, Scores
from app.scoring.model import IndexSet
from app.submissions.schemas import ChangeOut, SubmissionPatch

Content = dict[str, Any]
_NOTHING: dict[str, tuple[Any, ...]] = {
    "choice": (),
    "checks": (),
    "figures": (),
    "parts": (),
    "not_applicable": (False,),
    "reason": ("",),
    "note": ("",),
    "evidence": ([],),
}
EMPTY: Content = {"general_information": {}, "contacts": {}, "answers": {}}
_LEGAL_FIELDS = ("full_name", "workplace", "position", "phone", "email")


def content_hash(content: Content) -> str:
    """Return the SHA-256 of the content's canonical JSON: what the leader approves."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def changed(
    content: Content, patch: SubmissionPatch, raw: dict[str, Any], index_set: IndexSet
) -> tuple[Content, Content, Content]:
    """Return the new content, and what was there before and after in the changed entries only.

    The patch must have no faults; `raw` are its answers (`raw_answers`), kept in canonical form.
    """
    parts: dict[str, dict[str, Any]] = {
        "general_information": {
            code: value if isinstance(value, str | None) else answer_format.figure_of(value)[0]
            for code, value in (patch.general_information or {}).items()
        },
        "contacts": {k: v.model_dump() if v else None for k, v in (patch.contacts or {}).items()},
        "answers": _canonical_answers(patch, raw, index_set),
    }
    new, before, after = {}, {}, {}
    for part, given in parts.items():
        present = content[part]
        differing = {key: value for key, value in given.items() if present.get(key) != value}
        if differing:
            before[part] = {key: present.get(key) for key in differing}
            after[part] = differing
        new[part] = {key: value for key, value in {**present, **given}.items() if value is not None}
    return new, before, after


def raw_answers(patch: SubmissionPatch) -> dict[str, Any]:
    """Return the given answers as plain JSON, without absent fields; removals are left out."""
    answers = patch.model_dump(mode="json", include={"answers"}, exclude_none=True).get("answers", {})
    return {
        code: {key: value for key, value in answer.items() if value not in _NOTHING[key]}
        for code, answer in answers.items()
        if answer is not None
    }


def _canonical_answers(patch: SubmissionPatch, raw: dict[str, Any], index_set: IndexSet) -> dict[str, Any]:
    # What says nothing (null, or an entry that is empty in canonical form) removes what was there.
    return dict.fromkeys(patch.answers or {}) | answer_format.canonical(index_set, raw)


def faults(
    patch: SubmissionPatch, raw: dict[str, Any], file: IndexSetFile, index_set: IndexSet
) -> list[Fault]:
    """Return everything wrong with a change: unknown rows, wrong kinds, impossible figures."""
    found = [Fault("/answers" + f.pointer, f.code, f.vi, f.en) for f in answer_format.faults(index_set, raw)]
    for code, answer in (patch.answers or {}).items():
        if answer is None and code not in index_set.by_code:
            found.append(_unknown("answers", code))
    found += _information_faults(patch, file)
    contacts = {contact.key for contact in file.contacts}
    found += [_unknown("contacts", key) for key in patch.contacts or {} if key not in contacts]
    return found


def pointer(part: str, key: str) -> str:
    """Return the JSON pointer to an entry of the content, or to a whole part of it."""
    return f"/{part}/{key.replace('~', '~0').replace('/', '~1')}" if key else f"/{part}"


def _unknown(part: str, key: str) -> Fault:
    return Fault(pointer(part, key), "unknown", "bộ chỉ số không có mục này", "the index set has no such row")


def _information_faults(patch: SubmissionPatch, file: IndexSetFile) -> Iterator[Fault]:
    rows = {row.code: row for row in file.general_information}
    for code, value in (patch.general_information or {}).items():
        row = rows.get(code)
        if row is None:
            yield _unknown("general_information", code)
        elif value is not None and not _fits(row.input, value):
            vi, en = "phải là số không âm", "must be a number that is not negative"
            if row.input == "text":
                vi, en = "phải là chuỗi tối đa 1000 ký tự", "must be text of at most 1000 characters"
            yield Fault(f"/general_information/{code}", "wrong_kind", vi, en)


def _fits(kind: str, value: Any) -> bool:
    if kind == "text":
        return isinstance(value, str) and len(value) <= 1000
    number, _ = answer_format.figure_of(value)
    return number is not None and (kind == "amount" or isinstance(number, int))


def unproved(index_set: IndexSet, answers: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Return the indicators the unit has declared something for, without a document that proves it (ruling 11)."""
    return frozenset(
        code
        for code, answer in answers.items()
        if not answer.get("evidence")
        and not answer.get("not_applicable")
        and index_set.by_code[code].declared_by == "unit"
    )


def missing(content: Content, file: IndexSetFile, scores: Scores) -> list[Fault]:
    """Return what keeps the content from being submitted (ruling 11).

    Every indicator the unit declares needs an answer; one that claims points needs evidence or an explaining note,
    unless the policy gives 0 points for want of it: then the unit may leave it at that. Every general figure and both
    contacts (R-044..R-047) must be given.
    """
    return [*_missing_answers(content, scores), *_missing_information(content, file)]


def _missing_answers(content: Content, scores: Scores) -> Iterator[Fault]:
    for line in scores.card(0).lines:
        if scores.index_set.by_code[line.code].declared_by != "unit":
            continue
        place, answer = f"/answers/{line.code}", content["answers"].get(line.code, {})
        if "no_answer" in line.warnings:
            yield Fault(place, "no_answer", "chưa có câu trả lời", "no answer yet")
        elif not answer.get("note") and _earns_unproved(answer, line):
            vi, en = "thiếu tài liệu kiểm chứng hoặc giải trình", "evidence or an explaining note is missing"
            yield Fault(place, "evidence_missing", vi, en)


def _earns_unproved(answer: Mapping[str, Any], line: Line) -> bool:
    return not (answer.get("evidence") or answer.get("not_applicable")) and (
        line.points is None or line.points > 0
    )


def without_evidence(answers: Mapping[str, Mapping[str, Any]], scores: Scores) -> list[Fault]:
    """Return the answers that claim points which no document proves, whatever explains them."""
    vi, en = "được điểm mà không có tài liệu kiểm chứng", "earns points without evidence"
    return [
        Fault(f"/answers/{line.code}", "evidence_missing", vi, en)
        for line in scores.card(0).lines
        if line.code in answers
        and scores.index_set.by_code[line.code].declared_by == "unit"
        and _earns_unproved(answers[line.code], line)
    ]


def _missing_information(content: Content, file: IndexSetFile) -> Iterator[Fault]:
    for row in file.general_information:
        if content["general_information"].get(row.code) in (None, "") and "(nếu có)" not in row.name:
            vi, en = f"chưa nhập: {row.name}", f"not given: {row.name}"
            yield Fault(f"/general_information/{row.code}", "no_answer", vi, en)
    for contact in file.contacts:
        person = content["contacts"].get(contact.key) or {}
        absent = ", ".join(field for field in _LEGAL_FIELDS if not person.get(field))
        if absent:
            vi, en = f"{contact.name}: còn thiếu {absent}", f"{contact.key}: {absent} missing"
            yield Fault(f"/contacts/{contact.key}", "contact_incomplete", vi, en)


def changes_between(before: Content, after: Content) -> list[ChangeOut]:
    """Return every difference between two contents, in the order of their pointers; lists count as one value."""
    return sorted(_changes("", before, after), key=lambda change: change.pointer)


def _changes(place: str, before: Any, after: Any) -> Iterator[ChangeOut]:
    if before == after:
        return
    if isinstance(before, dict | None) and isinstance(after, dict | None):
        old, new = before or {}, after or {}
        for key in old.keys() | new.keys():
            yield from _changes(f"{place}/{key}", old.get(key), new.get(key))
    else:
        yield ChangeOut(pointer=place, before=before, after=after)
