"""Settings: where they come from, which one wins, and what is said about a wrong one."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from crawler.config import Config, config_json_schema, load_config
from crawler.config.settings import variables
from crawler.errors import ManifestInvalid
from crawler.model import RetryRule
from crawler.request import Timeouts
from crawler.syntax.fields import RetrySpec, TimeoutSpec

EXAMPLE = Path(__file__).parent.parent / "config.example.yaml"


@pytest.fixture(autouse=True)
def _no_config_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def problems(
    path: Path | None, environ: dict[str, str] | None = None, flags: dict[str, object] | None = None
) -> list[str]:
    with pytest.raises(ManifestInvalid) as caught:
        load_config(path, environ or {}, flags or {})
    return [str(problem) for problem in caught.value.problems]


def test_the_example_equals_the_built_in_defaults() -> None:
    example = load_config(EXAMPLE, {})
    assert example.model_dump() == Config().model_dump()
    builtin = Timeouts(total=1, connect=2, sock_connect=3, sock_read=4, min_rate=5)
    assert example.timeouts(builtin) == builtin
    assert example.retry_rule() == RetryRule()


def test_the_example_names_every_key_and_explains_each() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for name, times in Counter(path[-1] for path, _ in variables().values()).items():
        named = [line for line in lines if line.lstrip("# ").startswith(f"{name}:")]
        assert len(named) == times, name
        for line in named:
            assert "# " in line or name in {"connections", "timeout", "retry", "tls", "log"}, line


def test_without_any_source_the_built_in_values_hold() -> None:
    config = load_config(None, {})
    assert config == Config()
    assert (config.workers, config.output_root, config.state_root) == (
        16,
        Path("data"),
        Path("data/.crawler"),
    )
    assert config.forced == frozenset()


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = written(tmp_path, "workers: 64\nconnections: {per_host: 8}\noutput: /srv/x\nlog: {level: INFO}\n")
    config = load_config(path, {})
    assert (config.workers, config.connections.per_host, config.connections.keepalive) == (64, 8, 15.0)
    assert (config.state_root, config.log.level) == (Path("/srv/x/.crawler"), "info")


def test_the_file_is_the_argument_else_the_variable_else_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "user" / "crawler" / "config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("workers: 1\n")
    (tmp_path / "two.yaml").write_text("workers: 2\n")
    (tmp_path / "three.yaml").write_text("workers: 3\n")
    environ = {"CRAWLER_CONFIG": str(tmp_path / "two.yaml")}
    assert load_config(None, {}).workers == 1
    assert load_config(None, environ).workers == 2
    assert load_config(tmp_path / "three.yaml", environ).workers == 3


def test_a_file_with_comments_only_is_fine(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "# workers: 64\n"), {}) == Config()


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert problems(missing) == [f"{missing}: cannot be read: No such file or directory"]
    assert problems(None, {"CRAWLER_CONFIG": str(tmp_path)}) == [
        f"{tmp_path}: cannot be read: Is a directory"
    ]


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "workers: 1\nqueue: 1\ntimeout: {total: 1, connect: 1, sock_read: 1}\n")
    environ = {"CRAWLER_QUEUE": "2", "CRAWLER_TIMEOUT": "{connect: 2, sock_read: 2}", "CRAWLER_WORKERS": "2"}
    config = load_config(path, environ, {"workers": 3, "timeout": {"sock_read": 3}})
    assert (config.workers, config.queue) == (3, 2)
    assert config.timeout.over(Timeouts()) == Timeouts(total=1, connect=2, sock_read=3)
    assert config.forced == {"workers", "queue", "timeout.connect", "timeout.sock_read"}


def test_the_narrower_variable_wins_over_the_broader() -> None:
    config = load_config(None, {"CRAWLER_TIMEOUT_TOTAL": "7", "CRAWLER_TIMEOUT": "{total: 5, connect: 6}"})
    assert config.timeout.over(Timeouts()) == Timeouts(total=7, connect=6)


def test_variables_are_read_as_yaml_except_text() -> None:
    environ = {
        "CRAWLER_OUTPUT": "010",
        "CRAWLER_STATE": "{odd: name",
        "CRAWLER_CHUNK_SIZE": "64KiB",
        "CRAWLER_ALLOW_PRIVATE": "true",
        "CRAWLER_RETRY_STATUSES": "[500, 502]",
        "CRAWLER_HOSTS": "{'*.a': {concurrency: 2}}",
        "CRAWLER_PROXY": "http://u:p@proxy:3128",
        "CRAWLER_WORKERS": "",
    }
    config = load_config(None, environ)
    assert (config.output, config.state, config.chunk_size) == ("010", "{odd: name", 65536)
    assert config.allow_private is True
    assert config.retry.statuses == {500, 502}
    assert config.hosts["*.a"].concurrency == 2
    assert config.proxy == "http://u:p@proxy:3128"
    assert config.workers == 16


def test_the_word_null_takes_a_text_setting_away(tmp_path: Path) -> None:
    path = written(tmp_path, "proxy: http://proxy:3128\n")
    assert load_config(path, {}).proxy == "http://proxy:3128"
    assert load_config(path, {"CRAWLER_PROXY": "null"}).proxy is None


def test_every_mistake_of_every_source_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "wrokers: 1\nprocesses: few\nqueue: 0\n")
    environ = {"CRAWLER_QUEUE": "many", "CRAWLER_TIMEOUT": "{totl: 1}", "CRAWLER_LOG_LEVEL": "loud"}
    assert problems(path, environ, {"workers": 0}) == [
        f"{path}:1:1: unknown key 'wrokers'; did you mean 'workers'?",
        f"{path}:2:12: expected a whole number or 'auto', found 'few'",
        f"{path}:3:8: expected at least 1, found 0",
        "CRAWLER_QUEUE: expected a whole number, found 'many'",
        "CRAWLER_TIMEOUT: unknown key 'totl'; did you mean 'total'?",
        "CRAWLER_LOG_LEVEL: expected 'debug', 'info', 'warning' or 'error', found 'loud'",
        "--workers: expected at least 1, found 0",
    ]


def test_a_variable_that_is_no_yaml_is_named() -> None:
    (found,) = problems(None, {"CRAWLER_RETRY": "[500"})
    assert found.startswith("CRAWLER_RETRY: expected ',' or ']'")


def test_a_variable_that_is_nearly_a_setting_is_an_error_and_others_are_not_ours() -> None:
    assert problems(None, {"CRAWLER_WORKER": "3"}) == [
        "CRAWLER_WORKER: unknown variable; did you mean CRAWLER_WORKERS?"
    ]
    assert load_config(None, {"CRAWLER_TOKEN": "x", "CRAWLER_API_KEY": "y"}) == Config()


@pytest.mark.parametrize("proxy", ["u:hunter2@proxy", "http://u:hunter2", "socks5://u:hunter2@proxy:1"])
def test_a_wrong_proxy_is_named_but_never_shown(tmp_path: Path, proxy: str) -> None:
    (found,) = problems(None, {"CRAWLER_PROXY": proxy})
    assert found == "CRAWLER_PROXY: expected a proxy's URL such as http://proxy.example.org:3128"
    assert "hunter2" not in "".join(problems(written(tmp_path, f"proxy: '{proxy}'\n")))
    assert "hunter2" not in repr(Config(proxy="http://u:hunter2@proxy:3128"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("chunk_size: 1", "expected a size from 1KiB to 64MiB, found 1 bytes"),
        ("chunk_size: 1GiB", "expected a size from 1KiB to 64MiB"),
        ("output: ''", "expected a path, found ''"),
        ("output: ~no-such-user/x", "there is no home folder for '~no-such-user/x'"),
        ("allow_private: maybe", "expected true or false, found 'maybe'"),
        ("durability: some", "expected 'full' or 'none', found 'some'"),
        ("tls: {client_key: k.pem}", "tls.client_key needs tls.client_cert"),
        ("min_free_disk: 1G", "expected a size"),
        ("hosts: {a: {concurrency: 0}}", ":1:26: expected at least 1, found 0"),
        ("proxy: ${env.NOPE}", ":1:8: ${env.NOPE}: the environment variable NOPE is not set"),
        ("- workers", "expected a mapping, found a list"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(written(tmp_path, text + "\n"))
    assert problem in found


def test_a_key_and_its_certificate_may_come_from_two_sources(tmp_path: Path) -> None:
    path = written(tmp_path, "tls: {client_cert: c.pem}\n")
    tls = load_config(path, {"CRAWLER_TLS_CLIENT_KEY": "k.pem"}).tls
    assert (tls.client_cert, tls.client_key) == ("c.pem", "k.pem")


def test_a_file_may_use_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "proxy: http://u:${env.PASSWORD}@proxy:3128\n")
    assert load_config(path, {"PASSWORD": "p"}).proxy == "http://u:p@proxy:3128"


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    assert load_config(None, {"CRAWLER_OUTPUT": "~/out"}).output_root == tmp_path / "home" / "out"


def test_jobs_weigh_between_the_file_and_what_is_forced(tmp_path: Path) -> None:
    path = written(
        tmp_path, "timeout: {total: 1, connect: 1, sock_read: 1}\nretry: {attempts: 1, backoff: 1}\n"
    )
    config = load_config(path, {"CRAWLER_TIMEOUT_SOCK_READ": "9"}, {"retry": {"attempts": 9}})
    defaults, job = TimeoutSpec(total=2, connect=2), TimeoutSpec(total=3, sock_read=3)
    limits = config.timeouts(Timeouts(total=0.1, sock_connect=0.1), defaults, job)
    assert limits == Timeouts(total=3, connect=2, sock_connect=0.1, sock_read=9)
    rule = config.retry_rule(RetrySpec(attempts=2, backoff=2), RetrySpec(max_backoff=3))
    assert rule == RetryRule(attempts=9, backoff=2, max_backoff=3)


def test_a_jobs_proxy_wins_over_the_file_and_loses_to_a_variable(tmp_path: Path) -> None:
    path = written(tmp_path, "proxy: http://file:1\n")
    config = load_config(path, {})
    assert (config.proxy_for(None), config.proxy_for("http://job:1")) == ("http://file:1", "http://job:1")
    forced = load_config(path, {"CRAWLER_PROXY": "http://forced:1"})
    assert forced.proxy_for("http://job:1") == "http://forced:1"


def test_a_config_is_frozen_and_picklable() -> None:
    config = load_config(None, {"CRAWLER_WORKERS": "3"})
    copy = pickle.loads(pickle.dumps(config))
    assert (copy, copy.forced) == (config, {"workers"})
    with pytest.raises(ValueError, match="frozen"):
        setattr(config, "workers", 5)  # noqa: B010 - mypy would refuse the plain assignment


def test_no_two_keys_share_a_variable() -> None:
    paths = [path for path, _ in variables().values()]
    assert len(paths) == len(set(paths))
    assert variables()["CRAWLER_CONNECTIONS_PER_HOST"] == (("connections", "per_host"), False)


def test_the_json_schema_describes_every_key() -> None:
    schema = config_json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(Config.model_fields)
    assert all(found["description"] for found in properties.values())


def test_importing_the_config_loads_nothing_but_pydantic() -> None:
    program = (
        "import sys, crawler.config;"
        "print(*{'jinja2', 'yaml', 'yarl', 'platformdirs', 'aiohttp', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.strip()) == ("", "")
