"""Third-party judges of pages and of the JSON API: URLs in, findings out."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from digest.web.admin.login import SESSION_COOKIE
from tests.checks.judges import Finding, run
from tests.checks.pages_site import Site
from tests.checks.requirements import HERE, MODULES

# Schemas cannot express the grammar of keywords or the names of time zones: both are refused with 422 and a reason.
EXCLUDED_CHECKS = "positive_data_acceptance"
MAX_EXAMPLES = 30  # requests for each operation of the API and phase
# Variants of pages that Lighthouse measures already, and pages that search engines should not index.
NOT_MEASURED = ("/?keywords", "/papers?", "/papers/2", "/embed")


@dataclass(frozen=True)
class PageJudge:
    """Third-party tool. `pages` and `faulty` are URLs by name; it must find the fault of each faulty one."""

    name: str
    find: Callable[[Mapping[str, str]], list[Finding]]
    pages: Mapping[str, str]
    faulty: Mapping[str, str]


def page_judges(site: Site) -> list[PageJudge]:
    all_pages = site.public | site.private
    api = "/api/v1/openapi.json"
    return [
        PageJudge("vnu", partial(vnu, cookie=site.cookie), all_pages, site.faulty_pages("vnu")),
        PageJudge("axe", partial(axe, cookie=site.cookie), all_pages, site.faulty_pages("axe")),
        PageJudge(
            "lighthouse",
            lighthouse,
            {name: url for name, url in site.public.items() if not name.startswith(NOT_MEASURED)},
            site.faulty_pages("lighthouse"),
        ),
        PageJudge(
            "schemathesis",
            partial(schemathesis, token=site.api_token),
            {"interface": site.base + api, "operator-interface": f"{site.base}/api/v1/admin/openapi.json"},
            {"broken-interface": f"{site.faulty_base}/interface/openapi.json"},
        ),
    ]


def vnu(pages: Mapping[str, str], cookie: str = "") -> list[Finding]:
    """Return the errors of the W3C's Nu Html Checker."""
    cookies = httpx.Cookies()
    cookies.set(SESSION_COOKIE, cookie, domain="127.0.0.1", path="/operator")
    names = {f"page-{number}": name for number, name in enumerate(pages)}
    with tempfile.TemporaryDirectory() as folder, httpx.Client(cookies=cookies) as client:
        for name, url in zip(names, pages.values(), strict=True):
            Path(folder, f"{name}.html").write_text(fetch_html(client, url))
        jar = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
        done = run("java", "-jar", str(jar), "--errors-only", "--exit-zero-always", "--format", "json", folder)
    messages = json.loads(done.stderr)["messages"]
    return [Finding(names[Path(message["url"]).stem], str(message["message"])) for message in messages]


def axe(pages: Mapping[str, str], cookie: str = "") -> list[Finding]:
    """Return the violations that axe-core sees in a real browser, light and dark, narrow and wide."""
    return run_page_judge("axe", pages, cookie)


def lighthouse(pages: Mapping[str, str]) -> list[Finding]:
    """Return categories of Lighthouse below 100, measured as on a phone with a slow connection."""
    return run_page_judge("lighthouse", pages)


def schemathesis(schemas: Mapping[str, str], token: str = "") -> list[Finding]:
    """Return answers that contradict the API's schema, to valid and invalid requests generated from it.

    `token`: sent with each request, and left out where the tool tries whether it can be.
    """
    findings = []
    program = str(Path(sys.executable).with_name("schemathesis"))
    for name, url in schemas.items():
        how = ["--config-file", str(HERE / "schemathesis.toml"), "run", url, "--no-color", "--warnings=off"]
        how += [f"--header=Authorization: Bearer {token}"] if token else []
        what = (
            "--checks=all",
            f"--exclude-checks={EXCLUDED_CHECKS}",
            f"--max-examples={MAX_EXAMPLES}",
            "--continue-on-failure",
        )
        done = subprocess.run([program, *how, *what], check=False, capture_output=True, text=True, errors="replace")
        if done.returncode not in {0, 1} or "Tested: " not in done.stdout:
            raise RuntimeError(f"schemathesis ended with {done.returncode}:\n{done.stdout[-2000:]}")
        cases = re.split(r"(?m)^\d+\. Test Case ID: \w+$", done.stdout)[1:]
        findings += [Finding(name, " ".join(case.split())[:600]) for case in cases or ["it failed"] * done.returncode]
    return findings


def fetch_html(client: httpx.Client, url: str) -> str:
    """Return a page, or the answer to a form. Raises RuntimeError for a redirect, as to the login page."""
    where, _, written = url.partition("#")
    own = "{0.scheme}://{0.netloc}".format(urlsplit(where))
    form = dict([written.split("=")]) if written else None
    answer = client.post(where, data=form, headers={"Origin": own}) if form else client.get(where)
    if answer.is_redirect:
        raise RuntimeError(f"{url} leads to {answer.headers['location']}")
    return answer.text


def run_page_judge(judge: str, pages: Mapping[str, str], cookie: str = "") -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pages.json")
        path.write_text(json.dumps([{"name": name, "url": url, "cookie": cookie} for name, url in pages.items()]))
        done = run("node", str(HERE / "pages.mjs"), str(MODULES), judge, str(path), shutil.which("chromium") or "")
    return [Finding(result["page"], result["text"]) for result in json.loads(done.stdout)]
