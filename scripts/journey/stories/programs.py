"""The part of programs and of limits: scopes, networks, a new secret with its grace, a flood, what is measured."""

import re

from scripts.journey.books import Json
from scripts.journey.stories.cast import Cast, Headers
from scripts.journey.stories.stage import METRICS_TOKEN

_CLIENT = "lgsp-huyen"
_HERE, _ELSEWHERE = ["127.0.0.0/8"], ["10.20.30.0/24"]
_ALLOWED, _FLOOD = 5, 9
_COUNTED = re.compile(r'dti_problems_total\{code="([a-z_]+)"\} (\S+)')


async def service_account(cast: Cast) -> None:
    """A program of the district reads its feeds from its network, and gets a new secret without a gap."""
    play, admin = cast.play, cast.play.stage.people["admin"]
    play.at("2023-12-16 08:00:00")
    units = {one.key: one.unit_id for one in play.world.everybody}
    body: Json = {"client_id": _CLIENT, "name": "LGSP – huyện", "unit_id": units[cast.district]}
    body |= {"scopes": ["feed:read"], "networks": _HERE}
    made = (await admin.call("POST", "/service-accounts", json=body)).json()
    first, path = made["client_secret"], f"/service-accounts/{made['id']}"
    cast.secrets.append(first)
    play.tells("admin", f"makes the service account {_CLIENT}", made["state"])
    answer = await _asks(cast, first)
    play.check("its scope", "feed:read", answer.get("scope"))
    program = _bearer(answer)
    period = {"period_id": play.world.period["id"]}
    told = (await cast.by(program, "GET", "/feeds/progress", params=period)).json()
    below = [one for one in play.world.everybody if cast.district in (one.key, one.parent_key)]
    play.check("dossiers it counts: the district's and those below", len(below), told["whole"]["total"])
    body = period | {"figures": []}
    refused = await cast.by(program, "POST", "/official-figures", json=body)
    play.refusal(_CLIENT, "gives figures", refused, "not_permitted")
    await _only_from_its_network(cast, path, first, program)
    await _rotated(cast, path, first)


async def _asks(cast: Cast, secret: str) -> Json:
    form = {"grant_type": "client_credentials", "client_id": _CLIENT, "client_secret": secret}
    answer: Json = (await cast.asks(form)).json()
    return answer


def _bearer(answer: Json) -> Headers:
    return {"Authorization": f"Bearer {answer['access_token']}"}


async def _only_from_its_network(cast: Cast, path: str, secret: str, program: Headers) -> None:
    """Its tokens end where its network does, at once."""
    play, admin = cast.play, cast.play.stage.people["admin"]
    await admin.call("PATCH", path, if_match=await admin.etag(path), json={"networks": _ELSEWHERE})
    play.tells("admin", "lets it call from another network only", ", ".join(_ELSEWHERE))
    play.check("its token from here", 401, (await cast.by(program, "GET", "/me")).status_code)
    play.check("its secret from here", "invalid_grant", (await _asks(cast, secret)).get("code"))
    await admin.call("PATCH", path, if_match=await admin.etag(path), json={"networks": _HERE})
    play.check("back in its network", 200, (await cast.by(program, "GET", "/me")).status_code)


async def _rotated(cast: Cast, path: str, first: str) -> None:
    """Both secrets are good for a day; a second later the first one is not, nor its token."""
    play, admin = cast.play, cast.play.stage.people["admin"]
    body = {"grace_hours": 24, "reason": "Thay định kỳ."}
    response = await admin.call("POST", f"{path}/rotate", if_match=await admin.etag(path), json=body)
    second = response.json()["client_secret"]
    cast.secrets.append(second)
    play.tells("admin", "gives it a new secret", "24 hours of grace")
    play.at("2023-12-17 07:59:59")
    answers = [await _asks(cast, one) for one in (first, second)]
    play.check("in the last second", ["good", "good"], [one.get("code", "good") for one in answers])
    of_first = _bearer(answers[0])
    play.check("the token of the first one", 200, (await cast.by(of_first, "GET", "/me")).status_code)
    play.at("2023-12-17 08:00:00")
    said = [(await _asks(cast, one)).get("code", "good") for one in (first, second)]
    play.check("a second later", ["invalid_grant", "good"], said)
    play.check("the token of the first one", 401, (await cast.by(of_first, "GET", "/me")).status_code)


# --- limits, and what is measured ---------------------------------------------------------------------------


async def flood(cast: Cast) -> None:
    """Where few log-ins are allowed, a flood of them is told to wait, and who is inside goes on."""
    play = cast.play
    limits = f"log-in={_ALLOWED}/hour"
    async with play.stage.theatre.stage("2023-12-18 08:00", rate_limits=limits) as other:
        admin = other.people["admin"]
        await admin.get("/me")
        form = {"grant_type": "password", "username": "admin", "password": "khong phai"}
        # Not by our client, which waits as long as it is told to.
        sent = [await other.api.http.post("/api/v1/auth/token", data=form) for _ in range(_FLOOD)]
        last, waits = sent[-1], int(sent[-1].headers["retry-after"])
        play.tells("somebody", f"tries {_FLOOD} passwords where {limits}", f"is to wait {waits} seconds")
        ours = [400] * (_ALLOWED - 1) + [429] * (_FLOOD - _ALLOWED + 1)
        play.check("answers by status", ours, [one.status_code for one in sent])
        play.check("why", "too_many_requests", last.json()["code"])
        play.check("the wait: until the hour allows the next", True, 0 < waits <= 3600 // _ALLOWED)
        play.check("who is inside goes on", 200, (await admin.send("GET", "/me")).status_code)


async def measured(cast: Cast) -> None:
    """The measurements count the refused log-ins as the story does, for who has the token alone."""
    play, http = cast.play, cast.play.stage.api.http
    play.check("without a token", 404, (await http.get("/metrics")).status_code)
    answer = await http.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    counts = {code: int(float(count)) for code, count in _COUNTED.findall(answer.text)}
    play.tells("the operator", "reads the measurements", f"{len(answer.text.splitlines())} lines")
    play.check("wrong log-ins", cast.wrong, counts.get("invalid_grant"))
    play.check("refused by a limit", 0, counts.get("too_many_requests", 0))
