"""The categories of arXiv, by archive."""

_SUBJECTS = {
    "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL RO SC "
    "SD SE SI SY",
    "econ": "EM GN TH",
    "eess": "AS IV SP SY",
    "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
    "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph "
    "geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
    "q-bio": "BM CB GN MN NC OT PE QM SC TO",
    "q-fin": "CP EC GN MF PM PR RM ST TR",
    "stat": "AP CO ME ML OT TH",
    "astro-ph": "CO EP GA HE IM SR",
    "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "nlin": "AO CD CG PS SI",
}
DIVIDED_ARCHIVES = frozenset(_SUBJECTS)
ARXIV_CATEGORIES = frozenset(
    f"{archive}.{subject}".lower() for archive, subjects in _SUBJECTS.items() for subject in subjects.split()
)


def is_arxiv_category(name: str) -> bool:
    """Return whether arXiv has a category of this name, in any case."""
    return name.lower() in ARXIV_CATEGORIES


def is_misspelled_category(name: str) -> bool:
    """Return whether a name can only be meant for a category of arXiv, which has none such: cs.XX, cs.CL cs.CV."""
    archive, dot, subject = name.lower().partition(".")
    if archive in DIVIDED_ARCHIVES and dot:
        return not subject.endswith("*") and name.lower() not in ARXIV_CATEGORIES
    return False
