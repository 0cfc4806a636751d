"""One polite client for all sources.

It says who it is, keeps a pace per host across the whole process, asks conditionally where an answer is known, obeys
Retry-After up to a bound, gives up in time, caps what it takes in, and follows redirects only within the same host.
What goes wrong comes out as Unreachable, Throttled or Malformed; messages name host and path, never more.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from digest import __version__
from digest.errors import Malformed, Throttled, Unreachable
from digest.sources.base import Fetch, Known
from digest.sources.body import read
from digest.sources.traffic import TRAFFIC, Traffic, redirect_allowed

REDIRECTS = 3
ATTEMPTS = 3
OBEYED = 10.0  # seconds of Retry-After that a run waits for; longer ones end in Throttled
BUDGET = 20.0  # seconds after which nothing is tried again
QUIET = timedelta(minutes=10)  # arXiv sends 429 without Retry-After and wants at least this long
_RESET = re.compile(r"\bt=(\d{1,6})\b")  # RateLimit: "api";r=0;t=57
_AGAIN = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, for a sign of life while answering, and for one whole answer."""

    connect: float = 5.0
    answer: float = 15.0
    whole: float = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: any 2xx, a 304, or a 4xx that its source may know how to read. `where` is host and path."""

    status: int
    where: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    fetch: Fetch
    url: str

    @property
    def unchanged(self) -> bool:
        return self.status == HTTPStatus.NOT_MODIFIED

    def json(self) -> Any:
        """Raises Malformed when the body is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{self.where} did not answer JSON{self.begins()}") from error

    def begins(self) -> str:
        """How the body begins, for a message: a person sees at once whether it is a page, an error or nothing."""
        text = " ".join(self.body[:200].decode("utf-8", "replace").split())[:60]
        return f", it begins {text!r}" if text else ", it is empty"


class Client:
    """Ask with `await client.get(url)` within `async with`. `sleep` and `clock` are arguments: tests do not wait.

    `known` maps an answer's name (its URL unless `name` is given to `get`) to what the host said about it last time.
    """

    def __init__(
        self,
        *,
        base_url: str = "",
        contact: str = "",
        known: Known | None = None,
        patience: Patience = Patience(),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], datetime] = utc_now,
        traffic: Traffic = TRAFFIC,
    ) -> None:
        about = "; ".join(part for part in (f"+{base_url}" if base_url else "", contact) if part)
        agent = f"digest/{__version__}" + (f" ({about})" if about else "")
        self.known: Known = known or {}
        self._headers = {"User-Agent": agent.encode("ascii", "replace").decode(), "Accept-Encoding": "gzip"}
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._traffic = traffic
        self._http: httpx.AsyncClient | None = None
        self._weary: set[str] = set()  # places that were given up in this run: asked again, but once each time

    async def __aenter__(self) -> Self:
        patience = self._patience
        direct = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}  # never through a proxy
        self._http = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(patience.answer, connect=patience.connect),
            mounts=direct,
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http:
            await self._http.aclose()
            self._http = None

    async def get(self, url: str, *, name: str | None = None, accept: str = "*/*") -> Reply:
        """The answer at `url`, after a few tries. Raises Unreachable, Throttled or Malformed."""
        name = name or url
        spent = 0.0
        attempts = 1 if self._place(url) in self._weary else ATTEMPTS
        for attempt in range(1, attempts + 1):
            self._traffic.refuse(url, self._clock())
            began = asyncio.get_running_loop().time()
            try:
                reply = await self._once(url, name, accept)
            except _Again as again:
                spent += asyncio.get_running_loop().time() - began
                wait = again.wait if again.wait is not None else float(2 ** (attempt - 1))
                if not again.worth_it or attempt == attempts or spent + wait > BUDGET:
                    self._weary.add(self._place(url))
                    raise self._given_up(url, again) from again
                await self._sleep(wait)
                spent += wait
            else:
                return reply
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _given_up(self, url: str, again: "_Again") -> Unreachable | Throttled:
        if again.until is None:
            return Unreachable(str(again))
        self._traffic.close(url, again.until)
        return Throttled(f"{again}; nothing is asked before {again.until:%H:%M} UTC", until=again.until)

    @staticmethod
    def _place(url: str) -> str:
        """Host and first word of the path: a host may answer its API while its pages fail."""
        parts = urlsplit(url)
        return f"{parts.netloc}/{parts.path.split('/')[1] if '/' in parts.path else ''}"

    async def _once(self, url: str, name: str, accept: str) -> Reply:
        first = url
        for _ in range(REDIRECTS + 1):
            async with self._traffic.turn(url, self._sleep):
                reply = await self._answer(url, name, accept)
            if reply.status not in {301, 302, 303, 307, 308}:
                return reply
            target = urljoin(url, reply.headers.get("location", ""))
            if not redirect_allowed(url, target):
                raise Malformed(f"{reply.where} redirects to {urlsplit(target).hostname}, which is not followed")
            url = target
        raise Malformed(f"{_where(first)} redirects more than {REDIRECTS} times")

    async def _answer(self, url: str, name: str, accept: str) -> Reply:
        assert self._http is not None, "the client is used within `async with`"  # noqa: S101
        where = _where(url)
        try:
            async with (
                asyncio.timeout(self._patience.whole),
                self._http.stream("GET", url, headers=self._conditions(name, accept)) as response,
            ):
                self._judge(response, where)
                body = await read(response, where)
        except (httpx.ReadTimeout, httpx.WriteTimeout, TimeoutError) as error:
            raise _Again(f"{where} did not answer in time", worth_it=False) from error
        except httpx.TransportError as error:
            raise _Again(f"{where} cannot be reached: {_reason(error)}") from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise Malformed(f"{where}: {_reason(error)}") from error
        headers = {key.lower(): value for key, value in response.headers.items()}
        fetch = Fetch(name, headers.get("etag"), headers.get("last-modified"))
        return Reply(response.status_code, where, headers, body, fetch, url)

    def _conditions(self, name: str, accept: str) -> dict[str, str]:
        conditions = {"Accept": accept}
        if said := self.known.get(name):
            if said.etag:
                conditions["If-None-Match"] = said.etag
            if said.last_modified:
                conditions["If-Modified-Since"] = said.last_modified
        return conditions

    def _judge(self, response: httpx.Response, where: str) -> None:
        """Raise _Again for answers that mean "not now"."""
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers
        ):
            wait = self._asked_to_wait(response.headers)
            soon = wait is not None and wait <= OBEYED
            pause = QUIET if wait is None else min(timedelta(seconds=wait), timedelta(days=1))
            raise _Again(
                f"{where} asks for fewer requests ({status})", worth_it=soon, wait=wait, until=self._clock() + pause
            )
        if status in _AGAIN or status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _Again(f"{where} answers {status}")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT}:
            raise _Again(f"{where} answers {status}", worth_it=False)

    def _asked_to_wait(self, headers: httpx.Headers) -> float | None:
        """Seconds, from Retry-After (RFC 9110: a number or a date) or RateLimit's `t`; None when there is neither."""
        said = headers.get("retry-after", "").strip()
        if said.isdecimal() and len(said) <= 9:  # noqa: PLR2004
            return float(said)
        try:
            when = parsedate_to_datetime(said)
        except ValueError:
            reset = _RESET.search(headers.get("ratelimit", ""))
            return float(reset[1]) if reset else None
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        return max(0.0, (when - self._clock()).total_seconds())


class _Again(Exception):
    """An attempt that failed: is another one worth it, after how many seconds, until when is the host closed."""

    def __init__(
        self, message: str, *, worth_it: bool = True, wait: float | None = None, until: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.worth_it = worth_it
        self.wait = wait
        self.until = until


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{':' + str(parts.port) if parts.port else ''}{parts.path}"


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    return str(error) or type(error).__name__
