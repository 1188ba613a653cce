"""Who acts in the story of accounts: people whom the story makes itself, and their log-ins by hand."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from scripts.journey.books import Json, UnitBook
from scripts.journey.client import UnexpectedAnswer
from scripts.journey.stories.play import Play

Headers = dict[str, str]


@dataclass
class Cast:
    """People by their roles; `passwords` by user name, `secrets` what no trail may hold, `wrong` log-ins refused."""

    play: Play
    passwords: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    wrong: int = 0

    @property
    def unit(self) -> UnitBook:
        """Return the commune that the story is about."""
        return self.play.world.units[0]

    @property
    def district(self) -> str:
        """Return the key of its district."""
        return self.unit.parent_key

    @property
    def manager(self) -> str:
        """Return who administers the district's accounts."""
        return f"{self.district}.quan-tri"

    @property
    def reporter(self) -> str:
        """Return who hands in the commune's dossier."""
        return f"{self.unit.key}.van-thu"

    @property
    def leader(self) -> str:
        """Return who approves it."""
        return f"{self.unit.key}.chu-tich"

    @property
    def away(self) -> str:
        """Return the key of another district."""
        everybody = self.play.world.everybody
        return next(one.key for one in everybody if one.kind == "district" and one.key != self.district)

    async def tries(
        self, username: str, password: str, otp: str = "", agent: str = "story"
    ) -> httpx.Response:
        """Send a log-in, and count it if the credentials are wrong."""
        form = {"grant_type": "password", "username": username, "password": password, "otp": otp}
        return await self.asks(form, {"User-Agent": agent})

    async def asks(self, form: Json, headers: Headers | None = None) -> httpx.Response:
        """Ask for a token, and count it if the credentials are wrong."""
        public = self.play.stage.people.public
        response = await public.send("POST", "/auth/token", data=form, headers=headers or {})
        self.wrong += response.json().get("code") == "invalid_grant"
        return response

    async def enters(self, username: str, otp: str = "", agent: str = "story") -> Headers:
        """Log in with the password that holds, and return what shows the log-in.

        Raises: UnexpectedAnswer.
        """
        return shown(await self.tries(username, self.passwords[username], otp, agent))

    async def by(self, log_in: Headers, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request in a log-in (of a person or a program) and return the answer, whatever it is."""
        return await self.play.stage.people.public.send(method, path, headers=log_in, **options)

    async def account(self, username: str) -> Json:
        """Return an account as the province's administrator reads it."""
        found = await self.play.stage.people["admin"].pages("/users", search=username)
        return next(one for one in found if one["username"] == username)


def shown(response: httpx.Response) -> Headers:
    """Return what shows the log-in that an answer opens.

    Raises: UnexpectedAnswer.
    """
    if not response.is_success:
        raise UnexpectedAnswer(response, "a token")
    return {"Authorization": f"Bearer {response.json()['access_token']}"}
