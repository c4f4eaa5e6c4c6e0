"""What public testers of SCIM servers find here, on both databases."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

import pytest

import cast
from directory import Provider


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_scim2_tester_finds_nothing(okta: Provider) -> None:
    from scim2_client.engines.wsgi import WSGISCIMClient
    from scim2_tester import check_server

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {"Content-Type": environ.get("CONTENT_TYPE", "")} if environ.get("CONTENT_TYPE") else {}
        path = quote(environ["PATH_INFO"].encode("latin-1").removeprefix(okta.base.encode()))
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        content = environ["wsgi.input"].read()
        answer = okta(environ["REQUEST_METHOD"], f"{path}{query}", content=content, headers=headers)
        start_response(f"{answer.status_code} {answer.reason_phrase}", [*answer.headers.items()])
        return [answer.content]

    found = check_server(WSGISCIMClient(application, base_url=f"{cast.BASE}{okta.base}"))

    wrong = [(each.title, each.reason) for each in found if each.status.name not in ("SUCCESS", "SKIPPED", "COMPLIANT")]
    assert wrong == []
    # Searching Users and Groups at once may be left out.
    assert {each.title for each in found if each.status.name == "SKIPPED"} == {"search_with_attributes"}
    assert len(found) > 90


@pytest.mark.runs_on("SQLite", "PostgreSQL")
@pytest.mark.parametrize("profile", [None, "entra"], ids=["strict", "entra"])
def test_scim_sanity_finds_nothing_but_that_members_have_to_exist(
    okta: Provider, monkeypatch: pytest.MonkeyPatch, profile: str | None
) -> None:
    from scim_sanity.http_client import SCIMClient, SCIMResponse
    from scim_sanity.probe import runner

    class InProcess(SCIMClient):
        def _request(self, method: str, path: str, payload: Any = None, extra_headers: Any = None) -> Any:
            headers = self._build_headers(extra_headers, method)
            answer = okta(method, path, payload, headers=headers)
            return SCIMResponse(answer.status_code, dict(answer.headers), answer.text)

    monkeypatch.setattr(runner, "SCIMClient", InProcess)

    told = runner.run_probe_api(
        f"{cast.BASE}{okta.base}", token=okta.key, profile=profile, user_domain="corp.example" if profile else None
    )

    results, good = told["results"], (runner.ProbeResult.PASS, runner.ProbeResult.SKIP)
    assert sum(each["status"] == runner.ProbeResult.PASS for each in results) >= 27
    # A group would otherwise have somebody in it whom nobody has added.
    assert [(each["name"], each["message"]) for each in results if each["status"] not in good] == [
        ("PATCH /Groups/{id} add member", "Expected 200, got 400")
    ]
