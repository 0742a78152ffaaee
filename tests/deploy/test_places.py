"""The DAG with train and encode on other machines: its tasks, its edges, its queue, and the pods it would start."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkout import REPOSITORY, checkout_environment
from kubernetes.client import ApiClient, V1Pod

from medhash.core.errors import MedhashError
from medhash.platform.airflow.kubernetes_pods import load_template

PLANTED = {
    "MLFLOW_TRACKING_PASSWORD": "planted-1",
    "AWS_SECRET_ACCESS_KEY": "planted-2",
    "MEDHASH_PSEUDONYM_KEY": "planted-3",
    "AIRFLOW__CORE__FERNET_KEY": "planted-4=",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:planted-5@db/airflow",
}


def described(place: str, home: Path, **more: str) -> dict[str, Any]:
    environment = {
        **checkout_environment(REPOSITORY),
        "AIRFLOW_HOME": str(home),
        "MEDHASH_ROOT": str(REPOSITORY),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "MEDHASH_GPU_PLACE": place,
    } | more
    program = Path(__file__).with_name("describe_places.py")
    done = subprocess.run(
        [sys.executable, str(program), str(REPOSITORY / "dags")],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        cwd=os.sep,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("DESCRIBED ")]
    assert lines, done.stderr
    return json.loads(lines[0].removeprefix("DESCRIBED "))


@pytest.fixture(scope="module")
def celery(tmp_path_factory) -> dict[str, Any]:
    return described(
        "celery",
        tmp_path_factory.mktemp("airflow"),
        AIRFLOW__CORE__EXECUTOR="LocalExecutor,CeleryExecutor",
        MEDHASH_WORK_REPOSITORY="/srv/hashing.git",
    )


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory) -> dict[str, Any]:
    return described(
        "kubernetes",
        tmp_path_factory.mktemp("airflow"),
        **{name: value for name, value in PLANTED.items() if not name.startswith("AIRFLOW__DATABASE")},
    )


@pytest.fixture(params=["celery", "kubernetes"])
def elsewhere(request) -> dict[str, Any]:
    return request.getfixturevalue(request.param)


def test_each_stage_is_published_worked_on_and_collected_where_its_task_was(elsewhere):
    assert elsewhere["errors"] == {}
    assert elsewhere["heavy"] == []
    methods = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["methods"]
    tasks = elsewhere["tasks"]
    for stage in ("train", "encode"):
        assert tasks[f"work-{stage}"]["upstream"] == [f"publish-{stage}"]
        assert tasks[stage]["upstream"] == [f"work-{stage}"]
        assert tasks[stage]["operator"] == "CollectOperator"
        assert tasks[f"gate-{stage}"]["upstream"] == [stage]
        assert tasks[f"work-{stage}"]["items"] == tasks[stage]["items"] == [f"{stage}@{name}" for name in methods]
    assert {"gate-features", "gate-similarity"} <= {
        *tasks["publish-train"]["upstream"],
        *tasks.get("drift", {"upstream": []})["upstream"],
    }
    assert tasks["publish-encode"]["upstream"] == ["gate-train"]
    assert {name for name, task in tasks.items() if task["pool"] == "gpu"} == {"work-train", "work-encode"}


def test_only_the_work_goes_to_the_gpu_queue_of_celery(celery):
    queues = {name: task["queue"] for name, task in celery["tasks"].items()}
    assert {name for name, queue in queues.items() if queue == "gpu"} == {"work-train", "work-encode"}
    assert {celery["tasks"][name]["executor"] for name in ("work-train", "work-encode")} == {"CeleryExecutor"}
    assert celery["tasks"]["train"]["executor"] is None
    assert not celery["kubernetes"], "the client is imported for its own place only"


def test_a_pod_asks_for_what_training_needs_and_no_more_rights(kubernetes):
    assert set(kubernetes["pods"]) == {
        *kubernetes["tasks"]["work-train"]["items"],
        *kubernetes["tasks"]["work-encode"]["items"],
    }
    pod = yaml.safe_load(kubernetes["pods"]["train@osdh-head"])
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    for bound in ("limits", "requests"):
        assert container["resources"][bound] == {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes[mounts["/dev/shm"]]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert volumes[mounts["/mnt/medhash"]]["persistentVolumeClaim"]["claimName"] == "medhash-shared"
    assert volumes[mounts["/scratch"]]["persistentVolumeClaim"]["claimName"] == "medhash-scratch"
    writable = tuple(path for path in mounts if path != "/mnt/medhash")
    for entry in container["env"]:
        if entry["name"] in ("HOME", "XDG_CACHE_HOME", "DVC_SITE_CACHE_DIR"):
            assert entry["value"].startswith(writable), "what programs write on their own is not on the read-only root"
    assert {"HOME", "DVC_SITE_CACHE_DIR"} <= {entry["name"] for entry in container["env"]}
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] != 0
    rights = container["securityContext"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["readOnlyRootFilesystem"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    command = [*container["command"], *container["args"]]
    assert command[:2] == ["medhash", "work"]
    assert command[-2:] == ["--commit={{ ti.xcom_pull(task_ids='publish-train') }}", "--item=train@osdh-head"]
    assert {"--repository=/mnt/medhash/repository.git", "--remote=store=/mnt/medhash/dvc", "--folder=/scratch"} < set(
        command
    )


def test_a_pod_names_secrets_and_holds_none(kubernetes):
    for pod in kubernetes["pods"].values():
        assert not [name for name, value in PLANTED.items() if value in pod]
        variables = {entry["name"]: entry for entry in yaml.safe_load(pod)["spec"]["containers"][0]["env"]}
        assert variables["MLFLOW_TRACKING_PASSWORD"]["valueFrom"] == {
            "secretKeyRef": {"name": "medhash-mlflow", "key": "password"}
        }
        assert "MEDHASH_PSEUDONYM_KEY" not in variables


def test_a_pod_is_one_by_the_clients_own_models(kubernetes):
    class Answer:
        data = json.dumps(yaml.safe_load(kubernetes["pods"]["train@osdh-head"]))

    client = ApiClient()
    pod = client.deserialize(Answer, V1Pod)
    assert isinstance(pod, V1Pod)
    assert client.sanitize_for_serialization(pod) == json.loads(Answer.data), "no key that the models do not know"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="an extra check where kubectl is installed")
def test_kubectl_reads_a_pod(kubernetes, tmp_path):
    (tmp_path / "pod.yaml").write_text(kubernetes["pods"]["train@osdh-head"])
    done = subprocess.run(
        ["kubectl", "label", "--local", "--dry-run=client", "-o", "name", "-f", "pod.yaml", "a=b"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stdout.startswith("pod/medhash-train"), done.stderr


def test_an_unknown_place_is_an_import_error_that_lists_the_known(tmp_path):
    errors = "".join(described("moon", tmp_path)["errors"].values())
    assert "MEDHASH_GPU_PLACE is 'moon'; known are: local, celery, kubernetes" in errors


TEMPLATE = REPOSITORY / "deploy" / "kubernetes" / "pod-template.yaml"
CONTAINER = ("spec", "containers", 0)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ((*CONTAINER, "env", 0, "name"), "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY looks like a secret"),
        ((*CONTAINER, "env", 0, "value"), "http://bot:planted@mlflow", "MLFLOW_TRACKING_URI holds a password"),
        ((*CONTAINER, "args", 1), "--repository=https://bot:planted@example.org/x", "--repository holds a password"),
        ((*CONTAINER, "args", 2), "--remote=store=ssh://bot:planted@example.org/x", "--remote holds a password"),
        ((*CONTAINER, "resources", "limits", "memory"), "16 GB", r"limits\.memory is no quantity"),
        ((*CONTAINER, "resources", "limits", "nvidia.com/gpu"), "0", "limits has no GPU"),
        ((*CONTAINER, "resources", "limit"), {"cpu": "4"}, r"spec\.containers\.0\.resources\.limit is no key"),
        ((*CONTAINER, "command"), ["sh"], "does not run medhash work"),
        ((*CONTAINER, "securityContext", "privileged"), True, "allowPrivilegeEscalation is not false"),
        ((*CONTAINER, "securityContext", "allowPrivilegeEscalation"), True, "allowPrivilegeEscalation is not false"),
        ((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), False, "readOnlyRootFilesystem is not true"),
        ((*CONTAINER, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "capabilities are not drop"),
        (("spec", "securityContext", "runAsUser"), 0, "not those of a user without rights"),
        (("spec", "securityContext", "runAsNonRoot"), False, "not those of a user without rights"),
        (("spec", "automountServiceAccountToken"), True, "automountServiceAccountToken is not false"),
        (("spec", "hostNetwork"), True, "opens the node"),
        (("spec", "volumes", 2), {"name": "shared", "hostPath": {"path": "/"}}, "opens the node"),
        (("spec", "containers"), [], "not a Pod with a container"),
    ],
)
def test_a_template_with_too_many_rights_or_a_secret_is_refused_by_key_and_without_its_value(
    tmp_path, place, value, says
):
    document = yaml.safe_load(TEMPLATE.read_text())
    node = document
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(MedhashError, match=says) as refusal:
        load_template(path)
    assert "planted" not in str(refusal.value)


def test_a_missing_template_is_an_error_that_names_it(tmp_path):
    with pytest.raises(MedhashError, match=r"none\.yaml does not exist"):
        load_template(tmp_path / "none.yaml")
