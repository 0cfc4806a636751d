"""Debian's Chromium, driven by playwright: pages as people see and use them. Where it is absent, tests skip."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHECKS = Path(__file__).parents[2] / ".venv" / "check" / "node_modules"
AXE = CHECKS / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of one's own."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("NO PAGE WAS TRIED IN A BROWSER: there is no chromium here (apt-get install chromium)")
    with sync_playwright() as drive:
        browser = drive.chromium.launch(executable_path=found, args=["--no-sandbox"])  # a container's root has none
        yield browser
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now, by its ids; needs `AXE`."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found["violations"]]
