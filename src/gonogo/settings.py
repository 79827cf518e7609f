"""Settings: ``GONOGO_*`` in the environment, over ``[tool.gonogo]`` in pyproject.toml, over defaults."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)

from gonogo.errors import SettingsBroken
from gonogo.model import Environment
from gonogo.transports import journals_clear, refuse_clear

if TYPE_CHECKING:
    from collections.abc import Generator


SECONDS_MAX = 366 * 86_400
"""The longest that anything waits, in seconds: a leap year."""


class Settings(BaseSettings):
    """Every knob, its unit and its default; ``docs/guides/settings.md`` lists the same."""

    model_config = SettingsConfigDict(
        env_prefix="GONOGO_",
        pyproject_toml_table_header=("tool", "gonogo"),
        extra="forbid",
        frozen=True,
    )

    home: Path = Path(".gonogo")
    """Where evidence, warehouse and state live."""

    journals: str | None = Field(default=None, repr=False)
    """``postgresql://`` URL of the database that keeps the journals of many machines; files below the home, if none."""

    log_key: Path | None = None
    """Private key that signs the log's checkpoints; ``keys/log.pem`` below the home, made on first use, if none."""

    subject_keys: str | None = Field(default=None, repr=False)
    """File, or ``postgresql://`` URL, of data subjects' keys; ``keys/subjects.sqlite`` below the home, if none."""

    master_key: Path | None = None
    """File of the key that wraps them; ``keys/master.key`` below the home, made on first use, if none."""

    credential_key: Path | None = None
    """File of the key that signs tools' credentials; ``keys/credentials.key`` below the home, if none."""

    witness_key: Path | None = None
    """Private key with which the dashboard signs what it saw of a sign-in; ``keys/witness`` below the home, if none."""

    anchor: str | None = Field(default=None, repr=False)
    """Git repository, of any kind that `git` can push to, in which the log's checkpoints are kept; none, if none."""

    anchor_seconds: int = Field(default=3_600, ge=10, le=SECONDS_MAX)
    """How old what is not anchored may grow before the house anchors it."""

    log_lag_seconds: int = Field(default=60, ge=1, le=SECONDS_MAX)
    """How long after the last pass of a sequencer that keeps on nothing irreversible is done any more."""

    timestamp_url: str | None = None
    """``http(s)://`` URL of a time stamp authority (RFC 3161) that stamps the log's checkpoints; none, if none."""

    timestamp_roots: Path | None = None
    """PEM file of the certificates that its stamps are checked with."""

    environment: Environment = "dev"
    """Only in ``dev`` does an unproven name count as an answer."""

    tenant: str = "default"
    """Whose evidence this is."""

    model: str | None = None
    """``provider:name`` of the model every agent uses; without it the scripted offline model."""

    fallback_models: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Models every agent falls back on where ``model`` does not answer, in this order, apart by commas."""

    requeues: int = Field(default=3, ge=0, le=100)
    """How often a run whose failure may pass is put to flight again before a person is asked."""

    requeue_seconds: int = Field(default=30, ge=1, le=86_400)
    """How long such a run rests the first time, doubled for each time after it, an hour at most."""

    requester: str | None = None
    """Who asks for runs; the login name, where none is set."""

    gate_deadline_seconds: int = Field(default=86_400, ge=1, le=SECONDS_MAX)
    """A gate without an answer by then is answered no-go."""

    gate_warm_seconds: float = Field(default=2.0, ge=0)
    """How long a run with a deployment stays running at a gate before it suspends."""

    event_deadline_seconds: int = Field(default=1_209_600, ge=1, le=SECONDS_MAX)
    """An outside event that has not come by then is missed."""

    changed_missions: Literal["stop", "continue"] = "stop"
    """What becomes of a run whose mission's source changed since it began."""

    poll_seconds: float = Field(default=0.5, gt=0)
    """How often a waiting run looks at its desk by itself; the bell wakes it at once, this is for when it does not."""

    budget_wait_seconds: float = Field(default=10.0, ge=0)
    """How long a call waits for a day budget whose rest is reserved by calls in flight, before it is refused."""

    flights: int = Field(default=4, ge=1)
    """Mission-lane runs in flight at once; Prefect's SQLite server loses runs above 4."""

    cases: int = Field(default=8, ge=1)
    """Cases in flight at once under ``--each``."""

    flow_folder: Path = Path("flows")
    """Where missions are looked up by name."""

    policy_folder: Path = Path("policies")
    """Where the law, its schema, the registry, the prices and the assumptions stand."""

    warehouse: str = "analytics.warehouse"
    """Module with ``land``, ``keep_landing``, ``replay``, ``rebuild`` and ``compact``: the one DuckDB writer."""

    drift: str = "analytics.drift"
    """Module with ``report``: should beside is."""

    kpis: str = "analytics.kpis"
    """Module with ``report``, ``receipt`` and ``recheck``: the numbers."""

    reviewers: str = "analytics.reviewers"
    """Module with ``report``: how people review."""

    roi: str = "analytics.roi"
    """Module with ``report``: what missions cost beside what the work costs otherwise."""

    backtests: str = "analytics.backtests"
    """Module with ``report``: actions of the past under a proposed law."""

    gateworth: str = "analytics.gateworth"
    """Module with ``report``: what each gate costs, and what it catches."""

    exports: str = "analytics.exports"
    """Module with ``export``: events, spans and costs in the formats that outside tools read."""

    report: str = "dashboards.printing"
    """Module with ``board_report``: the numbers of the board as one file to print."""

    cases_module: str = "tasks.adapters"
    """Module that maps foreign files to cases, and generates the cases of the demo."""

    systems: str = "tasks.systems"
    """Module with ``deeds`` and ``TELL_ALL``: what the systems of record say they did."""

    dashboard: Path = Path("dashboards/app.py")
    """The Streamlit application that ``gonogo up`` serves."""

    dashboard_url: str | None = None
    """Where people reach the dashboard, for links in notices; where the house serves it, if none."""

    notify: Annotated[tuple[str, ...], NoDecode] = ()
    """Prefect notification blocks, ``type/name`` apart by commas, that the house tells of gates."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then pyproject.toml."""
        return init_settings, env_settings, PyprojectTomlConfigSettingsSource(settings_cls)

    @field_validator("notify")
    @classmethod
    def _names_blocks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what cannot be the name of a block document."""
        for name in given:
            if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name) is None:
                raise ValueError(f"{name} is no block document; write it as slack-webhook/on-call")
        return given

    @field_validator("fallback_models", "notify", mode="before")
    @classmethod
    def _apart_by_commas(cls, given: object) -> object:
        """Read a list from text, as the environment holds it."""
        return tuple(name for part in given.split(",") if (name := part.strip())) if isinstance(given, str) else given

    @field_validator("anchor")
    @classmethod
    def _names_a_repository(cls, given: str | None) -> str | None:
        """Refuse what git would read as an option; the address is not repeated, it may hold a password."""
        if given is not None and (not given.strip() or given.startswith("-")):
            raise ValueError("an anchor is the address of a git repository")
        return given

    @field_validator("journals")
    @classmethod
    def _names_a_postgres(cls, url: str | None) -> str | None:
        """Refuse what is no address of a Postgres; the address is not repeated, it may hold a password."""
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("journals stand in files, or at a postgresql:// URL")
        return url


_of_run: ContextVar[Settings | None] = ContextVar("gonogo_settings", default=None)
"""The settings of the run in flight, where they differ from the process's: a rehearsal has its own home."""


def settings() -> Settings:
    """Return the settings of the run in flight; outside a run, those of the process."""
    return _of_run.get() or process_settings()


@contextmanager
def using(chosen: Settings) -> Generator[None]:
    """Make these the settings for the block."""
    token = _of_run.set(chosen)
    try:
        yield
    finally:
        _of_run.reset(token)


@lru_cache(maxsize=1)
def process_settings() -> Settings:
    """Return this process's settings, and make the project's rooms importable.

    Raises:
        SettingsBroken: a value is wrong, or something would leave this host in the clear; names the setting.

    """
    root = str(Path.cwd())
    if root not in sys.path:
        # A console script has no current directory on its path; the rooms are found there.
        sys.path.insert(0, root)
    _refuse_unknown()
    try:
        found = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"GONOGO_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        msg = f"Settings do not hold ({wrong}); correct the environment or [tool.gonogo] in pyproject.toml."
        raise SettingsBroken(msg) from error
    refuse_clear(found.environment, found.journals, os.environ)
    if found.environment != "dev" and "://" in (kept := found.subject_keys or "") and journals_clear(kept, os.environ):
        raise SettingsBroken(
            f"GONOGO_SUBJECT_KEYS names another host in the clear, which {found.environment} does not allow; "
            "add sslmode=verify-full to the address."
        )
    return found


def _refuse_unknown() -> None:
    """Refuse a misspelt setting: who means ``prod`` must not get ``dev`` for a typing error."""
    known = {f"GONOGO_{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith("GONOGO_") and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise SettingsBroken(f"{name} is not a setting of gonogo{hint} docs/guides/settings.md lists them.")
