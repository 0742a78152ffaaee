"""The measures of the report in plain words."""

from components.report.structured.glossary import OF_STRUCTURE


def glossary(has_bags: bool, is_structured: bool = False) -> list[tuple[str, str]]:
    """Terms and meanings; has_bags: whether a case may be several images, which has terms of its own.

    is_structured: whether labels are combinations of attributes, which have theirs, too.
    """
    words = {
        "a_case": "a case" if has_bags else "an image",
        "case": "case" if has_bags else "image",
        "cases": "cases" if has_bags else "images",
        "Cases": "Cases" if has_bags else "Images",
    }
    terms = ([_TERMS[0], *_OF_BAGS, *_TERMS[1:]] if has_bags else _TERMS) + (OF_STRUCTURE if is_structured else [])
    return [(term, meaning.format(**words)) for term, meaning in terms]


_TERMS: list[tuple[str, str]] = [
    ("Code", "A short row of bits that stands for {a_case}. {Cases} with similar codes should show similar findings."),
    ("Hamming distance", "In how many bits two codes differ. A search lists the gallery by this distance."),
    (
        "Query and gallery",
        "A query is {a_case} of a test patient. The gallery is what it searches: the {cases} of the "
        "training and validation patients. A query never sees its own patient.",
    ),
    ("Relevant", "A gallery {case} is relevant to a query if the two share at least one label."),
    (
        "MAP",
        "Mean average precision: walk down each query's ranking and, at every relevant {case}, note which share of "
        "the {cases} so far was relevant; average that over the relevant {cases}, then over the queries. 1 is perfect.",
    ),
    (
        "Ties",
        "Distances are whole numbers, so many {cases} are equally far. MAP here is the average over all orders of "
        "such ties; worst and best show how much the order alone could change it.",
    ),
    (
        "Slice",
        "The queries that have something in common, such as a finding, a view or an age. They search the whole "
        "gallery, and their chance is their own: a rare finding is hit more seldom.",
    ),
    (
        "Chance",
        "The same measure when the gallery is in random order. A method at chance has learned nothing useful, "
        "however high its figure may look.",
    ),
    (
        "95 % interval",
        "Where the figure would lie if other patients had been drawn: the middle 95 % of many draws of "
        "patients with replacement.",
    ),
    (
        "Validation MAP",
        "The same measure with validation patients searching the training patients. Methods are chosen "
        "by this one, so that the test figures stay honest.",
    ),
    (
        "P@1, P@5, P@10",
        "Of the 1, 5 or 10 nearest answers, the share that is relevant: what a reader who looks no "
        "further sees. Where more are equally far than fit, it is the average over their orders.",
    ),
    (
        "NDCG@100",
        "How well the first 100 answers are ordered, counting {a_case} that shares more labels for more; 1 is "
        "the best order the gallery allows.",
    ),
    ("ACG@100", "How many labels the first 100 answers share with the query, on average."),
    ("Weighted mAP", "Like MAP, with each answer weighted by the number of labels it shares."),
    (
        "P@H2",
        "Of the gallery {cases} within two bits of the query, the share that is relevant; a query with none there "
        "counts as 0.",
    ),
    ("Empty-ball rate", "The share of queries that have no gallery {case} within two bits."),
    (
        "Distinct codes",
        "How many different codes the gallery has. Very few means that the method has collapsed: it "
        "can only tell that many groups of {cases} apart.",
    ),
    ("Bit balance", "The share of {cases} in which a bit is 1. Near one half a bit tells most; at 0 or 1 it is dead."),
    (
        "Precision and recall",
        "Of what lies within a distance, the share that is relevant; and the share of all "
        "relevant {cases} that lies within it.",
    ),
    (
        "t-SNE",
        "A picture in which {cases} with similar codes lie near each other. Groups mean something; the "
        "distances between far groups do not.",
    ),
    (
        "Gate",
        "A check of data quality after a stage. A failed gate stops the run before anything is built on bad data.",
    ),
]

_OF_BAGS: list[tuple[str, str]] = [
    (
        "Case, or bag",
        "The images that belong together and have one label and one code: the views of a breast, the "
        "regions of a slide. Images of the same case are never searched apart.",
    ),
    (
        "Instance",
        "One image of a bag, or one part that a large film or slide is cut into. The label is of the bag: not "
        "every instance needs to show what it says.",
    ),
    (
        "Pooling",
        "How the instances of a bag become one code: the largest value of each bit (max), the mean, noisy-or, "
        "a weighted mean whose weights are learned (attention), or, for methods that know single images only, the vote of "
        "the instances' codes. The order of the instances changes nothing.",
    ),
    (
        "Attention",
        "The share that each instance has in the code of its bag, where the pooling learns it; all of a bag "
        "together are 100 %. It says what the model looked at, not where a finding is.",
    ),
]
