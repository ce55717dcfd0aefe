"""What a task may be called in the ledger, and after what its file may be named."""

from __future__ import annotations

import pytest
from msgspec import structs

from crawler.model import Task
from crawler.policy.layout import mirror_target
from crawler.policy.names import MAX_TARGET_BYTES
from crawler.policy.owning import without_secrets
from crawler.policy.redact import Redactor
from crawler.policy.urls import slot
from crawler.request import Request

SECRET = "hunter/2 & co"
REDACT = Redactor([SECRET]).text


def download(url: str, target: str) -> Task:
    return Task(job="j", key=target, ordinal=0, slot=slot(url), request=Request(url=url), target=target)


@pytest.mark.parametrize(
    "url",
    [
        "https://h/a.csv?api=hunter%2F2%20%26%20co",
        "https://h/hunter%2F2%20%26%20co/a.csv",
        "https://h/a.csv?b=1&token=abc",
        "https://h/a.csv?sig=abc",
        "https://h/" + "x/" * ((MAX_TARGET_BYTES - len("h/a@sig=abcd")) // 2) + "a?sig=abc",
    ],
)
def test_a_file_named_after_its_url_is_not_named_after_a_secret_in_it(url: str) -> None:
    task = without_secrets(download(url, mirror_target(url)), REDACT)
    assert task.target is not None
    assert task.target == task.key != mirror_target(url)
    assert not any(each in task.target for each in ("hunter", "abc"))
    assert task.request.url == url
    other = without_secrets(download(f"{url}2", mirror_target(f"{url}2")), REDACT)
    assert other.target != task.target


@pytest.mark.parametrize("target", ["a.csv", "a=1.csv", "hunter/2 & co.csv"])
def test_a_target_that_the_manifest_gives_stays(target: str) -> None:
    task = without_secrets(download("https://h/a.csv?token=abc", target), REDACT)
    assert task.target == target


def test_keys_that_differ_in_a_secret_only_stay_apart_and_do_not_hold_it() -> None:
    tasks = [
        Task(
            job="j",
            key=f"GET https://h/?token={value}",
            ordinal=0,
            slot="h:443",
            request=Request(url="https://h/"),
        )
        for value in ("abc", "abd")
    ]
    first, second = (without_secrets(task, REDACT).key for task in tasks)
    assert first != second
    assert first.startswith("GET https://h/?token=*** ~")


def test_keys_stay_apart_beside_a_file_that_is_named_after_its_url() -> None:
    url = "https://h/a.csv?token=abc"
    first, second = (
        without_secrets(
            structs.replace(download(url, mirror_target(url)), key=f"GET {url}&token={n}"), REDACT
        )
        for n in "12"
    )
    assert first.target == second.target != mirror_target(url)
    assert first.key != second.key
    assert "abc" not in first.key


def test_what_holds_no_secret_stays_as_it_is() -> None:
    task = download("https://h/a.csv?b=1", "h/a.csv@b=1")
    assert without_secrets(task, REDACT) is task
