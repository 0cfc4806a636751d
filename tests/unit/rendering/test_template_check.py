"""Templates of an operator: each fault is one line with file, line and name, found before anybody gets an e-mail."""

import os
from pathlib import Path

import pytest

from digest.config import TemplateFault, TemplateFolder, load_template_folder
from digest.errors import SettingError
from digest.rendering import check_email_templates, copy_templates, template_folder, template_names
from digest.rendering.contexts import NoticeContext
from digest.rendering.template_check.samples import email_samples
from digest.web import check_page_templates

LAYOUT, BASE = "mail/layout.html", "web/base.html"


def read_ours(name: str) -> str:
    area, _, inner = name.partition("/")
    return (template_folder(area) / inner).read_text(encoding="utf-8")


def write_templates(folder: Path, sources: dict[str, str]) -> TemplateFolder:
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return load_template_folder(str(folder))


def check(templates: TemplateFolder) -> list[TemplateFault]:
    return sorted({*templates.faults, *check_email_templates(templates), *check_page_templates(templates)})


def lines(folder: Path, faults: list[TemplateFault]) -> list[str]:
    assert all("\n" not in str(fault) for fault in faults)
    return [str(fault).replace(f"{folder}/", "") for fault in faults]


def test_copies_of_all_templates_have_no_fault(tmp_path: Path) -> None:
    copied, existing = copy_templates(tmp_path, template_names(), overwrites=False)
    assert (len(copied) > 80, existing) == (True, [])
    templates = load_template_folder(str(tmp_path))
    assert sorted(templates.sources) == sorted(template_names())
    assert check(templates) == []
    assert copy_templates(tmp_path, [LAYOUT], overwrites=False) == ([], [LAYOUT])


FAULTS: list[tuple[str, dict[str, str], str]] = [
    ("syntax", {"mail/goodbye-body.txt": "Bye\n{% if product %}\n"}, "mail/goodbye-body.txt:2: cannot be read: "),
    (
        "variable",
        {"web/sent.html": '{% extends "base.html" %}\n{% block content %}\n{{ produkt }}\n{% endblock %}\n'},
        "web/sent.html:3: there is no variable 'produkt' here",
    ),
    (
        "filter",
        {"mail/goodbye-subject.txt": "{{ product|shout }}\n"},
        "mail/goodbye-subject.txt:1: there is no filter 'shout'",
    ),
    ("test", {"web/sent.html": "{{ 1 if product is loud }}"}, "web/sent.html:1: there is no test 'loud'"),
    (
        "include",
        {"web/sent.html": "\n{% include 'brand-link.html' %}"},
        "web/sent.html:2: there is no template 'brand-link.html'. Did you mean 'brand-links.html'?",
    ),
    (
        "block",
        {"web/sent.html": '{% extends "base.html" %}{% block contents %}{% endblock %}'},
        "web/sent.html:1: there is no block 'contents' in base.html, so it would not be shown",
    ),
    (
        "macro",
        {"web/sent.html": '{% from "macros.html" import icons %}{{ icons() }}'},
        "web/sent.html:1: there is no macro 'icons' in macros.html. Did you mean 'icon'?",
    ),
    (
        "macro of a module",
        {"web/sent.html": '{% import "macros.html" as macros %}\n{{ macros.icons() }}'},
        "web/sent.html:2: there is no macro 'icons' in macros.html. Did you mean 'icon'?",
    ),
    (
        "argument",
        {"web/sent.html": '{% from "macros.html" import icon %}{{ icon() }}'},
        "web/sent.html:1: the macro 'icon' is called without its argument 'name'",
    ),
    (
        "old macros",
        {"mail/macros.html": "{% macro button(label) %}{% endmacro %}"},
        "mail/macros.html: the macro 'link' is missing",
    ),
    (
        "old signature",
        {"mail/macros.html": read_ours("mail/macros.html").replace("macro button(", "macro button(look, ")},
        "the macro 'button' is called without its argument",
    ),
    ("old layout", {BASE: "{% block title %}{% endblock %}"}, "web/base.html: the block 'main' is missing, which "),
    (
        "circle",
        {"web/a.html": '{% include "b.html" %}', "web/b.html": '{% include "a.html" %}'},
        "web/a.html:1: 'b.html' leads back to this template, without end",
    ),
    (
        "attribute, which only rendering finds",
        {"mail/digest-card.html": read_ours("mail/digest-card.html") + "{{ card.paper.shoesize }}\n"},
        "mail/digest-card.html:24: digest cannot be rendered: ",
    ),
    (
        "link that its recipient needs",
        {"mail/confirm-body.txt": "{{ product }} {{ postal_address }}"},
        "mail/confirm-body.txt: confirm lacks the link 'confirm_url', which its recipient needs",
    ),
    (
        "unsubscribing",
        {"mail/digest-body.txt": read_ours("mail/digest-body.txt").replace("links.unsubscribe", "links.view")},
        "mail/digest-body.txt: digest lacks the link 'unsubscribe', which its recipient needs",
    ),
    (
        "address of the sender",
        {"mail/goodbye-body.txt": "{{ resubscribe_url }}"},
        "mail/goodbye-body.txt: goodbye lacks the postal address",
    ),
]


@pytest.mark.parametrize(("what", "sources", "expected"), FAULTS, ids=[what for what, _, _ in FAULTS])
def test_a_fault_is_one_line_with_file_line_and_name(
    tmp_path: Path, what: str, sources: dict[str, str], expected: str
) -> None:
    templates = write_templates(tmp_path, sources)
    found = lines(tmp_path, [fault for fault in check(templates) if not fault.is_warning])
    assert [line for line in found if expected in line], found


ATTACKS: list[tuple[str, str, str]] = [
    ("escaping switched off", "{% autoescape false %}{{ product }}{% endautoescape %}", "escaping must stay on"),
    ("escaping by a value", "{% autoescape is_demo %}{{ product }}{% endautoescape %}", "escaping must stay on"),
    ("text marked as safe", "{{ intro|safe }}", "the filter 'safe' is only for what ours marks so"),
    ("a file of the machine", '{% include "../../../etc/passwd" %}', "there is no template '../../../etc/passwd'"),
    ("an absolute path", '{% include "/etc/passwd" %}', "there is no template '/etc/passwd'"),
    ("text in which nothing is escaped", '{% include "lab.txt" %}', "takes in 'lab.txt', in which nothing is escaped"),
]


@pytest.mark.parametrize(("what", "source", "expected"), ATTACKS, ids=[what for what, _, _ in ATTACKS])
def test_a_template_cannot_take_the_guards_down(tmp_path: Path, what: str, source: str, expected: str) -> None:
    templates = write_templates(tmp_path, {"web/sent.html": source, "web/lab.txt": "{{ product }}"})
    assert [
        line for line in lines(tmp_path, check(templates)) if line.startswith("web/sent.html:1: ") and expected in line
    ]


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ product.__init__.__globals__ }}",
        "{{ theme.__class__.__init__.__globals__['__builtins__'] }}",
        "{{ highlight_colors.append(1) }}",
        "{{ range(10000000)|list|length }}",
        "{{ (lambda: 1)() }}",
    ],
)
def test_a_template_runs_in_a_sandbox(tmp_path: Path, source: str) -> None:
    name = "mail/goodbye-body.txt"
    templates = write_templates(tmp_path, {name: f"{read_ours(name)}{source}"})
    assert lines(tmp_path, check(templates))[0].startswith(f"{name}:")


def test_files_that_lead_out_or_are_no_text_are_named_and_not_read(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret.html", tmp_path / "own"
    secret.write_text("the key")
    (folder / "mail").mkdir(parents=True)
    (folder / "mail" / "layout.html").symlink_to(secret)
    (folder / "web").symlink_to(tmp_path)
    os.mkfifo(folder / "mail" / "pipe.html")
    (folder / "mail" / "binary.html").write_bytes(b"\xff\xfe\x00")
    (folder / "mail" / "large.html").write_text("x" * 300_000)
    (folder / "notes.md").write_text("to do")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.html").write_text("hidden")
    templates = load_template_folder(str(folder))
    assert templates.sources == {}
    assert [line.partition(": ")[::2] for line in lines(folder, sorted(templates.faults))] == [
        ("mail/binary.html", "is not text in UTF-8"),
        ("mail/large.html", "is larger than 256 KB"),
        ("mail/layout.html", "leads out of the folder by a link, so it is not read; copy the file into the folder"),
        ("mail/pipe.html", "is not a file"),
        ("notes.md", "is not used, because only .html and .txt files in the folders mail and web are templates"),
        ("web", "leads out of the folder by a link, so it is not read; copy the file into the folder"),
    ]


def test_links_within_the_folder_are_followed_as_mounted_volumes_have_them(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "layout.html").write_text(read_ours(LAYOUT))
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "layout.html").symlink_to("../..data/layout.html")
    templates = load_template_folder(str(tmp_path))
    assert (list(templates.sources), check(templates)) == ([LAYOUT], [])


def test_a_folder_that_is_not_there_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"DIGEST_TEMPLATES: .*nowhere is not a folder"):
        load_template_folder(str(tmp_path / "nowhere"))


def test_an_unknown_name_is_noted_unless_some_template_includes_it(tmp_path: Path) -> None:
    own_layout = read_ours(LAYOUT).replace("</body>", '{% include "lab-footer.html" %}</body>')
    sources = {
        LAYOUT: own_layout,
        "mail/lab-footer.html": "{{ product }} of {{ postal_address }}",
        "mail/layuot.html": "",
    }
    assert lines(tmp_path, check(write_templates(tmp_path, sources))) == [
        (
            "mail/layuot.html: none of ours is called 'layuot.html' and no template takes it in, so it is not used. "
            "Did you mean 'layout.html'?"
        )
    ]


def test_a_template_may_change_one_block_of_ours(tmp_path: Path) -> None:
    source = '{% extends "ours/base.html" %}{% block title %}The lab: {{ super() }}{% endblock %}'
    assert check(write_templates(tmp_path, {BASE: source})) == []


def test_a_copy_from_an_older_release_tells_what_it_lacks(tmp_path: Path) -> None:
    copy_templates(tmp_path, ["web/sent.html", LAYOUT], overwrites=False)
    copied = (tmp_path / "web/sent.html").read_text()
    (tmp_path / "web/sent.html").write_text(copied + "<p>Our words.</p>\n")
    assert check(load_template_folder(str(tmp_path))) == []  # ours has not changed since
    (tmp_path / LAYOUT).write_text(
        "{# copied from digest 0.0.9: mail/layout.html 0123456789ab #}\n" + read_ours(LAYOUT)
    )
    old = "{# copied from digest 0.0.9: web/sent.html 0123456789ab #}\n" + '{% extends "base.html" %}\n'
    (tmp_path / "web/sent.html").write_text(old)
    faults = check(load_template_folder(str(tmp_path)))
    assert all(fault.is_warning for fault in faults)
    layout, sent = lines(tmp_path, faults)
    assert layout.startswith("mail/layout.html: is a copy from digest 0.0.9, and ours has changed since; compare it")
    assert sent.startswith("web/sent.html: is a copy from digest 0.0.9, and ours has changed since: it lacks block '")


def test_a_fault_that_all_emails_share_is_one_line(tmp_path: Path) -> None:
    templates = write_templates(tmp_path, {LAYOUT: read_ours(LAYOUT).replace("theme.text", "theme.txet")})
    (line,) = lines(tmp_path, check(templates))
    assert "more of the e-mails cannot be rendered: " in line
    assert line.endswith("has no attribute 'txet'")


def test_every_kind_of_email_has_a_sample() -> None:

    notices = {kind.template for kind in NoticeContext.__subclasses__()}
    assert len(notices) > 5
    assert {sample.name for sample in email_samples(TemplateFolder())} == {"digest", "welcome", *notices}
