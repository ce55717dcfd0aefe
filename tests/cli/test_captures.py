"""What one request's answer holds is there for later jobs of the run, and for nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.members import BEARER, Members, job_of, login, reports, token
from tests.cli.running import events, finals, manifest
from tests.server import Server
from tests.serving.arrivals import Arrivals

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def test_a_login_s_token_opens_the_door_for_downloads_and_is_told_nowhere(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    bad = door.url("/bad?t=${needs.login.token}&s=${needs.login.session | urlencode}")
    members.broken["/bad"] = 404
    path = manifest(
        tmp_path,
        login(door)
        + reports(door, "/a.csv", "/b.csv?build=${needs.login.token}", more=", to: 'got/${index}.csv'")
        + f"  - {{name: bad, type: request, needs: login, {BEARER}, url: '{bad}', "
        f"params: {{q: '${{needs.login.token}}'}}}}\n",
    )
    flags = ("-o", "out", "--events", "events.jsonl", "--report", "report.json", "--json", "-v")
    ran = run_crawler("run", path, *flags)
    assert ran.returncode == 4, ran.stderr
    assert finals(tmp_path / "out") == {
        "got/0.csv": b"for members: /a.csv\n",
        "got/1.csv": b"for members: /b.csv\n",
    }
    sent = [each for each in door.log if each.path.startswith(("/a", "/b.csv"))]
    assert {each.headers["authorization"] for each in sent} == {f"Bearer {token(1)}"}
    assert f"/b.csv?build={token(1)}" in [each.path for each in sent]
    told = run_crawler("failures", path, "-o", "out").stdout + run_crawler("status", path, "-o", "out").stdout
    files = [each for each in tmp_path.rglob("*") if each.is_file() and each != path]
    assert any(each.suffix == ".sqlite" for each in files)
    places = {str(each): each.read_bytes() for each in files} | {
        "output": (ran.stdout + ran.stderr + told).encode()
    }
    for secret in (token(1), "session-1-0a1b2c3d"):
        assert [place for place, body in places.items() if secret.encode() in body] == []
    assert "***" in (tmp_path / "events.jsonl").read_text()
    [refused] = [each for each in events(tmp_path / "events.jsonl") if each["job"] == "bad"]
    assert refused["url"] == door.url("/bad?t=***&s=***")


def test_a_value_that_is_no_secret_may_be_seen_and_another_of_the_same_answer_not(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url
    threaded_server.set_answer("/login", b'{"token": "hush-hush", "build": 20411}')
    jobs = f"""
  - name: login
    type: request
    url: {url("/login")}
    capture: {{token: token, build: {{jmespath: build, secret: false}}}}
  - name: file
    type: download
    needs: login
    urls: ["{url("/file/10/x")}?b=${{needs.login.build}}&t=${{needs.login.token}}"]
    to: builds/${{needs.login.build}}
"""
    ran = run_crawler("run", manifest(tmp_path, jobs), "-o", "out", "--events", "e.jsonl")
    assert ran.returncode == 0, ran.stderr
    [_, event] = events(tmp_path / "e.jsonl")
    assert event["path"] == "builds/20411"
    assert event["url"] == url("/file/10/x?b=20411&t=***")
    for place in tmp_path.rglob("*"):
        assert not place.is_file() or b"hush-hush" not in place.read_bytes()


def test_every_way_and_type_of_a_value(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    page = (
        '<html><meta name=csrf content="c-&amp;-1"><h1> Two\n words </h1><a href=next>x</a><p>build 2041.</p>'
    )
    server.set_answer("/page", page.encode(), headers=(("Content-Type", "text/html"), ("X-Left", "17")))
    answer = {"a": {"b": [1, {"c": "text"}]}, "yes": "on", "price": "1.5", "big": 2**70}
    server.set_answer("/json", json.dumps(answer).encode(), headers=(("Content-Type", "text/plain"),))
    path = manifest(
        tmp_path,
        f"""
  - name: page
    type: request
    url: {server.url("/page")}
    capture:
      csrf: {{css: "meta[name=csrf]", attribute: content}}
      title: {{css: h1}}
      next: {{css: a, attribute: href, type: url}}
      build: {{regex: 'build (\\d+)', type: int}}
      whole: {{regex: 'build \\d+'}}
      left: {{header: x-left, type: int}}
      none: {{css: h6, default: 0}}
      empty: {{header: X-None, default: null}}
  - name: data
    type: request
    url: {server.url("/json")}
    capture:
      list: a.b
      text: "a.b[1].c"
      first: {{jmespath: "a.b[0]", type: int}}
      flag: {{jmespath: yes, type: bool}}
      price: {{jmespath: price, type: float}}
      big: {{jmespath: big, type: int}}
  - name: send
    type: post
    needs: [page, data]
    url: {server.url("/echo")}
    json:
      page: ["${{needs.page.csrf}}", "${{needs.page.title}}", "${{needs.page.next}}",
             "${{needs.page.build + 1}}", "${{needs.page.whole}}",
             "${{needs.page.left}}", "${{needs.page.none}}", "${{needs.page.empty}}"]
      data: ["${{needs.data.list}}", "${{needs['data'].text | upper}}", "${{needs.data.first}}",
             "${{needs.data.flag}}", "${{needs.data.price}}", "${{needs.data.big}}"]
""",
    )
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    [sent] = server.requests("/echo")
    assert json.loads(sent.body) == {
        "page": ["c-&-1", "Two words", server.url("/next"), 2042, "build 2041", 17, 0, None],
        "data": ['[1, {"c": "text"}]', "TEXT", 1, True, 1.5, 2**70],
    }


def test_values_go_into_every_part_of_requests_of_every_type(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    server.set_answer("/login", b'{"t": "value-of-login"}')
    server.set_answer("/list", server.url("/rows/1").encode())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "up.txt").write_text("file")
    t = "${needs.login.t}"
    common = f'needs: login, headers: {{X-T: "{t}"}}, params: {{p: "{t}"}}, cookies: {{c: "{t}"}}'
    path = manifest(
        tmp_path,
        f"""
  - {{name: login, type: request, url: "{server.url("/login")}", capture: {{t: t}}}}
  - {{name: get, type: request, {common}, auth: {{token: "{t}"}}, url: "{server.url("/echo/get/" + t)}",
      expect: {{text: "{t}", json: {{path: "/echo/get/{t}"}}}}, save: "{t}.json"}}
  - {{name: form, type: post, {common}, url: "{server.url("/echo/form")}", form: {{a: "{t}"}}}}
  - {{name: parts, type: post, {common}, url: "{server.url("/echo/parts")}", multipart: {{a: "{t}"}}}}
  - {{name: text, type: post, {common}, url: "{server.url("/echo/text")}", text: "{t}"}}
  - {{name: up, type: upload, {common}, url: "{server.url("/echo/up")}", files: up.txt, fields: {{a: "{t}"}}}}
  - {{name: down, type: download, {common}, to: "d/{t}", urls: ["{server.url("/echo/down")}"]}}
  - {{name: rows, type: download, {common}, from: {{file: "{server.url("/list")}", format: lines,
      headers: {{X-R: "{t}"}}}}, to: rows.txt}}
  - {{name: site, type: crawl, {common}, robots: false, start: "{server.url("/login-page")}",
      to: "s/{t}/${{name}}", hosts: {{"*": {{delay: 0}}}}}}
  - {{name: ticks, type: websocket, {common}, url: "{server.ws("/ws/ticks/1?t=" + t)}", send: ["{t}"],
      to: ticks.jsonl}}
""",
    )
    server.set_answer("/rows/1", b"row")
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 0, ran.stderr
    value = "value-of-login"
    log = [each for each in server.log if each.path != "/login"]
    assert len(log) == 10
    for each in log:
        headers = {name.lower(): held for name, held in each.headers}
        assert (headers["x-t"], headers["cookie"]) == (value, f"c={value}"), each.path
        assert ("p", value) in each.query, each.path
    by_path = {each.path: each for each in log}
    assert f"/echo/get/{value}" in by_path
    for body in ("/echo/form", "/echo/parts", "/echo/text", "/echo/up"):
        assert value.encode() in by_path[body].body
    made = finals(tmp_path / "out")
    assert {f"{value}.json", f"d/{value}", f"s/{value}/login-page"} <= set(made)
    assert ("text", value.encode()) in server.messages


def test_a_matrix_captures_for_each_combination_and_another_matrix_uses_its_own(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    path = manifest(
        tmp_path,
        f"""
  - {{name: login, type: request, matrix: {{region: [eu, us]}},
      url: "{server.url("/echo/in/${matrix.region}")}", capture: {{at: path}}}}
  - {{name: one, type: post, matrix: {{region: [us, eu]}}, needs: login,
      url: "{server.url("/echo/${index}")}",
      text: "${{matrix.region}} ${{needs['login (' ~ matrix.region ~ ')'].at}}"}}
""",
    )
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert {each.body for each in server.requests("/echo/0")} == {b"eu /echo/in/eu", b"us /echo/in/us"}


def test_what_is_missing_or_of_another_type_is_named_and_never_quoted(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    server.set_answer("/login", b'{"access": "very-secret-token"}', headers=(("X-S", "secret-in-header"),))
    url = server.url("/login")
    path = manifest(
        tmp_path,
        f"""
  - {{name: missing, type: request, url: "{url}", capture: {{t: acess, u: {{header: X-None}}}}}}
  - {{name: body, type: request, url: "{url}", capture: {{t: acess, v: access}}}}
  - {{name: kind, type: request, url: "{url}", capture: {{t: {{jmespath: access, type: int}}}}}}
  - {{name: other, type: request, url: "{url}", capture: {{t: {{css: h1}}}}, expect: {{text: hello}}}}
  - {{name: text, type: request, url: "{url}", capture: {{t: access}}, expect: {{text: hello}}}}
  - {{name: json, type: request, url: "{url}", capture: {{t: nothing}}, expect: {{json: [1]}}}}
  - {{name: head, type: request, url: "{url}", capture: {{t: nothing}}, expect: {{headers: {{X-S: a}}}}}}
""",
    )
    ran = run_crawler("run", path, "-o", "out", "--events", "events.jsonl")
    assert ran.returncode == 4
    told = {each["job"]: each["error"] for each in events(tmp_path / "events.jsonl")}
    assert {each["class"] for each in told.values()} == {"unexpected_content"}
    assert {name: each["message"] for name, each in told.items()} == {
        "missing": "capture 'u': required, found nothing (header: X-None)",
        "body": "capture 't': required, found nothing (jmespath: acess)",
        "kind": "capture 't': expected int, found a text of 17 characters (jmespath: access)",
        "other": "the body does not hold 'hello'",
        "text": "the body does not hold 'hello'",
        "json": "in the body, $ is something else; expected a list",
        "head": "header X-S is something else; expected 'a'",
    }
    assert "secret" not in ran.stderr + (tmp_path / "events.jsonl").read_text()


def test_with_when_always_a_value_that_is_not_there_fails_the_tasks_that_use_it(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    members.broken["/login"] = 403
    path = manifest(
        tmp_path,
        login(door)
        + reports(door, "/a.csv", "/b.csv", more=", when: always")
        + f"  - {{name: out, type: request, needs: login, when: always, url: '{door.url('/out')}', "
        """expect: {status: 401}, headers: {X-T: "${needs.login.token | default('none')}"}}\n""",
    )
    ran = run_crawler("run", path, "-o", "out", "--events", "events.jsonl", "--json")
    assert ran.returncode == 4, ran.stderr
    told = [each["error"] for each in events(tmp_path / "events.jsonl") if each["job"] == "reports"]
    assert [each["class"] for each in told] == ["template", "template"]
    assert told[0]["message"] == "${needs.login.token}: there is no 'token': job 'login' did not end well"
    assert job_of(ran.stdout, "out")["new"] == 1
    assert [each.headers["x-t"] for each in door.log if each.path == "/out"] == ["none"]


def test_only_a_user_without_its_login_is_refused_before_anything_is_sent(
    door: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(tmp_path, login(door) + reports(door, "/a.csv", more=", to: a"))
    ran = run_crawler("run", path, "-o", "out", "--only", "reports")
    assert (ran.returncode, door.log) == (2, [])
    assert "choose both: --only login --only reports" in ran.stderr
    assert f"{path.name}:" in ran.stderr
    assert run_crawler("run", path, "-o", "out", "--only", "login", "--only", "reports").returncode == 0
    assert finals(tmp_path / "out") == {"a": b"for members: /a.csv\n"}
    assert run_crawler("run", path, "-o", "out", "--only", "login").returncode == 0


def test_plan_and_explain_show_what_is_known_and_the_rest_as_written(
    door: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    other = '"${needs.login.session}/x"'
    path = manifest(
        tmp_path,
        login(door)
        + reports(door, "/a.csv", more=", to: 'r/${needs.login.session}/${name}'")
        + f"  - {{name: elsewhere, type: request, needs: login, url: {other}}}\n"
        + f"  - {{name: sums, type: download, needs: login, to: s, urls: ['{door.url('/s')}'], "
        "checksum: '${needs.login.session}'}\n"
        + f"  - {{name: site, type: crawl, needs: login, {BEARER}, start: '{door.url('/site/')}'}}\n",
    )
    assert run_crawler("check", path).returncode == 0
    plan = run_crawler("plan", path, "-o", "out")
    assert plan.returncode == 0, plan.stderr
    assert "→ r/${needs.login.session}/a.csv" in plan.stdout
    assert "!" not in plan.stdout
    jobs = {
        job["name"]: job
        for job in json.loads(run_crawler("plan", path, "-o", "out", "--json").stdout)["jobs"]
    }
    assert {name: (job["tasks"], job["problems"]) for name, job in jobs.items()} == {
        name: (1, []) for name in ("login", "reports", "elsewhere", "sums", "site")
    }
    told = run_crawler("explain", path, door.url("/a.csv"), "-o", "out").stdout
    assert "reports (download) fetches it" in told
    assert "elsewhere (request) may fetch it: a run will tell" in told
    assert "login (post) does not fetch it" in told
    assert "!" not in told
    told = run_crawler("explain", path, door.url("/site/"), "-o", "out").stdout
    assert "site (crawl) fetches it" in told
    assert "!" not in told
    assert door.log == []


def test_short_values_and_words_are_no_secrets_that_could_be_hidden(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    server.set_answer("/v", b'{"n": 1, "flag": true, "word": "true", "build": "20417"}')
    path = manifest(
        tmp_path,
        f"""
  - {{name: v, type: request, url: "{server.url("/v")}", save: v.json,
      capture: {{n: n, flag: {{jmespath: flag, type: bool}}, word: word, build: build}}}}
  - {{name: use, type: request, needs: v,
      url: "{server.url("/echo/true/1?b=${needs.v.build}&w=${needs.v.word}&n=${needs.v.n}")}"}}
""",
    )
    ran = run_crawler("run", path, "-o", "out", "--events", "events.jsonl")
    assert ran.returncode == 0, ran.stderr
    assert events(tmp_path / "events.jsonl")[-1]["url"] == server.url("/echo/true/1?b=***&w=true&n=1")
    assert (
        tmp_path / "out" / "v.json"
    ).read_bytes() == b'{"n": 1, "flag": true, "word": "true", "build": "20417"}'


def test_what_is_behind_a_job_that_is_left_out_of_the_run_is_waited_for(
    door: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    between = f"  - {{name: between, type: request, needs: login, url: '{door.url('/between')}'}}\n"
    users = reports(door, "/a.csv", more=", to: a").replace("needs: login", "needs: between")
    path = manifest(tmp_path, users + between + login(door))
    ran = run_crawler("run", path, "-o", "out", "--only", "reports", "--only", "login")
    assert ran.returncode == 0, ran.stderr
    assert [each.path for each in door.log] == ["/login", "/a.csv"]


def test_a_body_that_is_too_large_to_be_held_is_refused(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/file/1000")
    a, b = (f"  - {{name: {name}, type: request, url: '{url}'" for name in "ab")
    jobs = f"""{a}, capture: {{t: {{regex: x}}}}, expect: {{max_bytes: 999}}}}
{b}, capture: {{t: {{header: ETag}}}}, expect: {{max_bytes: 1000}}}}"""
    ran = run_crawler("run", manifest(tmp_path, jobs), "-o", "out", "--events", "events.jsonl")
    assert ran.returncode == 4, ran.stderr
    told = {
        each["job"]: each["error"] and each["error"]["class"] for each in events(tmp_path / "events.jsonl")
    }
    assert told == {"a": "too_large", "b": None}


def test_other_processes_use_what_this_one_has_captured(
    door: Arrivals, members: Members, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    bad = door.url("/bad?t=${needs.login.token}")
    members.broken["/bad"] = 404
    paths = [f"/{number}.csv" for number in range(40)]
    path = manifest(
        tmp_path,
        reports(door, *paths, more=", to: '${name}'")
        + f"  - {{name: bad, type: request, needs: login, {BEARER}, url: '{bad}'}}\n"
        + login(door),
        head='hosts:\n  "127.0.0.1": {concurrency: 32}',
    )
    flags = ("-o", "out", "--processes", "3", "--events", "events.jsonl", "--report", "report.json", "-v")
    ran = run_crawler("run", path, *flags)
    assert ran.returncode == 4, ran.stderr
    assert len(finals(tmp_path / "out")) == len(paths)
    assert members.logins == 1
    told = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file() and each != path]
    assert not any(token(1).encode() in each for each in [*told, ran.stdout.encode(), ran.stderr.encode()])
