"""What an Airflow task does: run one stage of dvc.yaml, seal the run, promote. The DAG itself is in dags/."""
