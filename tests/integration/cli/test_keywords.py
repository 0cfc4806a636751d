"""The command line tells how a keyword was understood and what can be written."""

import json
from pathlib import Path

import pytest

from digest.matching import SYNTAX_EXAMPLES
from tests.support.command import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "papers.jsonl").write_text(json.dumps({"id": "a", "title": "A study of graphs"}) + "\n")
    return Command(tmp_path)


def test_matching_shows_how_the_keyword_was_understood(command: Command) -> None:
    logs = command.run("match", "graph ANDNOT survey", "--papers", "papers.jsonl")
    assert logs.stdout == "id\ttitle\na\tA study of graphs\n"
    assert logs.stderr == "matches: title or abstract contains “graph”, but not “survey”\n"


def test_matching_says_what_was_probably_meant_and_what_to_add(tmp_path: Path) -> None:
    titles = ["Machine unlearning of faces", "Machine unlearning", "Graph unlearning", "Unlearning by hand"] * 3
    papers = [{"id": str(number), "title": title} for number, title in enumerate([*titles, *["On stones"] * 400])]
    (tmp_path / "papers.jsonl").write_text("\n".join(map(json.dumps, papers)))
    command = Command(tmp_path)
    for keyword, advice in (
        ("machine unlerning", "Did you mean: machine unlearning"),
        ("unlearning graphs", "No recent matches. Try: unlearning AND graphs"),
        ("machine unlearning", "Did you also mean: unlearning"),
    ):
        assert command.run("match", keyword, "--papers", "papers.jsonl").stderr.splitlines()[1:] == [advice]
    assert command.run("match", "machine unlerning", "--papers", "papers.jsonl", "--json").stderr == ""


def test_for_scripts_nothing_is_printed_beside_the_result(command: Command) -> None:
    assert command.run("match", "graph", "--papers", "papers.jsonl", "--json").stderr == ""


def test_the_help_of_match_has_every_way_of_writing(command: Command) -> None:
    logs = " ".join(command.run("match", "--help").stdout.split())
    for row in SYNTAX_EXAMPLES:
        assert f"{row.example} = {row.meaning}" in logs


def test_more_keywords_than_the_setting_allows_are_refused(tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_MOST_KEYWORDS": "1"})
    logs = command.run("subscribers", "add", "ada@example.org", "-k", "cats", "-k", "dogs", status=2)
    assert "You can have at most 1 keyword, and these are 2." in logs.stderr


BEYOND = {
    "a" * 60: "50 characters",
    "cats OR dogs OR birds OR frogs OR cows": "at most 4 terms",
    "cats AND (dogs OR (birds AND frogs))": "nested at most 1 deep",
}


def test_a_keyword_beyond_a_limit_of_the_operator_is_refused_and_what_is_saved_goes_on(tmp_path: Path) -> None:
    given = [part for keyword in BEYOND for part in ("-k", keyword)]
    Command(tmp_path, {}).run("subscribers", "add", "ada@example.org", *given, "--confirmed")
    limits = {"DIGEST_LONGEST_KEYWORD": "50", "DIGEST_MOST_TERMS": "4", "DIGEST_DEEPEST_NESTING": "1"}
    narrower = Command(tmp_path, limits)
    logs = narrower.run("subscribers", "add", "bob@example.org", *given, status=2)
    for keyword, fault in BEYOND.items():
        assert fault in logs.stderr, keyword
    assert "50 characters" in narrower.run("match", "a" * 60, status=2).stderr
    listed = narrower.run("subscribers", "list", "--json").stdout
    assert [listed.count(keyword) for keyword in BEYOND] == [1, 1, 1]
    narrower.run("run", "--now", "2026-07-28T09:00:00Z", status=1)  # it knows no source; planning reads the keywords
