"""Who is answered: the host, the origin, the token; and what every answer carries."""

from __future__ import annotations

import pytest
from tests.support.served import HOST, TOKEN, client_of

from embedscope.serve.guard import is_loopback, is_own_name

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ASKED = {"text": "red room"}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "",
        "127.0.0.1@evil.example",
        "[::1",
        "10.0.0.1",
        "localhost/..",
        "localhost?x",
        "localhost#x",
        "localhost:x",
        "localhost:",
        "127.1",
        "0",
        "localhost.",
        "127.0.0.1 evil.example",
    ],
)
def test_a_request_for_another_host_is_refused_whatever_its_token(host: str) -> None:
    answer = client_of().post("/api/search", json=ASKED, headers={**BEARER, "Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", [HOST, "localhost:8000", "LOCALHOST", "[::1]:9000", "[::1]"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert client_of().post("/api/search", json=ASKED, headers={**BEARER, "Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001"])
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    answer = client_of().post("/api/search", json=ASKED, headers={**BEARER, "Origin": origin})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_page_of_another_site_is_refused_and_a_link_to_the_page_is_not() -> None:
    headers = {**BEARER, "Sec-Fetch-Site": "cross-site"}
    assert client_of().post("/api/search", json=ASKED, headers=headers).status_code == 403
    assert client_of().get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}x"}, {"Cookie": f"token={TOKEN}"}],
)
@pytest.mark.parametrize("path", ["/", "/api/search", "/etc/passwd", "/../manifest.json", "/favicon.ico"])
def test_nothing_is_answered_without_the_token(path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        answer = client_of().request(method, path, headers=headers)
        assert answer.status_code == 401
        assert TOKEN not in answer.text


@pytest.mark.parametrize("path", ["/", "/api/search"])
def test_no_connection_is_kept_open_for_who_has_no_token(path: str) -> None:
    assert client_of().get(path).headers["connection"] == "close"


def test_long_headers_are_refused() -> None:
    headers = {**BEARER, **{f"X-{number}": "a" * 100 for number in range(200)}}
    assert client_of().get("/", headers=headers).status_code == 431


def test_a_token_in_the_address_opens_the_page_and_nothing_else() -> None:
    client = client_of()
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    assert client.get("/", params={"token": "wrong"}).status_code == 401
    assert client.get(f"/?token={TOKEN}&token={TOKEN}").status_code == 401
    assert client.post("/api/search", params={"token": TOKEN}, json=ASKED).status_code == 401


def test_no_cookie_is_set() -> None:
    assert "set-cookie" not in client_of().get("/", params={"token": TOKEN}).headers


@pytest.mark.parametrize("path", ["/", "/nothing"])
@pytest.mark.parametrize("headers", [{}, BEARER])
def test_every_answer_forbids_what_it_does_not_need(path: str, headers: dict[str, str]) -> None:
    found = client_of().get(path, headers=headers).headers
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "no-referrer"
    assert found["cache-control"] == "no-store"
    assert found["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in found["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/..%2f..%2fetc/passwd", "/api", "/api/", "/api/search/", "/page.json"]
)
def test_no_other_address_holds_anything(path: str) -> None:
    assert client_of().get(path, headers=BEARER).status_code == 404


def test_other_methods_are_not_known() -> None:
    client = client_of()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "GET"):
        assert client.request(method, "/api/search", headers=BEARER).status_code == 405
    assert client.post("/", headers=BEARER).status_code == 405


def test_an_address_of_the_network_is_known_by_numbers_and_the_own_name_alone() -> None:
    assert is_own_name("10.1.2.3", "0.0.0.0")  # noqa: S104
    assert not is_own_name("evil.example", "0.0.0.0")  # noqa: S104
    assert is_own_name("box.example", "Box.Example")
    assert not is_own_name("10.1.2.3", "127.0.0.1")
    assert [is_loopback(name) for name in ("127.0.0.2", "::1", "localhost", "0.0.0.0", "10.0.0.1")] == [  # noqa: S104
        True, True, True, False, False,
    ]  # fmt: skip
