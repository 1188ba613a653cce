"""Loading the units of a province from its data file."""

import csv
from datetime import date
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.vietnamese import searchable, sort_key
from app.units.models import Unit, UnitIdentifier, UnitKind, UnitVersion

DATA = Path(__file__).parent / "data"


async def load_units(session: AsyncSession, file: Path = DATA / "camau-2023.csv") -> int:
    """Insert the units of a data file into an empty table and return how many; does nothing if there are units.

    Later changes of the tree are made through the application, so a filled table is never touched.
    """
    if await session.scalar(select(func.count()).select_from(Unit)):
        return 0
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    units = {row["key"]: _unit(row) for row in rows}
    session.add_all(units.values())
    await session.flush()
    for row in rows:
        unit = units[row["key"]]
        parent = units[row["parent"]] if row["parent"] else None
        session.add(
            UnitVersion(
                unit_id=unit.id,
                parent_id=parent.id if parent else None,
                valid_from=unit.exists_from,
                valid_to=unit.exists_to,
                name=row["name"],
                search_text=searchable(row["name"]),
                sort_key=sort_key(row["name"]),
                legal_act=row["legal_act"] or None,
            )
        )
        if row["gso"]:
            session.add(
                UnitIdentifier(
                    unit_id=unit.id,
                    scheme="gso",
                    value=row["gso"],
                    valid_from=unit.exists_from,
                    valid_to=unit.exists_to,
                    status="closed" if unit.exists_to else "active",
                    legal_act=row["legal_act"] or None,
                )
            )
    return len(rows)


def _unit(row: dict[str, str]) -> Unit:
    return Unit(
        key=row["key"],
        kind=UnitKind(row["kind"]),
        is_ranked=row["is_ranked"] == "true",
        exists_from=date.fromisoformat(row["valid_from"]),
        exists_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
    )
