"""Every file under config/examples loads, and says what its name promises."""

from pathlib import Path

import pytest

from config.loading import load
from config.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "config/examples"


def example(name: str) -> Settings:
    return load({}, file=EXAMPLES / f"{name}.toml", environ={})


@pytest.mark.parametrize("file", sorted(EXAMPLES.iterdir()), ids=lambda file: file.name)
def test_it_loads_and_changes_something(file: Path) -> None:
    assert load({}, file=file, environ={}) != Settings()


def test_sglang_is_at_its_usual_port() -> None:
    assert [(one.url, one.dialect) for one in example("sqlite-sglang").upstreams] == [
        ("http://127.0.0.1:30000", "sglang")
    ]


def test_vllm_has_the_narrow_pattern_first() -> None:
    settings = example("vllm")
    assert {one.dialect for one in settings.upstreams} == {"vllm"}
    assert list(settings.models.aliases)[:2] == ["gpt-4o-mini*", "gpt-4*"]


def test_llama_server_is_launched() -> None:
    launch = example("llama-server").launch
    assert launch.server == "llama-server"
    assert launch.options == ["--ctx-size", "32768", "--parallel", "4"]


def test_keep_is_reachable_and_needs_keys() -> None:
    settings = example("keep")
    assert settings.server.host == "0.0.0.0"
    assert settings.server.allow_anonymous is False
    assert settings.runs.expires_after_seconds > 120  # Keep's own patience
    assert settings.runs.when_thread_is_busy == "wait"
    assert settings.runs.busy_wait_seconds < 120
