"""Settings of single sources: read with all others, and refused as clearly."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from digest.config import Settings, SourceSettings, load_settings, read_source_settings
from digest.errors import SettingError
from digest.sources import ArxivSource, HuggingFaceSource, check_source_settings, read_settings_of, source_variables


class LabSettings(SourceSettings):
    rooms: list[int] = Field([1])
    desks: int = Field(4, examples=[12])
    api_key: SecretStr = Field(SecretStr(""), max_length=8, examples=["the key that the lab gave you"])


class StrictSettings(SourceSettings):
    query: str = Field(examples=["asthma"])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("category", ["cs.CL", "hep-th", "astro-ph.GA", "cond-mat.str-el", "math.AG", "cs", "q-bio"])
def test_every_shape_of_category_is_taken(category: str) -> None:
    assert read_settings_of(ArxivSource, load_settings(arxiv_categories=category)).categories == (category,)


def test_a_source_reads_its_own_variables_from_environment_file_and_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DIGEST_ARXIV_CATEGORIES=math.AG\nDIGEST_HUGGINGFACE_URL=http://127.0.0.1:1\nX=1\n")
    monkeypatch.setenv("DIGEST_ARXIV_CATEGORIES", "cs.CL cs.CL, hep-th")
    monkeypatch.setenv("DIGEST_ARXIV_FEED_URL", "")
    settings = load_settings(arxiv_api_url="https://spiegel.bücher.example/")
    arxiv = read_settings_of(ArxivSource, settings)
    assert arxiv.categories == ("cs.CL", "hep-th")
    assert (arxiv.feed_url, arxiv.api_url) == ("https://rss.arxiv.org", "https://spiegel.xn--bcher-kva.example")
    assert read_settings_of(HuggingFaceSource, settings).url == "http://127.0.0.1:1"
    assert "x" not in settings.source_values
    assert read_settings_of(ArxivSource, Settings(_env_file=None, sources="arxiv")).categories == ("cs.CL", "hep-th")


def test_lists_numbers_and_secrets_are_decoded_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_MY_LAB_ROOMS", "[2, 3]")
    monkeypatch.setenv("DIGEST_MY_LAB_DESKS", "7")
    monkeypatch.setenv("DIGEST_MY_LAB_API_KEY", "hunter2")
    settings = load_settings()
    lab = read_source_settings(LabSettings, "my-lab", settings.source_values)
    assert (lab.rooms, lab.desks, lab.api_key.get_secret_value()) == ([2, 3], 7, "hunter2")
    assert "hunter2" not in f"{settings!r} {settings} {lab!r}"


@pytest.mark.parametrize(
    ("name", "value", "fault", "example"),
    [
        ("arxiv_categories", "cs.CL;cs.LG", "must name arXiv categories, and 'cs.CL;cs.LG' is not one", "cs.CL,cs.LG"),
        ("huggingface_url", "https://x?y", "must have only a scheme, host, port and path", "https://huggingface.co"),
        ("arxiv_feed_url", "arxiv", "must be an address that starts with http:// or https://", "https://rss.arxiv.org"),
    ],
)
def test_a_bad_value_is_answered_with_name_fault_and_example(name: str, value: str, fault: str, example: str) -> None:
    with pytest.raises(SettingError) as error:
        check_source_settings(load_settings(**{name: value}))
    variable = f"DIGEST_{name.upper()}"
    assert str(error.value) == f"{variable}: {fault} (it is {value!r}). Example: {variable}={example}"


def test_a_source_of_others_is_answered_for_as_clearly() -> None:
    with pytest.raises(SettingError) as error:
        read_source_settings(LabSettings, "lab", {"lab_desks": "many", "lab_api_key": "hunter2hunter2"})
    desks, key = str(error.value).splitlines()
    assert desks.startswith("DIGEST_LAB_DESKS: Input should be a valid integer")
    assert desks.endswith("(it is 'many'). Example: DIGEST_LAB_DESKS=12")
    assert key.startswith("DIGEST_LAB_API_KEY: ")
    assert key.endswith("the key that the lab gave you")
    assert "hunter2" not in key
    with pytest.raises(SettingError, match=r"DIGEST_LAB_QUERY: is missing\. Example: DIGEST_LAB_QUERY=asthma"):
        read_source_settings(StrictSettings, "lab", {})
    with pytest.raises(SettingError, match=r"A DIGEST_LAB_\* setting cannot be read: .*rooms"):
        read_source_settings(LabSettings, "lab", {"lab_rooms": "[1"})


def test_every_fault_of_every_source_is_reported_at_once() -> None:
    with pytest.raises(SettingError) as error:
        check_source_settings(load_settings(arxiv_feed_url="x", arxiv_categories="?", huggingface_url="y"))
    names = [line.partition(":")[0] for line in str(error.value).splitlines()]
    assert names == ["DIGEST_HUGGINGFACE_URL", "DIGEST_ARXIV_CATEGORIES", "DIGEST_ARXIV_FEED_URL"]
    check_source_settings(load_settings(sources="arxiv", huggingface_url="y"))


def test_an_unknown_source_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"must name known sources \(.*arxiv.*huggingface.*\), and 'pubmet' is not"):
        load_settings(sources="arxiv,pubmet")


def test_variables_of_sources_are_known() -> None:
    assert {"DIGEST_ARXIV_CATEGORIES", "DIGEST_HUGGINGFACE_URL"} <= source_variables()
