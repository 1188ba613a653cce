"""A real mail server on a free port, which can be closed, and which can refuse addresses and letters."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from app.core.config import Settings
from app.notifications.mail import Mailer


class PostOffice:
    """Takes letters from 127.0.0.1; what it took is in `letters`."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refused: set[str] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> None:
        """Listen on a port, by default a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.test", loop=loop, enable_SMTPUTF8=True), "127.0.0.1", port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_RCPT(  # noqa: N802  the server calls it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append(message)
        return "250 OK"

    def mailer(self, settings: Settings, **changes: Any) -> Mailer:
        """Return a mailer that brings letters here."""
        known = {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_security": "none",
            "mail_from": "Hệ thống DTI <dti@tinh.example.vn>",
            "public_url": "https://dti.example.vn/",
        }
        return Mailer(settings.model_copy(update=known | changes))

    def to(self, address: str) -> list[EmailMessage]:
        """Return the letters to an address in the order they came."""
        return [one for one in self.letters if str(one["To"]) == address]


def body(letter: EmailMessage) -> str:
    """Return the text of a letter."""
    text: str = letter.get_content()
    return text.replace("\r\n", "\n")
