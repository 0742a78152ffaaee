"""Stages in pods of a Kubernetes cluster: `medhash work` in an image that holds training and encoding only."""

from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

from medhash.core.graph import Stage
from medhash.platform.airflow.pod_params import PodParams
from medhash.platform.airflow.remote_tasks import elsewhere

_SCRATCH = "/scratch"
_HOME = "/home/medhash"


def pod_tasks(stage: Stage, root: str, pods: PodParams, **settings: Any) -> Any:
    """The group of tasks of a stage whose items run in pods, one pod per item."""

    def working(commit: str) -> Any:
        return ItemPodOperator.partial(
            task_id=f"work-{stage.name}",
            pool="gpu",
            map_index_template="{{ task.item }}",
            arguments=[
                "work",
                "--repository",
                pods.repository,
                "--commit",
                commit,
                "--folder",
                _SCRATCH,
                "--remote",
                pods.remote,
            ],
            **pod_settings(pods, stage.name),
            **settings,
        ).expand(item=list(stage.items))

    return elsewhere(stage, root, working, pods.publish_to, **settings)


class ItemPodOperator(KubernetesPodOperator):
    """A pod that works on one item."""

    def __init__(self, *, item: str, arguments: list[str], **kwargs: Any) -> None:
        super().__init__(arguments=[*arguments, "--item", item], **kwargs)
        self.item = item


def pod_settings(pods: PodParams, stage: str) -> dict[str, Any]:
    """The operator's arguments that are the same for every item of a stage."""
    volumes, mounts = _volumes(pods)
    amounts = {
        "cpu": pods.resources.cpu,
        "memory": pods.resources.memory,
        pods.resources.gpu_resource: str(pods.resources.gpu),
    }
    return {
        "name": f"medhash-{stage}",
        "namespace": pods.namespace,
        "in_cluster": pods.in_cluster,
        "image": pods.image,
        "image_pull_policy": pods.image_pull_policy,
        "image_pull_secrets": [k8s.V1LocalObjectReference(name=name) for name in pods.image_pull_secrets] or None,
        "cmds": ["medhash"],
        "labels": {"app.kubernetes.io/name": "medhash", "app.kubernetes.io/component": stage, **pods.labels},
        "env_vars": _environment(pods),
        "container_resources": k8s.V1ResourceRequirements(requests=amounts, limits=amounts),
        "node_selector": pods.node_selector,
        "tolerations": [k8s.V1Toleration(**toleration.model_dump()) for toleration in pods.tolerations],
        "volumes": volumes,
        "volume_mounts": mounts,
        "service_account_name": pods.service_account,
        "automount_service_account_token": False,
        "security_context": k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=pods.user_id,
            run_as_group=pods.user_id,
            fs_group=pods.user_id,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        "container_security_context": k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        "startup_timeout_seconds": pods.startup_timeout_s,
        "termination_grace_period": 60,
        "on_finish_action": pods.on_finish,
        "do_xcom_push": False,
        "get_logs": True,
        "log_events_on_failure": True,
    }


def _environment(pods: PodParams) -> list[k8s.V1EnvVar]:
    """Plain settings, and the names under which the cluster keeps the secrets; no value of a secret."""
    # The root is read-only: DVC would keep its index under /var/tmp, the others theirs in the home of another user.
    plain = {
        "HOME": _HOME,
        "XDG_CACHE_HOME": f"{_HOME}/.cache",
        "DVC_SITE_CACHE_DIR": f"{_HOME}/.cache/dvc",
        "PYTHONUNBUFFERED": "1",
        **pods.env,
    }
    return [
        *(k8s.V1EnvVar(name=name, value=value) for name, value in plain.items()),
        *(
            k8s.V1EnvVar(
                name=name,
                value_from=k8s.V1EnvVarSource(
                    secret_key_ref=k8s.V1SecretKeySelector(name=source.secret, key=source.key)
                ),
            )
            for name, source in pods.secret_env.items()
        ),
    ]


def _volumes(pods: PodParams) -> tuple[list[k8s.V1Volume], list[k8s.V1VolumeMount]]:
    """Shared memory, scratch, what a read-only root leaves to write to, claims and secrets: volumes and mounts."""
    scratch = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=pods.scratch.claim) if pods.scratch.claim else None
    pairs = [
        (
            k8s.V1Volume(
                name="shared-memory",
                empty_dir=k8s.V1EmptyDirVolumeSource(medium="Memory", size_limit=pods.shared_memory),
            ),
            "/dev/shm",
            False,
        ),
        (
            k8s.V1Volume(name="scratch", persistent_volume_claim=scratch)
            if scratch
            else k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=pods.scratch.size)),
            _SCRATCH,
            False,
        ),
        (k8s.V1Volume(name="temporary", empty_dir=k8s.V1EmptyDirVolumeSource()), "/tmp", False),
        (k8s.V1Volume(name="home", empty_dir=k8s.V1EmptyDirVolumeSource()), _HOME, False),
        *(
            (
                k8s.V1Volume(
                    name=f"claim-{number}",
                    persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                        claim_name=claim.claim, read_only=claim.read_only
                    ),
                ),
                claim.mount,
                claim.read_only,
            )
            for number, claim in enumerate(pods.claims)
        ),
        *(
            (
                k8s.V1Volume(
                    name=f"secret-{number}",
                    secret=k8s.V1SecretVolumeSource(secret_name=folder.secret, default_mode=0o440),
                ),
                folder.mount,
                True,
            )
            for number, folder in enumerate(pods.secret_files)
        ),
    ]
    return (
        [volume for volume, _, _ in pairs],
        [
            k8s.V1VolumeMount(name=volume.name, mount_path=mount, read_only=read_only)
            for volume, mount, read_only in pairs
        ],
    )
