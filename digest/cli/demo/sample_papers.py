"""Sample papers of the demonstration, from `days/day-N.txt`. All of them and their authors are invented.

An empty line ends a paper. Its first line has the source, its number there and what else the source says of it: the
categories of a preprint, how arXiv announces it. Then come lines of a name and a value:

    arxiv 2607.89402v1 new quant-ph
    title: Echoes of a Noisy Neighbor
    authors: Henrik Dalgaard, Sunita Rao
    abstract: A qubit that idles hears its neighbors. ...

The text of `pubmed` and `journal` is XML; sections of an abstract stand between bars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

DAY_COUNT = 5


@dataclass(frozen=True, slots=True)
class SamplePaper:
    """Paper as one source lists it. `words`: what follows its number on the first line."""

    source: str
    number: str
    words: tuple[str, ...]
    values: Mapping[str, str]

    @property
    def title(self) -> str:
        """Title, on one line."""
        return self.values["title"]

    @property
    def abstract(self) -> str:
        """Abstract; empty where a notice has none."""
        return self.values.get("abstract", "")

    @property
    def authors(self) -> list[str]:
        """Names of the authors."""
        return self.values["authors"].split(", ")

    @property
    def arxiv_id(self) -> str:
        """Number of a preprint without its version."""
        return self.number.partition("v")[0]

    @property
    def categories(self) -> list[str]:
        """Categories of a preprint, the primary one first."""
        return [word for word in self.words if "." in word or ("-" in word and word != "replace-cross")]

    @property
    def facts(self) -> dict[str, str]:
        """What else the list tells: upvotes, comments, code, project, organization."""
        parts = (fact.strip().partition(" ") for fact in self.values.get("facts", "").split(";"))
        return {name: value for name, _, value in parts if name}


@lru_cache(maxsize=DAY_COUNT)
def read_day(number: int) -> Mapping[str, Sequence[SamplePaper]]:
    """Read the papers of a day, 1 to DAY_COUNT, by their source."""
    text = files("digest.cli.demo").joinpath("days", f"day-{number}.txt").read_text(encoding="utf-8")
    papers: dict[str, list[SamplePaper]] = {"huggingface": [], "arxiv": [], "pubmed": [], "journal": []}
    for block in text.strip().split("\n\n"):
        head, *lines = block.split("\n")
        source, paper_number, *words = head.split()
        values = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        papers[source].append(SamplePaper(source, paper_number, tuple(words), values))
    return papers
