# The image of Airflow's pods and of MLflow: everything of requirements.lock. The code and the data are the checkout on
# the coordinator's claim, not in here.
# Build in the root of the repository:
#   docker build -f deploy/kubernetes/coordinator.Dockerfile -t medhash-coordinator:0.1.0 .
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends git openssh-client dumb-init \
 && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory '*' \
 && groupadd --gid 10001 medhash \
 && useradd --uid 10001 --gid 10001 --create-home --home-dir /opt/airflow --shell /usr/sbin/nologin medhash

COPY requirements.lock /opt/
RUN pip install --no-cache-dir uv==0.13.8 && uv pip sync --system --no-cache /opt/requirements.lock

ENV AIRFLOW_HOME=/opt/airflow PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /opt/airflow
ENTRYPOINT ["dumb-init", "--"]
