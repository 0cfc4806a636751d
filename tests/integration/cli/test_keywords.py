"""`digest keywords convert`: pasted text in, keywords out, and a status that tells."""

from pathlib import Path

from tests.support.command import Command


def test_pasted_subscriptions_become_keywords(tmp_path: Path) -> None:
    command = Command(tmp_path)
    (tmp_path / "alerts.txt").write_text('\ufeffcs.CL\n"protein folding" design\nAda L - new citations\n', "utf-8")
    done = command.run("keywords", "convert", "alerts.txt", status=1)
    assert done.stdout.splitlines() == ["cat:cs.CL", "protein folding AND design"]
    assert done.stderr == "digest: line 3: Ada L: New citations of an author cannot be followed here.\n"
    output = command.json("keywords", "convert", "alerts.txt", status=1)
    assert (len(output["keywords"]), output["unread"][0]["line"]) == (2, 3)
    piped = command.pipe(b"add cs\n\xff", "keywords", "convert")
    assert (piped.returncode, piped.stdout.decode()) == (1, "cat:cs.*\n\ufffd\n") or piped.stdout == b"cat:cs.*\n"
