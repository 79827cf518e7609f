"""Settings: the environment over the project, the project over defaults; a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.errors import SettingsBroken
from gonogo.settings import Settings, process_settings, settings, using


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pyproject.toml"


def test_the_environment_goes_before_the_project_and_the_project_before_defaults(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wins over the next."""
    assert process_settings().tenant == "default"
    process_settings.cache_clear()
    project.write_text('[tool.gonogo]\ntenant = "acme"\nenvironment = "test"\n')
    monkeypatch.setenv("GONOGO_ENVIRONMENT", "prod")
    assert (process_settings().tenant, process_settings().environment) == ("acme", "prod")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GONOGO_ENVIRONMENT", "production"),
        ("GONOGO_GATE_DEADLINE_SECONDS", "0"),
        ("GONOGO_GATE_DEADLINE_SECONDS", "99999999999999999999"),
        ("GONOGO_EVENT_DEADLINE_SECONDS", "31622401"),
        ("GONOGO_POLL_SECONDS", "-1"),
        ("GONOGO_FLIGHTS", "many"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """With what is wrong about it and where to correct it."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsBroken, match=rf"{name}: .*correct the environment or \[tool\.gonogo\]"):
        process_settings()


def test_an_unknown_setting_of_the_project_is_refused(project: Path) -> None:
    """A typing error would otherwise leave the default in force unseen."""
    project.write_text('[tool.gonogo]\nenviroment = "prod"\n')
    with pytest.raises(SettingsBroken, match="GONOGO_ENVIROMENT"):
        process_settings()


def test_a_run_has_settings_of_its_own() -> None:
    """Inside the block, and not after it."""
    chosen = Settings(home=Path("elsewhere"))
    with using(chosen):
        assert settings() is chosen
        assert settings().home == Path("elsewhere")
    assert settings() is process_settings()
