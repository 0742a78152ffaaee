"""What `medhash status` asks Airflow's and MLflow's REST APIs: no login, this machine only."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

_SECONDS = 10.0


def ask_airflow(address: str, *paths: str) -> list[Any]:
    """The documents at these paths below /api/v2. Raises OSError if it does not answer, or not with a document."""
    token = _document(urllib.request.Request(f"{address}/auth/token"))["access_token"]
    return [
        _document(urllib.request.Request(f"{address}/api/v2{path}", headers={"Authorization": f"Bearer {token}"}))
        for path in paths
    ]


def registered_model(address: str, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Aliases (alias → version) and tags of a model registered with MLflow; empty if there is none of that name.

    Raises OSError if it does not answer.
    """
    query = urllib.parse.urlencode({"name": name})
    try:
        found = _document(urllib.request.Request(f"{address}/api/2.0/mlflow/registered-models/get?{query}"))
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return {}, {}
    model = found["registered_model"]
    return (
        {one["alias"]: str(one["version"]) for one in model.get("aliases", [])},
        {one["key"]: one["value"] for one in model.get("tags", [])},
    )


def _document(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        return json.load(response)
