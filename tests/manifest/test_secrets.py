"""What must never be shown is known when the manifest has loaded."""

from __future__ import annotations

import pytest

from crawler.config import load_config
from tests.manifest.conftest import Desk


def secrets(desk: Desk, job: str, vars_: str = "{}") -> frozenset[str]:
    return desk.load(f"version: 1\nvars: {vars_}\njobs:\n- {{name: a, type: post, {job}}}\n").secrets


@pytest.mark.parametrize(
    "job",
    [
        "url: 'https://x/', headers: {X-Any: 'a ${env.CANARY} b'}",
        "url: 'https://x/', cookies: {c: '${env.CANARY}'}",
        "url: 'https://x/', params: {p: ['${v}']}",
        "url: 'https://x/', json: {a: [{b: '${v}'}]}",
        "url: 'https://x/', text: '${v}'",
        "url: 'https://x/', multipart: {f: '${v}'}",
        "url: 'https://x/', proxy: 'http://${env.CANARY}@proxy:1'",
        "url: 'https://x/', auth: {token: '${env.CANARY}'}",
        "url: 'https://x/?q=${env.CANARY}'",
        "url: 'https://x/', text: '${env.CANARY}-${index}'",
        "url: 'https://x/', text: '${env.CANARY ~ index}'",
    ],
)
def test_an_environment_value_that_travels_is_secret(desk: Desk, job: str) -> None:
    desk.environ = {"CANARY": "c4n4ry-value", "OTHER": "x"}
    assert "c4n4ry-value" in secrets(desk, job, "{v: '${env.CANARY}'}")


def test_an_environment_value_that_only_says_where_to_go_is_not(desk: Desk) -> None:
    desk.environ = {"BASE": "https://example.org", "UNUSED_TOKEN": "never-read"}
    assert secrets(desk, "url: '${env.BASE}/a'") == frozenset()


@pytest.mark.parametrize("name", ["API_TOKEN", "MY_SECRET", "DB_PASS", "SSH_KEY", "BASIC_AUTH", "CREDS"])
def test_an_environment_value_with_a_telling_name_is(desk: Desk, name: str) -> None:
    desk.environ = {name: "t3lling"}
    assert secrets(desk, f"url: 'https://x/${{env.{name}}}'") == {"t3lling"}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("url: 'https://x/', auth: {user: bob, password: hunter22}", {"hunter22"}),
        ("url: 'https://x/', auth: {token: t0ken-x}", {"t0ken-x"}),
        ("url: 'https://u:p%40ss@x/'", {"p%40ss", "p@ss"}),
        ("url: 'https://x/', proxy: 'http://u:prxypw@proxy:1'", {"prxypw"}),
        ("url: 'https://x/', headers: {authorization: Bearer abcdef}", {"Bearer abcdef", "abcdef"}),
        ("url: 'https://x/', headers: {X-Api-Key: abcdef, Accept: text/html}", {"abcdef"}),
        ("url: 'https://x/', headers: {X-Vault-Token: abcdef}", {"abcdef"}),
        (
            "url: 'https://x/', headers: {Cookie: 'a=firstc; b=second'}",
            {"a=firstc; b=second", "b=second", "firstc", "second"},
        ),
        ("url: 'https://x/', auth: {user: bob, password: abc}", set()),
    ],
)
def test_literal_credentials_are_secret(desk: Desk, job: str, expected: set[str]) -> None:
    assert secrets(desk, job) == expected


def test_a_var_with_a_telling_name_is_secret(desk: Desk) -> None:
    assert secrets(desk, "url: 'https://x/'", "{api_token: l1teral, base: https}") == {"l1teral"}


def test_the_proxy_password_of_the_config_is_secret(desk: Desk) -> None:
    config = desk.folder / "config.yaml"
    config.write_text("proxy: http://u:prxypw@site:1\n")
    desk.config = load_config(config, {})
    assert secrets(desk, "url: 'https://x/'") == {"prxypw"}


def test_a_manifest_does_not_show_its_secrets(desk: Desk) -> None:
    desk.environ = {"T": "c4n4ry"}
    manifest = desk.load(
        "version: 1\nvars: {v: '${env.T}'}\n"
        "jobs: [{name: a, type: post, url: 'https://x/', headers: {Authorization: '${v}'}}]\n"
    )
    assert "c4n4ry" in manifest.secrets
    assert "c4n4ry" not in repr(manifest)
