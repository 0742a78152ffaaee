"""Airflow and MLflow of this checkout as services on this machine: started, watched, restarted, stopped."""
