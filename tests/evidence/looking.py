"""A look at bytes as the service takes it, without a process apart."""

import io

import pytest

from app.core.problems import Problem
from app.evidence.content.look import require_sound


def look(data: bytes, declared: str) -> None:
    """Look at bytes; raises what the service would answer."""
    require_sound(io.BytesIO(data), declared)


def refusal(data: bytes, declared: str) -> Problem:
    """Return the problem that bytes are refused with."""
    with pytest.raises(Problem) as refused:
        look(data, declared)
    return refused.value


def code(data: bytes, declared: str) -> str:
    """Return the code of the problem that bytes are refused with; empty if they are taken."""
    try:
        look(data, declared)
    except Problem as problem:
        assert problem.status in (415, 422)
        assert problem.vi and problem.en
        return problem.code
    return ""
