"""The measures of structured data in plain words."""

OF_STRUCTURE: list[tuple[str, str]] = [
    (
        "Attribute",
        "One thing that is known of {a_case}, such as its modality, organ or pathology. A combination says "
        "one value of each; joint figures ask for the same combination.",
    ),
    (
        "Labels exchanged",
        "What the same rankings score where the queries swap their values among each other. Codes of "
        "a gallery that was trained on fall into groups, which alone lifts MAP; only what lies above this comes from the "
        "queries' own pictures.",
    ),
    (
        "Sub-code",
        "The part of a structured code that stands for one attribute. Ranked by it alone, {cases} with the "
        "same value of that attribute should come first.",
    ),
    (
        "Preference satisfaction",
        "Of the nearest {cases}, the share that has the query's value of an attribute. "
        "Preferring an attribute ranks by its sub-code first, and by the whole code where that ties.",
    ),
    (
        "Held-out combination",
        "A combination that no training {case} has, such as the MR of a breast where there are "
        "MRs of heads and X-rays of breasts. What is found of it was put together from its attributes.",
    ),
    (
        "Membership",
        "How far {a_case} belongs to a value of an attribute, in per cent; those of one attribute add up to 100 %.",
    ),
    (
        "Rule, firing level",
        "A fuzzy method asks rules such as IF modality is mr AND organ is brain. A rule fires as "
        "far as {a_case} belongs to all that it names; the levels of all rules add up to 100 %.",
    ),
    (
        "Calibration",
        "Whether confidence can be taken at its word: of the {cases} called with 80 %, 80 % should be "
        "right. The expected calibration error is the mean gap between the two; 0 is best.",
    ),
    (
        "Shortcut",
        "A way to tell {cases} apart that has nothing to do with what they show, such as the size of a file "
        "or a black border. An archive that gives one away lets a method look better than it is.",
    ),
    (
        "Balanced accuracy",
        "The share that is called right, taken for each value by itself and then averaged, so that "
        "frequent values do not drown rare ones. A guess reaches one over the number of values.",
    ),
]
