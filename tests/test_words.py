"""Words that people meet: none of a private vocabulary, none that the voice of the product has replaced.

Looked at are the templates, every sentence in the code (docstrings aside, but for those that `--help` shows), README.md
and .env.example. A word that belongs there all the same stands in ALLOWED with its reason.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.formatting import COUNTED_NOUNS

ROOT = Path(__file__).parents[1]

# Words of a private vocabulary, and archaic turns. Left: a regular expression without case; right: what to write.
PRIVATE_WORDS = {
    r"letters?": "e-mail or digest (of the alphabet: ALLOWED)",
    r"readers?": "you, or subscriber",
    r"house": "",
    r"desk": "",
    r"shelf": "",
    r"lanes?": "",
    r"pen": "",
    r"fates?": "result",
    r"wish(es)?": "preferences",
    r"rounds?": "run",
    r"mails": "e-mails",
    r"(mails?|mailed|mailing) (it|them|you|one|is|to)": "send, e-mail",
    r"(is|are|was|were|be|been) mailed": "sent",
    r"anew": "again",
    r"at once": "immediately, now",
    r"nobody": "no one",
    r"somebody": "someone",
    r"anybody": "anyone",
    r"everybody": "everyone",
    r"whoever": "anyone who",
    r"(is|are|was|stays?) held (of|back)": "stored",
    r"held of you": "your data",
    r"told": "",
    r"come[s]? back": "",
    r"came back": "bounced",
    r"made up for": "caught up, fetched later",
    r"put (off|away|aside)": "deferred, removed",
    r"set aside": "skipped",
    r"lately": "recently",
    r"meanwhile": "",
    r"slip": "mistake",
    r"mended?": "repair",
    r"understood as": "matches",
    r"one a line": "one per line",
    r"a line each": "one per line",
    r"asks? for letters": "subscribe",
    r"the store": "the database",
    r"looks? into": "check",
    r"brackets?": "parentheses",
    r"(go|goes|went) on to": "keep",
    r"shall": "",
}

# The left column of the table in the voice of the product: what must not come back.
REPLACED_SENTENCES = (
    "The new papers that mention your keywords, by e-mail",
    "No match, no mail",
    "unless you put it in",
    "All ways to write a keyword",
    "On the list of",
    "What you would have got",
    "From the last",
    "would have come",
    "none lately",
    "too broad:",
    "Only together with",
    "Often in the same papers",
    "Nothing, these days",
    "That is no fault",
    "words are missing",
    "a sign that is meant as",
    "just go on",
    "That was much typing",
    "The preview rests",
    "at most</label>",
    "where there is one",
    "By subscribing you agree to this",
    "kept with your address",
    "Look into your mailbox",
    "is on its way to the address you gave",
    "and the papers come",
    "The papers will come",
    "All is set already",
    "Start your digest?",
    "Yes, send it",
    "a link to stop",
    "comes every day",
    "What these lines find stays away",
    "stays away",
    "it is your way in",
    "A paper is here when",
    "Fewer mails",
    "Never this author",
    "No more papers for this keyword?",
    "that keyword is out",
    "It is back",
    "Never an author",
    "shall not come any more",
    "of that name is meant",
    "they are kept away",
    "stands now",
    "As often as before",
    "your letters pause",
    "waits for you",
    "It counts from the next",
    "erase it all",
    "No more letters",
    "No more papers will be mailed",
    "no longer comes",
    "sorry for any mail too many",
    "as everybody sees it",
    "Nothing on the shelf",
    "There is no such page</",
    "takes no such request",
    "held what no such field can hold",
    "than we take in an hour",
    "store does not answer",
    "For your site",
    "Here it does nothing",
    "stands on the page about",
    "by the names of its columns",
    "Inbox of this machine",
    "What needs you",
    "digests are through",
    "and the clock that reads",
    "what nobody needs any more",
    "in all:",
    "lines cannot be read",
    "'line')} cannot be read",
    "without being looked at",
    "whenever they like",
    "broken never looks like quiet",
    "says back how",
    "would bring",
    "is hurried",
    "the way to the relay",
)

# Phrases with such a word that may stand there.
ALLOWED = (
    r"(feed|screen) readers?",  # programs of that name
    r"(single|ascii|least \d+|at least|least three|min_\w+( \})?\}|only|these) letters?",  # of the alphabet
    r"letters? or digit|letters, digits|plain letters",
    r"too many at once",  # the name of a reason
    r"\bround\(|stroke-line\w+=\"round\"",  # code
)

# Parts of the code whose strings nobody reads as sentences: parsers and their phrases, vocabularies, SQL, samples.
UNREAD = (
    "digest/bounces/auto_reply.py",
    "digest/bounces/heuristics.py",
    "digest/mail/reply_phrases.py",
    "digest/mail/reply_rules.py",
    "digest/matching/normalize.py",
    "digest/matching/forms/characters.py",
    "digest/matching/forms/plurals.py",
    "digest/matching/forms/spelling.py",
    "digest/cli/demo/journals.py",
    "digest/cli/demo/preprints.py",
    "digest/cli/demo/server.py",
    "digest/database/migrations/",
    "digest/subscribers/lists/csv_table.py",
)
# Names of the release before, which scripts may use until the next one.
OLD_NAMES = re.compile(r"OLD_\w*NAMES")


def python_sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Strings with at least two words in a module, docstrings aside; of commands their docstrings, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    docstrings = {
        id(node.body[0].value) for node in documented if ast.get_docstring(node) and isinstance(node.body[0], ast.Expr)
    }
    old = {id(part) for node in ast.walk(tree) if is_old_names(node) for part in ast.walk(node)}
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in docstrings | old | inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, ast.unparse(node)[2:-1]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\w \w", node.value):
            yield node.lineno, node.value


def is_old_names(node: ast.AST) -> bool:
    """Tell whether a node assigns the names of the release before."""
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and bool(OLD_NAMES.fullmatch(target.id)) for target in node.targets
    )


COMMANDS = {
    *("serve", "setup", "worker", "demo", "run", "collect", "sources"),
    *("migrate", "preview", "match", "doctor", "prune"),
}


def command_help(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings of commands, which `--help` shows."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef) or not (node.decorator_list or node.name in COMMANDS):
            continue
        if text := ast.get_docstring(node):
            yield node.lineno, text


def template_sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a template without what Jinja and the browser read: comments, statements, tags' names and addresses."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        r"\{#.*?#\}|<!--.*?-->|<style.*?</style>", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL
    )
    text = re.sub(r'\b(class|id|name|href|src|action|for|aria-\w+by|data-[\w-]+|style|role|type)="[^"]*"', "", text)
    text = re.sub(r"\{% for [\w, ]+ in\b|\{\{ \w+ \}\}", "", text)  # names of variables
    yield from enumerate(text.splitlines(), start=1)


def all_sentences() -> Iterator[tuple[str, str]]:
    """Every sentence that people meet, with its place."""
    code, pages = sorted((ROOT / "digest").rglob("*.py")), sorted((ROOT / "templates").rglob("*.*"))
    found = {
        path: [*python_sentences(path), *(command_help(path) if path.parent.name == "cli" else ())] for path in code
    }
    found |= {
        path: [*template_sentences(path)]
        for path in pages
        if path.suffix in {".html", ".txt"} and "static" not in path.parts
    }
    for name in ("README.md", ".env.example"):
        found[ROOT / name] = [*enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), start=1)]
    for path, sentences in found.items():
        name = str(path.relative_to(ROOT))
        if not name.startswith(UNREAD):
            yield from ((f"{name}:{line}", text) for line, text in sentences)


def faults_in(text: str) -> list[str]:
    """Words and sentences in a text that must not be there."""
    plain = " ".join(text.split())
    for allowed in ALLOWED:
        plain = re.sub(allowed, "", plain, flags=re.IGNORECASE)
    words = [
        found[0]
        for word in PRIVATE_WORDS
        if (found := re.search(rf"(?<![\w./_-])({word})(?![\w_/-])", plain, re.IGNORECASE))
    ]
    return words + [sentence for sentence in REPLACED_SENTENCES if sentence.lower() in plain.lower()]


def test_no_private_word_and_no_replaced_sentence_is_left() -> None:
    faults = [
        f"{place}: {found} in {text.strip()[:100]!r}" for place, text in all_sentences() for found in faults_in(text)
    ]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Your letters come already", ["letters"]),
        ("2 readers are due", ["readers"]),
        ("for your feed reader, as a screen reader says it", []),
        ("must have only ASCII letters before the @", []),
        ("Nobody is told.", ["Nobody", "told"]),
        ("The preview rests for a while", ["The preview rests"]),
        ("/letters/{token}", []),
        ("You get one e-mail a day.", []),
    ],
)
def test_a_private_word_is_seen(text: str, faults: list[str]) -> None:
    assert sorted(faults_in(text)) == sorted(faults)


def test_sentences_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (module := tmp_path / "module.py").write_text(
        'def f(n):\n    "A docstring of letters."\n    return f"{n} letters wait" if n else "no letter waits"\n'
    )
    assert [text for _, text in python_sentences(module)] == ["{n} letters wait", "no letter waits"]
    (page := tmp_path / "page.html").write_text('<a class="letter" title="A letter">one</a>{# letters #}\n')
    assert [faults_in(text) for _, text in template_sentences(page)] == [["letter"]]
    assert {place.partition(":")[0] for place, _ in all_sentences()} >= {
        "README.md",
        ".env.example",
        "digest/cli/service/serve.py",
        "digest/web/messages.py",
        "templates/mail/digest-body.html",
        "templates/web/privacy.html",
    }


# Errors with a sentence of their own outside a messages module and the top of their module, each with its reason.
OWN_SENTENCES = {
    "digest/cli/scenario.py": "a fault of ours, which no one can cause",
    "digest/cli/output.py": "a fault of ours, which no one can cause",
    "digest/database/column_types.py": "a fault of ours, which no one can cause",
    "digest/mail/message.py": "faults of ours, which no one can cause",
    "digest/matching/explain.py": "a fault of ours, which no one can cause",
    "digest/matching/lexer.py": "a fault of ours, which no one can cause",
    "digest/schedule.py": "faults of ours: forms and columns check these values before",
    "digest/sources/body.py": "one that is caught in the module",
    "digest/sources/client.py": "a fault of ours, which no one can cause",
    "digest/sources/contract.py": "what a failed test tells the author of a source",
    "digest/sources/source.py": "a fault of ours, which no one can cause",
    "digest/subscribers/csv_table.py": "sentences about files, which go with its vocabulary",
    "digest/subscribers/csv_import.py": "sentences about files, which go with its vocabulary",
    "digest/web/context.py": "replaced by the page of a 404",
}
MIN_WORDS = 3  # of a sentence


def module_name(path: Path) -> str:
    """Return package and file of a module, whatever folder within the package it is in."""
    parts = path.relative_to(ROOT).parts
    return "/".join([*parts[:2], *parts[2:][-1:]])


def raised_sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Sentences that are written where a module raises an error, or makes one to be raised."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Raise) and not name.endswith("Error"):
            continue
        parts = [part for part in ast.walk(node) if isinstance(part, (ast.Constant, ast.JoinedStr))]
        inside = {id(piece) for part in parts if isinstance(part, ast.JoinedStr) for piece in part.values}
        for part in parts:
            text = ""
            if isinstance(part, ast.JoinedStr):
                text = "".join(str(piece.value) if isinstance(piece, ast.Constant) else "…" for piece in part.values)
            elif isinstance(part.value, str):
                text = part.value
            if len(text.split()) >= MIN_WORDS and id(part) not in inside:
                yield part.lineno, text


def test_no_error_is_worded_outside_the_messages() -> None:
    modules = [
        path
        for path in (ROOT / "digest").rglob("*.py")
        if path.name != "messages.py" and "migrations" not in path.parts
    ]
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in modules:
        if path.name != "__init__.py":  # what Python says of a missing attribute
            found[module_name(path)] += raised_sentences(path)
    faults = [
        f"{name}:{line}: {text!r}" for name, texts in found.items() if name not in OWN_SENTENCES for line, text in texts
    ]
    assert not faults, "move these into the package's messages.py, whole:\n" + "\n".join(faults)
    assert OWN_SENTENCES.keys() == {name for name in OWN_SENTENCES if found.get(name)}, "remove exceptions without one"


def test_a_raised_sentence_is_seen(tmp_path: Path) -> None:
    (module := tmp_path / "module.py").write_text(
        "def f(day):\n"
        '    if not day:\n        raise SubscriberError("Choose another day.")\n'
        '    fail(DigestError(f"There is no {day} here."))\n'
        '    raise SubscriberError(messages.NO_DAY, step="no step")\n'
    )
    assert {text for _, text in raised_sentences(module)} == {"Choose another day.", "There is no … here."}


# Other modules with sentences, which are messages by another name, or texts that go with what they describe.
TEXT_MODULES = {
    "digest/jobs/retention.py": "names of what is deleted",
    "digest/matching/describe.py": "the grammar by which keywords are described",
    "digest/rendering/samples.py": "a sample",
    "digest/sources/client.py": "a fault of ours",
    "digest/sources/contract.py": "what a failed test tells the author of a source",
    "digest/web/metrics.py": "help of metrics",
}
# Four plain words one after another.
SENTENCE = re.compile(r"[A-Za-z][a-z']+(?:,? (?:[a-z']+|…)){4,}")
HELP_ARGUMENTS = {"help", "epilog", "metavar", "description", "summary", "title"}


def loose_sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Sentences within functions of a module, those of errors, logs, docstrings and help texts aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {
        id(part)
        for node in ast.walk(tree)
        if (isinstance(node, ast.keyword) and node.arg in HELP_ARGUMENTS)
        or isinstance(node, ast.Raise)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for part in ast.walk(node)
    }
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in (part for function in functions for part in ast.walk(function)):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            parts |= {id(part) for part in ast.walk(node)} - {id(node)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if id(node) not in parts and SENTENCE.search(text):
            yield node.lineno, text


def test_no_function_has_a_sentence_of_its_own_outside_the_messages() -> None:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in (ROOT / "digest").rglob("*.py"):
        if path.name != "messages.py" and not str(path.relative_to(ROOT)).startswith(UNREAD):
            found[module_name(path)] += loose_sentences(path)
    faults = [
        f"{name}:{line}: {text[:100]!r}"
        for name, sentences in found.items()
        if name not in TEXT_MODULES
        for line, text in sentences
    ]
    assert not faults, "move these into the package's messages.py, whole:\n" + "\n".join(faults)
    assert TEXT_MODULES.keys() == {name for name in TEXT_MODULES if found.get(name)}, "remove exceptions without one"


def test_a_sentence_in_a_function_is_seen(tmp_path: Path) -> None:
    (module := tmp_path / "module.py").write_text(
        'def f(n):\n    "Tell how many papers there are."\n    log.info("papers.told")\n'
        '    return f"there are {n} papers of today" if n else "no paper is there today"\n'
    )
    assert [text for _, text in loose_sentences(module)] == ["there are … papers of today", "no paper is there today"]


# What is counted, where it is written: `{{ n|count("paper") }}`, `{{ n|pluralize("day") }}`, `pluralize(n, "paper")`.
COUNTED = re.compile(r"""(?:\|(?:count|pluralize)\(|pluralize\([^"'\n]*,\s)["']([a-z -]+)["']\)""")
# A plural that is put together: "{count} paper(s)", "{{ noun }}s", "'' if count == 1 else 's'".
GLUED_PLURAL = re.compile(r"""[a-z]\(e?s\)(?!\w)|\}\}s\b|["']e?s["'] if |else ["']e?s["']""")


def word_sources() -> list[Path]:
    """Modules and templates that make sentences."""
    templates = [path for path in (ROOT / "templates").rglob("*.*") if path.suffix in {".html", ".txt"}]
    return [*(ROOT / "digest").rglob("*.py"), *(path for path in templates if "static" not in path.parts)]


def test_whatever_is_counted_has_both_its_forms_written_out() -> None:
    counted = {noun for path in word_sources() for noun in COUNTED.findall(path.read_text(encoding="utf-8"))}
    assert len(counted) > 20
    assert counted <= COUNTED_NOUNS.keys(), "write these into COUNTED_NOUNS of digest/formatting.py"


def test_no_plural_is_put_together() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {plural[0]}"
        for path in word_sources()
        if path.name != "descriptions.py"  # finds words of others
        for plural in GLUED_PLURAL.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
    assert all(map(GLUED_PLURAL.search, ("{n} paper(s)", "{{ day }}s", "paper{'' if n == 1 else 's'}")))
