"""What is said with each turn: mostly sensible, sometimes not. Everything is chosen by the Random that is given."""

from datetime import timedelta
from random import Random
from typing import Any

from tests.machine.calendar import day_of
from tests.machine.content import CODES, DECLARED, MANUAL, PERSON, Json
from tests.machine.dossier import Dossier
from tests.machine.life import Life

REASON, NOTE = "Theo hồ sơ kiểm chứng", "Tài liệu lưu tại bộ phận văn thư"
NOBODYS = "01a200ed-6325-762a-8d8d-25dc3465d7ad"
CLAIM = {"not_applicable": True, "reason": "Năm nay không phát sinh"}
WRONG = ({"9.9": {"choice": "full"}}, {"1.3": {"figures": {"a": 1, "b": 2}}})
ELSEWHERE: tuple[Json, ...] = (
    {"general_information": {"1.1": "Phường 1"}},
    {"general_information": {"1.1": None}},
    {"contacts": {"leader": PERSON | {"phone": ""}}},
)


def complete(d: Dossier, *, is_proved: bool = True) -> Json:
    """Return everything a dossier needs to be handed in; unproved, its notes explain."""
    beside: Json = {"evidence": [d.documents[0]]} if is_proved else {"note": NOTE}
    answers = {
        "1.1": {"choice": "full"} | beside,
        "1.2": {"figures": {"a": 3, "b": 4}} | beside,
        "2.1": {"note": NOTE} | beside,
        "2.2": {"choice": "half"} | beside,
    }
    return {"general_information": {"1.1": "Phường 9"}, "contacts": {"leader": PERSON}, "answers": answers}


def body(turn: str, d: Dossier, life: Life, chance: Random) -> Any:
    """Return what is said with a turn."""
    match turn:
        case "edit":
            return _patch(d, life, chance)
        case "submit" | "pass":
            return chance.choice([NOTE, NOTE, None])
        case "return" | "ask_for_more":
            return _asking(life, chance)
        case "answer":
            return _answer(d, chance)
        case "adjust":
            return _decision(d, life, chance)
        case "reply":
            return {"to": _one_of([one.id for one in d.decisions], chance)}
        case "reopen_entry":
            codes = chance.choice([["1.2"], ["1.2"], ["1.1", "2.2"], None, None, ["1.2", "9.9"]])
            return {"days": chance.choice([1, 2, 4, 30]), "indicators": codes}
    return None


def _one_of(ids: list[str], chance: Random) -> str:
    return chance.choice(ids) if ids and chance.random() < 0.9 else NOBODYS


def _patch(d: Dossier, life: Life, chance: Random) -> Json:
    """Change an answer or two, what is open where only some indicators are; or everything, or what cannot be."""
    which = chance.random()
    if which < 0.2:
        return complete(d, is_proved=chance.random() < 0.6)
    if which < 0.3:
        return chance.choice(ELSEWHERE)
    if which < 0.35:
        return {"answers": chance.choice(WRONG)}
    opened = life.entry(d)[2]
    codes = [code for code in DECLARED if opened is None or code in opened or chance.random() < 0.1]
    chosen = chance.sample(codes or DECLARED, min(len(codes) or 1, chance.choice([1, 1, 2])))
    return {"answers": {code: _answered(code, d, chance) for code in chosen}}


def _answered(code: str, d: Dossier, chance: Random) -> Json | None:
    which = chance.random()
    if which < 0.1:
        return None
    if which < 0.2:
        return CLAIM
    beside: Json = {}
    if chance.random() < 0.5:
        beside["note"] = NOTE
    if chance.random() < 0.5:
        beside["evidence"] = chance.sample(d.documents, chance.choice([1, 2]))
    if which < 0.25 or code == MANUAL:
        return beside or None
    if code == "1.2":
        a, b = chance.choice([(0, 0), (0, 5), (3, 4), (4, 4), (5, 4)])
        return {"figures": {"a": a, "b": b}} | beside
    return {"choice": chance.choice(["full", "half", "none"])} | beside


def _asking(life: Life, chance: Random) -> Json:
    codes = [*CODES, *CODES, None, None] + (["9.9"] if chance.random() < 0.2 else [])
    items = [
        {
            "indicator": code,
            "kind": chance.choice(["missing_evidence", "explain"]),
            "text": "Đề nghị giải trình",
        }
        for code in chance.sample(codes, chance.choice([1, 1, 2]))
    ]
    days = chance.choice([0, 1, 3, 3, 10, 10, 40, -1])
    return {"due_on": day_of(life.now) + timedelta(days), "items": items}


def _answer(d: Dossier, chance: Random) -> Json:
    """Answer an item, most often one of the latest request that has no answer yet."""
    waiting = [one.id for one in d.asked if one.open]
    to = waiting[-1] if waiting and chance.random() < 0.7 else _one_of([one.id for one in d.asked], chance)
    documents = [[], [d.documents[0]], [d.documents[1]], [*d.documents]]
    return {
        "to": to,
        "item": chance.choice([0, 0, 0, 1, 1, 7]),
        "evidence": [NOBODYS] if chance.random() < 0.1 else chance.choice(documents),
    }


def _decision(d: Dossier, life: Life, chance: Random) -> Json:
    """Decide one indicator, most often one that still waits for it."""
    waiting = sorted(life.undecided(d))
    code = chance.choice(waiting if waiting and chance.random() < 0.6 else [*CODES, *CODES, "9.9"])
    answers: dict[str, Json] = {
        "1.1": {"choice": "half"},
        "1.2": {"figures": {"a": 1, "b": 4}},
        "1.3": {"figures": {"a": 2, "b": 4}},
        "2.2": {"choice": "none"},
    }
    held = d.content["answers"].get(code, {})
    cited = held.get("evidence", [])
    kinds: list[Json] = [
        {"kind": "points", "points": chance.choice(["5", "0", "10", "10.5"])},
        {"kind": "as_declared"},
        {"kind": "evidence", "disallowed": chance.choice([cited[:1], cited, [], [NOBODYS]])},
    ]
    if held.get("not_applicable") or chance.random() < 0.2:
        kinds.append({"kind": "not_applicable", "accepted": chance.choice([True, False])})
    if code in answers:
        kinds.append({"kind": "answer"} | answers[code])
    return {"indicator": code, "reason": REASON} | chance.choice(kinds)
