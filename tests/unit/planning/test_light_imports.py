"""What a process that sends does without: numpy and scipy, 25 MB that only planning and searching need."""

import subprocess
import sys
from pathlib import Path

from digest.matching.phrase_index import MANY

SENDS = f"""
import sys
from datetime import date
import digest.scheduler, digest.sending, digest.workers.worker
from digest.letters.known import Known
from digest.writing.stock import stock
from tests.support.factories import paper

asked = [f"word{{number}} graph" for number in range({MANY} + 1)]
known = MatchCache()
known.update({{1: snapshot(paper(title="word7 graph"), date(2026, 7, 29), ())}}, [([1], asked)])
print(sorted(known.matches(1, asked)), sorted({{"numpy", "scipy"}} & set(sys.modules)))
"""


def test_a_process_that_sends_does_without_numpy_however_many_keywords_its_letters_have() -> None:
    root = Path(__file__).parents[3]
    told = subprocess.run([sys.executable, "-c", SENDS], cwd=root, check=True, capture_output=True, text=True)
    assert told.stdout == "['word7 graph'] []\n"
