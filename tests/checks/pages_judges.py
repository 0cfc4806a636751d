"""The judges of pages and of the JSON interface: addresses in, findings out. None of them was written here."""

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

# A keyword has a grammar and a time zone a name, which no schema can say: both are refused with 422 and a reason.
EXCLUDED_CHECKS = "positive_data_acceptance"
MAX_EXAMPLES = 30  # requests for each operation of the interface and phase
# Lighthouse measures pages that search engines should know; the others look the same.
NOT_MEASURED = ("/?keywords", "/papers?", "/embed")


@dataclass(frozen=True)
class PageJudge:
    """`looks_at` and `broken` are addresses by name; in each of the broken ones it must find fault."""

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
            schemathesis,
            {"interface": site.base + api},
            {"broken-interface": f"{site.faulty_base}/interface/openapi.json"},
        ),
    ]


def vnu(pages: Mapping[str, str], cookie: str = "") -> list[Finding]:
    """The Nu Html Checker of the W3C: errors."""
    cookies = httpx.Cookies()
    cookies.set(SESSION_COOKIE, cookie, domain="127.0.0.1", path="/operator")
    names = {f"page-{number}": name for number, name in enumerate(pages)}
    with tempfile.TemporaryDirectory() as folder, httpx.Client(cookies=cookies) as client:
        for name, url in zip(names, pages.values(), strict=True):
            Path(folder, f"{name}.html").write_text(fetch_html(client, url))
        jar = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
        done = run("java", "-jar", str(jar), "--errors-only", "--exit-zero-always", "--format", "json", folder)
    found = json.loads(done.stderr)["messages"]
    return [Finding(names[Path(each["url"]).stem], str(each["message"])) for each in found]


def axe(pages: Mapping[str, str], cookie: str = "") -> list[Finding]:
    """axe-core in a real browser, light and dark, narrow and wide."""
    return run_page_judge("axe", pages, cookie)


def lighthouse(pages: Mapping[str, str]) -> list[Finding]:
    """Less than 100 in any of its four; as on a phone with a slow line."""
    return run_page_judge("lighthouse", pages)


def schemathesis(schemas: Mapping[str, str]) -> list[Finding]:
    """Requests made up from the description of an interface, good and bad; the answers held against it."""
    found = []
    program = str(Path(sys.executable).with_name("schemathesis"))
    for name, url in schemas.items():
        how = ("--config-file", str(HERE / "schemathesis.toml"), "run", url, "--no-color", "--warnings=off")
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
        found += [Finding(name, " ".join(case.split())[:600]) for case in cases or ["it failed"] * done.returncode]
    return found


def fetch_html(client: httpx.Client, url: str) -> str:
    """A page, or the answer to a form; RuntimeError when one is sent on, as who is not let in."""
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
    return [Finding(each["page"], each["says"]) for each in json.loads(done.stdout)]
