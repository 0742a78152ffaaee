"""deploy/kubernetes/pods.yaml as typed, strict models: what a pod that trains or encodes is given."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from medhash.core.errors import MedhashError
from medhash.core.git import without_password
from medhash.core.params.section import Count, Section

PODS_VARIABLE = "MEDHASH_PODS"
"""Path of another file than deploy/kubernetes/pods.yaml of the checkout."""

_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY|CONNECTION_STRING", re.IGNORECASE)


def _no_secret(variables: dict[str, str]) -> dict[str, str]:
    for name in variables:
        if _SECRET.search(name):
            raise ValueError(f"{name} looks like a secret: name a Secret of the cluster in secret_env instead")
    return variables


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""Name of an object of the cluster (DNS subdomain)."""
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kKMGTP]i?)?$")]
"""Kubernetes' notation: `500m` CPUs, `16Gi` bytes."""
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\s:]+$")]


class Resources(Section):
    """What a pod asks for and may not exceed."""

    cpu: Quantity
    memory: Quantity
    gpu: Count = 1
    gpu_resource: str = "nvidia.com/gpu"
    """Name of the device plugin's resource; a MIG slice is one such as nvidia.com/mig-1g.10gb."""


class Toleration(Section):
    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class Claim(Section):
    """A persistent volume claim, and where the pod sees it."""

    claim: Name
    mount: Folder
    read_only: bool = False


class SecretKey(Section):
    """One key of a Secret of the cluster."""

    secret: Name
    key: str


class SecretFolder(Section):
    """A Secret of the cluster, its keys as files of a folder."""

    secret: Name
    mount: Folder


class Scratch(Section):
    """Where the clone, DVC's cache and the checkpoints lie: a claim, so that a lost pod's training goes on, or the
    node's disk."""

    claim: Name | None = None
    size: Quantity = "50Gi"
    """Limit on the node's disk; a claim has its own."""


class PodParams(Section):
    """The whole of pods.yaml."""

    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: list[Name] = Field(default_factory=list)
    namespace: Name
    service_account: Name
    in_cluster: bool = True
    """Whether Airflow itself runs in the cluster; false takes the Airflow connection kubernetes_default."""
    repository: str
    """Address of the git repository as a pod sees it."""
    publish_to: str | None = None
    """The same repository as the coordinator sees it, if it is not the coordinator's own checkout."""
    remote: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+=\S+$")]
    """NAME=URL of the DVC remote as a pod sees it."""
    resources: Resources
    shared_memory: Quantity = "2Gi"
    """Size of /dev/shm; it counts against the pod's memory."""
    scratch: Scratch = Scratch()
    claims: list[Claim] = Field(default_factory=list)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[Toleration] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    env: Annotated[dict[str, str], AfterValidator(_no_secret)] = Field(default_factory=dict)
    secret_env: dict[str, SecretKey] = Field(default_factory=dict)
    """Environment variable → where the cluster keeps its value."""
    secret_files: list[SecretFolder] = Field(default_factory=list)
    user_id: Annotated[int, Field(ge=1)] = 10001
    """User and group of the process, as in the Dockerfile; owner of new volumes."""
    startup_timeout_s: Count = 900
    """A node that has to be started and an image of some GB take their time."""
    on_finish: Literal["delete_pod", "delete_succeeded_pod", "keep_pod"] = "delete_succeeded_pod"


def load_pod_params(root: Path) -> PodParams:
    """Read and check pods.yaml. Raises MedhashError naming the key, never repeating a value."""
    path = Path(os.environ.get(PODS_VARIABLE) or root / "deploy" / "kubernetes" / "pods.yaml")
    if not path.exists():
        raise MedhashError(
            f"{path} does not exist",
            f"write it as deploy/kubernetes/README.md tells, or set {PODS_VARIABLE} to where it is",
        )
    try:
        params = PodParams.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise MedhashError(f"{path} is not valid YAML", "mend its indentation or its quotes") from error
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc']) or 'the file'}: {item['msg']}" for item in error.errors()
        ]
        raise MedhashError(
            f"{path}: {'; '.join(lines)}", "mend those keys; medhash/platform/airflow/pod_params.py lists every key"
        ) from error
    for address, what in (
        (params.repository, "repository"),
        (params.publish_to, "publish_to"),
        (params.remote.partition("=")[2], "remote"),
    ):
        if address is not None:
            without_password(address, f"{what} in {path}")
    return params
