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


INTRODUCTION = (
    "Write one keyword a line. A paper is for you when one of your lines finds it and none of your exclusions does.",
    "Capitals, accents, hyphens and plurals do not matter: fine tuning, fine-tuning and finetuning are the same.",
    "Operators are written in capitals. NOT binds tightest, then AND and ANDNOT, then OR; round brackets group.",
)

SYNTAX_EXAMPLES = (
    SyntaxExample(
        "words in this order",
        "diffusion model",
        "title or abstract contains “diffusion model”",
        ("Diffusion Models for cats", "A diffusion-model prior"),
        ("A model of diffusion",),
    ),
    SyntaxExample(
        "exactly these words: no plurals, no other hyphens",
        '"in context"',
        "title or abstract contains exactly “in context”",
        ("Learning in context",),
        ("In-context learning", "In contexts"),
    ),
    SyntaxExample(
        "words that begin so, from three letters on",
        "pretrain*",
        "title or abstract contains “pretrain…”",
        ("Pretraining cats", "A pre-trained cat"),
        ("Training cats",),
    ),
    SyntaxExample(
        "both",
        "robot AND grasping",
        "title or abstract contains “robot” and “grasping”",
        ("Grasping with robots",),
        ("Robots that walk",),
    ),
    SyntaxExample(
        "either",
        "LLM OR large language model",
        "title or abstract contains “LLM” or “large language model”",
        ("LLMs", "Large language models"),
        ("Language models",),
    ),
    SyntaxExample(
        "one without the other",
        "diffusion model ANDNOT survey",
        "title or abstract contains “diffusion model”, but not “survey”",
        ("A diffusion model",),
        ("A survey of diffusion models",),
    ),
    SyntaxExample(
        "the same, shorter, for one word",
        "jaguar -car",
        "title or abstract contains “jaguar”, but not “car”",
        ("The jaguar sleeps",),
        ("The Jaguar car",),
    ),
    SyntaxExample(
        "brackets group",
        "(rag OR retrieval) AND benchmark",
        "title or abstract contains (“rag” or “retrieval”) and “benchmark”",
        ("A retrieval benchmark", "RAG benchmarks"),
        ("Retrieval",),
    ),
    SyntaxExample(
        "never, on a line of its own: no paper that this finds",
        "-survey",
        "no paper where title or abstract contains “survey”",
        ("A survey", "Surveys of cats"),
        ("A study",),
    ),
    SyntaxExample(
        "only in the title; abstract: in the same way",
        "title:reasoning",
        "title contains “reasoning”",
        ("Reasoning",),
        ("Thinking",),
    ),
    SyntaxExample("an author; a single letter is an initial", 'author:"Yejin Choi"', "author is “Yejin Choi”"),
    SyntaxExample("a category of arXiv", "category:cs.CL", "category is cs.CL"),
    SyntaxExample("all categories of an archive", "category:cs.*", "category is cs"),
    SyntaxExample("where it is listed", "source:huggingface", "source is huggingface"),
    SyntaxExample("the organization behind it", "org:deepmind", "organization contains “deepmind”"),
    SyntaxExample("upvotes; also >=, <, <= and =", "upvotes>20", "upvotes are at least 21"),
    SyntaxExample("a repository is named", "has:code", "the listing names code"),
    SyntaxExample(
        "fields and words together",
        "category:cs.CL AND (translation OR title:multilingual)",
        "category is cs.CL, and (title or abstract contains “translation”, or title contains “multilingual”)",
    ),
    SyntaxExample(
        "arXiv's short names do as well",
        "ti:attention AND au:vaswani",
        "title contains “attention”, and author is “vaswani”",
    ),
)
