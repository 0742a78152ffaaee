"""Airflow, services, worker machines and the demo."""
