"""The whole pipeline through Airflow, watched from a terminal."""
