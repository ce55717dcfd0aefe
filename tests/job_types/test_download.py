from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from msgspec import structs

from crawler.errors import (
    BadStatus,
    IntegrityFailed,
    ProtocolBroken,
    TargetExists,
    TaskError,
    TooLarge,
    Truncated,
    UnexpectedContent,
)
from crawler.model import Outcome
from crawler.net.transport import MovedAway
from tests.job_types.bench import Bench, job, reached, remembered, task
from tests.server import Server
from tests.serving.shelf import OLD, Offer

ONE, TWO = b"version one " * 50_000, b"version TWO " * 50_000


async def test_a_file_is_saved_whole_with_the_servers_time(bench: Bench, server: Server) -> None:
    server.set_file("a.bin", ONE)
    result = await bench.perform(
        task("download", urls=[server.url("/versions/a.bin")], to="x/a.bin"), "download"
    )
    assert result.outcome is Outcome.NEW
    assert result.saved is not None
    assert result.saved.sha256 == hashlib.sha256(ONE).hexdigest()
    assert (result.status, result.bytes) == (200, len(ONE))
    assert bench.read("x/a.bin") == ONE
    assert (bench.root / "x/a.bin").stat().st_mtime == OLD
    assert bench.names() == ["x/a.bin"]
    (request,) = server.requests("/versions/a.bin")
    assert request.header("Accept-Encoding") == "identity"


async def test_an_unchanged_file_costs_one_conditional_request(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    done = await bench.perform(first, "download")
    again = await bench.perform(remembered(first, done), "download")
    assert (again.outcome, again.status, again.bytes) == (Outcome.UNCHANGED, 304, 0)
    assert again.saved is not None
    assert again.saved.sha256 == hashlib.sha256(ONE).hexdigest()
    assert server.log[-1].header("If-None-Match") == done.etag
    assert server.log[-1].header("If-Modified-Since") == done.last_modified


@pytest.mark.parametrize("damage", ["edited", "deleted", "other url", "always", "checksum"])
async def test_the_whole_file_is_asked_for_where_304_could_not_be_believed(
    bench: Bench, server: Server, damage: str
) -> None:
    server.set_file("a", ONE)
    keys: dict[str, Any] = {"urls": [server.url("/versions/a")], "to": "a"}
    done = await bench.perform(task("download", **keys), "download")
    if damage == "edited":
        (bench.root / "a").write_bytes(b"edited")
    if damage == "deleted":
        (bench.root / "a").unlink()
    if damage == "always":
        keys["refresh"] = "always"
    if damage == "checksum":
        keys["checksum"] = "sha256:" + "0" * 64
    again = remembered(task("download", **keys), done, **({"url": "x"} if damage == "other url" else {}))
    if damage == "checksum":
        with pytest.raises(IntegrityFailed):
            await bench.perform(again, "download")
    else:
        assert (await bench.perform(again, "download")).outcome is Outcome.UNCHANGED
    assert server.log[-1].header("If-None-Match") is None
    assert bench.read("a") == ONE
    assert bench.names() == ["a"]


async def test_refresh_never_asks_nobody_while_the_file_is_whole(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    first = task("download", urls=[server.url("/versions/a")], to="a", refresh="never")
    known = remembered(first, await bench.perform(first, "download"))
    assert (await bench.perform(known, "download")).outcome is Outcome.UNCHANGED
    assert len(server.log) == 1
    (bench.root / "a").unlink()
    assert (await bench.perform(known, "download")).outcome is Outcome.UNCHANGED
    assert bench.read("a") == ONE


async def test_what_is_new_in_this_round_stays_new_though_it_was_lost(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    known = remembered(first, await bench.perform(first, "download"), current=True)
    (bench.root / "a").unlink()
    assert (await bench.perform(known, "download")).outcome is Outcome.NEW


NEW_RULES: list[tuple[dict[str, Any], type[TaskError]]] = [
    ({"checksum": "sha256:" + "1" * 64}, IntegrityFailed),
    ({"min_bytes": len(ONE) + 1}, UnexpectedContent),
    ({"max_bytes": len(ONE) - 1}, TooLarge),
]


@pytest.mark.parametrize("refresh", ["never", "conditional"])
@pytest.mark.parametrize(("rule", "error"), NEW_RULES, ids=["checksum", "min_bytes", "max_bytes"])
async def test_a_file_that_todays_rules_would_not_take_is_fetched_anew(
    bench: Bench, server: Server, refresh: str, rule: dict[str, Any], error: type[TaskError]
) -> None:
    server.set_file("a", ONE)
    keys: dict[str, Any] = {"urls": [server.url("/versions/a")], "to": "a", "refresh": refresh}
    done = await bench.perform(task("download", **keys), "download")
    again = remembered(task("download", **keys, **rule), done)
    with pytest.raises(error):
        await bench.perform(again, "download")
    assert server.log[-1].header("If-None-Match") is None
    assert bench.names() == ["a"]
    assert bench.read("a") == ONE


@pytest.mark.parametrize("refresh", ["never", "conditional"])
async def test_new_rules_that_the_file_meets_leave_it_unchanged(
    bench: Bench, server: Server, refresh: str
) -> None:
    server.set_file("a", ONE)
    keys: dict[str, Any] = {"urls": [server.url("/versions/a")], "to": "a", "refresh": refresh}
    done = await bench.perform(task("download", **keys), "download")
    keys |= {"min_bytes": len(ONE), "max_bytes": len(ONE), "expect": {"content_type": "text/csv"}}
    keys["checksum"] = f"sha256:{hashlib.sha256(ONE).hexdigest()}"
    result = await bench.perform(remembered(task("download", **keys), done), "download")
    assert result.outcome is Outcome.UNCHANGED
    assert [request.header("If-None-Match") is None for request in server.log[1:]] == [False][
        : refresh != "never"
    ]


async def test_a_304_that_names_another_type_than_is_wanted_by_now_is_not_believed(
    bench: Bench, server: Server
) -> None:
    offer = server.set_file("a", ONE)
    keys: dict[str, Any] = {"urls": [server.url("/versions/a")], "to": "a"}
    done = await bench.perform(task("download", **keys), "download")
    again = remembered(task("download", **keys, expect={"content_type": "text/csv"}), done)
    offer.headers.append(("Content-Type", "text/html"))
    with pytest.raises(UnexpectedContent, match="text/html"):
        await bench.perform(again, "download")
    assert [request.header("If-None-Match") is None for request in server.log[1:]] == [False, True]
    assert bench.read("a") == ONE


async def test_new_content_replaces_our_own_file_and_is_called_changed(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    known = remembered(first, await bench.perform(first, "download"))
    server.set_file("a", TWO)
    assert (await bench.perform(known, "download")).outcome is Outcome.CHANGED
    assert bench.read("a") == TWO


async def test_a_file_that_is_gone_from_the_server_is_reported_and_kept(bench: Bench, server: Server) -> None:
    offer = server.set_file("a", ONE)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    known = remembered(first, await bench.perform(first, "download"))
    offer.status = 410
    with pytest.raises(BadStatus, match="410"):
        await bench.perform(known, "download")
    assert bench.read("a") == ONE


async def test_a_foreign_file_is_left_alone_and_nothing_is_sent(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    (bench.root / "a").write_bytes(b"mine")
    with pytest.raises(TargetExists, match="no earlier run"):
        await bench.perform(task("download", urls=[server.url("/versions/a")], to="a"), "download")
    assert not server.log
    overwrite = task("download", urls=[server.url("/versions/a")], to="a", overwrite=True)
    assert (await bench.perform(overwrite, "download")).outcome is Outcome.NEW
    assert bench.read("a") == ONE


async def test_a_version_that_only_its_weak_tag_tells_apart_is_not_appended(
    bench: Bench, server: Server
) -> None:
    _, again = await _cut_in_the_middle(bench, server, {"weak": True, "etag": "v1"})
    server.set_file("a", TWO, weak=True, etag="v2")
    await bench.perform(again, "download")
    assert bench.read("a") == TWO


async def _cut_in_the_middle(bench: Bench, server: Server, offered: dict[str, Any]) -> tuple[Offer, Any]:
    """The offer, and a task whose first attempt was cut short, with what it committed."""
    offer = server.set_file("a", ONE, cut_after=300_000, cuts=1, **offered)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    with pytest.raises(TaskError):
        await bench.perform(first, "download")
    return offer, (reached(first, bench.checkpoints[-1]) if bench.checkpoints else first)


async def test_a_cut_transfer_goes_on_where_it_stopped(bench: Bench, server: Server) -> None:
    _, again = await _cut_in_the_middle(bench, server, {})
    assert bench.names() == ["a.part"]
    offset = again.known.checkpoint.offset
    assert 0 < offset <= 300_000
    result = await bench.perform(again, "download")
    assert server.log[-1].header("Range") == f"bytes={offset}-"
    assert server.log[-1].header("If-Range") == again.known.checkpoint.etag
    assert (result.outcome, result.status, result.bytes) == (Outcome.NEW, 206, len(ONE) - offset)
    assert bench.read("a") == ONE
    assert bench.names() == ["a"]


async def test_a_settled_last_modified_is_enough_to_go_on(bench: Bench, server: Server) -> None:
    _, again = await _cut_in_the_middle(bench, server, {"no_etag": True})
    result = await bench.perform(again, "download")
    assert (result.status, bench.read("a")) == (206, ONE)


@pytest.mark.parametrize(
    "offer",
    [{"weak": True, "last_modified": None}, {"weak": True}, {"no_validator": True}, {"chunked": True}],
    ids=str,
)
async def test_without_a_strong_validator_or_a_length_nothing_is_kept(
    bench: Bench, server: Server, offer: dict[str, object]
) -> None:
    _, again = await _cut_in_the_middle(bench, server, offer)
    assert again.known is None
    assert bench.names() == []
    result = await bench.perform(again, "download")
    assert (result.status, bench.read("a")) == (200, ONE)


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"ignore_range": True},
        {"ignore_if_range": True},
        {"ignore_if_range": True, "etag": None},
        {"ignore_if_range": True, "last_modified": None},
    ],
    ids=str,
)
async def test_a_file_that_changed_meanwhile_is_fetched_whole(
    bench: Bench, server: Server, switches: dict[str, object]
) -> None:
    _, again = await _cut_in_the_middle(bench, server, {})
    offer = server.set_file("a", TWO)
    for switch, value in switches.items():
        setattr(offer, switch, value)
    bench.checkpoints.clear()
    result = await bench.perform(again, "download")
    assert result.outcome is Outcome.NEW
    assert bench.read("a") == TWO
    assert bench.checkpoints[0].offset == 0, "the old offset must be forgotten before new bytes are written"


@pytest.mark.parametrize("switches", [{"content_range_shift": 5}, {"wrong_total": 7}], ids=str)
async def test_a_range_that_does_not_fit_is_never_appended(
    bench: Bench, server: Server, switches: dict[str, int]
) -> None:
    offer, again = await _cut_in_the_middle(bench, server, {})
    for switch, value in switches.items():
        setattr(offer, switch, value)
    result = await bench.perform(again, "download")
    assert (result.status, bench.read("a")) == (200, ONE)


async def test_a_206_that_nobody_asked_for_is_broken_protocol(bench: Bench, server: Server) -> None:
    server.set_answer("/odd", b"abc", status=206, headers=[("Content-Range", "bytes 0-2/9")])
    with pytest.raises(ProtocolBroken, match="206"):
        await bench.perform(task("download", urls=[server.url("/odd")], to="a"), "download")
    assert bench.names() == []


async def test_a_part_that_is_already_whole_is_finished_by_a_416(bench: Bench, server: Server) -> None:
    _, again = await _cut_in_the_middle(bench, server, {})
    (bench.root / "a.part").write_bytes(ONE)
    checkpoint = again.known.checkpoint
    whole = reached(again, type(checkpoint)(len(ONE), checkpoint.etag, None, checkpoint.url, len(ONE)))
    server.set_answer(
        "/versions/a",
        b"",
        status=416,
        headers=[("Content-Range", f"bytes */{len(ONE)}"), ("ETag", checkpoint.etag)],
    )
    result = await bench.perform(whole, "download")
    assert (result.outcome, result.bytes) == (Outcome.NEW, 0)
    assert bench.read("a") == ONE


async def test_a_part_file_that_vanished_means_from_the_start(bench: Bench, server: Server) -> None:
    _, again = await _cut_in_the_middle(bench, server, {})
    (bench.root / "a.part").unlink()
    result = await bench.perform(again, "download")
    assert (result.status, bench.read("a")) == (200, ONE)
    assert server.log[-1].header("Range") is None


async def test_a_passing_error_keeps_what_is_there_and_a_final_one_does_not(
    bench: Bench, server: Server
) -> None:
    offer, again = await _cut_in_the_middle(bench, server, {})
    offer.status = 503
    with pytest.raises(BadStatus):
        await bench.perform(again, "download")
    assert bench.names() == ["a.part"]
    offer.status = 404
    with pytest.raises(BadStatus):
        await bench.perform(again, "download")
    assert bench.names() == []


async def test_a_stopped_transfer_can_be_continued(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE, delay=0.02)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    running = asyncio.create_task(bench.perform(first, "download"))
    while bench.gauge.moved < 100_000:
        await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.names() == ["a.part"]
    server.set_file("a", ONE)
    result = await bench.perform(reached(first, bench.checkpoints[-1]), "download")
    assert (result.status, bench.read("a")) == (206, ONE)


async def test_a_redirect_to_another_host_is_continued_there_with_its_range(
    bench: Bench, server: Server
) -> None:
    async with Server() as other:
        offer = other.set_file("a", ONE, cut_after=300_000, cuts=1)
        first = task("download", urls=[server.url(f"/redirect-to?url={other.url('/versions/a')}")], to="a")
        with pytest.raises(MovedAway) as moved:
            await bench.perform(first, "download")
        there = structs.replace(first, hop=moved.value.hop, slot=moved.value.slot)
        with pytest.raises(TaskError):
            await bench.perform(there, "download")
        again = reached(first, bench.checkpoints[-1])
        with pytest.raises(MovedAway) as moved:
            await bench.perform(again, "download")
        assert bench.names() == ["a.part"], "the way there must not cost what was fetched"
        result = await bench.perform(
            structs.replace(again, hop=moved.value.hop, slot=moved.value.slot), "download"
        )
        assert (result.status, bench.read("a")) == (206, ONE)
        assert other.log[-1].header("If-Range") == offer.etag


@pytest.mark.parametrize(
    ("path", "keys", "error"),
    [
        ("/short", {}, Truncated),
        ("/status/404", {}, BadStatus),
        ("/endless", {"max_bytes": "1MB"}, TooLarge),
        ("/file/5000", {"max_bytes": 4999}, TooLarge),
        ("/file/5000", {"min_bytes": 5001}, UnexpectedContent),
        ("/file/5000", {"checksum": "md5:" + "0" * 32}, IntegrityFailed),
        ("/login-page", {"expect": {"content_type": ["text/csv", "application/*"]}}, UnexpectedContent),
        ("/file/10", {"expect": {"status": 203}}, BadStatus),
        ("/digest/repr/wrong", {}, IntegrityFailed),
        ("/digest/content/wrong", {}, IntegrityFailed),
        ("/digest/old/wrong", {}, IntegrityFailed),
        ("/digest/md5/wrong", {}, IntegrityFailed),
    ],
)
async def test_a_bad_answer_leaves_nothing(
    bench: Bench, server: Server, path: str, keys: dict[str, Any], error: type[TaskError]
) -> None:
    with pytest.raises(error):
        await bench.perform(task("download", urls=[server.url(path)], to="a", **keys), "download")
    assert bench.names() == []


@pytest.mark.parametrize("kind", ["repr", "content", "old", "md5"])
async def test_a_right_digest_is_accepted(bench: Bench, server: Server, kind: str) -> None:
    result = await bench.perform(
        task("download", urls=[server.url(f"/digest/{kind}/right")], to="a"), "download"
    )
    assert result.outcome is Outcome.NEW


async def test_a_checksum_of_any_algorithm_is_verified(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    checksum = "blake2b:" + hashlib.blake2b(ONE).hexdigest()
    result = await bench.perform(
        task("download", urls=[{"url": server.url("/versions/a"), "to": "b", "checksum": checksum}]),
        "download",
    )
    assert result.saved is not None
    assert result.saved.target == "b"


async def test_a_body_without_a_length_is_taken_and_marked(bench: Bench, server: Server) -> None:
    result = await bench.perform(task("download", urls=[server.url("/close-delimited")], to="a"), "download")
    assert result.note == "unverified_length"


async def test_retry_after_reaches_the_failure(bench: Bench, server: Server) -> None:
    with pytest.raises(BadStatus) as caught:
        await bench.perform(task("download", urls=[server.url("/retry-after/7/503/1")], to="a"), "download")
    assert caught.value.failure().retry_after == 7.0


def test_exactly_one_source_is_demanded() -> None:
    both: dict[str, Any] = {"urls": ["http://h/a"], "from_": "x.csv"}
    for keys in ({}, both):
        with pytest.raises(ValueError, match="exactly one of 'urls' and 'from'"):
            job("download", **keys)
