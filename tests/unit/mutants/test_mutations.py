"""Faults of `make mutants`: which there are, that they are planted and that they are noticed or not."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from digest import schedule
from tests.mutants.mutations import Mutant, apply_mutant, list_mutants
from tests.mutants.trial import function_of, plant

ROOT = Path(__file__).parents[3]
SOURCE = '''
LIMIT = 3

class Shop:
    @cache
    def price(self, count: int = 1, *, rebate: bool = False) -> int | None:
        """Return the price."""
        if count > LIMIT and not rebate:
            log.info("many", count=count + 1)
            (self._log.info if count > 9 else self._log.warning)("many")
            gc.freeze()
            return count * 2
        for each in [n for n in range(4) if n]:
            if each:
                continue
        self.sold.append(int(self.id or 0), int(paper_id or 0))
        self.execute(dict(zip(a, b, strict=True)))
        return select(Paper).where(Paper.id == count)

    def is_open(self) -> bool:
        self.name = secrets.token_hex(16)
        return False
'''


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in list_mutants(source, "shop.py")}


def test_each_kind_of_fault_is_found() -> None:
    assert changes(SOURCE) == {
        ("if count > LIMIT and (not rebate):", "if not (count > LIMIT and (not rebate)):"),
        ("count > LIMIT and (not rebate)", "count > LIMIT or not rebate"),
        ("count > LIMIT", "count >= LIMIT"),
        ("not rebate", "rebate"),
        ("return count * 2", "return None"),
        ("count * 2", "count // 2"),
        ("2", "3"),
        ("[n for n in range(4) if n]", "[n for n in range(4)]"),
        ("4", "5"),
        ("if each:", "if not each:"),
        ("continue", "break"),
        ("self.sold.append(int(self.id or 0), int(paper_id or 0))", "pass"),
        ("self.execute(dict(zip(a, b, strict=True)))", "pass"),
        ("return select(Paper).where(Paper.id == count)", "return None"),
        ("select(Paper).where(Paper.id == count)", "select(Paper)"),
        ("Paper.id == count", "Paper.id != count"),
        ("False", "True"),
    }


def test_a_fault_changes_only_its_place() -> None:
    for mutant in list_mutants(SOURCE, "shop.py"):
        changed = ast.unparse(apply_mutant(SOURCE, mutant)).splitlines()
        before = ast.unparse(ast.parse(SOURCE)).splitlines()
        different = [pair for pair in zip(before, changed, strict=True) if pair[0] != pair[1]]
        assert len(different) == 1, mutant


def test_a_source_that_has_changed_is_refused() -> None:
    mutant = list_mutants(SOURCE, "shop.py")[0]
    with pytest.raises(ValueError, match="the source has changed"):
        apply_mutant(SOURCE.replace("LIMIT and", "LIMIT or"), mutant)


def test_every_function_of_the_code_can_be_planted() -> None:
    path = "digest/schedule.py"
    mutants = list_mutants((ROOT / path).read_text(), path)
    assert {mutant.line for mutant in mutants}
    for name, mutant in {mutant.function: mutant for mutant in mutants}.items():
        function = function_of(schedule, name)
        before = function.__code__
        try:
            plant(mutant)
            assert function.__code__ != before
        finally:
            function.__code__ = before


@pytest.mark.long
def test_faults_in_tokens_are_noticed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.mutants", "--package", "tokens", "--number", "6", "--seed", "1"]
    process = subprocess.run(
        [*command, f"--keep={tmp_path}"], check=False, capture_output=True, text=True, cwd=ROOT, timeout=600
    )
    assert "of    6 noticed" in process.stdout, process.stdout + process.stderr


def test_a_fault_is_named_with_its_place() -> None:
    mutant = Mutant("digest/tokens.py", 4, 76, "TokenSigner.sign_many", 70, 80, "44", "45")
    assert str(mutant) == "digest/tokens.py:76 TokenSigner.sign_many: 44 -> 45"
