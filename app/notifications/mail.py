"""Letters: what an e-mail says, and the mail server that takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, parseaddr
from uuid import UUID

from aiosmtplib import SMTP, SMTPException

from app.core.config import Settings
from app.core.vietnamese import VIETNAM
from app.notifications.models import Notice
from app.notifications.templates import rendered

TIMEOUT_SECONDS = 20


class MailServerDown(Exception):
    """The mail server cannot be reached, or does not let us in: no other letter can be sent now either."""


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name letters are sent, and where people read on (the frontend; empty: no link)."""

    address: str
    public_url: str

    @property
    def domain(self) -> str:
        """Return the domain of the address."""
        return parseaddr(self.address)[1].rpartition("@")[2] or "localhost"


def letter(notice: Notice, to: str, sender: Sender, now: datetime) -> MIMEText:
    """Return the e-mail of one notice."""
    title, text = rendered(notice.topic, notice.about, "vi")
    link = f"{sender.public_url}/notices/{notice.id}" if sender.public_url else ""
    return _message(to, title, [text, link], notice.id, sender, now)


def digest(notices: Sequence[Notice], to: str, sender: Sender, now: datetime) -> MIMEText:
    """Return the e-mail that lists several notices, the oldest first."""
    items = []
    for number, notice in enumerate(notices, 1):
        title, text = rendered(notice.topic, notice.about, "vi")
        items.append(f"{number}. {title}\n{text}".rstrip())
    link = f"{sender.public_url}/notices" if sender.public_url else ""
    day = f"{now.astimezone(VIETNAM):%d/%m/%Y}"
    return _message(to, f"{len(notices)} thông báo, ngày {day}", [*items, link], notices[-1].id, sender, now)


def _message(
    to: str, title: str, parts: Sequence[str], notice_id: UUID, sender: Sender, now: datetime
) -> MIMEText:
    """Return a plain text e-mail; its id comes from the notice, so that a repetition can be recognised."""
    foot = "Thư này do hệ thống DTI gửi tự động, vui lòng không trả lời."
    text = "\n\n".join([*filter(None, parts), f"-- \n{foot}"]) + "\n"
    # Not EmailMessage: up to Python 3.12 it loses spaces where it folds a long subject with accents.
    message = MIMEText(text, "plain", "utf-8")
    message["From"] = formataddr(parseaddr(sender.address))
    message["To"] = Address(addr_spec=to).addr_spec
    message["Subject"] = Header(f"[DTI] {title}", "utf-8", header_name="Subject").encode()
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


class Mailer:
    """The mail server of the settings; one connection is used as long as it works."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: SMTP | None = None
        self.sender = Sender(settings.mail_from, settings.public_url.rstrip("/"))

    async def deliver(self, message: MIMEText) -> None:
        """Hand a letter to the mail server; on return it is the server's.

        Raises: MailServerDown, or the server's refusal of this letter.
        """
        connection = self._connection or await self._connect()
        try:
            await connection.send_message(message)
        except OSError as error:  # lost connections and timeouts
            connection.close()
            self._connection = None
            raise MailServerDown from error

    async def _connect(self) -> SMTP:
        settings, password = self._settings, self._settings.smtp_password
        connection = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=password.get_secret_value() if password else None,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            timeout=TIMEOUT_SECONDS,
        )
        try:
            await connection.connect()
        except (OSError, SMTPException) as error:
            connection.close()
            raise MailServerDown from error
        self._connection = connection
        return connection

    async def hang_up(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.quit()
            except (OSError, SMTPException):
                connection.close()
