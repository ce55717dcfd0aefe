"""Captured values are kept for one run: when the next one asks for them again, and when it does not."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.members import BEARER, Members, job_of, login, reports, token
from tests.cli.running import finals, manifest, started, wait_until
from tests.serving.arrivals import Arrivals

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def planned(stdout: str) -> dict[str, int]:
    return {job["name"]: job["tasks"] for job in json.loads(stdout)["jobs"]}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_broke_off_behind_the_login_logs_in_again(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler, end: int
) -> None:
    members.hangs.add("/b.csv")
    path = manifest(tmp_path, login(door) + reports(door, "/a.csv", "/b.csv", more=", to: '${name}'"))
    with started("run", path, "-o", "out", cwd=tmp_path) as run:
        wait_until(lambda: any(each.path == "/b.csv" for each in door.log))
        wait_until((tmp_path / "out" / "a.csv").exists)
        run.send_signal(end)
        run.communicate(timeout=25)
    members.hangs.clear()
    door.log.clear()
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 0, ran.stderr
    assert [each.path for each in door.log if each.path == "/b.csv"] == ["/b.csv"]
    assert members.logins == 2
    assert {each.headers["authorization"] for each in door.log if each.path == "/b.csv"} == {
        f"Bearer {token(2)}"
    }
    assert set(finals(tmp_path / "out")) == {"a.csv", "b.csv"}
    assert job_of(ran.stdout, "login")["tasks"] == 1
    for secret in (token(1), token(2)):
        ledger = (tmp_path / "out" / ".crawler" / "test.sqlite").read_bytes()
        assert secret.encode() not in ledger


def test_a_login_whose_users_have_nothing_left_is_not_sent_again(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.hangs.add("/other")
    path = manifest(
        tmp_path,
        login(door)
        + reports(door, "/a.csv", more=", to: a.csv")
        + f"  - {{name: tell, type: post, needs: login, {BEARER}, "
        f"url: '{door.url('/tell?t=${needs.login.token}')}'}}\n"
        + f"  - {{name: other, type: request, needs: reports, url: '{door.url('/other')}', "
        "headers: {Authorization: Bearer tok-}}\n",
    )
    ran = run_crawler("run", path, "-o", "out", "--deadline", "1s")
    assert ran.returncode == 7, ran.stderr
    members.hangs.clear()
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 0, ran.stderr
    assert members.logins == 1
    assert [job_of(ran.stdout, name)["new"] for name in ("login", "reports", "tell")] == [1, 1, 1]
    assert len([each for each in door.log if each.path.startswith("/tell")]) == 1
    assert len([each for each in door.log if each.path == "/a.csv"]) == 1


def test_a_file_that_is_gone_is_fetched_again_with_a_new_token(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.hangs.add("/b.csv")
    path = manifest(tmp_path, login(door) + reports(door, "/a.csv", "/b.csv", more=", to: '${name}'"))
    assert run_crawler("run", path, "-o", "out", "--deadline", "1s").returncode == 7
    (tmp_path / "out" / "a.csv").unlink()
    members.hangs.clear()
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert {each.headers["authorization"] for each in door.log[-2:]} == {f"Bearer {token(2)}"}


def test_retry_failed_logs_in_again_for_what_failed_and_only_for_that(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.broken["/b.csv"] = 404
    path = manifest(tmp_path, login(door) + reports(door, "/a.csv", "/b.csv", more=", to: '${name}'"))
    assert run_crawler("run", path, "-o", "out").returncode == 4
    members.broken.clear()
    again = ("-o", "out", "--retry-failed")
    assert planned(run_crawler("run", path, *again, "--dry-run", "--json").stdout) == {
        "login": 1,
        "reports": 1,
    }
    assert run_crawler("run", path, *again).returncode == 0
    assert members.logins == 2
    assert len([each for each in door.log if each.path == "/a.csv"]) == 1
    assert planned(run_crawler("run", path, *again, "--dry-run", "--json").stdout) == {
        "login": 0,
        "reports": 0,
    }
    assert run_crawler("run", path, *again).returncode == 0
    assert members.logins == 2


def test_a_chain_of_logins_is_walked_again_from_its_beginning(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.broken["/b.csv"] = 404
    second = (
        f"  - {{name: second, type: post, needs: login, {BEARER}, url: '{door.url('/login/2')}', "
        "capture: {token: access_token}}\n"
    )
    last = reports(door, "/b.csv", more=", to: b").replace("needs: login", "needs: second")
    last = last.replace("needs.login.", "needs.second.")
    path = manifest(tmp_path, login(door) + second + last)
    assert run_crawler("run", path, "-o", "out").returncode == 4
    members.broken.clear()
    assert run_crawler("run", path, "-o", "out", "--retry-failed").returncode == 0
    used = [(each.path, each.headers.get("authorization")) for each in door.log]
    assert used == [
        ("/login", None),
        ("/login/2", f"Bearer {token(1)}"),
        ("/b.csv", f"Bearer {token(2)}"),
        ("/login", None),
        ("/login/2", f"Bearer {token(3)}"),
        ("/b.csv", f"Bearer {token(4)}"),
    ]


def test_a_login_whose_answer_never_came_is_not_sent_again_and_its_users_are_left_out(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.hangs.add("/login")
    path = manifest(tmp_path, login(door, ", timeout: 0.5") + reports(door, "/a.csv"))
    for flags in ((), ("--retry-failed",)):
        ran = run_crawler("run", path, "-o", "out", "--json", *flags)
        assert ran.returncode == 4, ran.stderr
        assert job_of(ran.stdout, "login")["unknown"] == 1
        assert job_of(ran.stdout, "reports")["outcome"] == "skipped"
    assert members.logins == 1


def test_a_post_whose_url_holds_a_token_is_not_sent_again_under_the_next_token(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.hangs.add("/order")
    order = door.url("/order?t=${needs.login.token}")
    path = manifest(
        tmp_path,
        login(door)
        + f"  - {{name: order, type: post, needs: login, {BEARER}, url: '{order}', timeout: 0.5}}\n"
        + reports(door, "/a.csv", more=", to: a.csv"),
    )
    members.broken["/a.csv"] = 404
    for flags in ((), ("--retry-failed",)):
        ran = run_crawler("run", path, "-o", "out", "--json", *flags)
        assert ran.returncode == 4, ran.stderr
        assert job_of(ran.stdout, "order")["unknown"] == 1
    assert members.logins == 2
    assert [each.path for each in door.log if each.path.startswith("/order")] == [f"/order?t={token(1)}"]


def test_retry_failed_does_what_failed_for_a_value_that_was_not_there(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.broken["/login"] = 403
    path = manifest(tmp_path, login(door) + reports(door, "/a.csv", more=", to: a, when: always"))
    assert run_crawler("run", path, "-o", "out").returncode == 4
    members.broken.clear()
    ran = run_crawler("run", path, "-o", "out", "--retry-failed")
    assert ran.returncode == 0, ran.stderr
    assert finals(tmp_path / "out") == {"a": b"for members: /a.csv\n"}
    assert "failed" not in run_crawler("status", path, "-o", "out").stdout.partition("last round")[2]
    assert run_crawler("failures", path, "-o", "out").stdout == ""


def test_retry_failed_finds_a_download_that_is_named_after_what_was_captured(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.broken["/a.csv"] = 404
    user = "{jmespath: user.id}"
    captures = login(door).replace("capture: {", f"capture: {{id: {user}, ")
    path = manifest(tmp_path, captures + reports(door, "/a.csv", more=", to: 'a-${needs.login.id}'"))
    assert run_crawler("run", path, "-o", "out").returncode == 4
    members.broken.clear()
    ran = run_crawler("run", path, "-o", "out", "--retry-failed")
    assert ran.returncode == 0, ran.stderr
    assert finals(tmp_path / "out") == {"a-7": b"for members: /a.csv\n"}


def test_what_one_job_captures_is_no_other_name_for_what_another_does(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    """A value such as a folder or a tenant may stand in URLs and targets that were there before it."""
    folder = "files: {regex: 'access_(token)'}"
    path = manifest(
        tmp_path,
        login(door).replace("capture: {", f"capture: {{{folder}, ")
        + reports(door, "/token/a.csv").replace("reports", "mirror")
        + reports(door, "/b.csv", more=", to: 'token/${name}'").replace(
            BEARER, 'headers: {Authorization: "Bearer tok-0"}'
        ),
    )
    first = run_crawler("run", path, "-o", "out", "--only", "reports")
    assert first.returncode == 0, first.stderr
    second = run_crawler("run", path, "-o", "out", "--json")
    assert second.returncode == 0, second.stderr
    assert job_of(second.stdout, "reports")["unchanged"] == 1
    host = door.url("").removeprefix("http://").replace(":", "+").rstrip("/")
    assert set(finals(tmp_path / "out")) == {"token/b.csv", f"{host}/token/a.csv"}


def test_a_post_without_an_answer_is_known_again_whatever_was_captured_meanwhile(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    """The URL of the order holds what the login captures, and the order does not use it."""
    members.hangs.add("/token/order")
    logs_in = login(door).replace("capture: {", "capture: {word: {regex: 'access_(token)'}, ")
    order = (
        f"  - {{name: order, type: post, url: '{door.url('/token/order')}', timeout: 0.5, "
        "headers: {Authorization: Bearer tok-0}}\n"
    )
    jobs = logs_in + reports(door, "/a.csv", more=", to: a.csv")
    members.broken["/a.csv"] = 404
    assert (
        run_crawler("run", manifest(tmp_path, jobs + order), "-o", "out", "--only", "order").returncode == 4
    )
    later = manifest(tmp_path, jobs + order.replace("type: post,", "type: post, needs: login,"))
    ran = run_crawler("run", later, "-o", "out", "--retry-failed", "--json")
    assert ran.returncode == 4
    assert job_of(ran.stdout, "order")["unknown"] == 1
    assert len([each for each in door.log if each.path == "/token/order"]) == 1
