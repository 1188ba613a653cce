"""Who sees a document, how it is downloaded, and what can be corrected."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.evidence.queries import document_ids_of
from tests.conftest import LogIn
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import PDF

# The commune xa-31999 lies in the district huyen-964.
SEE_IT = [
    REPORTER,
    "xa-31999.leader",
    "huyen-964.reviewer",
    "huyen-964.chairman",
    "reviewer",
    "auditor",
    "admin",
]
SEE_NOTHING = [
    "xa-32002.reporter",
    "huyen-964.reporter",  # the district's own dossier, not its communes'
    "huyen-966.reviewer",
    "so-tttt.reporter",
    "so-tttt.agency",
]


@pytest.fixture
async def document_id(upload: Upload) -> str:
    """Give a document of the commune."""
    answer = await upload(PDF, file_name='Báo cáo "số 1" – Cà Mau.pdf', title="Báo cáo")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_the_unit_and_all_above_it_see_a_document(
    as_user: LogIn, document_id: str, period_id: str, units: dict[str, UUID]
) -> None:
    for username in SEE_IT:
        caller = await as_user(username)
        assert (await caller.get(f"/api/v1/evidence/{document_id}")).json()["id"] == document_id
        assert (await caller.get(f"/api/v1/evidence/{document_id}/content")).content == PDF
        params = {"period_id": period_id, "unit_id": str(units["xa-31999"])}
        page = (await caller.get("/api/v1/evidence", params=params)).json()
        assert [row["id"] for row in page["items"]] == [document_id]


async def test_nobody_else_finds_it(
    as_user: LogIn, document_id: str, period_id: str, units: dict[str, UUID]
) -> None:
    for username in SEE_NOTHING:
        caller = await as_user(username)
        params = {"period_id": period_id, "unit_id": str(units["xa-31999"])}
        answers = [
            await caller.get(f"/api/v1/evidence/{document_id}"),
            await caller.get(f"/api/v1/evidence/{document_id}/content"),
            await caller.get("/api/v1/evidence", params=params),
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_a_role_without_the_permission_is_told_so(as_user: LogIn, document_id: str) -> None:
    dashboard = await as_user("dashboard")
    assert (await dashboard.get(f"/api/v1/evidence/{document_id}")).status_code == 403


async def test_an_unknown_document_is_not_found(as_user: LogIn, period_id: str) -> None:
    reporter = await as_user(REPORTER)
    answer = await reporter.get(f"/api/v1/evidence/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")


async def test_the_list_is_paged_with_the_latest_first(
    upload: Upload, as_user: LogIn, period_id: str, units: dict[str, UUID]
) -> None:
    for name in ("1.pdf", "2.pdf", "3.pdf"):
        await upload(file_name=name)
    await upload(file_name="other.pdf", by="huyen-964.reporter", unit="huyen-964")
    params = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "page_size": "2"}
    reporter = await as_user(REPORTER)
    first = (await reporter.get("/api/v1/evidence", params=params)).json()
    second = (await reporter.get("/api/v1/evidence", params={**params, "page": "2"})).json()
    assert [row["file_name"] for row in first["items"] + second["items"]] == ["3.pdf", "2.pdf", "1.pdf"]
    assert (first["total"], first["pages"]) == (3, 2)


async def test_a_list_of_an_unknown_period_is_not_found(as_user: LogIn, units: dict[str, UUID]) -> None:
    reporter = await as_user(REPORTER)
    params = {"period_id": str(uuid4()), "unit_id": str(units["xa-31999"])}
    assert (await reporter.get("/api/v1/evidence", params=params)).json()["code"] == "period_not_found"


# --- corrections --------------------------------------------------------------------------------------------


async def test_the_unit_corrects_title_and_number_and_the_trail_says_what_was_there(
    as_user: LogIn, document_id: str, session: AsyncSession
) -> None:
    reporter = await as_user(REPORTER)
    url = f"/api/v1/evidence/{document_id}"
    answer = await reporter.patch(url, json={"title": None, "number": "12/BC"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["title"], answer.json()["number"]) == (None, "12/BC")
    assert answer.headers["etag"] == (await reporter.get(url)).headers["etag"] == '"2"'
    query = select(AuditEvent).where(
        AuditEvent.object_id == UUID(document_id), AuditEvent.action == "evidence.change"
    )
    event = (await session.scalars(query)).one()
    assert (event.before, event.after) == (
        {"title": "Báo cáo", "number": None},
        {"title": None, "number": "12/BC"},
    )


async def test_a_field_that_is_left_out_stays_and_no_change_keeps_the_version(
    as_user: LogIn, document_id: str
) -> None:
    reporter = await as_user(REPORTER)
    url = f"/api/v1/evidence/{document_id}"
    answer = await reporter.patch(url, json={"number": None}, headers={"If-Match": '"1"'})
    assert answer.json()["title"] == "Báo cáo"
    assert answer.headers["etag"] == '"1"'


async def test_a_correction_needs_the_present_version(as_user: LogIn, document_id: str) -> None:
    reporter = await as_user(REPORTER)
    url = f"/api/v1/evidence/{document_id}"
    assert (await reporter.patch(url, json={"number": "1"})).status_code == 428
    assert (await reporter.patch(url, json={"number": "1"}, headers={"If-Match": '"7"'})).status_code == 412
    assert (await reporter.get(url)).json()["number"] is None


async def test_a_correction_that_cannot_be_is_refused(as_user: LogIn, document_id: str) -> None:
    for body in [{"title": ""}, {"title": "a\u202eb"}, {"number": 5}, {"file_name": "b.pdf"}]:
        reporter = await as_user(REPORTER)
        answer = await reporter.patch(
            f"/api/v1/evidence/{document_id}", json=body, headers={"If-Match": '"1"'}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_only_the_unit_itself_corrects_its_documents(as_user: LogIn, document_id: str) -> None:
    for username, status in [("xa-32002.reporter", 404), ("huyen-964.reviewer", 403)]:
        caller = await as_user(username)
        url = f"/api/v1/evidence/{document_id}"
        answer = await caller.patch(url, json={"title": "x"}, headers={"If-Match": '"1"'})
        assert answer.status_code == status


async def test_a_document_can_be_cited_by_its_own_unit_in_its_own_period_only(
    document_id: str, period_id: str, units: dict[str, UUID], session: AsyncSession
) -> None:
    it, period, unit = UUID(document_id), UUID(period_id), units["xa-31999"]
    assert await document_ids_of(session, period, unit, [it, uuid4()]) == {it}
    assert await document_ids_of(session, period, units["huyen-964"], [it]) == set()
    assert await document_ids_of(session, uuid4(), unit, [it]) == set()
    assert await document_ids_of(session, period, unit, []) == set()
