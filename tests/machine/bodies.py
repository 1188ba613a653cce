"""What is said with each turn: mostly sensible, sometimes not."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.machine.calendar import day_of
from tests.machine.content import CODES, DECLARED, MANUAL, PERSON, Json
from tests.machine.life import Dossier, Life

REASON, NOTE = "Theo hồ sơ kiểm chứng", "Tài liệu lưu tại bộ phận văn thư"
NOBODYS = "01a200ed-6325-762a-8d8d-25dc3465d7ad"
CLAIM = {"not_applicable": True, "reason": "Năm nay không phát sinh"}


def complete(d: Dossier) -> Json:
    """Return everything a dossier needs to be handed in, and to pass without a word."""
    proved = {"evidence": [d.documents[0]]}
    answers = {
        "1.1": {"choice": "full"} | proved,
        "1.2": {"figures": {"a": 3, "b": 4}} | proved,
        "2.1": {"note": NOTE} | proved,
        "2.2": {"choice": "half"} | proved,
    }
    return {"general_information": {"1.1": "Phường 9"}, "contacts": {"leader": PERSON}, "answers": answers}


def body(turn: str, d: Dossier, life: Life) -> st.SearchStrategy[Any]:
    """Give what may be said with a turn."""
    made = {
        "edit": _patch,
        "submit": _note,
        "pass": _note,
        "return": _asking,
        "ask_for_more": _asking,
        "answer": _answer,
        "adjust": _decision,
        "reply": lambda d, life: st.fixed_dictionaries({"to": _one_of([one.id for one in d.decisions])}),
        "reopen_entry": _reopening,
    }.get(turn)
    return made(d, life) if made else st.none()


def _one_of(ids: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([*reversed(ids), NOBODYS])


def _note(d: Dossier, life: Life) -> st.SearchStrategy[Any]:
    return st.sampled_from([NOTE, None])


def _patch(d: Dossier, life: Life) -> st.SearchStrategy[Json]:
    answers = st.dictionaries(st.sampled_from(DECLARED), st.just(None), min_size=1, max_size=2).flatmap(
        lambda codes: st.fixed_dictionaries({code: _answered(code, d) for code in codes})
    )
    wrong = st.sampled_from([{"9.9": {"choice": "full"}}, {"1.3": {"figures": {"a": 1, "b": 2}}}])
    return st.one_of(
        answers.map(lambda given: {"answers": given}),
        st.just(complete(d)),
        answers.map(lambda given: {"answers": given}),
        st.sampled_from(
            [
                {"general_information": {"1.1": "Phường 1"}},
                {"general_information": {"1.1": None}},
                {"contacts": {"leader": PERSON | {"phone": ""}}},
            ]
        ),
        wrong.map(lambda given: {"answers": given}),
    )


def _answered(code: str, d: Dossier) -> st.SearchStrategy[Any]:
    beside = st.fixed_dictionaries(
        {},
        optional={
            "note": st.just(NOTE),
            "evidence": st.lists(st.sampled_from(d.documents), min_size=1, max_size=2, unique=True),
        },
    )
    if code == MANUAL:
        said: st.SearchStrategy[Json] = st.just({"note": NOTE})
    elif code == "1.2":
        pairs = st.sampled_from([(0, 0), (0, 5), (3, 4), (4, 4), (5, 4)])
        said = pairs.map(lambda pair: {"figures": {"a": pair[0], "b": pair[1]}})
    else:
        said = st.sampled_from(["full", "half", "none"]).map(lambda choice: {"choice": choice})
    full = st.builds(lambda what, more: what | more, said, beside)
    return st.one_of(full, full, beside.map(lambda more: more or None), st.just(CLAIM))


def _asking(d: Dossier, life: Life) -> st.SearchStrategy[Json]:
    item = st.sampled_from([*CODES, None, *CODES, "9.9"])
    return st.fixed_dictionaries(
        {
            "due_on": st.sampled_from([0, 1, 3, 10, 40, -1]).map(
                lambda days: day_of(life.now) + timedelta(days)
            ),
            "items": st.lists(
                item.map(lambda code: {"indicator": code, "kind": "explain", "text": "Đề nghị giải trình"}),
                min_size=1,
                max_size=2,
            ),
        }
    )


def _answer(d: Dossier, life: Life) -> st.SearchStrategy[Json]:
    documents = [[], [d.documents[0]], [d.documents[1]], [*d.documents], [NOBODYS]]
    return st.fixed_dictionaries(
        {
            "to": _one_of([one.id for one in d.asked]),
            "item": st.sampled_from([0, 1, 0, 7]),
            "evidence": st.sampled_from(documents),
        }
    )


def _decision(d: Dossier, life: Life) -> st.SearchStrategy[Json]:
    """Decide one indicator, most often one that still waits for it."""
    codes = st.sampled_from([*sorted(life.undecided(d)), *CODES, "9.9"])
    return codes.flatmap(lambda code: _decision_on(code, d))


def _decision_on(code: str, d: Dossier) -> st.SearchStrategy[Json]:
    answers = {
        "1.1": {"choice": "half"},
        "1.2": {"figures": {"a": 1, "b": 4}},
        "1.3": {"figures": {"a": 2, "b": 4}},
        "2.2": {"choice": "none"},
    }
    cited = d.content["answers"].get(code, {}).get("evidence", [])
    kinds: list[Json] = [
        {"kind": "points", "points": "5"},
        {"kind": "points", "points": "10.5"},
        {"kind": "as_declared"},
        {"kind": "not_applicable", "accepted": True},
        {"kind": "not_applicable", "accepted": False},
        {"kind": "evidence", "disallowed": cited[:1]},
        {"kind": "evidence", "disallowed": [NOBODYS]},
    ]
    if code in answers:
        kinds.append({"kind": "answer"} | answers[code])
    return st.sampled_from(kinds).map(lambda one: {"indicator": code, "reason": REASON} | one)


def _reopening(d: Dossier, life: Life) -> st.SearchStrategy[Json]:
    codes = [["1.2"], None, ["1.1", "2.2"], ["1.2", "9.9"]]
    return st.fixed_dictionaries(
        {"days": st.sampled_from([1, 2, 4, 30]), "indicators": st.sampled_from(codes)}
    )
