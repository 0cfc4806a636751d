"""What people paste and what reference managers export becomes papers; whatever is broken is set aside."""

import json
import logging

import pytest

from digest.identifiers import Identifier
from digest.subscribers.marks.references import (
    MAX_REFERENCES,
    MAX_UPLOAD_BYTES,
    ReferenceFileError,
    ReferenceFormat,
    decode_upload,
    parse_references,
)
from digest.subscribers.marks.references.bibtex import MAX_BLOCKS
from digest.subscribers.marks.references.entries import MAX_ABSTRACT_LENGTH, MAX_ENTRY_LENGTH

ATTENTION = Identifier("arxiv", "1706.03762")
BIBTEX = r"""
@string{venue = "Journal of Examples"}
@comment{not an entry}
@article{moreau2024, title = {Learning to {F}old {\"U}bersicht with $O(n^2)$ Steps},
  author = {Moreau, Ada and Berg, Bo}, year = 2024, journal = venue, doi = {10.1000/Fold.1}, abstract = {We fold.
  Twice.}}
@misc{vaswani, title={Attention Is All You Need}, journal={arXiv preprint arXiv:1706.03762}, author={Vaswani, A}}
@article{broken, title = {No end of this title,
@misc{eprint, title={An entry of a physicist}, eprint={hep-th/9901001}, archivePrefix={arXiv}}
@misc{eprint, title={An entry with the same key}, eprint={31234567}, eprinttype={pubmed}}
@article{empty, author={Berg, Bo}}
"""
RIS = """Exported by a program
TY  - JOUR
TI  - Learning to fold
AU  - Moreau, Ada
PY  - 2024/05/01
AB  - We fold.
Twice.
DO  - 10.1000/fold.1
UR  - https://arxiv.org/abs/2405.00001v2
ER  -

TY - CPAPER
T1 - A record with a single space, and no end
TY  - BOOK
AU  - Berg, Bo
ER  -
"""
CSL_JSON = json.dumps(
    [
        {
            "title": "Learning to fold",
            "abstract": "We fold.",
            "DOI": "10.1000/fold.1",
            "PMID": 31234567,
            "author": [{"family": "Moreau", "given": "Ada"}],
            "issued": {"date-parts": [["2024", 5]]},
        },
        {"title": "A preprint of Zotero", "number": "arXiv:1706.03762", "URL": "http://arxiv.org/abs/1706.03762"},
        {"title": "The authors of this are no list", "author": "Moreau"},
        "no item",
    ]
)


@pytest.mark.parametrize(
    ("line", "identifiers"),
    [
        ("1706.03762", ["arxiv:1706.03762"]),
        ("  - arXiv:1706.03762v5 ", ["arxiv:1706.03762"]),
        ("[12] https://arxiv.org/pdf/1706.03762v2.pdf", ["arxiv:1706.03762"]),
        ("https://doi.org/10.48550/arXiv.1706.03762", ["arxiv:1706.03762"]),
        ("doi: 10.1000/Fold.1", ["doi:10.1000/fold.1"]),
        ("PMID: 31234567", ["pmid:31234567"]),
        ("https://pubmed.ncbi.nlm.nih.gov/31234567/", ["pmid:31234567"]),
        ("3. https://openreview.net/forum?id=zzqn5G9fjn", ["openreview:zzqn5G9fjn"]),
        ("1706.03762, 10.1000/1; PMC7383595", ["arxiv:1706.03762", "doi:10.1000/1", "pmcid:PMC7383595"]),
    ],
)
def test_a_line_names_papers_by_identifiers(line: str, identifiers: list[str]) -> None:
    parsed = parse_references(line)
    assert parsed.format == ReferenceFormat.LINES
    assert [str(name) for reference in parsed.references for name in reference.identifiers] == identifiers
    assert {reference.place for reference in parsed.references} == {1}


def test_a_line_can_be_a_title_or_an_entry_of_a_list_of_literature() -> None:
    parsed = parse_references("Learning to fold proteins\n\n[3] Vaswani et al. Attention is all you need (1706.03762)")
    title, cited = parsed.references
    assert (title.place, title.title, title.identifiers) == (1, "Learning to fold proteins", ())
    assert (cited.place, cited.title, cited.identifiers) == (
        3,
        "Vaswani et al. Attention is all you need",
        (ATTENTION,),
    )


def test_a_line_that_is_neither_is_refused() -> None:
    parsed = parse_references("hello\n1706.03762\n12345")
    assert [(entry.place, entry.text) for entry in parsed.invalid] == [(1, "hello"), (3, "12345")]
    assert "arXiv ID" in parsed.invalid[0].message
    assert len(parsed.references) == 1


def test_bibtex_is_read_past_broken_entries() -> None:
    parsed = parse_references(BIBTEX)
    assert parsed.format == ReferenceFormat.BIBTEX
    fold, vaswani, physicist, same_key = parsed.references
    assert (fold.place, fold.title) == (4, "Learning to Fold Übersicht with O(n²) Steps")
    assert (fold.abstract, fold.author, fold.year) == ("We fold. Twice.", "moreau", 2024)
    assert fold.identifiers == (Identifier("doi", "10.1000/fold.1"),)
    assert vaswani.identifiers == (ATTENTION,)
    assert physicist.identifiers == (Identifier("arxiv", "hep-th/9901001"),)
    assert same_key.identifiers == (Identifier("pmid", "31234567"),)
    assert [entry.place for entry in parsed.invalid] == [8, 11]
    assert "incomplete" in parsed.invalid[0].message


def test_a_broken_file_writes_nothing_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        parse_references(BIBTEX)
    assert caplog.records == []


def test_ris_is_read_record_by_record() -> None:
    parsed = parse_references(RIS)
    assert parsed.format == ReferenceFormat.RIS
    fold, single = parsed.references
    assert (fold.place, fold.title, fold.abstract) == (2, "Learning to fold", "We fold. Twice.")
    assert (fold.author, fold.year) == ("moreau", 2024)
    assert [str(name) for name in fold.identifiers] == ["doi:10.1000/fold.1", "arxiv:2405.00001"]
    assert (single.place, single.title) == (12, "A record with a single space, and no end")
    assert [entry.place for entry in parsed.invalid] == [14]


def test_csl_json_is_read_item_by_item() -> None:
    parsed = parse_references(CSL_JSON)
    assert parsed.format == ReferenceFormat.CSL_JSON
    fold, zotero = parsed.references
    assert (fold.place, fold.title, fold.author, fold.year) == (1, "Learning to fold", "moreau", 2024)
    assert [str(name) for name in fold.identifiers] == ["doi:10.1000/fold.1", "pmid:31234567"]
    assert zotero.identifiers == (ATTENTION,)
    assert [entry.place for entry in parsed.invalid] == [3, 4]
    assert parsed.invalid[0].text == "The authors of this are no list"
    assert parse_references(json.dumps({"items": json.loads(CSL_JSON)})).references == parsed.references


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_its_encoding(encoding: str) -> None:
    assert (
        parse_references(decode_upload(BIBTEX.replace('{\\"U}', "Ü").encode(encoding))).references[0].title.count("Ü")
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest of an archive", "compressed"),
        (b"\x1f\x8brest", "compressed"),
        (b"\x00\x01\x02", "not a text file"),
        (b"x" * (MAX_UPLOAD_BYTES + 1), "too large"),
    ],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ReferenceFileError, match=words):
        decode_upload(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  \n ", "nothing in it"),
        ("<?xml version='1.0'?><xml>", "XML"),
        ('[{"title": ', "not valid CSL-JSON"),
        ('[{"a":' * 50_000, "nested too deeply"),
        ("[]", "nothing in it"),
        ("@comment{nothing else}", "No BibTeX entry"),
        ("x" * (MAX_UPLOAD_BYTES + 1), "too large"),
    ],
)
def test_a_text_of_which_nothing_can_be_used_is_refused(text: str, words: str) -> None:
    with pytest.raises(ReferenceFileError, match=words):
        parse_references(text)


@pytest.mark.parametrize(
    "text",
    [
        "Some title of a paper\n" * (MAX_REFERENCES + 1),
        "@article{k, title={Some title of a paper}}\n" * (MAX_REFERENCES + 1),
        "TY  - JOUR\nTI  - Some title of a paper\nER  -\n" * (MAX_REFERENCES + 1),
        json.dumps([{"title": "Some title of a paper"}] * (MAX_REFERENCES + 1)),
    ],
)
def test_only_so_many_entries_are_read(text: str) -> None:
    parsed = parse_references(text)
    assert len(parsed.references) == MAX_REFERENCES
    assert parsed.notice == "Only the first 500 were read."


def test_text_is_bounded_and_without_markup() -> None:
    title = "A <b>bold</b> <script>alert(1)</script> title &lt;img src=x&gt;"
    parsed = parse_references(f"@article{{k, title={{{title}}}, abstract={{{'word ' * 4000}}}}}")
    assert "<" not in parsed.references[0].title
    assert len(parsed.references[0].abstract) == MAX_ABSTRACT_LENGTH
    for entry in (f"@article{{k, title={{A title}}, note={{{'x' * MAX_ENTRY_LENGTH}}}}}", "word " * MAX_ENTRY_LENGTH):
        assert parse_references(entry).invalid[0].message == "The entry is too long."


def test_a_flood_of_broken_blocks_is_cut() -> None:
    """Each costs the parser some time, and a megabyte has 300,000."""
    parsed = parse_references("@a{" * (MAX_BLOCKS + 1) + "\n@article{k, title={Far behind all the others}}")
    assert parsed.references == ()
    assert len(parsed.invalid) == MAX_REFERENCES
