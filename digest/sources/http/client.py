"""HTTP client that all sources share.

It identifies itself, keeps an interval between requests to a host, asks conditionally where it can, obeys Retry-After
up to a bound, gives up in time, bounds what it reads, and follows redirects within one host, those of feeds to public
hosts, too. Failures come out as SourceUnavailableError, SourceThrottledError or MalformedAnswerError; their messages
name host and path, never more.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from digest import __version__
from digest.config import is_web_address
from digest.errors import MalformedAnswerError, SourceThrottledError, SourceUnavailableError
from digest.sources import messages
from digest.sources.http.body import read_body
from digest.sources.http.redirects import find_public_address, is_redirect_allowed, resolve_host
from digest.sources.http.throttle import SHARED_THROTTLE, HostThrottle
from digest.sources.http.validators import HttpValidators, ValidatorsByKey

MAX_REDIRECTS = 3
DEFAULT_PAUSE = timedelta(minutes=10)  # arXiv sends 429 without Retry-After and wants at least this long
MAX_PAUSE = timedelta(days=1)
_RATE_LIMIT_RESET = re.compile(r"\bt=(\d{1,6})\b")  # RateLimit: "api";r=0;t=57
_NEXT_LINK = re.compile(r"""<([^<>]+)>\s*;[^,<]*\brel\s*=\s*"?next\b""", re.IGNORECASE)
_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT_REDIRECTS = {301, 308}
_RETRY_STATUSES = {500, 502, 503, 504}


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeouts and retries of one request, in seconds.

    `read_timeout` bounds the silence while an answer arrives, `total_timeout` the whole answer, `max_retry_after` the
    pause a host may ask for within a run, `budget` the time after which nothing is tried again.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_timeout: float = 60.0
    max_attempts: int = 3
    max_retry_after: float = 10.0
    budget: float = 20.0


@dataclass(frozen=True, slots=True)
class SourceResponse:
    """Response of a source: any 2xx, a 304, or a 4xx that the source may interpret. `location` is host and path.

    `url` is where it was found in the end; `moved_to` is that address where all redirects to it are for good.
    """

    status: int
    location: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    validators: HttpValidators
    url: str
    moved_to: str = ""

    @property
    def not_modified(self) -> bool:
        """True for a 304, which has no body."""
        return self.status == HTTPStatus.NOT_MODIFIED

    def require_ok(self) -> None:
        """Raise MalformedAnswerError unless the status is 200."""
        if self.status != HTTPStatus.OK:
            raise MalformedAnswerError(messages.unexpected_status(self.location, self.status, self.beginning))

    def next_link(self) -> str:
        """Return the target of the Link header with rel="next" (RFC 8288); empty on the last page."""
        match = _NEXT_LINK.search(self.headers.get("link", ""))
        if not match:
            return ""
        url: str = urljoin(self.url, match[1])
        if not is_redirect_allowed(self.url, url):
            raise MalformedAnswerError(messages.next_page_elsewhere(self.location))
        return url

    def json(self) -> Any:
        """Parse the body. Raises MalformedAnswerError when it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswerError(messages.no_json(self.location, self.beginning)) from error

    @property
    def beginning(self) -> str:
        """Beginning of the body for an error message: of a page, of an error text, or nothing."""
        return " ".join(self.body[:200].decode("utf-8", "replace").split())[:60]


class SourceClient:
    """HTTP client for one run, used as `async with SourceClient() as client: await client.get(url)`.

    `cached_validators` maps the cache key of an earlier response (its URL unless `get` is told otherwise) to its
    validators. `contact` is what the operator tells the hosts. `resolve` finds the addresses of a host that a redirect
    names. It, `sleep`, `clock` and `transport` are arguments so that tests need neither wait nor a network.
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
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Callable[[str], Awaitable[Sequence[str]]] = resolve_host,
    ) -> None:
        about = "; ".join(part for part in (f"+{base_url}" if base_url else "", contact) if part)
        agent = f"digest/{__version__}" + (f" ({about})" if about else "")
        self.contact = contact
        self._headers = {"User-Agent": agent.encode("ascii", "replace").decode(), "Accept-Encoding": "gzip"}
        self._cached_validators: ValidatorsByKey = cached_validators or {}
        self._retry_policy = retry_policy
        self._sleep = sleep
        self._clock = clock
        self._throttle = throttle
        self._transport = transport
        self._resolve = resolve
        self._http: httpx.AsyncClient | None = None
        self._failing: set[str] = set()  # hosts and first path segments that failed in this run: no more retries

    def keep_gaps(self, gaps: Mapping[str, float]) -> None:
        """Leave at least so many seconds between two requests to a host."""
        self._throttle.keep_gaps(gaps)

    def cached_etag(self, cache_key: str) -> str | None:
        """Return the validator that was stored under a key: for hosts that have none, their sources make one."""
        cached = self._cached_validators.get(cache_key)
        return cached.etag if cached else None

    async def __aenter__(self) -> Self:
        policy = self._retry_policy
        self._http = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout),
            mounts={f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")},  # never through a proxy
            follow_redirects=False,
            transport=self._transport,
            verify=_ssl_context(),
        )
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http:
            await self._http.aclose()
            self._http = None

    async def get(
        self, url: str, *, cache_key: str | None = None, accept: str = "*/*", follows_hosts: bool = False
    ) -> SourceResponse:
        """Return the response of `url`, retrying what may pass. `follows_hosts`: redirects to other public hosts, too.

        Raises SourceUnavailableError, SourceThrottledError or MalformedAnswerError.
        """
        policy, loop = self._retry_policy, asyncio.get_running_loop()
        parts = urlsplit(url)
        prefix = "/".join([parts.netloc, *parts.path.split("/")[1:2]])  # a host may serve its API while its pages fail
        max_attempts = 1 if prefix in self._failing else policy.max_attempts
        spent = 0.0
        for attempt in range(1, max_attempts + 1):
            self._throttle.raise_if_paused(url, self._clock())
            started_at = loop.time()
            try:
                return await self._follow_redirects(url, cache_key or url, accept, follows_hosts=follows_hosts)
            except _AttemptError as error:
                spent += loop.time() - started_at
                delay = error.retry_after if error.retry_after is not None else float(2 ** (attempt - 1))
                if not error.retry or attempt == max_attempts or spent + delay > policy.budget:
                    self._failing.add(prefix)
                    if error.pause_until is None:
                        raise SourceUnavailableError(str(error)) from error
                    self._throttle.pause(url, error.pause_until)
                    raise SourceThrottledError(
                        messages.host_wants_pause(str(error), error.pause_until), until=error.pause_until
                    ) from error
                await self._sleep(delay)
                spent += delay
        raise AssertionError("the last attempt returns or raises")

    async def _follow_redirects(self, url: str, cache_key: str, accept: str, *, follows_hosts: bool) -> SourceResponse:
        first_url, is_permanent = url, True
        addresses: dict[str, str] = {}  # of the hosts that redirects named: asked are those that were found public
        for _ in range(MAX_REDIRECTS + 1):
            async with self._throttle.acquire(url, self._sleep):
                response = await self._request(url, cache_key, accept, addresses.get(urlsplit(url).hostname or ""))
            if response.status not in _REDIRECTS:
                return replace(response, moved_to=url if is_permanent and url != first_url else "")
            target = urljoin(url, response.headers.get("location", ""))
            is_permanent = is_permanent and response.status in _PERMANENT_REDIRECTS
            if not is_redirect_allowed(url, target):
                host = urlsplit(target).hostname or ""
                if not follows_hosts or not is_web_address(target):
                    raise MalformedAnswerError(messages.redirect_not_followed(response.location, host))
                addresses[host] = await find_public_address(host, response.location, self._resolve)
            url = target
        raise MalformedAnswerError(messages.too_many_redirects(describe_url(first_url), MAX_REDIRECTS))

    async def _request(self, url: str, cache_key: str, accept: str, address: str | None) -> SourceResponse:
        assert self._http is not None, "the client is used within `async with`"  # noqa: S101
        request_headers = {"Accept": accept}
        extensions: dict[str, str] = {}
        requested = httpx.URL(url)
        if address:  # of the host, which is not looked up again: it might be another one by now
            request_headers["Host"] = requested.netloc.decode("ascii")
            extensions["sni_hostname"] = requested.host
            requested = requested.copy_with(host=address)
        if cached := self._cached_validators.get(cache_key):
            if cached.etag:
                request_headers["If-None-Match"] = cached.etag
            if cached.last_modified:
                request_headers["If-Modified-Since"] = cached.last_modified
        location = describe_url(url)
        try:
            async with (
                asyncio.timeout(self._retry_policy.total_timeout),
                self._http.stream("GET", requested, headers=request_headers, extensions=extensions) as response,
            ):
                self._raise_for_status(response, location)
                body = await read_body(response, location)
        except (httpx.ReadTimeout, httpx.WriteTimeout, TimeoutError) as error:
            raise _AttemptError(messages.response_timeout(location), retry=False) from error
        except httpx.ConnectTimeout as error:
            raise _AttemptError(messages.no_connection_in_time(location)) from error
        except httpx.TransportError as error:
            raise _AttemptError(messages.unreachable(location, str(error) or type(error).__name__)) from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise MalformedAnswerError(f"{location}: {str(error) or type(error).__name__}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        validators = HttpValidators(cache_key, headers.get("etag"), headers.get("last-modified"))
        return SourceResponse(response.status_code, location, headers, body, validators, url)

    def _raise_for_status(self, response: httpx.Response, location: str) -> None:
        """Raise _AttemptError for a response that means "not now"."""
        status, now = response.status_code, self._clock()
        is_rate_limited = status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers
        )
        if is_rate_limited:
            retry_after = parse_retry_after(response.headers, now)
            pause = DEFAULT_PAUSE if retry_after is None else min(timedelta(seconds=retry_after), MAX_PAUSE)
            raise _AttemptError(
                messages.fewer_requests(location, status),
                retry=retry_after is not None and retry_after <= self._retry_policy.max_retry_after,
                retry_after=retry_after,
                pause_until=now + pause,
            )
        if status in _RETRY_STATUSES:
            raise _AttemptError(messages.status_only(location, status))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT}:
            raise _AttemptError(messages.status_only(location, status), retry=False)


class _AttemptError(Exception):
    """Failed attempt: whether to retry, after how many seconds, and until when the host wants no requests."""

    def __init__(
        self,
        message: str,
        *,
        retry: bool = True,
        retry_after: float | None = None,
        pause_until: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.retry_after = retry_after
        self.pause_until = pause_until


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the context of all clients: to read the certificates of all authorities takes 20 milliseconds."""
    return httpx.create_ssl_context()


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds the host asks to wait; None when it does not say.

    Read from Retry-After (RFC 9110, 10.2.3: a number or a date), else from the `t` of RateLimit.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) <= 9:  # noqa: PLR2004
        return float(value)
    try:
        retry_at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        reset = _RATE_LIMIT_RESET.search(headers.get("ratelimit", ""))
        return float(reset[1]) if reset else None
    retry_at = retry_at.replace(tzinfo=UTC) if retry_at.tzinfo is None else retry_at
    return max(0.0, (retry_at - now).total_seconds())


def describe_url(url: str) -> str:
    """Return host, port and path of a URL, without credentials and query."""
    parts = urlsplit(url)
    return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
