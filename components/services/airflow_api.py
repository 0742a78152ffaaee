"""What the status page asks Airflow's REST API and MLflow's: no login, this machine only."""

import json
import urllib.parse
import urllib.request
from typing import Any

_SECONDS = 10.0


def ask_airflow(address: str, *paths: str) -> list[Any]:
    """The documents at these paths below /api/v2. Raises OSError if it does not answer, or not with a document."""
    token = _document(urllib.request.Request(f"{address}/auth/token"))["access_token"]
    return [_document(urllib.request.Request(f"{address}/api/v2{path}", headers={"Authorization": f"Bearer {token}"}))
            for path in paths]


def version_with_alias(address: str, name: str, alias: str) -> str | None:
    """The version of a registered model that an alias of MLflow points at; None if there is none."""
    query = urllib.parse.urlencode({"name": name, "alias": alias})
    try:
        found = _document(urllib.request.Request(f"{address}/api/2.0/mlflow/registered-models/alias?{query}"))
    except urllib.error.HTTPError:
        return None                                 # no such model, or no such alias
    return str(found["model_version"]["version"])


def _document(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        return json.load(response)
