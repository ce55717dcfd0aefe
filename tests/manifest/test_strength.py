"""Flag over environment over job over defaults over config file over what the job type brings."""

from __future__ import annotations

from dataclasses import replace

from crawler.config import load_config
from crawler.job_types.table import JOB_TYPES
from crawler.model import RetryRule
from tests.manifest.conftest import Desk

URLS = "urls: ['https://x/']"


def test_without_any_setting_the_job_types_own_limits_hold(desk: Desk) -> None:
    manifest = desk.jobs(
        f"- {{name: a, type: download, {URLS}}}\n- {{name: b, type: post, url: 'https://x/'}}"
    )
    assert manifest.jobs[0].timeouts == JOB_TYPES["download"].timeouts
    assert manifest.jobs[1].timeouts.total == 120.0
    assert manifest.jobs[0].retry == RetryRule()


def test_each_timeout_comes_from_the_strongest_place_that_sets_it(desk: Desk) -> None:
    config = desk.folder / "config.yaml"
    config.write_text(
        "timeout: {total: 1, connect: 1, sock_read: 1, min_rate: 0}\nretry: {attempts: 2, backoff: 9}\n"
    )
    desk.config = load_config(config, {"CRAWLER_TIMEOUT_SOCK_READ": "4"})
    manifest = desk.load(
        """\
        version: 1
        defaults: {timeout: {connect: 2, sock_read: 2, total: 2}, retry: {attempts: 3}}
        jobs:
          - {name: a, type: download, urls: ['https://x/'], timeout: 3, retry: {max_backoff: 5}}
        """
    )
    (job,) = manifest.jobs
    builtin = JOB_TYPES["download"].timeouts
    assert job.timeouts == replace(builtin, total=3.0, connect=2.0, sock_read=4.0, min_rate=None)
    assert job.retry == RetryRule(attempts=3, backoff=9.0, max_backoff=5.0)


def test_zero_and_null_switch_a_limit_off(desk: Desk) -> None:
    manifest = desk.load(
        """\
        version: 1
        defaults: {timeout: 9}
        jobs:
          - {name: a, type: post, url: 'https://x/', timeout: null}
          - {name: b, type: post, url: 'https://x/', timeout: {sock_read: 0}}
          - {name: c, type: download, urls: ['https://x/']}
        """
    )
    assert [job.timeouts.total for job in manifest.jobs] == [None, 9.0, 9.0]
    assert manifest.jobs[1].timeouts.sock_read is None


def test_defaults_are_merged_key_by_key_and_header_names_have_no_case(desk: Desk) -> None:
    manifest = desk.load(
        """\
        version: 1
        defaults:
          headers: {User-Agent: acme, Accept: "*/*"}
          params: {a: 1}
          cookies: {c: d}
          auth: {user: u, password: p}
        jobs:
          - {name: a, type: post, url: 'https://x/', headers: {user-agent: own}, params: {b: 2}, auth: null}
          - {name: b, type: post, url: 'https://x/'}
        """
    )
    own, plain = (job.spec for job in manifest.jobs)
    assert own.headers == {"Accept": "*/*", "user-agent": "own"}
    assert own.params == {"a": "1", "b": "2"}
    assert own.cookies == {"c": "d"}
    assert own.auth is None
    assert plain.headers == {"User-Agent": "acme", "Accept": "*/*"}
    assert plain.auth is not None


def test_a_mistake_in_the_defaults_is_reported_once_where_it_stands(desk: Desk) -> None:
    found = desk.problems(
        f"version: 1\ndefaults: {{timeout: {{total: soon}}, headers: {{'a b': c}}}}\n"
        f"jobs:\n- {{name: a, type: download, {URLS}}}\n- {{name: b, type: download, {URLS}, to: b}}\n"
    )
    assert [line.split(": ")[0] for line in found] == ["2:29", "2:46"]


def test_the_proxy_of_the_config_holds_unless_a_job_says_otherwise(desk: Desk) -> None:
    text = """\
        version: 1
        jobs:
          - {name: a, type: post, url: 'https://x/'}
          - {name: b, type: post, url: 'https://x/', proxy: 'http://own:1'}
          - {name: c, type: post, url: 'https://x/', proxy: null}
        """
    config = desk.folder / "config.yaml"
    config.write_text("proxy: http://site:1\n")
    desk.config = load_config(config, {})
    assert [job.spec.proxy for job in desk.load(text).jobs] == ["http://site:1", "http://own:1", None]
    desk.config = load_config(config, {"CRAWLER_PROXY": "http://env:1"})
    assert [job.spec.proxy for job in desk.load(text).jobs] == ["http://env:1"] * 3


def test_host_rules_of_jobs_win_over_the_manifests_and_those_over_the_configs(desk: Desk) -> None:
    config = desk.folder / "config.yaml"
    config.write_text("hosts: {a.org: {concurrency: 1}, b.org: {concurrency: 1}, c.org: {concurrency: 1}}\n")
    desk.config = load_config(config, {})
    manifest = desk.load(
        """\
        version: 1
        hosts: {a.org: {concurrency: 2}, b.org: {concurrency: 2}}
        jobs:
          - {name: a, type: post, url: 'https://x/', hosts: {a.org: {concurrency: 5}}}
          - {name: b, type: post, url: 'https://x/', hosts: {a.org: {concurrency: 3}}}
        """
    )
    rules = manifest.host_rules(4)
    slots = ("a.org:443", "b.org:443", "c.org:443", "d.org:443")
    assert [rules.limits(slot).concurrency for slot in slots] == [3, 2, 1, 4]


def test_the_name_is_the_files_stem_unless_it_is_given(desk: Desk) -> None:
    assert desk.jobs(f"- {{name: a, type: download, {URLS}}}").name == "m"
    assert desk.load(
        f"version: 1\nname: 'n ${{today}}'\njobs: [{{name: a, type: download, {URLS}}}]"
    ).name == ("n 2024-03-09")
