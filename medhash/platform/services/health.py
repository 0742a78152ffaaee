"""Health of a service of Airflow or MLflow, by its pages or the heartbeats they show."""

import json
import urllib.request
from datetime import datetime
from typing import Any

from medhash.platform.services.service import Health

_SECONDS = 5.0


def answers(address: str) -> Health:
    """Healthy when the address answers 200."""

    def healthy(_: float) -> bool:
        return ask(address) is not None

    return healthy


def beats(airflow: str, part: str) -> Health:
    """Healthy when a part of Airflow (scheduler, triggerer, dag_processor) has a fresh heartbeat.

    The API server reports them: while it does not answer, the health of the others is unknown. A heartbeat from before
    the start is an earlier process's.
    """

    def healthy(started_at: float) -> bool | None:
        text = ask(f"{airflow}/api/v2/monitor/health")
        if text is None:
            return None
        said: dict[str, Any] = json.loads(text)[part]
        last = said[f"latest_{part}_heartbeat"]
        return said["status"] == "healthy" and datetime.fromisoformat(last).timestamp() >= started_at

    return healthy


def ask(address: str) -> bytes | None:
    """The answer of an address of this machine; None if there is none, or not with status 200."""
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as response:
            return response.read() if response.status == 200 else None
    except OSError:
        return None
