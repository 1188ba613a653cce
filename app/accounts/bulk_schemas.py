"""Many accounts at once, as the API takes and answers them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from app.accounts.permissions import Role
from app.accounts.schemas import Username, held_by_people
from app.core.http import Schema

# Hashing a password takes some 20 ms, one after the other: so many new accounts are made within some ten seconds, and
# within a minute where the processors are busy.
MAX_ROWS, MAX_NEW = 1_000, 300


class BulkAction(StrEnum):
    """What becomes of an account."""

    CREATE = "create"
    CHANGE = "change"
    SWITCH_OFF = "switch_off"


class BulkFormat(StrEnum):
    """How the answer comes: the two others hold the new accounts alone, with their initial passwords."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


UnitCode = Annotated[
    str, Field(min_length=1, max_length=64, description="key or GSO code of a unit that stands today")
]


class BulkGrant(Schema):
    """A role, for the home unit if none is named."""

    role: Annotated[Role, AfterValidator(held_by_people)]
    unit: UnitCode | None = None


class BulkRow(Schema):
    """What becomes of one account. What is absent stays; a new one needs a name and a unit."""

    action: BulkAction
    username: Username
    full_name: str | None = Field(None, min_length=1, max_length=200)
    email: str | None = Field(None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    unit: UnitCode | None = Field(None, description="home unit: key or GSO code, as of today")
    roles: list[BulkGrant] | None = Field(None, max_length=20, description="replaces the roles")
    reason: str | None = Field(None, max_length=500)


class BulkIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "rows": [
                    {
                        "action": "create",
                        "username": "xa-31999.van-thu",
                        "full_name": "Công chức văn thư",
                        "unit": "31999",
                        "roles": [{"role": "unit_reporter"}],
                    },
                    {"action": "switch_off", "username": "xa-31999.cu", "reason": "Chuyển công tác"},
                ]
            }
        ]
    },
):
    """Accounts to make, change and switch off: all of them, or none."""

    rows: list[BulkRow] = Field(min_length=1, max_length=MAX_ROWS)


class BulkLine(Schema):
    """What became of one row."""

    action: BulkAction
    username: str
    full_name: str
    user_id: UUID | None = Field(description="null: it would be made")
    initial_password: str | None = Field(
        None, description="of a new account: shown in this answer only, to be changed at the first log-in"
    )


class BulkOut(Schema):
    """What became of the rows, or with dry_run what would."""

    dry_run: bool
    created: int
    changed: int
    switched_off: int
    rows: list[BulkLine]
