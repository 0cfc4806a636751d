"""Which tests of `make mutants` run for a fault, and in which order."""

from pathlib import Path

from tests.mutants.__main__ import MOST_SECONDS, choose_tests
from tests.mutants.calls import CallMap, load_call_map
from tests.mutants.mutations import Mutant

FAULT = Mutant("digest/shop.py", 0, 12, "Shop.price", 10, 20, "1", "2")
SECONDS = {"a[sqlite]": 3.0, "b": 1.0, "c": 0.5, "d[postgresql]": 0.1, "e": 0.2, "slow": 99.0, "g[postgresql]": 99.0}


def call_map(*failed: str) -> CallMap:
    callers = {10: ["a[sqlite]", "b", "d[postgresql]"], 15: ["b", "c"], 21: ["e"]}
    return CallMap(SECONDS, {"digest/shop.py": callers}, [*failed])


def test_the_quickest_come_first_and_those_of_a_server_last() -> None:
    assert call_map().tests_of("digest/shop.py", 10, 20) == ["c", "b", "a[sqlite]", "d[postgresql]"]
    assert call_map().tests_of("digest/shop.py", 30, 40) == []
    assert choose_tests(call_map(), FAULT) == (["c", "b", "a[sqlite]", "d[postgresql]"], 4.6)


def test_a_test_that_fails_without_a_fault_is_left_out(tmp_path: Path) -> None:
    call_map("b").dump(tmp_path / "map.json")
    assert load_call_map(tmp_path / "map.json").tests_of("digest/shop.py", 10, 20) == [
        "c",
        "a[sqlite]",
        "d[postgresql]",
    ]


def test_each_store_has_its_own_seconds_and_a_test_at_least() -> None:
    callers = {10: ["a[sqlite]", "slow", "g[postgresql]"]}
    calls = CallMap(SECONDS, {"digest/shop.py": callers})
    assert choose_tests(calls, FAULT)[0] == ["a[sqlite]", "g[postgresql]"]
    assert all(seconds < 99 for seconds in MOST_SECONDS.values())
