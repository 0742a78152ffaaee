"""The papers' tables on any data set the pipeline can hold: `medhash benchmark`.

`papers` are the printed figures, `sets` the data sets, `pipeline` writes the DVC stages of one data set, `prepare` and
`row` are what those stages run, `runner` runs them side by side, `results` reads what they measured, the rest shows it.
A data set's stages stand in data/benchmark/, a DVC repository of its own: the root's `dvc repro` and `dvc status`, and
the Airflow DAG that reads the root's dvc.yaml, do not see them.
"""
