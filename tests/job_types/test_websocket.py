from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from crawler.errors import BadStatus, ConnectFailed, ProtocolBroken, TaskError, TimedOut
from crawler.job_types.capture import Tally
from crawler.model import Outcome
from tests.job_types.bench import Bench, job, reached, task
from tests.server import Server


def _rows(bench: Bench, target: str = "t.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in bench.read(target).splitlines()]


async def test_every_message_is_a_line_with_its_time(bench: Bench, server: Server) -> None:
    made = task("websocket", url=server.ws("/ws/ticks/3"), to="t.jsonl")
    result = await bench.perform(made, "websocket")
    rows = _rows(bench)
    assert [row["kind"] for row in rows] == ["text"] * 3
    assert [json.loads(row["payload"])["tick"] for row in rows] == [0, 1, 2]
    assert all(row["time"].endswith("Z") for row in rows)
    assert (result.outcome, result.note) == (Outcome.NEW, "3 messages")
    assert result.bytes == sum(len(row["payload"]) for row in rows)
    assert bench.names() == ["t.jsonl"]


async def test_text_json_and_binary_are_sent_and_binary_comes_back_as_base64(
    bench: Bench, server: Server
) -> None:
    raw = base64.b64encode(b"\0\x01").decode()
    made = task(
        "websocket",
        url=server.ws("/ws/echo"),
        send=["hello", {"json": {"subscribe": ["ü"]}}, {"base64": raw}],
        until={"messages": 3},
        to="t.jsonl",
        protocols=["v2", "v1"],
    )
    await bench.perform(made, "websocket")
    assert [(row["kind"], row["payload"]) for row in _rows(bench)] == [
        ("text", "hello"),
        ("text", '{"subscribe":["ü"]}'),
        ("binary", raw),
    ]
    assert server.log[0].header("Sec-WebSocket-Protocol") in ("v2,v1", "v2, v1")


@pytest.mark.parametrize(
    ("until", "rows"),
    [
        ({"messages": 2}, 2),
        ({"bytes": 12}, 2),
        ({"match": '"tick": 3'}, 4),
        ({"match": r"re:tick.*[5-9]"}, 6),
    ],
    ids=str,
)
async def test_a_capture_ends_with_the_message_that_is_enough(
    bench: Bench, server: Server, until: dict[str, Any], rows: int
) -> None:
    await bench.perform(
        task("websocket", url=server.ws("/ws/ticks/50"), until=until, to="t.jsonl"), "websocket"
    )
    assert len(_rows(bench)) == rows


async def test_a_quiet_stream_ends_after_its_seconds(bench: Bench, server: Server) -> None:
    made = task("websocket", url=server.ws("/ws/silent"), until={"seconds": 0.1}, heartbeat=None)
    result = await bench.perform(made, "websocket")
    assert (result.outcome, result.note, result.saved) == (Outcome.NEW, "0 messages", None)


async def test_without_a_target_messages_are_counted(bench: Bench, server: Server) -> None:
    result = await bench.perform(task("websocket", url=server.ws("/ws/ticks/4")), "websocket")
    assert result.note == "4 messages"
    assert bench.names() == []


async def test_a_dropped_connection_goes_on_in_the_same_file_behind_a_gap(
    bench: Bench, server: Server
) -> None:
    first = task("websocket", url=server.ws("/ws/drop/3"), until={"messages": 6}, to="t.jsonl")
    with pytest.raises(ConnectFailed) as caught:
        await bench.perform(first, "websocket")
    assert caught.value.failure().retryable
    assert bench.names() == ["t.jsonl.part"]
    second = reached(first, bench.checkpoints[-1])
    result = await bench.perform(second, "websocket")
    assert [row["kind"] for row in _rows(bench)] == ["text"] * 3 + ["gap"] + ["text"] * 3
    assert result.note == "6 messages"
    assert result.bytes == 6 * len('{"tick": 0}')


async def test_every_connection_is_told_what_to_send(bench: Bench, server: Server) -> None:
    made = task("websocket", url=server.ws("/ws/echo"), send="subscribe", until={"messages": 1})
    for _ in range(2):
        await bench.perform(made, "websocket")
    assert [payload for kind, payload in server.messages if kind == "text"] == [b"subscribe"] * 2


async def test_what_was_heard_survives_a_stop(bench: Bench, server: Server) -> None:
    made = task("websocket", url=server.ws("/ws/ticks/100?interval=0.01"), to="t.jsonl")
    running = asyncio.create_task(bench.perform(made, "websocket"))
    while bench.gauge.moved < 20:
        await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.names() == ["t.jsonl.part"]
    heard = Tally.parse(bench.checkpoints[-1].etag)
    assert heard is not None
    again = reached(made, bench.checkpoints[-1])
    enough = structs.replace(again, until=replace(again.until, messages=heard.messages + 1))
    await bench.perform(enough, "websocket")
    assert [row["kind"] for row in _rows(bench)] == ["text"] * heard.messages + ["gap", "text"]


async def test_a_part_file_that_vanished_starts_the_capture_over(bench: Bench, server: Server) -> None:
    first = task("websocket", url=server.ws("/ws/drop/3"), until={"messages": 3}, to="t.jsonl")
    cut = structs.replace(first, until=replace(first.until, messages=5))
    with pytest.raises(ConnectFailed):
        await bench.perform(cut, "websocket")
    again = reached(first, bench.checkpoints[-1])
    (bench.root / "t.jsonl.part").unlink()
    assert (await bench.perform(again, "websocket")).note == "3 messages"
    assert [row["kind"] for row in _rows(bench)] == ["text"] * 3
    assert bench.checkpoints[-1].offset == 0


async def test_without_reconnect_a_drop_is_final(bench: Bench, server: Server) -> None:
    made = task("websocket", url=server.ws("/ws/drop/1"), reconnect=False, to="t.jsonl")
    with pytest.raises(ProtocolBroken, match="reconnect is off"):
        await bench.perform(made, "websocket")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/ws/close/1011", ConnectFailed),
        ("/ws/close/4000", ConnectFailed),
        ("/ws/close/1008", ProtocolBroken),
        ("/ws/refuse", BadStatus),
        ("/ws/wrong-accept", ProtocolBroken),
        ("/ws/bad-frame", ProtocolBroken),
    ],
)
async def test_a_bad_end_is_an_error(bench: Bench, server: Server, path: str, error: type[TaskError]) -> None:
    with pytest.raises(error):
        await bench.perform(task("websocket", url=server.ws(path), to="t.jsonl"), "websocket")
    assert bench.names() == []


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_good_close_ends_the_capture_even_before_there_is_enough(
    bench: Bench, server: Server, code: int
) -> None:
    made = task("websocket", url=server.ws(f"/ws/close/{code}"), until={"messages": 5}, to="t.jsonl")
    assert (await bench.perform(made, "websocket")).outcome is Outcome.NEW
    assert _rows(bench) == []


@pytest.mark.parametrize("limit", ["total", "sock_read"])
async def test_a_timeout_of_the_manifest_is_kept(bench: Bench, server: Server, limit: str) -> None:
    made = task("websocket", url=server.ws("/ws/silent"), timeout={limit: 0.1}, heartbeat=0)
    with pytest.raises(TimedOut, match=limit):
        await bench.perform(made, "websocket")


def test_reconnect_says_how_often_and_how_patiently() -> None:
    made = task("websocket", url="ws://h/", reconnect={"attempts": 9, "backoff": "250ms"})
    assert (made.retry.attempts, made.retry.backoff) == (9, 0.25)


@given(
    st.builds(
        Tally, st.integers(0, 10**9), st.integers(0, 10**12), st.integers(0, 10**6).map(lambda n: n / 8)
    )
)
def test_a_tally_is_read_back(tally: Tally) -> None:
    assert Tally.parse(str(tally)) == tally


@given(st.text(max_size=40) | st.none())
def test_a_validator_that_is_no_tally_is_recognised(text: str | None) -> None:
    assert Tally.parse(text) is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"url": "http://h/"}, "scheme 'http'"),
        ({"url": "ws://h/", "send": [{"text": "a", "json": 1}]}, "exactly one of"),
        ({"url": "ws://h/", "send": [{"base64": "?"}]}, "expected base64"),
        ({"url": "ws://h/", "until": {"match": "re:["}}, "no regular expression"),
        ({"url": "ws://h/", "until": {"messages": 0}}, "greater than or equal to 1"),
        ({"url": "ws://h/", "protocols": "a b"}, "no subprotocol name"),
        ({"url": "ws://h/", "reconnect": {"tries": 3}}, "tries"),
    ],
    ids=str,
)
def test_a_wrong_capture_is_refused_when_it_is_read(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        job("websocket", **keys)
