"""Airflow and MLflow as services of one machine."""
