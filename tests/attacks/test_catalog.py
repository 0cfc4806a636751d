"""The table of attacks names existing tests, and every test of an attack stands in it."""

import re
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| `([\w/.]+)::(test_\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))
VARIANTS = {  # of attacks that have a row of their own
    "test_a_silent_connection_is_closed",
    "test_slow_clients_do_not_hold_up_others",
    "test_an_oversize_header_is_refused",
    "test_no_link_can_be_made_from_a_known_address",
}


def test_every_row_names_an_existing_test() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 30
    assert len({name for *_, name in ROWS}) == len(ROWS)
    for *_, file, name in ROWS:
        assert f"\ndef {name}(" in (HERE.parent / file).read_text(encoding="utf-8"), name


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) == len(ROWS) + 1


def test_every_test_of_an_attack_has_a_row() -> None:
    listed = {name for *_, name in ROWS}
    for path in HERE.glob("test_*.py"):
        if path != Path(__file__):
            tests = re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert set(tests) <= listed | VARIANTS
