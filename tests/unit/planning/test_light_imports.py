"""A process that only sends does without NumPy and SciPy, 25 MB that planning and previews need."""

import subprocess
import sys
from pathlib import Path

from digest.matching.phrases.index import PREFILTER_THRESHOLD

SENDER = f"""
import sys
from datetime import date
import digest.delivery, digest.jobs.scheduler, digest.jobs.worker
from digest.papers import PaperSnapshot
from digest.rendering import MatchCache

keywords = [f"word{{number}} graph" for number in range({PREFILTER_THRESHOLD} + 1)]
paper = PaperSnapshot(id=1, title="word7 graph", url="https://example.org", listed_on=date(2026, 7, 29))
cache = MatchCache()
cache.update({{1: paper}}, [([1], keywords)])
print(sorted(cache.matched_keywords(1, keywords)), sorted({{"numpy", "scipy"}} & set(sys.modules)))
"""


def test_a_sender_does_not_import_numpy_however_many_keywords_its_digests_have() -> None:
    root = Path(__file__).parents[3]
    process = subprocess.run([sys.executable, "-c", SENDER], cwd=root, check=True, capture_output=True, text=True)
    assert process.stdout == "['word7 graph'] []\n"
