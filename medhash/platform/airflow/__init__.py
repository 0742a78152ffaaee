"""The tasks of Airflow: operators, schedule, notifications, and where GPU tasks run."""
