"""Stages in pods of a Kubernetes cluster: `medhash work` in an image that holds training and encoding only."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s
from kubernetes.utils.quantity import parse_quantity

from medhash.core.errors import MedhashError
from medhash.core.graph import Stage
from medhash.platform.airflow.remote_tasks import REPOSITORY_VARIABLE, remote_tasks

TEMPLATE_VARIABLE = "MEDHASH_PODS"
"""Path of another file than deploy/kubernetes/pod-template.yaml of the checkout."""
_STARTUP_SECONDS = 900
"""A node that has to be started and an image of some GB take their time."""
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY|CONNECTION_STRING", re.IGNORECASE)
_PASSWORD = re.compile(r"//[^/@\s]*:[^/@\s]*@")


def pod_tasks(stage: Stage, root: str, **settings: Any) -> Any:
    """The group of tasks of a stage whose items run in pods, one pod per item."""
    path = Path(os.environ.get(TEMPLATE_VARIABLE) or Path(root, "deploy", "kubernetes", "pod-template.yaml"))
    arguments = load_template(path).spec.containers[0].args

    def working(commit: str) -> Any:
        return ItemPodOperator.partial(
            task_id=f"work-{stage.name}",
            pool="gpu",
            map_index_template="{{ task.item }}",
            pod_template_file=str(path),
            name=f"medhash-{stage.name}",
            labels={"app.kubernetes.io/name": "medhash", "app.kubernetes.io/component": stage.name},
            arguments=[*arguments, f"--commit={commit}"],
            startup_timeout_seconds=_STARTUP_SECONDS,
            on_finish_action="delete_succeeded_pod",
            do_xcom_push=False,
            log_events_on_failure=True,
            **settings,
        ).expand(item=list(stage.items))

    return remote_tasks(stage, root, working, os.environ.get(REPOSITORY_VARIABLE), **settings)


class ItemPodOperator(KubernetesPodOperator):
    """A pod that works on one item."""

    def __init__(self, *, item: str, arguments: list[str], **kwargs: Any) -> None:
        super().__init__(arguments=[*arguments, f"--item={item}"], **kwargs)
        self.item = item


def load_template(path: Path) -> k8s.V1Pod:
    """Read and check a pod template. Raises MedhashError naming every key that is wrong, never repeating a value."""
    if not path.exists():
        raise MedhashError(
            f"{path} does not exist",
            f"write it as deploy/kubernetes/README.md tells, or set {TEMPLATE_VARIABLE} to where it is",
        )
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        pod = PodGenerator.deserialize_model_dict(document)
        wrong = [*_unknown_keys(document, ApiClient().sanitize_for_serialization(pod)), *_problems(pod)]
    except yaml.YAMLError as error:
        raise MedhashError(f"{path} is not valid YAML", "mend its indentation or its quotes") from error
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise MedhashError(
            f"{path} is not a Pod with a container", "compare deploy/kubernetes/pod-template.yaml"
        ) from error
    if wrong:
        raise MedhashError(
            f"{path}: {'; '.join(wrong)}", "mend those keys; deploy/kubernetes/pod-template.yaml has them"
        )
    return pod


def _unknown_keys(given: Any, understood: Any, path: str = "") -> Iterator[str]:
    """Keys that the Kubernetes models passed over: a misspelt limit would be no limit."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(understood, dict) or key not in understood:
                yield f"{path}{key} is no key of a Pod"
            else:
                yield from _unknown_keys(value, understood[key], f"{path}{key}.")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            yield from _unknown_keys(value, understood[number], f"{path}{number}.")


def _problems(pod: k8s.V1Pod) -> Iterator[str]:
    """What would give the pod more rights than it needs, show a secret, or leave its use of the node unbounded."""
    spec, container = pod.spec, pod.spec.containers[0]
    user, rights = spec.security_context or k8s.V1PodSecurityContext(), container.security_context
    rights = rights or k8s.V1SecurityContext()
    if (container.command or [])[:1] != ["medhash"] or (container.args or [])[:1] != ["work"]:
        yield "the first container does not run medhash work"
    if not user.run_as_non_root or not user.run_as_user:
        yield "securityContext.runAsNonRoot and runAsUser are not those of a user without rights"
    if rights.privileged or rights.allow_privilege_escalation is not False:
        yield "the container's securityContext.allowPrivilegeEscalation is not false"
    if not rights.read_only_root_filesystem:
        yield "the container's securityContext.readOnlyRootFilesystem is not true"
    if rights.capabilities is None or rights.capabilities.drop != ["ALL"] or rights.capabilities.add:
        yield "the container's securityContext.capabilities are not drop: [ALL]"
    if spec.automount_service_account_token is not False:
        yield "automountServiceAccountToken is not false"
    if spec.host_network or spec.host_pid or spec.host_ipc or any(volume.host_path for volume in spec.volumes or []):
        yield "hostNetwork, hostPID, hostIPC or hostPath opens the node to the pod"
    for variable in container.env or []:
        if variable.value is not None and _SECRET.search(variable.name):
            yield f"env: {variable.name} looks like a secret: take it from one by valueFrom.secretKeyRef"
    for name, value in [
        *((f"env: {variable.name}", variable.value) for variable in container.env or []),
        *((f"args: {argument.partition('=')[0]}", argument) for argument in container.args or []),
    ]:
        if _PASSWORD.search(value or ""):
            yield f"{name} holds a password: use a credential helper, an SSH key or a Secret"
    limits = (container.resources and container.resources.limits) or {}
    for name in ("cpu", "memory"):
        if not _amount(limits.get(name)):
            yield f"resources.limits.{name} is no quantity above 0, such as 16Gi"
    if not any("/" in name and _amount(amount) for name, amount in limits.items()):
        yield "resources.limits has no GPU, such as nvidia.com/gpu: 1"


def _amount(quantity: Any) -> float:
    """0 for what is no quantity."""
    try:
        return float(parse_quantity(str(quantity)))
    except ValueError:
        return 0.0
