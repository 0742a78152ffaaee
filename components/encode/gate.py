"""Expectations of code tables: one code per labelled bag, of this model, with no dead bits."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa

from components.quality.inspection import Inspection
from medhash.core.contracts import IMAGES, LABELS, is_certain, read_table
from medhash.core.files import sha256_file
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.model import SPEC_FILE
from medhash.retrieval.code_table import code_info, read_codes, unpacked_bytes
from medhash.retrieval.members import Members, read_members

_SUM = 1e-3
"""How far rounding may take a sum of memberships from 1."""


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """For every method: the table, its bags, and its bits; of a reference, only what is not about collapse."""
    labels = read_table(workspace.labels, LABELS).select(["bag_id", "fold"]).to_pandas()
    members = read_members(read_table(workspace.images, IMAGES))
    labels = labels[labels["bag_id"].isin(members.bag_ids)]
    return [
        inspection for method in params.methods for inspection in _method(workspace, params, method, labels, members)
    ]


def _method(
    workspace: Workspace, params: Params, method: str, labels: pd.DataFrame, members: Members
) -> list[Inspection]:
    path, limits = workspace.codes(method), params.quality
    table = read_codes(path)
    info = code_info(table.schema, path.name)
    codes = unpacked_bytes(table["code"].combine_chunks())
    n_distinct = len(np.unique(codes, axis=0))
    share = n_distinct / max(1, min(len(codes), 2**info.bits))
    digest = sha256_file(workspace.model(method) / SPEC_FILE)
    ones = np.unpackbits(codes, axis=1).mean(axis=0)
    bits = pd.DataFrame({"row": [f"{method} bit {bit}" for bit in range(info.bits)], "imbalance": np.abs(ones - 0.5)})
    about = pd.DataFrame(
        {
            "row": [f"{method} codes"],
            "bits": [info.bits],
            "method": [info.method],
            "model": ["its model" if info.model_digest == digest else "another model"],
            "distinct": [share],
        }
    )
    collapsed = {
        f"at least {limits.min_distinct_code_share:.1%} of the codes are distinct": gxe.ExpectColumnValuesToBeBetween(
            column="distinct", min_value=limits.min_distinct_code_share
        )
    }
    dead = Inspection(
        f"{method} bits",
        bits,
        {
            f"at most {limits.max_dead_bit_share:.0%} of the bits are dead (share of ones further than "
            f"{limits.max_bit_imbalance} from one half)": gxe.ExpectColumnValuesToBeBetween(
                column="imbalance", max_value=limits.max_bit_imbalance, mostly=1 - limits.max_dead_bit_share
            )
        },
    )
    is_reference = method in limits.references
    return [
        Inspection(
            method,
            about,
            {
                "the codes have the bits of params.yaml": gxe.ExpectColumnValuesToBeInSet(
                    column="bits", value_set=[params.bits]
                ),
                "they are of this method": gxe.ExpectColumnValuesToBeInSet(column="method", value_set=[method]),
                "they were made by the model in the model folder": gxe.ExpectColumnValuesToBeInSet(
                    column="model", value_set=["its model"]
                ),
                **({} if is_reference else collapsed),
            },
        ),
        Inspection(
            f"{method} bags",
            _bags(table, labels, members, params.encode.instances),
            {
                "every labelled bag has one code": gxe.ExpectColumnValuesToBeInSet(column="times", value_set=[1]),
                "every code is of a labelled bag": gxe.ExpectColumnValuesToBeInSet(column="labelled", value_set=[True]),
                "the fold is that of the labels": gxe.ExpectColumnValuesToBeInSet(column="same_fold", value_set=[True]),
                "the codes of single images are those of the bag's images, where encode.instances asks for them": gxe.ExpectColumnValuesToBeInSet(
                    column="instances", value_set=["as asked"]
                ),
            },
        ),
        *([] if is_reference else [dead]),
        _certainty(table, method, params.encode.confidence),
    ]


def _certainty(table: pa.Table, method: str, asked: bool) -> Inspection:
    """The columns of encode.confidence: there or not as asked, a byte per bit, memberships that sum to 1."""
    kept, off = is_certain(table.schema), 0.0
    if kept and table["membership"].null_count < table.num_rows:
        values = code_info(table.schema).memberships.values()
        rows = np.array(table["membership"].to_pylist(), dtype=np.float64)
        parts = np.split(rows, np.cumsum([len(of_attribute) for of_attribute in values])[:-1], axis=1)
        off = max(float(np.abs(part.sum(axis=1) - 1).max()) for part in parts)
    return Inspection(
        f"{method} certainty",
        pd.DataFrame({"row": [f"{method} codes"], "kept": [kept], "off": [off]}),
        {
            "confidence and memberships are kept where encode.confidence asks for them": gxe.ExpectColumnValuesToBeInSet(
                column="kept", value_set=[asked]
            ),
            "memberships of an attribute sum to 1": gxe.ExpectColumnValuesToBeBetween(column="off", max_value=_SUM),
        },
    )


def _bags(table: pa.Table, labels: pd.DataFrame, members: Members, with_instances: bool) -> pd.DataFrame:
    codes = table.select(["bag_id", "fold"]).to_pandas()
    images = dict(zip(members.bag_ids.tolist(), np.split(members.image_ids, members.starts[1:-1]), strict=True))
    wrong = {
        bag_id
        for bag_id, kept in zip(codes["bag_id"], table["instances"].to_pylist(), strict=True)
        if (kept is not None) != with_instances
        or (kept is not None and [one["image_id"] for one in kept] != list(images.get(bag_id, [])))
    }
    times = codes["bag_id"].value_counts()
    joined = labels.merge(codes.drop_duplicates("bag_id"), "outer", "bag_id", suffixes=("_label", "_code"))
    both = joined["fold_label"].notna() & joined["fold_code"].notna()
    return pd.DataFrame(
        {
            "row": "bag " + joined["bag_id"],
            "times": joined["bag_id"].map(times).fillna(0).astype(int),
            "labelled": joined["fold_label"].notna(),
            "same_fold": ~both | (joined["fold_label"] == joined["fold_code"]),
            "instances": np.where(joined["bag_id"].isin(wrong), "otherwise", "as asked"),
        }
    )
