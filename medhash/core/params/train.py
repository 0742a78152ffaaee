"""Sections `train` and `encode`: how the methods are trained, and what is kept with their codes."""

from typing import Literal

from medhash.core.params.section import Count, Section, Share


class TrainParams(Section):
    epochs: Count = 60
    """At most; equal for all methods."""
    patience: Count = 60
    """Early stopping: epochs without a better validation MAP."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: autocast; slow on a CPU without bf16 instructions."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where there is one."""
    threads: Count = 2
    """CPU threads of torch; fixed so that the same bytes come out whatever the machine's core count."""
    augment: bool = True
    """Small random rotations, shifts, scales and changes of grey values."""
    histogram_matching: Share = 0.0
    """Share of a batch's images whose grey values are matched to those of an image that shares a label."""
    initial_weights: dict[str, str] = {}
    """Method → safetensors file with weights that start its network, instead of random ones."""
    overrides: dict[str, dict[str, str | int | float | bool]] = {}
    """Method → setting of its recipe → value, for a method's recipe in the catalogue."""


class EncodeParams(Section):
    instances: bool = False
    """Keep the code of every image of a bag beside the bag's: what a query's answer explains itself with."""
    confidence: bool = False
    """Keep how sure each bit of a bag's code is, and of structured methods its membership in every attribute's values.
    """
