"""The method is public: anybody reads an index set, and asks whether it has changed."""

from tests.client import CheckedClient

URL = "/api/v1/index-sets"


async def test_anybody_reads_the_method_of_every_set(client: CheckedClient) -> None:
    """R-011, R-013..R-015: indicators, points, places where the document counts otherwise; no points: only tracked."""
    counted = {}
    for one in (await client.get(URL)).json():
        read = (await client.get(f"{URL}/{one['key']}")).json()
        counted[one["key"]] = (
            read["counted"]["indicators"],
            read["counted"]["points"],
            len(read["differences"]),
        )
    assert counted == {
        "camau-2023-so": (34, "330", 0),
        "camau-2023-huyen": (62, "650", 2),
        "camau-2023-xa": (50, "530", 1),
        "kontum-2024-tinh": (95, None, 0),
        "lacdao-2024-xa": (40, "1000", 0),
        "unnamed-2022-huyen": (64, None, 7),
    }


async def test_a_set_that_has_not_changed_is_not_sent_again(client: CheckedClient) -> None:
    first = await client.get(f"{URL}/camau-2023-xa")
    again = await client.get(f"{URL}/camau-2023-xa", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(f"{URL}/no-such-set")).status_code == 404
