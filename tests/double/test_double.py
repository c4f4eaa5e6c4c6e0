"""The double over HTTP: data, clock, faults, requests, switches and letters; wrong orders; what other servers lack."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import live
import ssh_keygen
from cast import Api
from checkout import TOP
from onebucket.domain import events
from onebucket.double import behaviour
from onebucket.testing import Credential, Double, DoubleError

pytestmark = pytest.mark.subprocess

ALICE = Credential("alice", "wonderland")
DEFAULTS = {name: switch.default for name, switch in behaviour.SWITCHES.items()}


@pytest.fixture(scope="module")
def started() -> Iterator[Double]:
    with Double(demo=True) as double:
        yield double


@pytest.fixture
def double(started: Double) -> Double:
    started.reset()
    return started


def ask(double: Double, method: str, path: str, auth: tuple[str, str] | None = ALICE, **how: Any) -> httpx.Response:
    return httpx.request(method, f"{double.url}{path}", auth=auth, timeout=30, **how)


def order(double: Double, method: str, path: str, body: object = None) -> httpx.Response:
    return httpx.request(method, f"{double.url}/double{path}", json=body, timeout=30)


ADD_DAVE = ("PUT", "/1.0/groups/acme/designers/members/dave")


def test_a_reset_puts_everything_back(double: Double) -> None:
    before = double.state()
    ask(double, *ADD_DAVE, json={})
    double.advance("1 day")
    double.behave(managed_workspace="on")
    double.fail(path="/1.0/*", status=503)

    double.reset()

    assert double.state() == before
    assert double.requests.count == 0
    assert ask(double, *ADD_DAVE, json={}).status_code == 200


def test_a_snapshot_is_gone_back_to(double: Double) -> None:
    ask(double, *ADD_DAVE, json={})
    double.snapshot("with dave")
    ask(double, "DELETE", "/1.0/groups/acme/designers")

    double.restore("with dave")

    assert double.members("acme/designers") == ["bob", "dave"]
    with pytest.raises(DoubleError, match="there is no snapshot 'other'"):
        double.restore("other")


def test_the_state_is_replaced_by_a_document_or_stays_as_it_was(double: Double) -> None:
    document = {
        "onebucket": 1,
        "users": [{"username": "zoe", "email": "zoe@example.com", "password": "a long password"}],
        "teams": [{"username": "zed", "groups": [
            {"name": "Administrators", "account_privilege": "admin", "permission": "admin", "members": ["zoe"]}]}],
    }  # fmt: skip

    refused = order(double, "PUT", "/state", document | {"onebucket": 99})
    kept = [team["username"] for team in double.state()["teams"]]
    taken = order(double, "PUT", "/state", document)

    assert (refused.status_code, taken.status_code) == (400, 204)
    assert "onebucket" in refused.json()["error"]
    assert kept == ["acme"]
    assert [team["username"] for team in double.state()["teams"]] == ["zed"]
    assert ask(double, "GET", "/1.0/groups/zed", ("zoe", "a long password")).status_code == 200


def test_time_is_the_servers_own(double: Double) -> None:
    ask(double, "POST", "/1.0/invitations/acme/rocket", json={"email": "dora@example.com", "permission": "write"})

    double.advance("8 days")

    with pytest.raises(DoubleError, match="has expired"):
        double.accept_invitation("dora@example.com", user="dora")


def test_access_ends_when_its_time_has_come_on_the_doubles_clock(double: Double) -> None:
    until = f"{double.now() + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    ask(double, "PUT", f"{ADD_DAVE[1]}?until={until}")

    before = double.members("acme/designers")
    double.advance("49 hours")

    assert (before, double.members("acme/designers")) == (["bob", "dave"], ["bob"])


def test_an_invitation_is_accepted_as_somebody_who_is_made_for_it(double: Double) -> None:
    ask(double, "PUT", "/1.0/users/acme/invitations/dora@example.com/acme/designers")

    letter = next(each for each in double.letters if each.to == "dora@example.com")
    name = double.accept_invitation("dora@example.com")

    assert letter.link.startswith(f"{double.url}/invitations/")
    assert name == "dora"
    assert double.members("acme/designers") == ["bob", "dora"]


def test_the_rate_limit_is_the_originals_and_refills_with_the_clock(double: Double) -> None:
    double.behave(rate_limit=3)
    read = [ask(double, "GET", "/1.0/groups/acme").status_code for _ in range(4)]

    double.advance("61 minutes")

    assert read == [200, 200, 200, 429]
    assert ask(double, "GET", "/1.0/groups/acme").status_code == 200
    assert order(double, "GET", "/behaviour").json()["rate_limit"]["value"] == 3
    double.reset()
    assert order(double, "GET", "/behaviour").json()["rate_limit"]["value"] == 1000


# --- faults


def test_an_answer_in_the_servers_place_changes_nothing(double: Double) -> None:
    double.fail("PUT", "/1.0/groups/*", status=429, headers={"Retry-After": "7"}, body="slow down", times=1)

    answers = [ask(double, *ADD_DAVE, json={}) for _ in range(2)]

    assert (answers[0].status_code, answers[0].headers["retry-after"], answers[0].text) == (429, "7", "slow down")
    assert answers[1].status_code == 200


def test_an_error_after_the_commit_has_changed_everything(double: Double) -> None:
    double.fail("PUT", after_commit=500, times=1)

    failed = ask(double, *ADD_DAVE, json={})

    assert failed.status_code == 500
    assert double.members("acme/designers") == ["bob", "dave"]


def test_an_answer_is_cut_off_in_the_middle(double: Double) -> None:
    double.fail(path="/1.0/groups/acme", close=True, times=1)

    with pytest.raises(httpx.RemoteProtocolError):
        ask(double, "GET", "/1.0/groups/acme")
    assert ask(double, "GET", "/1.0/groups/acme").status_code == 200


def test_a_delay_is_at_least_as_long_as_said(double: Double) -> None:
    double.fail(path="/1.0/groups/acme", delay_ms=200)

    assert ask(double, "GET", "/1.0/groups/acme").elapsed.total_seconds() >= 0.2


def test_a_fault_meets_the_nth_request_of_one_person_by_any_credential(double: Double) -> None:
    double.fail(user="bob", nth=2, status=503)
    token = double.token("bob")

    read = [
        ask(double, "GET", "/1.0/groups", ALICE).status_code,
        ask(double, "GET", "/1.0/groups", ("bob", "bobthebuilder")).status_code,
        ask(double, "GET", "/1.0/groups", None, headers={"Authorization": token.bearer}).status_code,
        ask(double, "GET", "/1.0/groups", ("bob@example.com", token.password)).status_code,
    ]

    assert read == [200, 200, 503, 200]


def test_chance_is_the_same_after_every_reset(double: Double) -> None:
    runs = []
    for seed in (5, 5, 6):
        double.reset(seed=seed)
        double.fail(path="/1.0/groups/acme", probability=0.5, status=500)
        runs.append([ask(double, "GET", "/1.0/groups/acme").status_code for _ in range(24)])

    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500}


def test_faults_are_listed_counted_and_ended(double: Double) -> None:
    first, second = double.fail(path="/1.0/a*", status=500), double.fail(path="/1.0/groups/acme", status=503)
    ask(double, "GET", "/1.0/groups/acme")

    listed = order(double, "GET", "/faults").json()
    ended = order(double, "DELETE", f"/faults/{second}").status_code
    missing = order(double, "DELETE", "/faults/99").status_code

    assert [(each["id"], each["matched"], each["applied"]) for each in listed] == [(first, 0, 0), (second, 1, 1)]
    assert (ended, missing) == (204, 404)
    assert ask(double, "GET", "/1.0/groups/acme").status_code == 200
    double.heal()
    assert order(double, "GET", "/faults").json() == []


# --- requests


def test_requests_are_kept_with_who_asked_and_without_their_credentials(double: Double) -> None:
    ask(double, "POST", "/1.0/groups/acme/", data={"name": "Night Crew"})
    ask(double, "GET", "/1.0/groups/acme?access_token=obk_secret&x=1", None)
    ask(double, "POST", "/site/oauth2/access_token", None, data={"grant_type": "x", "client_secret": "hidden"})

    made, read, token = double.requests

    assert (made.method, made.path, made.body, made.user, made.status) == (
        "POST", "/1.0/groups/acme/", "name=Night+Crew", "alice", 200,
    )  # fmt: skip
    assert made.headers["authorization"] == "…"
    assert read.query == "access_token=…&x=1"
    assert "hidden" not in token.body
    assert made.ms > 0
    assert double.requests.matching("post", "/1.0/*", user="alice", status=200).count == 1
    assert [each["number"] for each in order(double, "GET", "/requests?method=GET&status=4*").json()] == [2]
    order(double, "DELETE", "/requests")
    assert double.requests.count == 0


def test_a_body_with_a_private_key_is_not_kept(double: Double) -> None:
    private = ssh_keygen.private()
    for how in ({"json": {"key": private}}, {"data": {"key": private}}, {"content": private}):
        ask(double, "POST", "/2.0/users/alice/ssh-keys", **how)
    ask(double, "POST", "/2.0/users/alice/ssh-keys", json={"key": ssh_keygen.public()})

    *refused, taken = double.requests

    assert [(each.body, each.status) for each in refused] == [("…", 400)] * 3
    assert (taken.json["key"], taken.status) == (ssh_keygen.public(), 201)


# --- behaviour


def test_a_managed_workspace_is_read_and_not_written(double: Double) -> None:
    double.behave(managed_workspace="on")

    assert ask(double, *ADD_DAVE, json={}).status_code == 405
    assert ask(double, "GET", "/1.0/groups/acme").status_code == 200
    assert double.members("acme/designers") == ["bob"]


def test_on_a_day_the_original_was_as_it_was(double: Double) -> None:
    token = double.api_token("alice")
    double.behave(as_of="2026-07-28")

    read = ask(double, "GET", "/1.0/groups/acme", token)
    written = ask(double, *ADD_DAVE, token, json={})
    in_path = ask(double, "GET", "/1.0/users/acme/invitations/x@example.com", token)
    in_query = ask(double, "GET", f"/1.0/groups/acme?access_token={token.password}", None)
    listed = ask(double, "GET", "/2.0/workspaces", token)

    answers = [read, written, in_path, in_query, listed]
    assert [each.status_code for each in answers] == [200, 405, 400, 401, 410]
    assert "CHANGE-2770" in listed.json()["error"]["message"]


# --- wrong orders


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("PUT", "/clock", {}, "say `now`, `advance` or `frozen`"),
        ("PUT", "/clock", {"back": 1}, "no 'back'"),
        ("PUT", "/clock", {"now": "tomorrow"}, "not a time"),
        ("PUT", "/clock", {"now": "2001-01-01"}, "can't go back"),
        ("PUT", "/clock", {"advance": "a while"}, "not a time span"),
        ("PUT", "/clock", {"frozen": "yes"}, "true or false"),
        ("POST", "/faults", {}, "needs answer, after_commit, close or delay_ms"),
        ("POST", "/faults", {"answer": {}}, "needs a status"),
        ("POST", "/faults", {"answer": {"status": 99}}, "from 200 to 599"),
        ("POST", "/faults", {"answer": {"status": 500, "headers": {"a": "b\r\nc: d"}}}, "object of strings"),
        ("POST", "/faults", {"close": True, "after_commit": 500}, "one of answer, after_commit and close"),
        ("POST", "/faults", {"close": True, "match": {"verb": "GET"}}, "no 'verb'"),
        ("POST", "/faults", {"close": True, "match": {"probability": 2}}, "from 0 to 1"),
        ("POST", "/faults", {"close": True, "times": 0}, "from 1 to"),
        ("POST", "/faults", {"close": True, "match": {"method": "FETCH"}}, "matches no request"),
        ("POST", "/faults", {"close": True, "match": {"path": "1.0/groups/*"}}, "a path begins with a slash"),
        ("POST", "/faults", {"close": True, "match": {"path": "/1.0/groups?limit=5"}}, "the query is not part"),
        ("POST", "/faults", [], "a JSON object"),
        ("PUT", "/behaviour", {"as_of": "yesterday"}, "not a known date"),
        ("PUT", "/behaviour", {"colour": "blue"}, "no switch 'colour'"),
        ("PUT", "/behaviour", {"managed_workspace": "perhaps"}, "off or on"),
        ("PUT", "/behaviour", {"rate_limit": -1}, "0 or more"),
        ("POST", "/snapshots", {"name": "seed"}, "other than 'seed'"),
        ("POST", "/reset", {"seed": "x"}, "a whole number"),
        ("POST", "/tokens", {"user": 5}, "`user`"),
        ("POST", "/tokens", {"user": "alice", "scopes": ["everything"]}, "scope"),
        ("POST", "/tokens", {"user": "alice", "kind": "cookie"}, "app_password or api_token"),
        ("POST", "/invitations/nothing/accept", {}, "say who accepts"),
        ("GET", "/requests?colour=blue", None, "no filter 'colour'"),
    ],
)
def test_a_wrong_order_is_named_and_changes_nothing(
    double: Double, method: str, path: str, body: object, sentence: str
) -> None:
    before = order(double, "GET", "/faults").text, order(double, "GET", "/behaviour").text, double.state()

    refused = order(double, method, path, body)

    assert refused.status_code == 400
    assert sentence in refused.json()["error"]
    assert (order(double, "GET", "/faults").text, order(double, "GET", "/behaviour").text, double.state()) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/clock", 405), ("POST", "/invitations/none/accept", 404)],
)
def test_an_address_that_is_not_there_says_where_the_list_is(
    double: Double, method: str, path: str, status: int
) -> None:
    refused = order(double, method, path, {"as": "alice"} if "accept" in path else None)

    assert (refused.status_code, bool(refused.json()["error"])) == (status, True)


def test_what_is_no_json_is_said(double: Double) -> None:
    refused = httpx.post(f"{double.url}/double/faults", content=b"{", timeout=30)

    assert (refused.status_code, "not JSON" in refused.json()["error"]) == (400, True)


# --- beside it


def test_no_other_server_has_these_addresses(api: Api) -> None:
    addresses = [line.split()[1] for line in _addresses()]

    answers = {path: api("root", "GET", path.replace("{", "").replace("}", "")).status_code for path in addresses}

    assert set(answers.values()) == {404}


def _addresses() -> list[str]:
    with Double() as double:
        listed: list[str] = order(double, "GET", "").json()["addresses"]
    assert len(listed) > 15
    return listed


def address_of_this_machine() -> str:
    """Return an address that is not loopback, from which this machine is another one to the double."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent: the kernel only chooses the address that it would be sent from.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize(("options", "status"), [((), 403), (("--steer-from-anywhere",), 200)])
def test_another_machine_asks_and_steers_only_if_it_may(options: tuple[str, ...], status: int, tmp_path: Path) -> None:
    address = address_of_this_machine()
    command = [*live.COMMAND, "double", "--demo", "--host", "0.0.0.0", *options]
    with subprocess.Popen(command, cwd=tmp_path, env=live.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        there = url.replace("127.0.0.1", address)
        try:
            asked = httpx.get(f"{there}/1.0/groups/acme", auth=ALICE, timeout=30)
            steered = httpx.get(f"{there}/double/state", timeout=30)
            here = httpx.get(f"{url}/double/state", timeout=30)
        finally:
            process.terminate()

    assert url.startswith("http://127.0.0.1:") and there != url
    assert (asked.status_code, steered.status_code, here.status_code) == (200, status, 200)
    assert status == 200 or "--steer-from-anywhere" in steered.text


def test_the_containers_of_the_documentation_start_what_is_a_command(tmp_path: Path) -> None:
    page = (TOP / "docs" / "testing.md").read_text()
    blocks = re.findall(r"```yaml\n(services:.*?)```", page, re.DOTALL)
    [compose] = [yaml.safe_load(block) for block in blocks]
    [java] = re.findall(r"\.withCommand\((.*?)\)\n", page)
    command = compose["services"]["bitbucket"]["command"]
    assert json.loads(f"[{java}]") == command

    port = str(live.free_port())
    command[command.index("--port") + 1] = port
    with subprocess.Popen(
        [*live.COMMAND, *command], cwd=tmp_path, env=live.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        healthy = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30)
        process.terminate()

    assert healthy.status_code == 200


def test_the_jobs_of_the_documentation_install_and_run_pytest() -> None:
    page = (TOP / "docs" / "testing.md").read_text()
    github, gitlab, pipelines = (
        yaml.safe_load(block) for block in re.findall(r"```yaml\n((?:jobs|test|pipelines):.*?)```", page, re.DOTALL)
    )

    scripts = [
        [step["run"] for step in github["jobs"]["test"]["steps"] if "run" in step],
        gitlab["test"]["script"],
        pipelines["pipelines"]["default"][0]["step"]["script"],
    ]
    assert scripts == [['pip install "onebucket[testing]" -r requirements.txt', "pytest"]] * 3


def test_seeds_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "company.json"
    file.write_text(json.dumps({"onebucket": 1, "users": [{"username": "zoe", "email": "zoe@example.com"}]}))

    with Double(seed=[file]) as double:
        seeded = [user["username"] for user in double.state()["users"]]
        double.user("yan")
        double.reset()
        again = [user["username"] for user in double.state()["users"]]

    assert seeded == again == ["zoe"]


def test_a_seed_that_is_not_there_ends_it(tmp_path: Path) -> None:
    with pytest.raises(DoubleError, match="ended with 1"):
        Double(seed=[tmp_path / "nothing.yaml"])


def test_what_happens_in_the_double_stands_in_its_journal(double: Double) -> None:
    ask(double, *ADD_DAVE, json={})

    entry = ask(double, "GET", "/api/journal?account=acme").json()["entries"][0]

    assert entry["event"] == events.Event.MEMBER_ADDED.value


# --- credentials, as the original took them


def statuses(double: Double, credentials: dict[str, dict[str, Any]], path: str = "/1.0/groups/acme") -> dict[str, int]:
    return {name: ask(double, "GET", path, **how).status_code for name, how in credentials.items()}


def test_passwords_and_app_passwords_end_and_api_tokens_go_with_the_address_alone(double: Double) -> None:
    app_password, api_token = double.token("alice"), double.api_token("alice")
    sent: dict[str, dict[str, Any]] = {
        "password": {"auth": ALICE},
        "app password": {"auth": app_password},
        "app password, by e-mail": {"auth": ("alice@example.com", app_password.password)},
        "API token": {"auth": api_token},
        "API token, by username": {"auth": ("alice", api_token.password)},
        "API token, by static name": {"auth": ("x-bitbucket-api-token-auth", api_token.password)},
        "API token, as Bearer": {"auth": None, "headers": {"Authorization": api_token.bearer}},
    }

    before = statuses(double, sent)
    double.behave(as_of="2026-07-28")
    after = statuses(double, sent)

    assert api_token.username == "alice@example.com"
    assert set(before.values()) == {200}
    assert {name for name, status in after.items() if status == 200} == {"API token"}
    assert set(after.values()) == {200, 401}


def test_to_git_app_passwords_are_gone_and_api_tokens_go_with_username_and_static_names(double: Double) -> None:
    app_password, api_token = double.token("alice", "repository"), double.api_token("alice", "repository")
    double.behave(as_of="2026-07-28")
    git = {"X-Original-URI": "/acme/rocket.git/info/refs?service=git-upload-pack", "X-Original-Method": "GET"}

    answers = {
        login: ask(double, "GET", "/api/access/verify", (login, secret), headers=git).status_code
        for login, secret in {
            "alice": api_token.password,
            "x-bitbucket-api-token-auth": api_token.password,
            "x-token-auth": app_password.password,
        }.items()
    }

    assert answers == {"alice": 200, "x-bitbucket-api-token-auth": 200, "x-token-auth": 410}


def test_a_revoked_token_is_refused_and_another_one_works(double: Double) -> None:
    old, new = double.api_token("alice"), double.api_token("alice")
    assert ask(double, "GET", "/2.0/user", auth=old).status_code == 200

    double.revoke(old)

    assert ask(double, "GET", "/2.0/user", auth=old).status_code == 401
    assert ask(double, "GET", "/2.0/user", auth=new).status_code == 200
    with pytest.raises(DoubleError, match="there is no app password"):
        double.revoke(old)


def test_a_folder_for_peribolos_is_a_seed_too(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(
        "orgs: {acme: {admins: [alice], members: [bob], teams: {crew: {members: [bob]}}}}\n"
    )

    with Double(seed=[tmp_path]) as double:
        members = double.members("acme/crew")

    assert members == ["bob"]


def test_an_api_token_needs_an_address(double: Double) -> None:
    double.apply({"users": [{"username": "zoe"}]})

    with pytest.raises(DoubleError, match="zoe has no e-mail address"):
        double.api_token("zoe")


def test_a_day_has_all_changes_up_to_it(double: Double) -> None:
    changed = {}
    for day in ("2019-04-29", "2022-03-01", "2025-09-09", "2025-09-19", "2026-04-14", "2026-07-28"):
        double.behave(as_of=day)
        switches = order(double, "GET", "/behaviour").json()
        changed[day] = {name for name, told in switches.items() if told["since"] and told["since"] <= day}

        assert {name for name, told in switches.items() if told["value"] != DEFAULTS[name]} == changed[day], day
        assert all(told["source"] for told in switches.values())

    assert changed["2026-07-28"] == set(DEFAULTS) - {"rate_limit"}


def test_every_switch_and_every_day_is_documented() -> None:
    page = (TOP / "docs" / "testing.md").read_text()

    assert [name for name in DEFAULTS if f"| `{name}` |" not in page] == []
    assert [day for day in behaviour.DATES if f"`{day}`" not in page] == []


def test_a_fault_that_nothing_has_matched_is_listed_so(double: Double) -> None:
    double.fail("PUT", "/1.0/group/*", status=500)

    ask(double, *ADD_DAVE, json={})

    assert [(each["matched"], each["applied"]) for each in double.faults] == [(0, 0)]
