"""What ``hosts`` of manifest, jobs and config come to."""

from __future__ import annotations

from crawler.config import load_config
from crawler.model import RetryRule
from crawler.policy.limits import Limits
from crawler.request import Auth, Request, Timeouts
from tests.manifest.conftest import Desk

JOB = "jobs: [{name: a, type: post, url: 'https://x/'}]"
REQUEST = Request(url="https://a.org/", proxy="http://own:1", timeouts=Timeouts(total=9.0))


def test_every_limit_can_be_set(desk: Desk) -> None:
    rules = desk.load(
        f"""\
        version: 1
        hosts:
          "*.org":
            {{concurrency: 2, rate: 600/min, burst: 5, delay: 500ms, bandwidth: 1MB, robots: true, group: g}}
          "b.org": {{rate: null, bandwidth: 0}}
        {JOB}
        """
    ).host_rules(4)
    found = rules.limits("a.org:443")
    assert found == Limits(2, 10.0, 5, 0.5, 1e6, True, found.rule)
    assert rules.key("a.org:443") == "group:g"
    free = rules.limits("b.org:443")
    assert (free.rate, free.bandwidth, free.delay) == (None, None, 0.5)


def test_the_place_of_each_rule_is_told(desk: Desk) -> None:
    config = desk.folder / "config.yaml"
    config.write_text("hosts: {a.org: {delay: 1s}}\n")
    desk.config = load_config(config, {})
    rules = desk.load(
        """\
        version: 1
        hosts: {a.org: {concurrency: 2}}
        jobs: [{name: j, type: post, url: 'https://x/', hosts: {a.org: {rate: 1/s}}}]
        """
    ).host_rules(4)
    assert rules.limits("a.org:443").rule == (
        "concurrency by 'a.org' (manifest), rate by 'a.org' (job 'j'), delay by 'a.org' (config), "
        "else the defaults"
    )


def test_every_request_key_can_be_set(desk: Desk) -> None:
    desk.environ = {"TOKEN": "s3cr3t-value"}
    manifest = desk.load(
        f"""\
        version: 1
        hosts:
          a.org:
            headers: {{X-Key: "${{env.TOKEN}}"}}
            auth: {{user: u, password: hidden-word}}
            proxy: null
            timeout: {{total: 5, connect: 0}}
            retry: {{attempts: 2}}
        {JOB}
        """
    )
    asked = manifest.host_rules(4).request("a.org:443", "a")
    assert asked is not None
    changed = asked.over(REQUEST)
    assert changed.headers == (("X-Key", "s3cr3t-value"),)
    assert changed.auth == Auth("basic", "u", "hidden-word")
    assert changed.proxy is None
    assert changed.timeouts == Timeouts(total=5.0, connect=None)
    assert asked.retry_over(RetryRule()) == RetryRule(attempts=2)
    assert {"s3cr3t-value", "hidden-word"} <= manifest.secrets
    assert "hidden-word" not in repr(manifest)


def test_secrets_in_the_hosts_of_jobs_and_config_are_known_too(desk: Desk) -> None:
    config = desk.folder / "config.yaml"
    config.write_text("hosts: {a.org: {auth: {token: config-token}}}\n")
    desk.config = load_config(config, {})
    found = desk.load(
        """\
        version: 1
        jobs:
          - name: a
            type: post
            url: 'https://x/'
            hosts: {a.org: {headers: {Authorization: Bearer job-token}}}
        """
    ).secrets
    assert {"config-token", "job-token"} <= found


def test_what_a_flag_or_a_variable_sets_wins_over_the_rules_of_hosts(desk: Desk) -> None:
    forced = {"CRAWLER_PROXY": "http://env:1", "CRAWLER_TIMEOUT_TOTAL": "3", "CRAWLER_RETRY_ATTEMPTS": "1"}
    desk.config = load_config(None, forced)
    rules = desk.load(
        f"""\
        version: 1
        hosts:
          a.org:
            {{proxy: "http://rule:1", timeout: {{total: 5, connect: 1}}, retry: {{attempts: 7, backoff: 2}}}}
        {JOB}
        """
    ).host_rules(4)
    asked = rules.request("a.org:443", "a")
    assert asked is not None
    changed = asked.over(REQUEST)
    assert (changed.proxy, changed.timeouts.total, changed.timeouts.connect) == ("http://own:1", 9.0, 1.0)
    assert asked.retry_over(RetryRule(attempts=1)) == RetryRule(attempts=1, backoff=2.0)


def test_a_rule_of_a_host_cannot_use_what_only_a_task_knows(desk: Desk) -> None:
    [problem] = desk.problems(f"version: 1\nhosts:\n  a.org: {{headers: {{X: '${{row.key}}'}}}}\n{JOB}\n")
    assert problem.startswith("3:")
    assert "holds for all tasks" in problem
