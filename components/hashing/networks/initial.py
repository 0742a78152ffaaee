"""Weights from a local file that start a network, instead of random ones."""

from pathlib import Path

from components.errors import MedhashError
from components.hashing.networks.network import HashNetwork


def load_initial_weights(network: HashNetwork, path: Path) -> None:
    """Load a safetensors file into the network's trunk, in place; the hash layer keeps its random weights."""
    raise MedhashError(f"{path} cannot start a network yet", "leave train.initial_weights empty")
