"""The Kubernetes profile's files: nothing secret in them, nobody let in by default, and objects the cluster knows."""

import json
import re
from typing import Any

import pytest
import yaml
from checkout import REPOSITORY
from kubernetes import client

FOLDER = REPOSITORY / "deploy" / "kubernetes"
VALUES = yaml.safe_load((FOLDER / "values.yaml").read_text())
MODELS = {
    "PersistentVolumeClaim": client.V1PersistentVolumeClaim,
    "Namespace": client.V1Namespace,
    "ServiceAccount": client.V1ServiceAccount,
    "NetworkPolicy": client.V1NetworkPolicy,
    "Deployment": client.V1Deployment,
    "Service": client.V1Service,
}
SECRET = re.compile(r"pass(word|wd)?$|secret$|token$|fernet_?key$|secret_?key$|connection$|broker_?url$", re.I)


def manifests() -> list[dict[str, Any]]:
    return [
        document
        for name in ("claims.yaml", "rbac.yaml", "mlflow.yaml")
        for document in yaml.safe_load_all((FOLDER / name).read_text())
    ]


def leaves(node: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, str(key)))]
    if isinstance(node, list):
        return [leaf for value in node for leaf in leaves(value, path)]
    return [(path, node)]


def test_values_hold_no_secret_but_the_names_of_secrets():
    extra = yaml.safe_load(VALUES["extraEnv"])
    assert all(set(entry) == {"name", "valueFrom"} for entry in extra)
    for path, value in leaves(VALUES):
        assert not (SECRET.search(path[-1]) and value not in (None, False)), path
        assert not re.search(r"//[^/@\s]*:[^/@\s]+@", str(value)), path
    assert VALUES["data"] == {"metadataSecretName": "medhash-airflow-database"}
    for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"):
        assert VALUES[key].startswith("medhash-airflow-")


def test_nobody_is_let_in_by_default():
    assert VALUES["createUserJob"]["defaultUser"]["enabled"] is False
    assert VALUES["webserver"]["defaultUser"]["enabled"] is False
    core = VALUES["config"]["core"]
    assert core["simple_auth_manager_all_admins"] == "False"
    assert VALUES["config"]["api"]["base_url"].startswith("https://")
    assert all(host["tls"]["enabled"] for host in VALUES["ingress"]["apiServer"]["hosts"])
    assert VALUES["apiServer"]["service"]["type"] == "ClusterIP"
    assert (VALUES["postgresql"]["enabled"], VALUES["redis"]["enabled"]) == (False, False)


def test_every_component_has_bounds_and_the_checkout_where_it_needs_it():
    for name in ("scheduler", "apiServer", "dagProcessor", "triggerer"):
        component = VALUES[name]
        assert {bound: set(component["resources"][bound]) for bound in ("requests", "limits")} == {
            "requests": {"cpu", "memory"},
            "limits": {"cpu", "memory"},
        }
        assert "/opt/medhash" in {mount["mountPath"] for mount in component["extraVolumeMounts"]}
    assert VALUES["scheduler"]["replicas"] == 1
    environment = {entry["name"]: entry["value"] for entry in VALUES["env"]}
    assert environment["MEDHASH_GPU_PLACE"] == "kubernetes"


def test_gpu_pods_never_see_the_coordinators_claim():
    spec = yaml.safe_load((FOLDER / "pod-template.yaml").read_text())["spec"]
    given = {
        volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if "persistentVolumeClaim" in volume
    }
    assert "medhash-coordinator" not in given
    claimed = {document["metadata"]["name"] for document in manifests() if document["kind"] == "PersistentVolumeClaim"}
    used = given | {volume["persistentVolumeClaim"]["claimName"] for volume in VALUES["scheduler"]["extraVolumes"]}
    assert used | {"medhash-mlflow"} == claimed
    assert spec["serviceAccountName"] in {
        document["metadata"]["name"] for document in manifests() if document["kind"] == "ServiceAccount"
    }


@pytest.mark.parametrize("document", manifests(), ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_a_manifest_is_one_by_the_clients_own_models(document):
    class Answer:
        data = json.dumps(document)

    api = client.ApiClient()
    model = api.deserialize(Answer, MODELS[document["kind"]])
    assert api.sanitize_for_serialization(model) == document, "no key that the models do not know"


def test_mlflow_runs_without_rights_and_takes_its_database_from_a_secret():
    deployment = next(document for document in manifests() if document["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    variables = {entry["name"]: entry for entry in container["env"]}
    assert variables["MLFLOW_BACKEND_STORE_URI"]["valueFrom"]["secretKeyRef"]["name"] == "medhash-mlflow-database"
    assert set(container["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("name", ["Dockerfile", "coordinator.Dockerfile"])
def test_images_end_as_a_user_without_rights_and_are_sent_neither_data_nor_state(name):
    lines = (FOLDER / name).read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER 10001:10001"
    assert not [line for line in lines if line.startswith(("ADD ", "ARG ")) or "data" in line.split()[1:2]]
    ignored = (FOLDER / f"{name}.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert not [line for line in ignored if line.startswith("!") and re.search(r"data|var|remote|\.git", line)]


def test_packages_of_the_gpu_image_are_pinned_and_hold_no_airflow():
    from slim_environment import closure

    found = closure(FOLDER / "requirements.in")
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pinned = {line.partition(";")[0].strip() for line in lock}
    assert {f"{name}=={one.version}" for name, one in found.items()} <= pinned
    assert not [name for name in found if name.startswith(("apache-airflow", "great-expectations", "faiss"))]
