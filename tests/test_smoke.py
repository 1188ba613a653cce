from tests.client import CheckedClient
from tests.conftest import LogIn


async def test_a(client: CheckedClient, as_user: LogIn) -> None:
    assert (await client.get("/api/v1/units")).status_code == 401
    admin = await as_user("admin")
    r = await admin.get("/api/v1/units", params={"search": "ca mau", "on": "2023-12-01"})
    assert r.status_code == 200, r.text
    print(r.json())
    r = await admin.post("/api/v1/periods", json={"year": 2023, "guidance_on": "2023-12-15", "sets": {"department": "camau-2023-so", "district": "camau-2023-huyen", "commune": "camau-2023-xa"}})
    assert r.status_code == 201, r.text
    print(r.json())
    pid = r.json()["id"]
    r2 = await admin.post(f"/api/v1/periods/{pid}/open", headers={"If-Match": r.headers["etag"]})
    assert r2.status_code == 200, r2.text
    print(r2.json())
    print((await admin.get(f"/api/v1/periods/{pid}/scopes")).json()[:3])
    rep = await as_user("xa-31999.reporter")
    subs = (await rep.get("/api/v1/submissions")).json()
    assert subs["total"] == 1
    s = await rep.get("/api/v1/submissions/" + subs["items"][0]["id"])
    print(s.json())
    r = await rep.patch("/api/v1/submissions/" + s.json()["id"], headers={"If-Match": s.headers["etag"]}, json={"answers": {"1.1": {"choice": "x"}, "3.1": {"figures": {"a": 10, "b": 20}}}})
    print(r.status_code, r.text)
    r = await rep.patch("/api/v1/submissions/" + s.json()["id"], headers={"If-Match": s.headers["etag"]}, json={"answers": {"3.1": {"figures": {"a": 10, "b": 20}}}})
    print(r.status_code, r.headers["etag"], r.json()["answers"])
    print((await rep.get("/api/v1/submissions/" + s.json()["id"]+"/scorecard")).json()["lines"][9:12])
    print((await rep.get("/api/v1/submissions/" + s.json()["id"]+"/completeness")).json()["missing"][:3])
    r = await rep.post("/api/v1/submissions/" + s.json()["id"]+"/submit", headers={"If-Match": r.headers["etag"]})
    print(r.status_code, r.text[:300])
