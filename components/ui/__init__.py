"""The pages of Airflow and MLflow on this machine."""
