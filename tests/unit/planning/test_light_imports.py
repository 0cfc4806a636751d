"""A process that only sends does without NumPy and SciPy, 25 MB that planning and previews need."""

import subprocess
import sys
from pathlib import Path

from digest.matching.phrase_index import PREFILTER_THRESHOLD

SENDER = f"""
import sys
from datetime import date
import digest.delivery, digest.jobs.scheduler, digest.jobs.worker
from digest.rendering import MatchCache, snapshot
from tests.support.factories import paper

keywords = [f"word{{number}} graph" for number in range({PREFILTER_THRESHOLD} + 1)]
cache = MatchCache()
cache.update({{1: snapshot(paper(title="word7 graph"), date(2026, 7, 29), ())}}, [([1], keywords)])
print(sorted(cache.matches(1, keywords)), sorted({{"numpy", "scipy"}} & set(sys.modules)))
"""


def test_a_sender_does_not_import_numpy_however_many_keywords_its_digests_have() -> None:
    root = Path(__file__).parents[3]
    process = subprocess.run([sys.executable, "-c", SENDER], cwd=root, check=True, capture_output=True, text=True)
    assert process.stdout == "['word7 graph'] []\n"
