"""Pages behind a real server and a real socket."""

import http.client
import io
import logging
import threading
import urllib.request
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine
from sqlmodel import select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.subscribers import Preferences, parse_keywords, subscribe
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.browser import TEST_TIME
from tests.support.web_server import run_web_server, send_request


@pytest.fixture
def ctx(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    chosen = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/digest.db", base_url="http://127.0.0.1")
    return AppContext(chosen, sqlite_store, TokenSigner(["a key for tests"]))


def test_a_subscriber_subscribes_confirms_and_unsubscribes(ctx: AppContext) -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.getLogger().addHandler(handler)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
    try:
        with run_web_server(ctx) as port:
            subscribe_and_unsubscribe(ctx, port)
    finally:
        structlog.reset_defaults()
        logging.getLogger().removeHandler(handler)
    with read_session(ctx.engine) as session:
        nonce = session.exec(select(Subscriber)).one().nonce
    for secret in (nonce, "ada", "graphs"):
        assert secret not in output.getvalue()


def subscribe_and_unsubscribe(ctx: AppContext, port: int) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    response, _ = send_request(port, "POST", "/subscribe", body="email=ada%40example.org&keywords=graphs", headers=form)
    assert (response.status, response.headers["Location"]) == (303, "/sent")
    with read_session(ctx.engine) as session:
        nonce = session.exec(select(Subscriber)).one().nonce
    links = {purpose: f"/{purpose}/{ctx.token_signer.sign(purpose, nonce, TEST_TIME)}" for purpose in TokenPurpose}
    for method in ("HEAD", "GET"):
        response, body = send_request(port, method, links[TokenPurpose.CONFIRM])
        assert response.status == 200
        assert bool(body) == (method == "GET")
        assert int(response.headers["Content-Length"]) > 500
    assert send_request(port, "POST", links[TokenPurpose.CONFIRM])[0].status == 200
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{links[TokenPurpose.UNSUBSCRIBE]}", data=b"List-Unsubscribe=One-Click"
    )
    with urllib.request.urlopen(request) as answered:
        assert (answered.status, answered.read()) == (200, b"You are unsubscribed.\n")
    with read_session(ctx.engine) as session:
        assert session.exec(select(Subscriber)).one().status == SubscriberStatus.UNSUBSCRIBED


def test_an_endless_body_is_refused_while_it_is_received(ctx: AppContext) -> None:
    with run_web_server(ctx) as port:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        line.putrequest("POST", "/subscribe")
        line.putheader("Transfer-Encoding", "chunked")
        line.putheader("Content-Type", "application/x-www-form-urlencoded")
        line.endheaders()
        piece = b"x" * 8192
        for _ in range(9):  # 72 KiB, and no last chunk
            line.send(b"2000\r\n" + piece + b"\r\n")
        assert line.getresponse().status == 413
        line.close()
        assert send_request(port, "GET", "/")[0].status == 200


def test_many_subscribe_at_once(ctx: AppContext) -> None:
    saved, _ = parse_keywords(["graphs"])
    with run_web_server(ctx) as port:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        statuses: list[int] = []

        def post_form(number: int) -> None:
            body = f"email=reader{number}%40example.org&keywords=graphs"
            statuses.append(send_request(port, "POST", "/subscribe", body=body, headers=form)[0].status)

        threads = [threading.Thread(target=post_form, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        subscribe(ctx, "operator@example.org", Preferences(), saved, TEST_TIME)
        for thread in threads:
            thread.join()
        assert statuses == [303] * 20
        assert (
            send_request(port, "POST", "/subscribe", body="email=one.more%40example.org", headers=form)[0].status == 429
        )
    with read_session(ctx.engine) as session:
        assert len(session.exec(select(Subscriber)).all()) == 21
