"""The way from a request to its answer through redirects, as an async context."""

from __future__ import annotations

from types import TracebackType

from crawler.errors import TaskError
from crawler.net.redirects import STATUSES, Leg, first_leg, next_leg
from crawler.net.response import AiohttpResponse
from crawler.net.sending import Sender
from crawler.net.timeouts import left_of
from crawler.net.traffic import current
from crawler.net.transport import MovedAway
from crawler.net.wire import requested_url
from crawler.policy import urls
from crawler.request import Hop, Request


def _behind_redirect(error: TaskError, request: Request, leg: Leg) -> None:
    """The request itself was sent and answered, by a redirect; only what that led to failed.

    But 307 and 308 have the request sent again: of one that must not be repeated nobody knows then
    whether it was carried out.
    """
    repeated = not request.idempotent and leg.method == request.method
    if not (repeated and error.sent):
        error.sent = error.answered = True
    error.accepted = not repeated


class Opening:
    """``async with`` gives the answer; leaving it before the body's end closes the connection.

    A class of its own because a generator-based context costs more than the rest of our work on a
    small file.
    """

    __slots__ = ("_accepted", "_hop", "_request", "_response", "_sender", "_slot")

    def __init__(self, sender: Sender, request: Request, slot: str, hop: Hop | None) -> None:
        self._sender = sender
        self._request = request
        self._slot = slot
        self._hop = hop
        self._response: AiohttpResponse | None = None
        self._accepted = False  # whether the server has taken the request, so that it must not come twice

    async def __aenter__(self) -> AiohttpResponse:
        request = self._request
        leg = first_leg(request, requested_url(request), self._hop)
        limits = request.timeouts
        began = self._sender.time()
        while True:
            try:
                response = await self._sender.send(request, leg, limits)
            except TaskError as error:
                if leg.hops:
                    _behind_redirect(error, request, leg)
                raise
            following = None
            if response.status in STATUSES and request.redirects:
                following = await self._following(leg, response)
            if following is None:
                self._response = response
                self._accepted = response.status < 400 or leg.method != request.method
                return response
            leg = following
            limits = left_of(request.timeouts, self._sender.time() - began)

    async def _following(self, leg: Leg, response: AiohttpResponse) -> Leg | None:
        """The next leg within the slot, its predecessor's connection given back."""
        following = None
        try:
            following = next_leg(leg, response.status, response.headers.get("Location"))
            if following is not None:
                await response.drain()
        except BaseException:
            await response.close()
            raise
        if following is None:
            return None
        slot = urls.slot(following.url)
        if slot != self._slot or current().strict:
            raise MovedAway(Hop(following.url, following.method, following.hops, following.crossed), slot)
        return following

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._accepted and isinstance(error, TaskError):
            error.accepted = True
        if self._response is not None:
            await self._response.close()
