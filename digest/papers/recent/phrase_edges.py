"""Words that say little: no suggested phrase begins or ends with one of them."""

from digest.matching import FUNCTION_WORDS, to_key

# Verbs and adjectives of every abstract.
_WEAK = """
    able accurate achieve across additional aim also analyze art available aware based baseline best better between
    beyond both build call code com comprehensive conditioned consider consistent constrained current demonstrate
    depend derive despite develop different directly diverse driven each early easy effective effectively efficient
    efficiently enable enabled end enhance enhanced ensure evaluate even existing explain explicit explore extend
    extensive extensively fast few first five focus four free full fully further general generalized generic github
    given good guide guided handle high higher highly however http https identify implement important improve
    improved improving include including incorporate individual inform informed inspired integrate introduce
    investigate key known large larger lead leading learn learned level leverage like limited long look low lower
    main maintain make many measure method modern more most multiple must need never new non not novel number often
    one only open oriented other outperform over overall particular perform possible potential practical present
    previous prior produce promising propose proposed provide publicly purpose quickly rather ready real recent
    reduce reduced related reliable remain require respect respectively reveal rich rigorous robust same scalable
    second several show significant significantly similar simple single small so solve specific specifically state
    still strong study substantial such support systematic take than third third-party three through thus together
    toward towards train trained true two typical under understand unified unify until used using utilize various
    vary well wide widely without www yet zero
"""
# Nouns of every abstract: they may end a phrase of several words (world model), but say nothing alone or before others.
_GENERIC = """
    ability accuracy advance algorithm analysis application approach area aspect assessment assumption baseline
    behavior benchmark capture case category challenge change characteristic class collection combination comparison
    complexity component computation concept condition consideration context contribution cost criterion data
    dataset demand design detail detection development difference difficulty dimension direction distribution domain
    dynamics effect effort element environment error estimate estimation evaluation evidence example experiment
    expert extension factor failure feature field finding form formulation foundation framework function gain gap
    goal group guarantee guideline idea impact implementation importance improvement increase influence information
    input insight instance interest issue knowledge learning limitation line literature loss management means
    mechanism metric model modeling module nature network objective observation operation optimization order outcome
    output overview paper parameter part pattern people performance perspective pipeline point possibility practice
    prediction principle problem procedure process processing property quality question range rate reason
    recognition reduction region relation relationship representation requirement research researcher result review
    role scale scenario scheme score selection sense sequence series set setting setup size software solution source
    space stage standard step strategy strength structure success survey system target task technique technology
    term test testing theory time tool topic trade-off training trend type understanding unit use user value variant
    variation variety version view way weight word work world years
"""
WEAK_WORDS = frozenset(map(to_key, _WEAK.split())) | FUNCTION_WORDS
GENERIC_WORDS = frozenset(map(to_key, _GENERIC.split())) | WEAK_WORDS


def may_begin(key: str) -> bool:
    """Return whether a phrase may begin with a word, or consist of it."""
    return key not in GENERIC_WORDS and len(key) > 1 and not key[0].isdigit() and key.isascii()


def may_end(key: str) -> bool:
    """Return whether a phrase of several words may end with this one."""
    return key not in WEAK_WORDS and len(key) > 1 and not key.isdigit()
