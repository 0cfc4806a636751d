"""Normal forms of identifiers."""

import gzip
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.identifiers import Identifier, normalize_identifier, parse_arxiv_id

SCHEMES = ("arxiv", "doi", "pmid", "pmcid", "acl", "openreview", "pii", "url", "s2", "feed:jacs")
RECORDINGS = Path(__file__).parents[4] / "shared/data"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2604.21935", ("2604.21935", 1)),
        ("arXiv:2604.21935v3", ("2604.21935", 3)),
        ("oai:arXiv.org:0706.0001v2", ("0706.0001", 2)),
        ("http://arxiv.org/abs/astro-ph/0601001v1", ("astro-ph/0601001", 1)),
        ("math.GT/0309136", ("math/0309136", 1)),
        ("abc", None),
        ("2604.219355", None),
        ("../2604.21935", None),
    ],
)
def test_an_arxiv_id_has_one_canonical_form(text: str, canonical: tuple[str, int] | None) -> None:
    assert parse_arxiv_id(text) == canonical


@pytest.mark.parametrize(
    ("text", "normal", "version"),
    [
        ("2401.01234v2", "arxiv:2401.01234", 2),
        ("math.GT/0309136", "arxiv:math/0309136", 0),
        ("https://arxiv.org/html/2401.01234v2", "arxiv:2401.01234", 2),
        ("http://www.arxiv.org/pdf/2401.01234v2.pdf", "arxiv:2401.01234", 2),
        ("oai:arXiv.org:math.GT/0309136", "arxiv:math/0309136", 0),
        ("10.48550/arXiv.2401.01234v3", "arxiv:2401.01234", 3),
        ("https://doi.org/10.48550/ARXIV.math/0309136", "arxiv:math/0309136", 0),
        ("https://dx.doi.org/10.1021/JACS.6C12595", "doi:10.1021/jacs.6c12595", 0),
        ("info:doi/10.1000/ABC", "doi:10.1000/abc", 0),
        ("doi: 10.1000/abc.", "doi:10.1000/abc", 0),
        ("https://doi.org/10.1002%2Fanie.202400001", "doi:10.1002/anie.202400001", 0),
        ("https://example.org/resolve?doi=10.1000/abc&x=1", "doi:10.1000/abc", 0),
        ("10.1002/(SICI)1097-4571(199806)49:8<693::AID>3.0.CO;2-O",
         "doi:10.1002/(sici)1097-4571(199806)49:8<693::aid>3.0.co;2-o", 0),
        # What pages add to the DOI in their address, and what belongs to it.
        ("https://pubs.rsc.org/10.1039/d6sc04105a/1291532/ringkin-foo", "doi:10.1039/d6sc04105a", 0),
        ("https://pubs.acs.org/doi/10.1021/jacs.6c12595/5291658/Title", "doi:10.1021/jacs.6c12595", 0),
        ("https://onlinelibrary.wiley.com/doi/10.1002/anie.202400001?af=R", "doi:10.1002/anie.202400001", 0),
        ("https://www.frontiersin.org/articles/10.3389/fpls.2024.1/full", "doi:10.3389/fpls.2024.1", 0),
        ("https://link.springer.com/10.1007/s00134-020-1/fulltext.html#Sec1", "doi:10.1007/s00134-020-1", 0),
        ("https://iopscience.iop.org/article/10.1088/1742-6596/1234/1/012001/meta",
         "doi:10.1088/1742-6596/1234/1/012001", 0),
        ("https://doi.org/10.1155/2020/8863526", "doi:10.1155/2020/8863526", 0),
        ("10.1155/2020/8863526", "doi:10.1155/2020/8863526", 0),
        ("10.1093/nar/123/full", "doi:10.1093/nar/123/full", 0),  # no link: whole as it is
        # Families with versions.
        ("https://www.biorxiv.org/content/10.1101/2023.12.16.571990v1?rss=1", "doi:10.1101/2023.12.16.571990", 1),
        ("10.1101/2023.12.16.571990v12.full.pdf", "doi:10.1101/2023.12.16.571990", 12),
        ("https://www.medrxiv.org/content/10.64898/2026.01.02.26123456v3.full", "doi:10.64898/2026.01.02.26123456", 3),
        ("10.1101/571990v1", "doi:10.1101/571990", 1),
        ("10.1101/gad.351234.123", "doi:10.1101/gad.351234.123", 0),
        ("10.26434/chemrxiv.15001234/v2", "doi:10.26434/chemrxiv.15001234", 2),
        ("10.26434/chemrxiv-2024-abc12-v3", "doi:10.26434/chemrxiv-2024-abc12", 3),
        ("10.26434/chemrxiv-2024-abc12", "doi:10.26434/chemrxiv-2024-abc12", 0),
        ("10.26434/chemrxiv.1234567.v1", "doi:10.26434/chemrxiv.1234567", 1),
        ("10.31234/osf.io/abcde_v2", "doi:10.31234/osf.io/abcde", 2),
        ("10.21203/rs.3.rs-123456/v1", "doi:10.21203/rs.3.rs-123456", 1),
        ("10.20944/preprints202401.0001.v1", "doi:10.20944/preprints202401.0001", 1),
        ("10.7554/eLife.12345.2", "doi:10.7554/elife.12345", 2),
        ("10.7554/eLife.12345.002", "doi:10.7554/elife.12345.002", 0),  # a figure of it
        ("10.12688/f1000research.12345.2", "doi:10.12688/f1000research.12345", 2),
        ("10.1016/j.cell.2024.v2", "doi:10.1016/j.cell.2024.v2", 0),  # no family of ours
        ("https://pubmed.ncbi.nlm.nih.gov/32678530/", "pmid:32678530", 0),
        ("pmid: 032678530", "pmid:32678530", 0),
        ("PMC7383595.1", "pmcid:PMC7383595", 0),
        ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC123/pdf/main.pdf", "pmcid:PMC123", 0),
        ("2022.acl-long.1", "acl:2022.acl-long.1", 0),
        ("https://aclanthology.org/P19-1001.pdf", "acl:P19-1001", 0),
        ("10.18653/v1/p19-1001", "acl:P19-1001", 0),
        ("https://doi.org/10.3115/v1/W14-1001", "acl:W14-1001", 0),
        ("https://openreview.net/forum?id=zzqn5G9fjn&noteId=x", "openreview:zzqn5G9fjn", 0),
        ("https://www.sciencedirect.com/science/article/pii/S0960894X26003124?dgid=rss_sd_all",
         "pii:S0960894X26003124", 0),
        ("S0140-6736(20)30183-5", "pii:S0140673620301835", 0),
        ("http://www.example.org/post/?utm_source=a&rss=yes&q=1", "url:https://example.org/post?q=1", 0),
    ],
)  # fmt: skip
def test_an_identifier_is_recognized_by_its_form(text: str, normal: str, version: int) -> None:
    found = normalize_identifier(text)
    assert found is not None
    assert (str(found), found.version) == (normal, version)


@pytest.mark.parametrize(
    ("text", "scheme", "normal"),
    [
        ("32678530", "pmid", "pmid:32678530"),
        ("7383595", "pmcid", "pmcid:PMC7383595"),
        ("https://doi.org/10.48550/arXiv.2401.01234", "doi", "arxiv:2401.01234"),
        ("http://dx.doi.org/10.1021/jacs.6c12595", "feed:jacs", "feed:jacs:http://dx.doi.org/10.1021/jacs.6c12595"),
        ("CorpusId:235", "s2", "s2:CorpusId:235"),
        ("32678530", None, None),  # anybody's number
        ("FB2020A0021", "pii", None),  # a publisher's own number
        ("S1234567890", "pii", None),
        ("10.1/x", "doi", None),
        ("10.1186/s12864- 015-1924-3", "doi", None),
        ("10.1000/", "doi", None),
        ("https://[::1/x", None, None),
        ("ftp://example.org/x", "url", None),
        ("0", "pmid", None),
        ("", None, None),
        ("10.1000/a\x00b", "doi", None),
        ("10.1000/" + "a" * 501, "doi", None),
    ],
)
def test_a_scheme_says_how_a_text_is_read(text: str, scheme: str | None, normal: str | None) -> None:
    found = normalize_identifier(text, scheme)
    assert (str(found) if found else None) == normal


@pytest.mark.parametrize(
    ("text", "is_preprint"),
    [
        ("2401.01234", True),
        ("10.1101/2023.12.16.571990", True),
        ("10.26434/chemrxiv-2024-abc12", True),
        ("10.31234/osf.io/abcde", True),
        ("10.1101/gad.351234.123", False),
        ("10.1021/jacs.6c12595", False),
        ("PMC7383595", False),
    ],
)
def test_preprint_servers_are_recognized_by_their_identifiers(text: str, is_preprint: bool) -> None:
    found = normalize_identifier(text)
    assert found is not None
    assert found.is_preprint == is_preprint


PIECES = st.sampled_from(
    [
        *(
            "10.1101/",
            "10.26434/chemrxiv",
            "10.48550/arxiv.",
            "10.18653/v1/",
            "https://doi.org/",
            "https://arxiv.org/abs/",
        ),
        *(
            "v1",
            ".full",
            "/pdf",
            "/12/ab",
            "2401.01234",
            "P19-1001",
            "%2F",
            "%25",
            "_v2",
            "?id=",
            "S01406736",
            "PMC",
            "İ",
        ),
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=8).map("".join), st.sampled_from([None, *SCHEMES]))
@example("10.1101/1v1.full", None)
def test_every_normal_form_is_its_own_normal_form(text: str, scheme: str | None) -> None:
    found = normalize_identifier(text, scheme)
    if found is not None:
        assert normalize_identifier(found.value, found.scheme) == found
        assert found.value.isprintable()


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
def test_recorded_dois_are_whole_and_their_own_normal_form() -> None:
    dois: set[str] = set()
    for path in sorted((RECORDINGS / "sources" / "crossref").glob("*.json.gz")):
        text = gzip.decompress(path.read_bytes()).decode(errors="replace")
        dois |= {json.loads(f'"{doi}"') for doi in re.findall(r'"DOI": ?"((?:[^"\\]|\\.)+)"', text)}
    assert len(dois) > 500
    for doi in dois:
        found = normalize_identifier(doi, "doi")
        if found is None:
            continue  # references name some that are none, or are cut off
        assert normalize_identifier(found.value, found.scheme) == found
        if found.scheme == "doi" and not found.version and " " not in doi:
            assert doi.lower().rstrip(".;") in {found.value, unquote(found.value), f"{found.value}/"}
    assert Identifier("doi", "10.1371/journal.pone.0033693") in {normalize_identifier(doi, "doi") for doi in dois}
