"""The report's glossary: terms of retrieval, of cases with several images, and of structured codes."""

_TERMS: list[tuple[str, str]] = [
    ("Code", "A short row of bits for {a_case}. {Cases} with similar findings should have similar codes."),
    ("Hamming distance", "The number of bits in which two codes differ. A search ranks the gallery by it."),
    (
        "Query and gallery",
        "A query is {a_case} of a test patient. The gallery holds the {cases} of the training and validation "
        "patients. A query never ranks {cases} of its own patient.",
    ),
    ("Relevant", "A gallery {case} is relevant to a query if the two share at least one label."),
    (
        "MAP",
        "Mean average precision. AP averages, over the relevant {cases} of one ranking, the precision at the rank of "
        "each. MAP is the mean over the queries; 1 is perfect.",
    ),
    (
        "Lift",
        "MAP less the MAP of the same rankings after the queries exchange their labels. The gallery is training data: "
        "its codes form groups, which raise both. Lift is 0 for codes that say nothing of the picture.",
    ),
    (
        "Unseen gallery",
        "The {cases} of the validation and test patients, which no training has seen. Test queries search it, their "
        "own patient left out.",
    ),
    (
        "kNN AUC",
        "How well the labels of the 20 nearest {cases} (evaluate.neighbours) predict those of the query: ROC-AUC, mean "
        "over labels. A guess gives 0.5.",
    ),
    (
        "Chance",
        "The same measure for a gallery in random order. A method at chance has learned nothing useful.",
    ),
    (
        "95 % interval",
        "The middle 95 % of the figure over bootstrap samples of the patients.",
    ),
    (
        "Validation lift",
        "Lift of validation patients that search each other. It chooses epochs, methods and settings, so that the test "
        "figures stay unbiased.",
    ),
    (
        "Ties",
        "Many {cases} have the same distance to a query. MAP is the expectation over all orders of such ties. Worst "
        "and best are its limits.",
    ),
    (
        "P@1, P@5, P@10",
        "The share of relevant {cases} among the 1, 5 or 10 nearest, in expectation over ties.",
    ),
    (
        "NDCG@100",
        "How well the first 100 {cases} are ordered, where {a_case} that shares more labels counts more. 1 is the "
        "best order possible.",
    ),
    ("ACG@100", "The mean number of labels that the first 100 {cases} share with the query."),
    ("Weighted mAP", "Like MAP, with each {case} weighted by the number of labels that it shares."),
    (
        "P@H2",
        "The share of relevant {cases} within Hamming radius 2. A query with none there counts as 0.",
    ),
    ("Empty balls", "The share of queries without a gallery {case} within Hamming radius 2."),
    (
        "Distinct codes",
        "The number of different codes in the gallery. Very few mean that the method has collapsed.",
    ),
    (
        "Shortcut",
        "A property of the image file, such as its size or a black border, that predicts an attribute without "
        "anatomy. A method may use it, and then its figures are too high.",
    ),
    ("Bit balance", "The share of {cases} in which a bit is 1. At ½ a bit carries most information; at 0 or 1, none."),
    (
        "Precision and recall",
        "Of the {cases} within a radius, the share that is relevant. Of the relevant {cases}, the share within it.",
    ),
    (
        "Slice",
        "The queries with one label, view, sex or age band. They search the whole gallery and have their own chance.",
    ),
    (
        "t-SNE",
        "A map that puts {cases} with similar codes near each other. Distances between far groups mean nothing.",
    ),
    ("Gate", "A check of a stage's output. A failed gate stops the run."),
]

_OF_BAGS: list[tuple[str, str]] = [
    (
        "Case, or bag",
        "Images with one label and one code, such as the views of a breast or the regions of a slide. They are never "
        "searched apart.",
    ),
    (
        "Instance",
        "One image of a bag, or one tile of a large film or slide. The label belongs to the bag; an instance need not "
        "show it.",
    ),
    (
        "Pooling",
        "How the instances of a bag become one code: max, mean, noisy-or, attention (a learned weighted mean), or, for "
        "methods of single images, a vote. The order of the instances does not matter.",
    ),
    (
        "Attention",
        "The learned share of an instance in the code of its bag; those of a bag add up to 100 %. It says what the "
        "model weighed, not where a finding is.",
    ),
]

_OF_STRUCTURE: list[tuple[str, str]] = [
    (
        "Attribute",
        "A property such as modality, organ or pathology. A combination has one value of each. Joint relevance asks "
        "for the same combination.",
    ),
    (
        "Sub-code",
        "The bits of a structured code that stand for one attribute. Ranked by them alone, {cases} with the same value "
        "should come first.",
    ),
    (
        "Preference satisfaction",
        "The share of the nearest {cases} with the query's value of an attribute. A preference ranks by that "
        "attribute's sub-code first, and by the whole code where it ties.",
    ),
    (
        "Held-out combination",
        "A combination that no training {case} has, such as MR of the breast where training has MR of the head and "
        "X-rays of the breast.",
    ),
    (
        "Membership",
        "The degree to which {a_case} belongs to a value, in per cent. The memberships of one attribute add up to "
        "100 %.",
    ),
    (
        "Rule, firing level",
        "A fuzzy method has rules such as IF modality is mr AND organ is brain. The firing levels of all rules add up "
        "to 100 %.",
    ),
    (
        "Calibration",
        "Whether confidence equals accuracy: of the {cases} called with 80 %, 80 % should be right. The expected "
        "calibration error is the mean gap; 0 is best.",
    ),
    (
        "Balanced accuracy",
        "The accuracy within each value, averaged over the values. Chance is one over their number.",
    ),
]


def glossary(has_bags: bool, is_structured: bool = False) -> list[tuple[str, str]]:
    """Terms and meanings.

    has_bags: a case may have several images. is_structured: labels are combinations of attributes.
    """
    words = {
        "a_case": "a case" if has_bags else "an image",
        "case": "case" if has_bags else "image",
        "cases": "cases" if has_bags else "images",
        "Cases": "Cases" if has_bags else "Images",
    }
    terms = ([_TERMS[0], *_OF_BAGS, *_TERMS[1:]] if has_bags else _TERMS) + (_OF_STRUCTURE if is_structured else [])
    return [(term, meaning.format(**words)) for term, meaning in terms]
