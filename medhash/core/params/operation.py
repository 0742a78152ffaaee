"""The sections of params.yaml about running unattended: drift, promotion and the schedule."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medhash.core.params.section import Count, Section, Share


class DriftParams(Section):
    """How far the images that are new since the champion may differ from those it was trained on.

    The measure is the population stability index (PSI), less what chance alone gives for so few images.
    """

    min_images: Count = 50
    """Fewer new images than this are reported, not judged."""
    warn: Annotated[float, Field(ge=0)] = 0.1
    """Above it the run goes on with a warning."""
    stop: Annotated[float, Field(ge=0)] = 0.25
    """Above it the run ends before training, and the champion stays."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warn > self.stop:
            raise ValueError(f"warn is {self.warn}, above stop, {self.stop}")
        return self


class PromoteParams(Section):
    """The promotion rule: every clause must hold."""

    name: str = "medhash-nih"
    """Name of the registered model."""
    min_lift: Share = 0.03
    """A first champion: the lower end of the 95 % interval of its lift must exceed this. Any code of features keeps
    a little of what pictures show: heads trained on shuffled labels reached 0.014 on the sample."""
    min_gain: Share = 0.0
    """The lower end of the 95 % interval of the gain in lift over the champion, on the same queries and resampled by
    patient, must exceed this."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 1000
    """Resamples of patients behind the gain's interval."""
    max_slice_drop: Share = 0.1
    """No class and no slice by view, sex or age may lose more lift than this."""
    min_slice_patients: Count = 10
    """A slice with fewer query patients is reported, not judged."""
    max_p95_ms: Annotated[float, Field(gt=0)] = 200.0
    """95th percentile of one query (encode and search) on this machine's CPU, milliseconds."""
    max_index_mb: Annotated[float, Field(gt=0)] = 4096.0
    """Size of the index folder, 10^6 bytes."""
    renew: bool = True
    """Where the challenger is refused but images came or went, the champion's model gets today's gallery."""
    min_kept_lift: Share = 0.5
    """For that, its lift on today's images must be at least this share of what it was at its release."""
    query_groups: Count = 4
    """The test patients are dealt into so many groups, and decisions take them in turn."""
    query_group_days: Count = 7
    """How long one group's turn lasts."""


class NotifyParams(Section):
    """Who is notified of a run's end: names of Airflow connections, which hold addresses and secrets; empty: nobody."""

    webhook: str = ""
    """Connection of type HTTP: gets a JSON document by POST."""
    email: str = ""
    """Connection of type SMTP."""
    recipients: list[str] = []
    """Addresses of the email."""
    on: Literal["failure", "always"] = "always"
    """failure: of failed runs only. Quote the key: YAML reads a bare `on` as true."""


class ScheduleParams(Section):
    cron: str = "@weekly"
    """When a run starts on schedule, with or without new data."""
    watch_cron: str = "*/30 * * * *"
    """When the archive is looked at; a run starts once it has grown and come to rest. Empty: never."""
    retries: Annotated[int, Field(ge=0)] = 1
    """Retries of a task that failed without a message for the user."""
    retry_minutes: Annotated[float, Field(gt=0)] = 1.0
    """Before the first retry; doubles with each."""
    max_retry_minutes: Annotated[float, Field(gt=0)] = 60.0
    """The longest wait before a retry."""
    task_hours: Annotated[float, Field(gt=0)] = 24.0
    """A task that takes longer is ended, and counts as failed."""
    run_hours: Annotated[float, Field(gt=0)] = 96.0
    """A run that takes longer fails, and its tasks are ended."""
    gpu_slots: Count = 1
    """Trainings and encodings at once."""
    notify: NotifyParams = NotifyParams()
