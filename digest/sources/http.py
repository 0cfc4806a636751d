"""What a host sends, up to a cap: a small packed answer must not swell in memory, a cut one must not pass as whole.

One polite client for all sources.

It says who it is, keeps a pace per host across the whole process, asks conditionally where an answer is known, obeys
Retry-After up to a bound, gives up in time, caps what it takes in, and follows redirects only within the same host.
What goes wrong comes out as Unreachable, Throttled or Malformed; messages name host and path, never more.
"""

import asyncio
import json
import re
import zlib
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
from digest.errors import MalformedAnswerError, SourceThrottledError, SourceUnavailableError
from digest.sources.base import HttpValidators, ValidatorsByKey
from digest.sources.throttle import SHARED_THROTTLE, HostThrottle, is_redirect_allowed

MAX_BODY_BYTES = 20 * 2**20  # bytes after decompression; the largest feed seen has 5 MB


async def read_body(response: httpx.Response, location: str) -> bytes:
    """The body of a streamed answer, unpacked piece by piece.

    Raises Malformed when it is too large or cannot be unpacked, httpx.RemoteProtocolError when it was cut off.
    """
    packed = response.headers.get("content-encoding", "").lower() in {"gzip", "x-gzip"}
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed else None
    pieces: list[bytes] = []
    size = 0
    async for raw in response.aiter_raw():
        try:
            piece = unpack.decompress(raw, MAX_BODY_BYTES - size + 1) if unpack else raw
        except zlib.error as error:
            raise MalformedAnswerError(f"{location} sent a body that cannot be unpacked") from error
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise MalformedAnswerError(f"{location} sent more than {MAX_BODY_BYTES // 2**20} MiB")
        pieces.append(piece)
    if unpack and size and not unpack.eof:
        raise httpx.RemoteProtocolError("the answer was cut off")
    return b"".join(pieces)


MAX_REDIRECTS = 3


MAX_ATTEMPTS = 3


MAX_RETRY_AFTER = 10.0  # seconds of Retry-After that a run waits for; longer ones end in Throttled


RETRY_BUDGET = 20.0  # seconds after which nothing is tried again


DEFAULT_PAUSE = timedelta(minutes=10)  # arXiv sends 429 without Retry-After and wants at least this long


_RATE_LIMIT_RESET = re.compile(r"\bt=(\d{1,6})\b")  # RateLimit: "api";r=0;t=57


_RETRY_STATUSES = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds: to connect, for a sign of life while answering, and for one whole answer."""

    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class SourceResponse:
    """An answer: any 2xx, a 304, or a 4xx that its source may know how to read. `where` is host and path."""

    status: int
    location: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    validators: HttpValidators
    url: str

    @property
    def not_modified(self) -> bool:
        return self.status == HTTPStatus.NOT_MODIFIED

    def json(self) -> Any:
        """Raises Malformed when the body is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswerError(f"{self.location} did not answer JSON{self.describe_body()}") from error

    def describe_body(self) -> str:
        """How the body begins, for a message: a person sees at once whether it is a page, an error or nothing."""
        text = " ".join(self.body[:200].decode("utf-8", "replace").split())[:60]
        return f", it begins {text!r}" if text else ", it is empty"


class SourceClient:
    """Ask with `await client.get(url)` within `async with`. `sleep` and `clock` are arguments: tests do not wait.

    `known` maps an answer's name (its URL unless `name` is given to `get`) to what the host said about it last time.
    """

    def __init__(
        self,
        *,
        base_url: str = "",
        contact: str = "",
        cached_validators: ValidatorsByKey | None = None,
        retry_policy: RetryPolicy = RetryPolicy(),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], datetime] = utc_now,
        throttle: HostThrottle = SHARED_THROTTLE,
    ) -> None:
        about = "; ".join(part for part in (f"+{base_url}" if base_url else "", contact) if part)
        agent = f"digest/{__version__}" + (f" ({about})" if about else "")
        self.cached_validators: ValidatorsByKey = cached_validators or {}
        self._headers = {"User-Agent": agent.encode("ascii", "replace").decode(), "Accept-Encoding": "gzip"}
        self._retry_policy = retry_policy
        self._sleep = sleep
        self._clock = clock
        self._throttle = throttle
        self._http: httpx.AsyncClient | None = None
        self._failing: set[str] = set()  # places that were given up in this run: asked again, but once each time

    async def __aenter__(self) -> Self:
        patience = self._retry_policy
        direct = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}  # never through a proxy
        self._http = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(patience.read_timeout, connect=patience.connect_timeout),
            mounts=direct,
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http:
            await self._http.aclose()
            self._http = None

    async def get(self, url: str, *, cache_key: str | None = None, accept: str = "*/*") -> SourceResponse:
        """The answer at `url`, after a few tries. Raises Unreachable, Throttled or Malformed."""
        cache_key = cache_key or url
        spent = 0.0
        attempts = 1 if self._path_prefix(url) in self._failing else MAX_ATTEMPTS
        for attempt in range(1, attempts + 1):
            self._throttle.raise_if_paused(url, self._clock())
            began = asyncio.get_running_loop().time()
            try:
                reply = await self._follow_redirects(url, cache_key, accept)
            except _AttemptError as again:
                spent += asyncio.get_running_loop().time() - began
                wait = again.retry_after if again.retry_after is not None else float(2 ** (attempt - 1))
                if not again.retry or attempt == attempts or spent + wait > RETRY_BUDGET:
                    self._failing.add(self._path_prefix(url))
                    raise self._source_error(url, again) from again
                await self._sleep(wait)
                spent += wait
            else:
                return reply
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _source_error(self, url: str, error: "_AttemptError") -> SourceUnavailableError | SourceThrottledError:
        if error.pause_until is None:
            return SourceUnavailableError(str(error))
        self._throttle.pause(url, error.pause_until)
        return SourceThrottledError(
            f"{error}; nothing is asked before {error.pause_until:%H:%M} UTC", until=error.pause_until
        )

    @staticmethod
    def _path_prefix(url: str) -> str:
        """Host and first word of the path: a host may answer its API while its pages fail."""
        parts = urlsplit(url)
        return f"{parts.netloc}/{parts.path.split('/')[1] if '/' in parts.path else ''}"

    async def _follow_redirects(self, url: str, cache_key: str, accept: str) -> SourceResponse:
        first = url
        for _ in range(MAX_REDIRECTS + 1):
            async with self._throttle.acquire(url, self._sleep):
                reply = await self._request(url, cache_key, accept)
            if reply.status not in {301, 302, 303, 307, 308}:
                return reply
            target = urljoin(url, reply.headers.get("location", ""))
            if not is_redirect_allowed(url, target):
                raise MalformedAnswerError(
                    f"{reply.location} redirects to {urlsplit(target).hostname}, which is not followed"
                )
            url = target
        raise MalformedAnswerError(f"{_location(first)} redirects more than {MAX_REDIRECTS} times")

    async def _request(self, url: str, cache_key: str, accept: str) -> SourceResponse:
        assert self._http is not None, "the client is used within `async with`"  # noqa: S101
        where = _location(url)
        try:
            async with (
                asyncio.timeout(self._retry_policy.total_timeout),
                self._http.stream("GET", url, headers=self._request_headers(cache_key, accept)) as response,
            ):
                self._raise_for_status(response, where)
                body = await read_body(response, where)
        except (httpx.ReadTimeout, httpx.WriteTimeout, TimeoutError) as error:
            raise _AttemptError(f"{where} did not answer in time", retry=False) from error
        except httpx.TransportError as error:
            raise _AttemptError(f"{where} cannot be reached: {_describe_error(error)}") from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise MalformedAnswerError(f"{where}: {_describe_error(error)}") from error
        headers = {key.lower(): value for key, value in response.headers.items()}
        fetch = HttpValidators(cache_key, headers.get("etag"), headers.get("last-modified"))
        return SourceResponse(response.status_code, where, headers, body, fetch, url)

    def _request_headers(self, cache_key: str, accept: str) -> dict[str, str]:
        conditions = {"Accept": accept}
        if said := self.cached_validators.get(cache_key):
            if said.etag:
                conditions["If-None-Match"] = said.etag
            if said.last_modified:
                conditions["If-Modified-Since"] = said.last_modified
        return conditions

    def _raise_for_status(self, response: httpx.Response, location: str) -> None:
        """Raise _Again for answers that mean "not now"."""
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers
        ):
            wait = self._retry_after(response.headers)
            soon = wait is not None and wait <= MAX_RETRY_AFTER
            pause = DEFAULT_PAUSE if wait is None else min(timedelta(seconds=wait), timedelta(days=1))
            raise _AttemptError(
                f"{location} asks for fewer requests ({status})",
                retry=soon,
                retry_after=wait,
                pause_until=self._clock() + pause,
            )
        if status in _RETRY_STATUSES or status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _AttemptError(f"{location} answers {status}")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT}:
            raise _AttemptError(f"{location} answers {status}", retry=False)

    def _retry_after(self, headers: httpx.Headers) -> float | None:
        """Seconds, from Retry-After (RFC 9110: a number or a date) or RateLimit's `t`; None when there is neither."""
        said = headers.get("retry-after", "").strip()
        if said.isdecimal() and len(said) <= 9:  # noqa: PLR2004
            return float(said)
        try:
            when = parsedate_to_datetime(said)
        except ValueError:
            reset = _RATE_LIMIT_RESET.search(headers.get("ratelimit", ""))
            return float(reset[1]) if reset else None
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        return max(0.0, (when - self._clock()).total_seconds())


class _AttemptError(Exception):
    """An attempt that failed: is another one worth it, after how many seconds, until when is the host closed."""

    def __init__(
        self, message: str, *, retry: bool = True, retry_after: float | None = None, pause_until: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.retry_after = retry_after
        self.pause_until = pause_until


def _location(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{':' + str(parts.port) if parts.port else ''}{parts.path}"


def _describe_error(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    return str(error) or type(error).__name__
