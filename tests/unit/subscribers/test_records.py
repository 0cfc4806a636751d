"""Addresses and preferences that are valid, and what is said of others."""

import pytest

from digest.errors import AddressError, SubscriberError
from digest.subscribers import Preferences, normalize_address


@pytest.mark.parametrize(
    ("text", "address", "key"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        ("  Ada@Example.ORG\n", "Ada@example.org", "ada@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org", "ada+papers@example.org"),
        ("o'hara@example.org", "o'hara@example.org", "o'hara@example.org"),
        ("x_1.y-2@sub.example.co.uk", "x_1.y-2@sub.example.co.uk", "x_1.y-2@sub.example.co.uk"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
    ],
)
def test_addresses_are_compared_without_case(text: str, address: str, key: str) -> None:
    assert normalize_address(text) == (address, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@localhost",
        "ada@@example.org",
        "ada@example..org",
        ".ada@example.org",
        "ada.@example.org",
        "a da@example.org",
        "ada@exam ple.org",
        "ada@-example.org",
        "Ada <ada@example.org>",
        "ada@example.org, bob@example.org",
        "ada@example.org\nBcc: bob@example.org",
        "ada\r\n@example.org",
        "ada\x00@example.org",
        '"a b"@example.org',
        "ada@[127.0.0.1]",
        "ädä@example.org",
        "ada@example.org\u202e",
        f"{'a' * 65}@example.org",
        f"ada@{'a' * 64}.org",
        f"ada@{'a.' * 200}org",
        "a" * 1_000_000,
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalize_address(text)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frequency": "hourly"}, "daily, weekdays, weekly or monthly"),
        ({"weekday": 7}, "day of the week"),
        ({"send_hour": -1}, "0 to 23"),
        ({"send_hour": 24}, "0 to 23"),
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "time zone"),
        ({"timezone": ""}, "time zone"),
        ({"cap": 0}, "1 to 100"),
        ({"cap": 101}, "1 to 100"),
    ],
)
def test_preferences_out_of_range_are_refused_with_a_reason(values: dict[str, object], message: str) -> None:
    with pytest.raises(SubscriberError, match=message):
        Preferences(**values)  # type: ignore[arg-type]


def test_preferences_at_the_limits_are_valid() -> None:
    for hour, cap in ((0, 1), (23, 100)):
        assert Preferences(send_hour=hour, cap=cap, frequency="weekly", timezone="Pacific/Kiritimati").cap == cap
