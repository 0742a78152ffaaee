"""The measures of the report in plain words."""

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Code", "A short row of bits that stands for an image. Images with similar codes should show similar findings."),
    ("Hamming distance", "In how many bits two codes differ. A search lists the gallery by this distance."),
    ("Query and gallery", "A query is an image of a test patient. The gallery is what it searches: the images of the "
     "training and validation patients. A query never sees its own patient."),
    ("Relevant", "A gallery image is relevant to a query if the two share at least one label."),
    ("MAP", "Mean average precision: walk down each query's ranking and, at every relevant image, note which share of "
     "the images so far was relevant; average that over the relevant images, then over the queries. 1 is perfect."),
    ("Ties", "Distances are whole numbers, so many images are equally far. MAP here is the average over all orders of "
     "such ties; worst and best show how much the order alone could change it."),
    ("Slice", "The queries that have something in common, such as a finding, a view or an age. They search the whole "
     "gallery, and their chance is their own: a rare finding is hit more seldom."),
    ("Chance", "The same measure when the gallery is in random order. A method at chance has learned nothing useful, "
     "however high its figure may look."),
    ("95 % interval", "Where the figure would lie if other patients had been drawn: the middle 95 % of many draws of "
     "patients with replacement."),
    ("Validation MAP", "The same measure with validation patients searching the training patients. Methods are chosen "
     "by this one, so that the test figures stay honest."),
    ("NDCG@100", "How well the first 100 answers are ordered, counting an image that shares more labels for more; 1 is "
     "the best order the gallery allows."),
    ("ACG@100", "How many labels the first 100 answers share with the query, on average."),
    ("Weighted mAP", "Like MAP, with each answer weighted by the number of labels it shares."),
    ("P@H2", "Of the gallery images within two bits of the query, the share that is relevant; a query with none there "
     "counts as 0."),
    ("Empty-ball rate", "The share of queries that have no gallery image within two bits."),
    ("Distinct codes", "How many different codes the gallery has. Very few means that the method has collapsed: it "
     "can only tell that many groups of images apart."),
    ("Bit balance", "The share of images in which a bit is 1. Near one half a bit tells most; at 0 or 1 it is dead."),
    ("Precision and recall", "Of what lies within a distance, the share that is relevant; and the share of all "
     "relevant images that lies within it."),
    ("t-SNE", "A picture in which images with similar codes lie near each other. Groups mean something; the "
     "distances between far groups do not."),
    ("Gate", "A check of data quality after a stage. A failed gate stops the run before anything is built on "
     "bad data."),
)
