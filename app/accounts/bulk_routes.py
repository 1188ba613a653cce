"""Many accounts at once over HTTP: as JSON, or as a spreadsheet that was filled in."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from app.accounts import actions, administering, bulk, bulk_queries, bulk_sheets, people_queries, remits
from app.accounts.bulk_schemas import BulkFormat, BulkIn, BulkOut, BulkRow
from app.accounts.user_filter import CanManageUsers, CanReadUsers, FilterQuery
from app.core.http import DbSession, Now, problems, router
from app.core.problems import BodyTooLarge
from app.core.repetition import IdempotencyKey, claim_key, look_up_key
from app.core.sheet_reading import MAX_BYTES, SheetUnreadable, read_sheet
from app.core.sheets import XLSX

routes = router("/users", "Tài khoản · Accounts")

_CSV = "text/csv"
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: _FILE}}}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: _FILE, _CSV: {"schema": {"type": "string"}}}}
}
_DONE = _ANSWER | problems(actions.LastAdministrator)


class Batch:
    """A request to carry out rows, or with dry_run to say what would become of them."""

    def __init__(
        self,
        request: Request,
        caller: CanManageUsers,
        key: IdempotencyKey,
        session: DbSession,
        now: Now,
        response: Response,
        dry_run: Annotated[bool, Query(description="true: nothing is changed, nothing is kept")] = False,
        shape: Annotated[
            BulkFormat, Query(alias="format", description="csv, xlsx: the new accounts' initial passwords")
        ] = BulkFormat.JSON,
    ) -> None:
        self.request, self.caller, self.key, self.session = request, caller, key, session
        self.now, self.response, self.dry_run, self.shape = now, response, dry_run, shape

    async def done(self, rows: Sequence[BulkRow], where: bulk.Where) -> BulkOut | Response:
        """Carry out the rows; the answer with passwords is kept nowhere, so a repetition of it is refused."""
        session, caller, now = self.session, self.caller, self.now
        body = hashlib.sha256(await self.request.body()).hexdigest()
        await look_up_key(self.request, session, caller.id, self.key, body_sha256=body)
        remit = await remits.remit_of(session, caller, now)
        lines = await bulk.planned(session, rows, where, remit=remit, by=caller)
        if self.dry_run:
            return bulk.foreseen(lines)
        # Hashing takes seconds: no connection is taken and no key is held meanwhile.
        await session.commit()
        passwords = await bulk.hashed_passwords(lines)
        await claim_key(self.request, session, caller.id, self.key, now, body_sha256=body)
        return await self._answer(await bulk.carry_out(session, rows, where, passwords, by=caller, now=now))

    async def _answer(self, out: BulkOut) -> BulkOut | Response:
        headers = {"Cache-Control": "no-store"} if out.created else {}
        if self.shape is BulkFormat.JSON:
            self.response.headers.update(headers)
            return out
        named = headers | {"Content-Disposition": f'attachment; filename="mat-khau.{self.shape}"'}
        if self.shape is BulkFormat.CSV:
            return Response(bulk_sheets.passwords_csv(out), headers=named, media_type=_CSV)
        made = await asyncio.to_thread(bulk_sheets.passwords_xlsx, out)
        return Response(made, headers=named, media_type=XLSX)


Batched = Annotated[Batch, Depends()]


@routes.post("/bulk", response_model=BulkOut, responses=_DONE)
async def change_many_users(body: BulkIn, batch: Batched) -> BulkOut | Response:
    """Make, change and switch off up to 1,000 accounts by user name: all rows or none.

    Initial passwords are made by the service and shown in this answer only.
    """
    return await batch.done(body.rows, bulk.in_body)


@routes.post(
    "/bulk.xlsx",
    response_model=BulkOut,
    responses=_DONE | problems(SheetUnreadable),
    openapi_extra={"requestBody": {"required": True, "content": {XLSX: _FILE}}},
)
async def change_many_users_by_sheet(request: Request, batch: Batched) -> BulkOut | Response:
    """Do the same with a filled form (at most 1 MiB): faults name the sheet's row and heading."""
    data = await request.body()
    if len(data) > MAX_BYTES:
        raise BodyTooLarge(f"Tối đa {MAX_BYTES} byte.", f"At most {MAX_BYTES} bytes.")
    sheet = await asyncio.to_thread(read_sheet, data, bulk_sheets.SHEET)
    form = bulk_sheets.Form(sheet)
    return await batch.done(form.rows, form.where)


@routes.get("/template.xlsx", response_class=Response, responses=_SHEET)
async def read_template(caller: CanManageUsers, session: DbSession, now: Now) -> Response:
    """Send the form to fill in, with the units and roles that are yours to give."""
    remit = await remits.remit_of(session, caller, now)
    places = await bulk_queries.standing_units(session, remit)
    await session.commit()
    made = await asyncio.to_thread(bulk_sheets.template, remit, places)
    named = {"Content-Disposition": 'attachment; filename="tai-khoan-mau.xlsx"'}
    return Response(made, headers=named, media_type=XLSX)


@routes.get("/export.xlsx", response_class=Response, responses=_SHEET)
async def export_users(caller: CanReadUsers, session: DbSession, now: Now, asked: FilterQuery) -> Response:
    """Send the accounts you look after as a sheet, which can be changed and sent back; the export is recorded."""
    remit = await remits.remit_of(session, caller, now)
    users = await people_queries.all_users(session, remit, asked)
    units = await bulk_queries.unit_names(session, remit)
    await administering.record_export(session, len(users), by=caller, now=now)
    made = await asyncio.to_thread(bulk_sheets.export, users, units)
    named = {"Content-Disposition": 'attachment; filename="tai-khoan.xlsx"', "Cache-Control": "no-store"}
    return Response(made, headers=named, media_type=XLSX)
