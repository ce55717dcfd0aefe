"""``websocket``: one conversation, written down a JSON line a message until there is enough of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from crawler.errors import TemplateFailed
from crawler.job_types.base import Fetch, Job, Misfit, Sources
from crawler.job_types.bodies import Base64Field, JsonField, from_base64, json_value
from crawler.job_types.capture import LARGEST_MESSAGE, Until
from crawler.job_types.expand import Item, Requests, expand, from_list
from crawler.job_types.expect_spec import PatternField
from crawler.job_types.prepare import Values
from crawler.job_types.record import Record
from crawler.job_types.saving import refuse_foreign
from crawler.job_types.spec import JobSpec, OneOrMany, ShortSpec
from crawler.job_types.tools import Tools
from crawler.model import Result, RetryRule, Task
from crawler.policy import urls
from crawler.policy.names import safe_target
from crawler.request import Timeouts
from crawler.syntax.fields import Duration, OptionalDuration, Size, Spec, TextField, WsUrl
from crawler.syntax.template import text

Message = str | bytes
"""What is sent: a text or a binary message."""


class MessageSpec(ShortSpec):
    """One message to send: a plain text, or a map with one of these keys."""

    short = "text"

    text: TextField | None = None
    json_: JsonField = Field(None, alias="json", description="Sent as text.")
    base64: Base64Field | None = Field(None, description="Sent as a binary message.")

    @model_validator(mode="after")
    def _one_kind(self) -> MessageSpec:
        given = (self.text is not None, "json_" in self.model_fields_set, self.base64 is not None)
        if sum(given) != 1:
            raise ValueError("expected exactly one of 'text', 'json' and 'base64'")
        return self


class UntilSpec(Spec):
    """When there is enough; whatever comes first."""

    messages: int | None = Field(None, ge=1, description="So many messages.")
    seconds: Duration | None = Field(None, description="So long, counted while connected.")
    bytes: Size | None = Field(None, description="So many payload bytes.")
    match: PatternField | None = Field(
        None, description="A text message that holds this: a substring, or re: and an expression."
    )


class ReconnectSpec(Spec):
    """How often and how patiently a dropped connection is opened again, instead of what retry says."""

    attempts: int | None = Field(None, ge=1, description="Connections in all.")
    backoff: Duration | None = Field(None, description="Upper bound of the first wait.")


def _flag_or_map(value: object) -> str:
    return "map" if isinstance(value, dict | ReconnectSpec) else "flag"


ReconnectField = Annotated[
    Annotated[bool, Tag("flag")] | Annotated[ReconnectSpec, Tag("map")], Discriminator(_flag_or_map)
]


def _subprotocol(value: str) -> str:
    if not value or not value.isascii() or any(char in ' ,;"\t\r\n' for char in value):
        raise ValueError(f"{value!r} is no subprotocol name; expected letters, digits, '.', '-', '_'")
    return value


class WebSocketSpec(JobSpec):
    """Capture a WebSocket."""

    type: Literal["websocket"]
    url: WsUrl = Field(description="Where to: ws:// or wss://.")
    protocols: Annotated[tuple[Annotated[str, AfterValidator(_subprotocol)], ...], OneOrMany] = Field(
        (), description="Subprotocols to offer, best first."
    )
    send: Annotated[tuple[MessageSpec, ...], OneOrMany] = Field(
        (), description="Messages to send once connected, and again after a reconnect."
    )
    until: UntilSpec = Field(UntilSpec.unset(), description="By default the server's close ends it.")
    to: TextField | None = Field(None, description="A JSON line a message; without it they are only counted.")
    heartbeat: OptionalDuration = Field(30.0, description="Seconds between pings; 0 or null sends none.")
    reconnect: ReconnectField = Field(True, description="Whether a dropped connection is opened again.")


class WebSocketTask(Task, frozen=True, kw_only=True):
    """One WebSocket to capture."""

    protocols: tuple[str, ...]
    messages: tuple[Message, ...]
    until: Until
    heartbeat: float | None
    reconnect: bool


class WebSocketJob:
    """The ``websocket`` job type."""

    name: ClassVar[str] = "websocket"
    spec: ClassVar[type[WebSocketSpec]] = WebSocketSpec
    # A quiet stream is no dead one: whether the peer is there is the heartbeat's to find out.
    timeouts: ClassVar[Timeouts] = Timeouts(sock_read=None, min_rate=None)

    def tasks(self, job: Job, sources: Sources) -> Iterator[Task | Misfit | Fetch]:
        """One task, its key the target or the URL."""
        return expand(job, from_list((job.spec.url,)), _Builder(job).build)

    def awaits_needs(self, job: Job) -> bool:
        """Its one task stands in the manifest."""
        return False

    async def perform(self, task: WebSocketTask, tools: Tools) -> Result:
        """Connect, send, and take in messages until there are enough or the server is done.

        A dropped connection leaves what was written for the next attempt, which goes on behind it.
        """
        refuse_foreign(tools.files, task)
        record = await Record.open(task, tools)
        async with record.kept_on_failure():
            async with tools.transport.websocket(
                task.request,
                protocols=task.protocols,
                heartbeat=task.heartbeat,
                max_message=LARGEST_MESSAGE,
            ) as socket:
                await record.connected()
                for message in task.messages:
                    if isinstance(message, str):
                        await socket.send_text(message)
                    else:
                        await socket.send_bytes(message)
                await record.listen(socket)
            return await record.finish()


class _Builder:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = Requests(job, schemes=urls.WEBSOCKET_SCHEMES)

    def build(self, item: Item) -> WebSocketTask:
        """Raises ``TemplateFailed`` or ``UnsafePath``."""
        job, values = self._job, item.values
        spec: WebSocketSpec = job.spec
        url, auth = self._requests.url(item)
        target = None if spec.to is None else safe_target(text(spec.to, values))
        until = spec.until
        return WebSocketTask(
            job=job.name,
            key=target or self._requests.name(item, url),
            ordinal=item.ordinal,
            slot=urls.slot(url),
            request=self._requests.make(url, values, auth),
            target=target,
            retry=_retry(job.retry, spec.reconnect),
            protocols=spec.protocols,
            messages=tuple(_message(each, values) for each in spec.send),
            until=Until(
                messages=until.messages,
                seconds=until.seconds,
                bytes=until.bytes,
                match=None if until.match is None else text(until.match, values),
            ),
            heartbeat=spec.heartbeat,
            reconnect=spec.reconnect is not False,
        )


def _retry(rule: RetryRule, reconnect: bool | ReconnectSpec) -> RetryRule:
    if isinstance(reconnect, bool):
        return rule
    return replace(
        rule,
        attempts=rule.attempts if reconnect.attempts is None else reconnect.attempts,
        backoff=rule.backoff if reconnect.backoff is None else reconnect.backoff,
    )


def _message(spec: MessageSpec, values: Values) -> Message:
    if spec.text is not None:
        return text(spec.text, values)
    if spec.base64 is not None:
        try:
            return from_base64(text(spec.base64, values))
        except ValueError as error:
            raise TemplateFailed(f"send: {error}") from None
    return json.dumps(json_value(spec.json_, values), ensure_ascii=False, separators=(",", ":"))
