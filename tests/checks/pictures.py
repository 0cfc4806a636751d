"""make pictures: the pictures of README.md, taken from the running product.

`digest demo` fills a store with the sample days that come with it, `digest serve` serves it, and Chromium looks at the
e-mail and at the pages. So the pictures show what the code of today makes. They are small: a page loads quickly, and
the repository stays small.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page

from digest.cli.demo_store import DEMO_DATABASE
from tests.checks.requirements import install_debian_packages, missing_packages, print_line
from tests.support.chromium import launch_chromium
from tests.support.ports import free_port, listening

ROOT = Path(__file__).parents[2]
COMMANDS = {"chromium": "chromium", "pngquant": "pngquant"}  # with Debian's packages
MAX_BYTES = 150_000  # of one picture
SCALES = (2, 1.5, 1)  # pixels per CSS pixel, the first that is small enough
SETTLE_MILLISECONDS = 2500  # for the preview, which waits until the typing pauses
UNREACHABLE = "http://127.0.0.1:9"  # so that the demo uses its samples, the same on every machine
KEYWORDS = "diffusion model\nretrieval-augmented generation\nprotein"
EMAIL_KEYWORDS = (
    "retrieval-augmented generation", "large language model", "diffusion model", "reinforcement learning", "protein"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: a page at a size. `page`: a path of the service, or empty for the digest."""

    name: str
    page: str
    width: int
    height: int
    dark: bool = False


PICTURES = (
    Picture("email-light", "", 700, 860),
    Picture("email-dark", "", 700, 860, dark=True),
    Picture("email-phone", "", 390, 844),
    Picture("front-light", f"/?{urlencode({'keywords': KEYWORDS})}", 1280, 800),
    Picture("front-dark", f"/?{urlencode({'keywords': KEYWORDS})}", 1280, 800, dark=True),
)


def main(folder: Path) -> int:
    """Take all pictures into `folder`; return 0 when each is there and small enough."""
    install_debian_packages(missing_packages(COMMANDS))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as temporary:
        home = Path(temporary)
        digest = run_demo(home)
        with running_service(home) as base, launch_chromium() as browser:
            failures = [picture.name for picture in PICTURES if not take(browser, picture, base, digest, folder)]
    for name in failures:
        print_line(f"{name}.png is larger than {MAX_BYTES:,} bytes at every scale; make it lower in {__file__}")
    return int(bool(failures))


def run_demo(home: Path) -> Path:
    """Run the demo below `home`, and return the HTML of a digest of its latest day."""
    offline = {f"DIGEST_{name}_URL": UNREACHABLE for name in ("HUGGINGFACE", "ARXIV_FEED", "ARXIV_API")}
    environment = clean_environment() | offline
    run_digest(home, environment, "demo")
    digest = home / "digest.html"
    keywords = [word for keyword in EMAIL_KEYWORDS for word in ("--keyword", keyword)]
    store = {"DIGEST_DATABASE_URL": f"sqlite:///{DEMO_DATABASE}"}
    run_digest(home, environment | store, "preview", *keywords, "--out", str(digest))
    return digest


def run_digest(home: Path, environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "digest", *arguments]
    subprocess.run(command, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def running_service(home: Path) -> Iterator[str]:
    """Serve the store of the demo, and return the address."""
    port = free_port()
    command = [sys.executable, "-m", "digest", "serve", "--no-scheduler", "--port", str(port)]
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=clean_environment(), stdout=log, stderr=log)
        try:
            listening(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def clean_environment() -> dict[str, str]:
    """Return the environment without settings, so that the store of the demo is served."""
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith("DIGEST_")}
    return own | {"PYTHONPATH": str(ROOT)}


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
    """Wait until the page is complete, without the notice of the demonstration and the ring around the focus."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.add_style_tag(content=".demo { display: none } :focus { outline: none !important }")
    page.evaluate("window.scrollTo(0, 0)")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs"))
