"""Singular forms of English nouns, and nothing more: no stemming.

The rules are few and the exceptions are listed, because a wrong merge is worse than a missed one: "bias" must not
become "biased", "dynamics" must not become "dynamic". Words come in normalized (see `normalize`). A word that is no
English word at all may lose its s; that harms nothing as long as no other word looks like the rest.
"""

MIN_LENGTH = 4  # "gas", "bus", "GPS" and "was" are no plurals; `normalize` knows "GPs" by its capitals

# Nouns of Greek, Latin, French and Old English, by the ending of their plurals and of their singulars.
_IRREGULAR_NOUNS = {
    ("a", "um"): "addendum atrium bacterium candelabrum cerebellum cilium colloquium compendium consortium continuum "
    "cranium emporium endothelium epithelium equilibrium erratum flagellum frustum gymnasium labium maximum "
    "memorandum millennium minimum momentum moratorium mycelium optimum ovum phylum quantum sanatorium septum spectrum "
    "sporangium stadium sternum stratum substratum symposium triennium vacuum",
    ("a", "on"): "automaton criterion ganglion mitochondrion phenomenon polyhedron prolegomenon protozoon spermatozoon "
    "taxon tetrahedron octahedron dodecahedron icosahedron hexahedron",
    (
        "i",
        "us",
    ): "abacus acinus alumnus alveolus annulus bacillus bronchus cactus calculus canaliculus carpus "
    "coccus cumulus embolus emeritus esophagus fasciculus focus fungus glomerulus gyrus hippocampus homunculus humerus "
    "hypothalamus incubus locus malleolus meniscus modulus naevus nevus nucleolus nucleus oesophagus papyrus "
    "radius ramus rhombus sarcophagus stimulus strobilus stylus sulcus syllabus terminus thalamus thesaurus "
    "thrombus torus tubulus umbilicus uterus vagus villus",
    ("ae", "a"): "alga alumna amoeba ampulla antenna aorta areola bulla bursa caldera conjunctiva exuvia fauna fibula "
    "fistula formula fossa fovea hypha lacuna lamella lamina larva macula maxilla medulla minutia nebula nova papilla "
    "patella persona pleura pupa retina scapula spatula tibia trachea ulna uvula valvula vena vertebra vesicula villa",
    ("es", "is"): "amniocentesis analysis antithesis apophysis arthrosis axis biogenesis catharsis chrysalis cirrhosis "
    "crisis diaeresis diagnosis diaphysis diathesis eigenbasis emphasis epiphysis exegesis fibrosis genesis hypophysis "
    "metamorphosis metastasis morphogenesis mycosis necrosis nemesis neurosis oasis paralysis parenthesis periphrasis "
    "photosynthesis prognosis prosthesis psychosis sclerosis stenosis symphysis synthesis synopsis "
    "testis thesis thrombosis tuberculosis zoonosis hypothesis neogenesis symbiosis",
    ("ices", "ix"): "appendix calyx cervix cicatrix directrix helix matrix radix varix",
    ("ices", "ex"): "apex codex cortex index simplex vertex vortex",
    (
        "mata",
        "ma",
    ): "adenoma carcinoma condyloma dogma enigma fibroma hematoma lemma lymphoma schema stemma stigma stoma trauma",
    ("ina", "en"): "foramen lumen stamen",
    ("ora", "us"): "corpus",
    ("era", "us"): "genus viscus",
    ("eaux", "eau"): "bureau gateau plateau tableau",
    ("ves", "f"): "calf elf half hoof leaf loaf scarf sheaf shelf thief wharf wolf dwarf",
    ("ves", "fe"): "knife wife midwife",
    ("xes", "xis"): "praxis parataxis",
    ("men", "man"): "craftsman fisherman layman man salesman woman workman",
    ("ges", "x"): "larynx pharynx phalanx",
}
_ODD_PLURALS = {
    "analyses": "analysis", "appendices": "appendix", "axes": "axis", "caches": "cache", "calyces": "calyx",
    "children": "child", "ellipses": "ellipse", "feet": "foot", "foramina": "foramen", "geese": "goose",
    "irides": "iris", "larynges": "larynx", "lice": "louse", "lumina": "lumen", "mice": "mouse", "oxen": "ox",
    "pharynges": "pharynx", "phalanges": "phalanx", "quizzes": "quiz", "stamina": "stamina", "teeth": "tooth",
}  # fmt: skip


def _plural(noun: str, ending: str, singular: str) -> str:
    """Return the plural of a noun; of helix helices, but of calyx calyces."""
    return noun[: -len(singular)] + ending


IRREGULAR_PLURALS = {
    _plural(noun, ending, singular): noun
    for (ending, singular), nouns in _IRREGULAR_NOUNS.items()
    for noun in nouns.split()
} | _ODD_PLURALS

# The same at the end of longer words: multicriteria, submatrices, cyanobacteria, streptococci, microalgae.
IRREGULAR_SUFFIXES = (
    *("algae", "analyses", "alveoli", "bacilli", "bacteria", "cocci", "corpora", "cortices", "criteria", "equilibria"),
    *("fungi", "ganglia", "glomeruli", "gnoses", "gyri", "hedra", "helices", "indices", "larvae", "lumina", "lyses"),
    *("matrices", "maxima", "metastases", "minima", "mitochondria", "moduli", "novae", "nuclei", "optima", "phenomena"),
    *("simplices", "spectra", "stenoses", "stigmata", "sulci", "symposia", "taxa", "theses", "thelia", "thrombi"),
    *("vertebrae", "vertices", "vortices"),
)
_SUFFIX_SINGULARS = {"gnoses": "gnosis", "hedra": "hedron", "lyses": "lysis", "theses": "thesis", "thelia": "thelium"}

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
    if word.endswith(IRREGULAR_SUFFIXES):
        suffix = next(suffix for suffix in IRREGULAR_SUFFIXES if word.endswith(suffix))
        return word.removesuffix(suffix) + (_SUFFIX_SINGULARS.get(suffix) or IRREGULAR_PLURALS[suffix])
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
