"""Singular forms of English nouns, and nothing more: no stemming.

The rules are few and the exceptions are listed, because a wrong merge is worse than a missed one: "bias" must not
become "biased", "dynamics" must not become "dynamic". Words come in normalized (see `normalize`). A word that is no
English word at all may lose its s; that harms nothing as long as no other word looks like the rest.
"""

MIN_LENGTH = 4  # "gas", "bus", "GPS" and "was" are no plurals; `normalize` knows "GPs" by its capitals

IRREGULAR_PLURALS = {
    "algae": "alga",
    "alumni": "alumnus",
    "analyses": "analysis",
    "antennae": "antenna",
    "appendices": "appendix",
    "automata": "automaton",
    "axes": "axis",
    "bacteria": "bacterium",
    "calves": "calf",
    "caches": "cache",
    "children": "child",
    "corpora": "corpus",
    "cortices": "cortex",
    "crises": "crisis",
    "criteria": "criterion",
    "diagnoses": "diagnosis",
    "ellipses": "ellipsis",
    "emphases": "emphasis",
    "eigenbases": "eigenbasis",
    "feet": "foot",
    "foci": "focus",
    "formulae": "formula",
    "fungi": "fungus",
    "geese": "goose",
    "genera": "genus",
    "halves": "half",
    "helices": "helix",
    "hypotheses": "hypothesis",
    "indices": "index",
    "knives": "knife",
    "larvae": "larva",
    "leaves": "leaf",
    "lemmata": "lemma",
    "loci": "locus",
    "loaves": "loaf",
    "matrices": "matrix",
    "men": "man",
    "metastases": "metastasis",
    "mice": "mouse",
    "minima": "minimum",
    "maxima": "maximum",
    "nebulae": "nebula",
    "nuclei": "nucleus",
    "optima": "optimum",
    "oxen": "ox",
    "parentheses": "parenthesis",
    "phenomena": "phenomenon",
    "polyhedra": "polyhedron",
    "prognoses": "prognosis",
    "prostheses": "prosthesis",
    "quanta": "quantum",
    "quizzes": "quiz",
    "radii": "radius",
    "schemata": "schema",
    "shelves": "shelf",
    "simplices": "simplex",
    "spectra": "spectrum",
    "stimuli": "stimulus",
    "strata": "stratum",
    "supernovae": "supernova",
    "syntheses": "synthesis",
    "teeth": "tooth",
    "tetrahedra": "tetrahedron",
    "theses": "thesis",
    "thieves": "thief",
    "tori": "torus",
    "vertebrae": "vertebra",
    "vertices": "vertex",
    "vortices": "vortex",
    "wives": "wife",
    "wolves": "wolf",
    "women": "woman",
}

IRREGULAR_SUFFIXES = ("criteria", "hypotheses", "matrices", "phenomena", "vertices")

# Endings in s that are no plurals; also at the end of a joined word (biogas, contactlens, timeseries).
UNCHANGED_SUFFIXES = (
    *("ss", "us", "is", "ics", "bayes", "bias", "lens", "series", "species", "biogas", "canvas", "atlas", "pancreas"),
    *("chaos", "cosmos", "diabetes", "herpes", "rabies", "news", "kubernetes", "pandas", "keras", "macos"),
)
# The same as whole words only: at the end of a joined word their letters are plurals (aids, first-aids).
UNCHANGED_WORDS = frozenset(
    "adams aids adas alas alias always anders andreas arkansas besides christmas corps ethos euros forbes gauss "  # noqa: SIM905
    "hans hodges https jacobs james jones kansas kudos logos maldives mars mathews mips naples netherlands ours pathos "
    "perhaps reuters sars stokes texas theirs vegas wales whereas williams yours".split()
)
# True plurals among the words in -us, -is and -ics.
REGULAR_PLURALS = frozenset(
    "alus cpus dpus emus fpus gelus gpus grus gurus imus ipus lpus menus npus plateaus relus tpus vpus "  # noqa: SIM905
    "apis bcis clis dois emojis fmris guis kpis mris pois rois skis wikis "
    "antibiotics asics characteristics clinics comics conics critics cubics demographics diacritics epidemics fabrics "
    "geodesics harmonics heuristics infographics logics lyrics metaheuristics metrics mimics mnemonics mosaics "
    "pandemics quadrics relics rubrics schematics subtopics tactics topics".split()
)
USE_SUFFIXES = (
    "cause",
    "clause",
    "excuse",
    "accuse",
    "reuse",
    "fuse",
    "house",
    "misuse",
    "blouse",
    "muse",
    "pause",
    "spouse",
    "abuse",
)
CHE_WORDS = ("aches", "headaches", "avalanches", "creches", "niches", "psyches")
OE_WORDS = ("aloes", "canoes", "oboes", "shoes", "throes")
IE_WORDS = frozenset(
    "brownies calories cookies genies indies magpies movies newbies prairies rookies selfies sorties zombies".split()  # noqa: SIM905
)
SIBILANT_SUFFIXES = ("sses", "xes", "ches", "shes", "zzes", "tzes")


def to_singular(word: str) -> str:
    """Return the singular of an English noun in lower case; any other word as it is. Idempotent."""
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    if word.endswith(IRREGULAR_SUFFIXES):  # multicriteria, submatrices
        suffix = next(suffix for suffix in IRREGULAR_SUFFIXES if word.endswith(suffix))
        return word.removesuffix(suffix) + IRREGULAR_PLURALS[suffix]
    if len(word) < MIN_LENGTH or word[-1] != "s" or word[-2].isdigit() or word[0].isdigit() or not word.isascii():
        return word
    if word in REGULAR_PLURALS:
        return word[:-1]
    if word in UNCHANGED_WORDS or word.endswith(UNCHANGED_SUFFIXES):
        return word
    return _singular_of_es(word) if word.endswith("es") else word[:-1]


def _singular_of_es(word: str) -> str:
    """Return class for classes, virus for viruses, agency for agencies; but phase for phases, cause for causes."""
    if word.endswith("ies"):
        return word[:-1] if len(word) <= len("ties") or word in IE_WORDS else word[:-3] + "y"
    stem = word[:-2]
    unchanged_suffixes = ("bias", "canvas", "atlas", "pancreas", "lens", "biogas")
    if stem in UNCHANGED_WORDS or stem == "gas" or stem.endswith(unchanged_suffixes):
        return stem
    if stem.endswith("us"):
        return word[:-1] if word == "uses" or word[:-1].endswith(USE_SUFFIXES) else stem
    if word.endswith("oes"):
        short = len(word) == len("toes") and word not in {"goes", "does"}
        return word[:-1] if short or word.endswith(OE_WORDS) else stem
    if word.endswith(SIBILANT_SUFFIXES) and word not in CHE_WORDS:
        return stem
    return word[:-1]
