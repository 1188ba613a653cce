"""Logging: one JSON object per line on standard error, for our own events and the libraries' alike.

Nothing logged can begin a second line, move the cursor of a terminal, or hold a secret that can be told from its name
or its form.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "***"

_SECRET = "passw|secret|token|authorization|cookie|otp|totp|credential|api_?key|recovery|verifier"  # noqa: S105
# Names of what is secret in itself; `code` alone is one, `code` in a longer name is the code of a thing.
_NAMES = re.compile(rf"(?:{_SECRET})|^(?:code|state|nonce|pin)$", re.IGNORECASE)
# Nearly nothing that is logged has any of these; the rest is looked at closely. All of it in linear time: paths are
# logged, and anybody may ask for any path.
_MARKS = re.compile(rf"{_SECRET}|eyJ|bearer|basic|://|\[parameters", re.IGNORECASE)
_IN_TEXT = (
    # JWTs, whatever stands around them.
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]{0,64}):[^\s@]{0,256}@"), rf"\1:{HIDDEN}@"),
    # What a statement was given: people's data at the least.
    (re.compile(r"\[parameters: .*?\](?=\n|$|\)|\s*\(Background)", re.DOTALL), f"[parameters: {HIDDEN}]"),
    # name=value, 'name': 'value', Name: value
    (
        re.compile(
            rf"((?:{_SECRET})[\w-]{{0,32}}[\"']?\s*(?:=|:)\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;&)}}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)
# What JSON leaves as it is, and terminals or readers of lines do not: C1 controls, line separators, text direction.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide in everything logged, exceptions included, what has the name or the form of a secret."""
    for name, value in event.items():
        event[name] = HIDDEN if _NAMES.search(name) and value else hidden(value)
    return event


def hidden(value: Any) -> Any:
    """Return a value, or what it holds, without secrets."""
    if isinstance(value, str):
        return _without_patterns(value)
    if isinstance(value, dict):
        return {k: HIDDEN if v and _NAMES.search(str(k)) else hidden(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [hidden(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _without_patterns(str(value))


def _without_patterns(text: str) -> str:
    for pattern, instead in _IN_TEXT if _MARKS.search(text) else ():
        text = pattern.sub(instead, text)
    return text


def in_one_line(_: Any, __: str, line: Any) -> str:
    """Escape in a JSON line what JSON does not."""
    text = str(line)
    return text if text.isascii() and "\x7f" not in text else _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _processors() -> list[structlog.typing.Processor]:
    """Return what every line goes through at its end."""
    return [
        structlog.processors.format_exc_info,
        without_secrets,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        in_one_line,
    ]


def configure(level: str) -> None:
    """Send structured logs of at least `level` to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_processors()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_processors()],
        foreign_pre_chain=shared,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(renderer)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
