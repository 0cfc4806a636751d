"""The command line tells how a keyword was understood and what can be written."""

import json
from pathlib import Path

import pytest

from digest.matching.help import ROWS
from tests.command import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "papers.jsonl").write_text(json.dumps({"id": "a", "title": "A study of graphs"}) + "\n")
    return Command(tmp_path)


def test_matching_tells_how_the_keyword_was_understood(command: Command) -> None:
    said = command.run("match", "graph ANDNOT survey", "--papers", "papers.jsonl")
    assert said.stdout == "id\ttitle\na\tA study of graphs\n"
    assert said.stderr == "understood as: title or abstract contains “graph”, but not “survey”\n"


def test_for_scripts_nothing_is_told_beside_the_result(command: Command) -> None:
    assert command.run("match", "graph", "--papers", "papers.jsonl", "--json").stderr == ""


def test_the_help_of_match_has_every_way_of_writing(command: Command) -> None:
    said = " ".join(command.run("match", "--help").stdout.split())
    for row in ROWS:
        assert f"{row.example} = {row.meaning}" in said


def test_more_keywords_than_the_setting_allows_are_refused(tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_MOST_KEYWORDS": "1"})
    said = command.run("subscribers", "add", "ada@example.org", "-k", "cats", "-k", "dogs", status=2)
    assert "At most 1 keyword, please; these are 2." in said.stderr


@pytest.mark.parametrize(
    ("setting", "value", "keyword", "fault"),
    [
        ("DIGEST_LONGEST_KEYWORD", "50", "a" * 60, "50 characters"),
        ("DIGEST_MOST_TERMS", "2", "cats OR dogs OR birds", "a query has at most 2"),
        ("DIGEST_DEEPEST_NESTING", "1", "cats AND (dogs OR (birds AND frogs))", "at most 1 may lie"),
    ],
)
def test_a_keyword_beyond_a_limit_of_the_operator_is_refused_and_what_is_saved_goes_on(
    tmp_path: Path, setting: str, value: str, keyword: str, fault: str
) -> None:
    accepted = Command(tmp_path, {})
    accepted.run("subscribers", "add", "ada@example.org", "-k", keyword, "--confirmed")
    narrower = Command(tmp_path, {setting: value})
    said = narrower.run("subscribers", "add", "bob@example.org", "-k", keyword, status=2)
    assert fault in said.stderr
    assert fault in narrower.run("match", keyword, status=2).stderr
    assert narrower.run("subscribers", "list", "--json").stdout.count(keyword) == 1
    narrower.run("run", "--now", "2026-07-28T09:00:00Z", status=1)  # it knows no source; planning reads the keyword
