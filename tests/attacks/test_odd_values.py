"""Odd values in every parameter, query and field of every route: an answer in words, never a fault of ours."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from digest.context import TOKEN_PATHS
from digest.tokens import TokenPurpose, delivery_subject
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.attacks.conftest import Target
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA, make_settings

OPERATOR_TOKEN = "x" * 20
NUMBERS = ("0", "-1", "9223372036854775808", "9" * 400, "١٢", "１", "1²", "٣.bib", "1e5", " 1", "1.0", "+1", "1_0")  # noqa: RUF001
DAYS = ("9999-12-31", "0001-01-01", "2026-02-30", "２０２６-０７-３１", "2026-W50-1")  # noqa: RUF001
TEXTS = ("", "\x00", "a\x00b", "\ud800", "\U0001f600", "..", "%", "%00", "null", "ﹸ", "\u202e", "1.٣", "nan", "x" * 300)
ODD = tuple(value for group in zip(cycle(NUMBERS), cycle(DAYS), TEXTS, strict=False) for value in group)
QUERIES = ("removed", "keywords", "page", "q", "view", "at", "saved", "domain", "queued", "day")
FIELDS = (
    *(
        "keywords",
        "frequency",
        "hour",
        "timezone",
        "cap",
        "trending",
        "summaries",
        "email",
        "sure",
        "mended",
        "website",
    ),
    *("add", "narrow", "pause", "answer", "List-Unsubscribe", "undo", "before", "author", "q", "back", "token"),
    *("mark", "unmark"),
    *("references", "remove", "word", "weight", "strike", "restore", "new_words", "close_papers", "close_papers_shown"),
)
SAMPLES = {"kind": "bib", "day": "2026-07-31"}
LIMITS = FormLimits(**{field.name: 10**6 for field in fields(FormLimits)})
SAME_SITE = {"Origin": "http://digest.test", "Sec-Fetch-Site": "same-origin"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LEFT_OUT = ("/operator/live", "/operator/logout")  # a stream without an end; the end of the session


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield path and methods of each route, also of included routers and mounted applications."""
    for route in app.routes:
        if hasattr(route, "effective_route_contexts"):
            yield from (
                (prefix + candidate.path, candidate.methods or set()) for candidate in route.effective_route_contexts()
            )
        elif hasattr(route, "methods"):
            yield prefix + route.path, route.methods or set()
        elif getattr(route, "routes", None):
            yield from routes(route, prefix + route.path)


def encode(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def fill_path(target: Target, path: str, name: str = "", value: str = "") -> str:
    """Return a path with a valid value for every parameter but one."""
    purposes = {prefix: purpose for purpose, prefix in TOKEN_PATHS.items()}

    def fill(match: re.Match[str]) -> str:
        if match[1] == name:
            return encode(value)
        if match[1] != "token":
            return SAMPLES.get(match[1], "1")
        purpose = purposes[f"/{path.split('/')[1]}/"]
        if purpose is TokenPurpose.VIEW:
            digest = target.record.deliveries(ADA)[-1]
            subject = delivery_subject(int(digest.id or 0), digest.message_id)
            return target.ctx.token_signer.sign(purpose, subject, TEST_TIME)
        return target.token(purpose)

    return re.sub(r"\{(\w+)(?::\w+)?\}", fill, path)


def requests(
    target: Target, app: FastAPI, values: Sequence[str], per_place: int, every: int
) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and body; of all odd values each place gets as many, in turn.

    A path has them in all its parameters, and in every so many queries and fields; the next path in others.
    """
    turns, starts = cycle(values), cycle(range(every))
    found = [(path, methods) for path, methods in routes(app) if path not in LEFT_OUT and "/static" not in path]
    assert len(found) > 50
    for path, methods in found:
        start = next(starts)
        for name in re.findall(r"\{(\w+)", path):
            for value in islice(turns, per_place):
                for method in methods & {"GET", "POST"}:
                    yield method, fill_path(target, path, name, value), "answer=maybe"
        for name in QUERIES[start::every] if "GET" in methods else ():
            for value in islice(turns, per_place):
                yield "GET", f"{fill_path(target, path)}?{name}={encode(value)}", ""
        # Nothing that ends the subscription: the pages after it would be those of a former subscriber.
        if "POST" in methods and not path.startswith(("/unsubscribe", "/return")) and not path.endswith("/erase"):
            for name in FIELDS[start::every]:
                for value in islice(turns, per_place):
                    form = {"keywords": "robot", "email": "a@example.net", "answer": "yes", name: value}
                    yield "POST", fill_path(target, path), "&".join(f"{k}={encode(v)}" for k, v in form.items())


@pytest.mark.parametrize(("per_place", "every"), [(1, 3), pytest.param(len(ODD), 1, marks=pytest.mark.long)])
def test_no_odd_value_is_a_fault_of_ours(target: Target, per_place: int, every: int) -> None:
    settings = make_settings(target.ctx.engine, base_url="http://digest.test", operator_token=OPERATOR_TOKEN)
    ctx = type(target.ctx)(settings, target.ctx.engine, target.ctx.token_signer)
    app = create_app(ctx, clock=lambda: TEST_TIME, limits=LIMITS, min_answer_seconds=0)

    async def attack() -> tuple[list[str], int]:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 4711), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://digest.test", headers=SAME_SITE) as client:
            assert (await client.post("/operator/login", data={"token": OPERATOR_TOKEN})).status_code == 303
            faults, count = [], 0
            for method, path, body in requests(target, app, ODD, per_place, every):
                response = await client.request(method, path, content=body, headers=FORM if body else {})
                count += 1
                if response.status_code >= 500:
                    faults.append(f"{response.status_code} {method} {path} {body}")
            return faults, count

    faults, count = asyncio.run(attack())
    assert faults == []
    assert count > 400
