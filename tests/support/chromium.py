"""Chromium of the system, driven by Playwright. Tests skip where it is absent."""

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
def launch_chromium() -> Iterator[Browser]:
    """Start a browser."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("NO PAGE WAS TRIED IN A BROWSER: there is no chromium here (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"]
        )  # root in a container cannot use it
        yield browser
        browser.close()


def axe_violations(page: Page) -> list[str]:
    """Return the accessibility violations that axe-core finds; needs `AXE`."""
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("axe.run()")
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in result["violations"]]
