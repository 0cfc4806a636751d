"""Pytest plugin that records which functions of ours each test calls, and how long it takes."""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OURS = f"{ROOT / 'digest'}/"


@dataclass
class CallMap:
    """Tests by the functions that they call, and their seconds of processor time; those that failed are in no list."""

    seconds: dict[str, float] = field(default_factory=dict)
    callers: dict[str, dict[int, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    failed: list[str] = field(default_factory=list)

    def tests_of(self, path: str, first_line: int, last_line: int) -> list[str]:
        """Return the tests that run code which begins between two lines of a module: the quickest, SQLite's first."""
        found = {
            test
            for line, tests in self.callers.get(path, {}).items()
            if first_line <= line <= last_line
            for test in tests
            if test not in self.failed
        }
        # A server takes seconds to start: only for what SQLite does without.
        return sorted(found, key=lambda test: ("postgresql" in test, self.seconds[test]))

    def dump(self, file: Path) -> None:
        file.write_text(json.dumps({"seconds": self.seconds, "callers": self.callers, "failed": self.failed}))


def load_call_map(file: Path) -> CallMap:
    """Read a map that was dumped."""
    written = json.loads(file.read_text())
    callers = {path: {int(line): tests for line, tests in lines.items()} for path, lines in written["callers"].items()}
    return CallMap(written["seconds"], callers, written["failed"])


class CallRecorder:
    """Plugin: sees the first call of each function in each test, in all threads."""

    def __init__(self) -> None:
        self.map = CallMap()
        self._seen: set[CodeType] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._seen = set()
        begun = time.process_time()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self.map.seconds[item.nodeid] = round(time.process_time() - begun, 4)
            for code in self._seen:
                if code.co_filename.startswith(OURS):
                    path = str(Path(code.co_filename).relative_to(ROOT))
                    self.map.callers[path][code.co_firstlineno].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.map.failed.append(report.nodeid)

    def _trace(self, frame: FrameType, _event: str, _argument: Any) -> None:
        self._seen.add(frame.f_code)


def record_calls(tests: Sequence[str], options: Sequence[str], file: Path) -> int:
    """Run tests, write the map to a file and return the exit status of pytest."""
    recorder = CallRecorder()
    status = pytest.main([*options, *tests], plugins=[recorder])
    recorder.map.dump(file)
    return int(status)
