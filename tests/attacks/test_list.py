"""The list of attacks names tests that there are, and every test of an attack is on it."""

import re
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| `([\w/.]+)::(test_\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((HERE / "README.md").read_text())


def test_every_row_names_a_test_that_there_is() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 30
    assert len({name for *_, name in ROWS}) == len(ROWS)
    for *_, file, name in ROWS:
        assert f"\ndef {name}(" in (HERE.parent / file).read_text(), name


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in (HERE / "README.md").read_text().splitlines() if line.startswith("| ")]
    assert len(lines) == len(ROWS) + 1


def test_every_test_of_an_attack_is_on_the_list() -> None:
    listed = {name for *_, name in ROWS}
    beside = {
        "test_a_line_on_which_nothing_comes_is_ended",
        "test_one_slow_client_holds_up_no_other",
        "test_more_headers_than_anybody_needs_are_refused",
        "test_of_a_stranger_no_link_can_be_made_from_a_known_address",
    }
    for path in HERE.glob("test_[!l]*.py"):
        assert set(re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)) <= listed | beside
    for name in ("test_links.py", "test_lines.py"):
        assert set(re.findall(r"^def (test_\w+)\(", (HERE / name).read_text(), re.MULTILINE)) <= listed | beside
