"""make pictures: the pictures of README.md, taken from the running product.

The sample days of `digest demo` are played one by one: subscribers get their digests, and what one of them got on the
last day is the picture of the e-mail. Then the pages are served as of that evening. So the pictures show what the code
of today sends and serves. They are small: a page loads quickly, and the repository stays small.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import structlog
from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from digest.cli.demo.scenario import collection_time, last_weekday_clock, load_demo_settings
from digest.cli.demo.server import SampleServer
from digest.config import ENV_PREFIX
from digest.context import AppContext, create_context
from digest.jobs import pipeline
from digest.mail import list_messages
from digest.subscribers import Preferences, add_subscriber, parse_keywords_or_raise
from digest.web.admin.login import SESSION_COOKIE
from tests.checks.pages_operator import TOKEN, login_cookie
from tests.checks.requirements import install_debian_packages, missing_packages, print_line
from tests.support.chromium import launch_chromium
from tests.support.ports import free_port
from tests.support.web_server import run_web_server

ROOT = Path(__file__).parents[2]
COMMANDS = {"chromium": "chromium", "pngquant": "pngquant"}  # with Debian's packages
MAX_BYTES = 150_000  # of one picture
SCALES = (2, 1.5, 1)  # pixels per CSS pixel, the first that is small enough
SETTLE_MILLISECONDS = 2500  # for the preview, which waits until the typing pauses
KEYWORDS = "diffusion model\nretrieval-augmented generation\nprotein"
EMAIL_KEYWORDS = (
    "retrieval-augmented generation", "large language model", "diffusion model", "reinforcement learning", "protein"
)  # fmt: skip
SHOWN_SUBSCRIBER = "ada@example.org"
OTHERS = 40  # subscribers beside that one, each to one of these keywords
FIRST_DIGEST_DAY = -3  # of the sample days: the first digest is a welcome, the last one is like any other
RELAY = "smtp.example.org"  # of the served pages, so that they have no link to the local mailbox


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: a page at a size. `page`: a path of the service, or empty for the digest."""

    name: str
    page: str
    width: int
    height: int
    dark: bool = False


FRONT_PAGE = f"/?{urlencode({'keywords': KEYWORDS})}"
PICTURES = (
    Picture("email-light", "", 700, 860),
    Picture("email-dark", "", 700, 860, dark=True),
    Picture("email-phone", "", 390, 844),
    Picture("front-light", FRONT_PAGE, 1280, 800),
    Picture("front-dark", FRONT_PAGE, 1280, 800, dark=True),
    Picture("operator-light", "/operator", 1280, 800),
    Picture("operator-dark", "/operator", 1280, 800, dark=True),
)


def main(folder: Path) -> int:
    """Take all pictures into `folder`; return 0 when each is there and small enough."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    install_debian_packages(missing_packages(COMMANDS))
    folder.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        del os.environ[name]  # no settings of one's own in the pictures
    with tempfile.TemporaryDirectory(prefix="pictures-") as home, contextlib.chdir(home):
        with SampleServer(last_weekday_clock(datetime.now(UTC))()) as server:
            ctx = create_context(load_demo_settings(server.url))
            digest = Path(home, "digest.html")
            digest.write_text(asyncio.run(send_digests(ctx, server)), encoding="utf-8")
        with running_service(ctx, server) as base, launch_chromium() as browser:
            failures = [picture.name for picture in PICTURES if not take(browser, picture, base, digest, folder)]
        ctx.engine.dispose()
    for name in failures:
        print_line(f"{name}.png is larger than {MAX_BYTES:,} bytes at every scale; make it lower in {__file__}")
    return int(bool(failures))


async def send_digests(ctx: AppContext, server: SampleServer) -> str:
    """Play the sample days, and return the HTML of the digest that that subscriber got on the last one."""
    subscribers: dict[str, Sequence[str]] = {SHOWN_SUBSCRIBER: EMAIL_KEYWORDS}
    subscribers |= {f"subscriber-{n}@example.org": (EMAIL_KEYWORDS[n % len(EMAIL_KEYWORDS)],) for n in range(OTHERS)}
    for position, day in enumerate(server.days, -len(server.days)):
        server.set_day(day)
        now = collection_time(day)
        await pipeline.collect(ctx, now, days=[day])  # of earlier days there are no samples, which would be an alert
        if position == FIRST_DIGEST_DAY:
            for email, keywords in subscribers.items():
                preferences = Preferences(send_hour=ctx.settings.send_hour)
                add_subscriber(ctx, email, preferences, parse_keywords_or_raise(keywords), now, confirmed=True)
        await pipeline.plan(ctx, now)
        await pipeline.deliver(ctx, lambda at=now: at)  # type: ignore[misc]
    *_, message = [message for message in list_messages(ctx.mailbox_directory) if message.recipient == SHOWN_SUBSCRIBER]
    return message.part("html")


@contextlib.contextmanager
def running_service(ctx: AppContext, server: SampleServer) -> Iterator[str]:
    """Serve the pages as of the last evening, with a relay and an operator, and return the address."""
    port, now = free_port(), collection_time(server.days[-1]) + timedelta(minutes=30)
    changes = {
        "operator_token": SecretStr(TOKEN),
        "smtp_host": RELAY,
        "send_hour": 8,
        "base_url": f"http://127.0.0.1:{port}",
    }
    served = replace(ctx, settings=ctx.settings.model_copy(update=changes))
    with run_web_server(served, clock=lambda: now, port=port):
        yield served.settings.base_url


def take(browser: Browser, picture: Picture, base: str, digest: Path, folder: Path) -> bool:
    """Take one picture at the largest scale at which it is small enough; return whether there is one."""
    path = folder / f"{picture.name}.png"
    for scale in SCALES:
        page = browser.new_page(
            viewport={"width": picture.width, "height": picture.height},
            device_scale_factor=scale,
            color_scheme="dark" if picture.dark else "light",
            bypass_csp=True,  # for the style of `tidy`
        )
        page.context.add_cookies([{"name": SESSION_COOKIE, "value": login_cookie(base), "url": f"{base}/operator"}])
        page.goto(base + picture.page if picture.page else digest.as_uri())
        tidy(page)
        page.screenshot(path=str(path), animations="disabled")
        page.close()
        subprocess.run(["pngquant", "--force", "--output", path, "--speed", "1", "--strip", "64", path], check=True)
        if path.stat().st_size <= MAX_BYTES:
            print_line(f"{path}: {path.stat().st_size:,} bytes at scale {scale}")
            return True
    return False


def tidy(page: Page) -> None:
    """Wait until the page is complete, without the ring around the focus."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.add_style_tag(content=":focus { outline: none !important }")
    page.evaluate("window.scrollTo(0, 0)")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "docs"))
