"""Airflow's REST API."""

from typing import Any

_SECONDS = 10.0


class AirflowApi:
    """A client of one Airflow. Its methods raise requests.RequestException, and KeyError without a token."""

    def __init__(self, address: str, user: str | None = None, password: str = "") -> None:
        """user: None where everybody on the machine is an administrator; the token needs no login there."""
        self._address = address.rstrip("/")
        self._headers: dict[str, str] = {}
        login = {"username": user, "password": password} if user is not None else None
        token = self._ask("POST" if login else "GET", "/auth/token", login)["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        """The document at a path below /api/v2/."""
        return self._ask("GET", f"/api/v2/{path}")

    def patch(self, path: str, document: Any) -> Any:
        return self._ask("PATCH", f"/api/v2/{path}", document)

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        import requests  # 0.1 s; DAG files import this module

        answer = requests.request(method, self._address + path, json=document, headers=self._headers, timeout=_SECONDS)
        answer.raise_for_status()
        return answer.json()
