"""Logs of what could not be rendered: without tokens and addresses."""

import pytest
import structlog

from digest.cli.output import configure_logging

SECRET = "IjEi.Xq-3_z9"


def render() -> None:
    text = f"Ada <ada@example.org> https://bücher.example/unsubscribe/{SECRET}"
    try:
        text.encode("ascii")
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object!r} cannot stand in a header") from error


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_neither_tokens_nor_addresses(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logging(0, log_format)
    try:
        render()
    except ValueError:
        structlog.get_logger().exception("delivery.render_failed", delivery=1)
    line = capsys.readouterr().err
    assert "ValueError" in line
    assert "test_private_logs.py" in line
    assert SECRET not in line
    assert "ada@" not in line
