"""make mutants: plant small faults in what must not fail, and see whether the tests notice.

python -m tests.mutants --number 300 --seed 7 --package delivery

First the tests of each package run once, to learn which function each of them calls. Then each fault of a sample is
planted in a process of its own, and the tests that call its function run, the quickest first, until one fails: those on
PostgreSQL come last, for what SQLite does without. Exits with 1 when fewer than 85 % were noticed.
"""

import argparse
import importlib
import json
import pkgutil
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import digest
from tests.mutants.calls import CallMap, load_call_map, record_calls
from tests.mutants.mutations import Mutant, list_mutants
from tests.mutants.trial import OPTIONS, ROOT, Outcome, fork, import_tests, try_mutant

GOAL = 0.85
LONGEST_BASELINE = 3600  # seconds of processor time
MOST_SECONDS = {"sqlite": 30, "postgresql": 8}  # of tests on each store for one fault


class Target(NamedTuple):
    """Modules that get faults, and the tests that are to notice them."""

    modules: Sequence[str]
    tests: Sequence[str]


TARGETS = {
    "delivery": Target(["digest/delivery"], ["tests/unit/delivery", "tests/integration/delivery"]),
    "planning": Target(["digest/planning"], ["tests/unit/planning", "tests/integration/planning"]),
    "tokens": Target(["digest/tokens.py"], ["tests/unit/tokens"]),
    "bounces": Target(
        ["digest/bounces"],
        ["tests/unit/bounces", "tests/integration/bounces", "tests/integration/web/test_webhooks.py"],
    ),
    "rate limits": Target(
        ["digest/web/rate_limit.py"],
        [
            *("tests/unit/web", "tests/integration/web/test_rate_limit.py"),
            "tests/integration/web/test_rate_limit_storage.py",
        ],
    ),
    "ingest": Target(
        ["digest/papers/ingest.py", "digest/papers/fetches/log.py"], ["tests/unit/papers", "tests/integration/papers"]
    ),
}


def main() -> int:
    wanted = create_parser().parse_args()
    names = wanted.package or list(TARGETS)
    seed = wanted.seed if wanted.seed is not None else random.randrange(1_000_000)
    mutants = [(name, mutant) for name in names for mutant in mutants_of(TARGETS[name])]
    sample = random.Random(seed).sample(mutants, min(wanted.number, len(mutants)))
    sample.sort(key=lambda pair: names.index(pair[0]))
    write_line(f"{len(sample):,} of {len(mutants):,} faults, seed {seed}")
    for module in pkgutil.walk_packages(digest.__path__, "digest."):
        if "migrations" not in module.name and "__main__" not in module.name:
            importlib.import_module(module.name)  # once, not in every trial
    wanted.keep.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, Counter[Outcome]] = defaultdict(Counter)
    deadline = time.monotonic() + 60 * wanted.minutes if wanted.minutes else None
    maps: dict[str, CallMap] = {}
    with (wanted.keep / f"{seed}.jsonl").open("w") as log_file:
        for name, mutant in sample:
            if deadline and time.monotonic() > deadline:
                write_line(f"{wanted.minutes:g} minutes are over")
                break
            if name not in maps:
                maps[name] = call_map_of(name, wanted.keep, reuse=wanted.reuse)
                import_tests(TARGETS[name].tests)
            outcome = try_mutant(mutant, *choose_tests(maps[name], mutant))
            outcomes[name][outcome] += 1
            log_file.write(json.dumps({"outcome": outcome, **asdict(mutant)}) + "\n")
            log_file.flush()
            if outcome in {Outcome.SURVIVED, Outcome.NOT_CALLED}:
                write_line(f"  {outcome}: {mutant}")
    return print_results(outcomes)


def mutants_of(target: Target) -> list[Mutant]:
    """Return all faults of the modules of a target."""
    files = [file for module in target.modules for file in (sorted((ROOT / module).rglob("*.py")) or [ROOT / module])]
    return [
        mutant
        for file in files
        for mutant in list_mutants(file.read_text(encoding="utf-8"), str(file.relative_to(ROOT)))
    ]


def call_map_of(name: str, folder: Path, *, reuse: bool) -> CallMap:
    """Run the tests of a target once, in a process of its own, and return which functions they call."""
    file = folder / f"{name.replace(' ', '-')}.json"
    if reuse and file.is_file():
        return load_call_map(file)
    write_line(f"{name}: running its tests without a fault")
    tests = [test for test in TARGETS[name].tests if (ROOT / test).exists()]
    status = fork(partial(record_calls, tests, OPTIONS, file), LONGEST_BASELINE)
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise SystemExit(f"{name}: its tests cannot run (pytest ended with {status})")
    found = load_call_map(file)
    write_line(f"{name}: {len(found.seconds):,} tests, {sum(found.seconds.values()):.0f} s")
    for test in found.failed:
        write_line(f"  left out, because it fails without any fault: {test}")
    return found


def choose_tests(calls: CallMap, mutant: Mutant) -> tuple[list[str], float]:
    """Choose the tests that call the function of a fault, so many seconds of them on each store, and their seconds."""
    chosen: list[str] = []
    totals = dict.fromkeys(MOST_SECONDS, 0.0)
    for test in calls.tests_of(mutant.path, mutant.first_line, mutant.last_line):
        store = "postgresql" if "postgresql" in test else "sqlite"
        totals[store] += calls.seconds[test]
        if totals[store] <= MOST_SECONDS[store] or totals[store] == calls.seconds[test]:
            chosen.append(test)
    return chosen, sum(calls.seconds[test] for test in chosen)


def print_results(outcomes: dict[str, Counter[Outcome]]) -> int:
    """Print what became of the faults of each package; return the exit status."""
    total: Counter[Outcome] = sum(outcomes.values(), Counter())
    for name, counts in [*outcomes.items(), ("all", total)]:
        noticed = counts[Outcome.KILLED] + counts[Outcome.TIMEOUT]
        rest = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        write_line(f"{name:<12}{noticed:>4} of {counts.total():>4} noticed, {noticed / counts.total():>4.0%}  ({rest})")
    noticed = total[Outcome.KILLED] + total[Outcome.TIMEOUT]
    return 0 if noticed >= GOAL * total.total() else 1


def write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def create_parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description="Plant small faults and see whether the tests notice.")
    arguments.add_argument("--number", type=int, default=300, help="of faults")
    arguments.add_argument("--seed", type=int, help="of the sample")
    arguments.add_argument("--package", action="append", choices=list(TARGETS), help="only this one; may be repeated")
    arguments.add_argument("--minutes", type=float, default=0, help="try none after so many; 0 is no limit")
    arguments.add_argument("--reuse", action="store_true", help="do not ask again which functions the tests call")
    arguments.add_argument("--keep", type=Path, default=Path("var/mutants"))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
