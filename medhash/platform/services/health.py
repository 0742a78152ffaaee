"""Is a service of Airflow or MLflow well: what its pages, or the heartbeats they show, say."""

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
    """Healthy when a part of Airflow (scheduler, triggerer, dag_processor) has left a fresh heartbeat.

    Only the API server can tell: while it does not answer, nothing is known of the others. A heartbeat from before
    the start was left by a process that is no more.
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
    """What an address of this machine answers; None if it does not answer, or not with 200."""
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as response:
            return response.read() if response.status == 200 else None
    except OSError:
        return None
