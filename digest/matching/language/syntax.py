"""Syntax of keywords, for the help page and for `digest match --help`.

Tests hold each example to its word: it means `meaning` (as `describe` puts it), it finds every title in `finds` and
none in `misses`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SyntaxExample:
    """One syntax: its purpose, an example, what the example means, titles that it finds and misses."""

    purpose: str
    example: str
    meaning: str
    finds: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()


EXAMPLE_PAPER = "2607.20417"  # pages name one that they have
INTRODUCTION = (
    "Write one keyword per line. You get a paper if it matches at least one keyword and none of your exclusions.",
    "Case, accents, hyphens and plurals are ignored: fine tuning, fine-tuning and finetuning are the same.",
    "So are British and American spelling, beta and β, and an acronym and what it stands for.",
    "Write operators in capitals. NOT is applied first, then AND and ANDNOT, then OR; use parentheses to group.",
)

SYNTAX_EXAMPLES = (
    SyntaxExample(
        "these words, in this order",
        "diffusion model",
        "title or abstract contains “diffusion model”",
        ("Diffusion Models for cats", "A diffusion-model prior"),
        ("A model of diffusion",),
    ),
    SyntaxExample(
        "exactly these words: plurals, hyphens, spelling and acronyms count",
        '"in context"',
        "title or abstract contains exactly “in context”",
        ("Learning in context",),
        ("In-context learning", "In contexts"),
    ),
    SyntaxExample(
        "two to four capitals in quotes: only in capitals",
        '"WHO"',
        "title or abstract contains exactly “WHO”",
        ("A report of the WHO",),
        ("People who vote",),
    ),
    SyntaxExample(
        "an acronym finds what it stands for, and is found by it",
        "llm agent",
        "title or abstract contains “llm agent”",
        ("Large language model agents", "LLM agents"),
        ("Language model agents",),
    ),
    SyntaxExample(
        "words that begin with these letters (at least three)",
        "pretrain*",
        "title or abstract contains “pretrain…”",
        ("Pretraining cats", "A pre-trained cat"),
        ("Training cats",),
    ),
    SyntaxExample(
        "a beginning inside a phrase",
        "neural net* pruning",
        "title or abstract contains “neural net… pruning”",
        ("Neural network pruning", "Pruning by neural net pruning"),
        ("Pruning neural networks",),
    ),
    SyntaxExample(
        "both words",
        "robot AND grasping",
        "title or abstract contains “robot” and “grasping”",
        ("Grasping with robots",),
        ("Robots that walk",),
    ),
    SyntaxExample(
        "either of them",
        "robot OR drone",
        "title or abstract contains “robot” or “drone”",
        ("Robots", "Drone swarms"),
        ("Planes",),
    ),
    SyntaxExample(
        "one without the other",
        "diffusion model ANDNOT survey",
        "title or abstract contains “diffusion model”, but not “survey”",
        ("A diffusion model",),
        ("A survey of diffusion models",),
    ),
    SyntaxExample(
        "the same for one word, shorter",
        "jaguar -car",
        "title or abstract contains “jaguar”, but not “car”",
        ("The jaguar sleeps",),
        ("The Jaguar car",),
    ),
    SyntaxExample(
        "parentheses group terms",
        "(rag OR retrieval) AND benchmark",
        "title or abstract contains (“rag” or “retrieval”) and “benchmark”",
        ("A retrieval benchmark", "RAG benchmarks"),
        ("Retrieval",),
    ),
    SyntaxExample(
        "an exclusion, on a line of its own: no paper that matches it",
        "-survey",
        "no paper where title or abstract contains “survey”",
        ("A survey", "Surveys of cats"),
        ("A study",),
    ),
    SyntaxExample(
        "only in the title; use abstract: for the abstract",
        "title:reasoning",
        "title contains “reasoning”",
        ("Reasoning",),
        ("Thinking",),
    ),
    SyntaxExample("an author; a single letter is an initial", 'author:"Yejin Choi"', "author is “Yejin Choi”"),
    SyntaxExample("an arXiv category", "category:cs.CL", "category is cs.CL"),
    SyntaxExample("all categories of an arXiv archive", "category:cs.*", "category is cs"),
    SyntaxExample(
        "a subject: a MeSH heading, or a category of a feed or of arXiv",
        "subject:diabetes mellitus",
        "subject contains “diabetes mellitus”",
    ),
    SyntaxExample(
        "a journal, by its whole name; with a star, all that begin so",
        'journal:"Nature Medicine" OR journal:Cell*',
        "journal is “Nature Medicine” or any that begins with “Cell”",
    ),
    SyntaxExample("a DOI; its first part alone finds all of a publisher", "doi:10.1038", "DOI begins with 10.1038/"),
    SyntaxExample(
        "papers like one that is listed here: they have its heaviest words, at least 15 % of their weight",
        f"like:{EXAMPLE_PAPER}",
        f"words are like those of arxiv:{EXAMPLE_PAPER}",
        (),
        ("A paper of other words",),
    ),
    SyntaxExample(
        "editorials, news and comments, which only keywords with kind: find",
        "journal:Nature AND kind:editorial",
        "journal is “Nature”, and kind is editorial",
    ),
    SyntaxExample("listed by this source", "source:huggingface", "source is huggingface"),
    SyntaxExample("the organization behind the paper", "org:deepmind", "organization contains “deepmind”"),
    SyntaxExample("number of upvotes; >=, <, <= and = work too", "upvotes>20", "upvotes are at least 21"),
    SyntaxExample("a code repository is linked", "has:code", "the listing names code"),
    SyntaxExample(
        "fields and words combined",
        "category:cs.CL AND (translation OR title:multilingual)",
        "category is cs.CL, and (title or abstract contains “translation”, or title contains “multilingual”)",
    ),
    SyntaxExample(
        "arXiv's short field names work too",
        "ti:attention AND au:vaswani",
        "title contains “attention”, and author is “vaswani”",
    ),
)
