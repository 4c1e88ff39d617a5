"""The order of the sources, and what a mistake in each of them is answered with."""

from pathlib import Path

import msgspec
import pytest

from config.loading import SettingsError, load
from config.settings import Settings, UpstreamSettings


def loaded(
    tmp_path: Path, toml: str | None = None, arguments: dict[str, object] | None = None, **environ: str
) -> Settings:
    file = None
    if toml is not None:
        file = tmp_path / "x.toml"
        file.write_text(toml, encoding="utf-8")
    return load(arguments or {}, file=file, environ=environ)


def refusal(tmp_path: Path, toml: str | None = None, arguments: dict[str, object] | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, toml, arguments, **environ)
    return str(caught.value).replace(str(tmp_path), "")


def test_nothing_given_is_the_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, PATH="/bin", UNDERSTUDIES="3") == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    toml = '[server]\nhost = "file"\nport = 1\nmax_body_megabytes = 7'
    environ = {"UNDERSTUDY_SERVER__HOST": "variable", "UNDERSTUDY_SERVER__PORT": "2"}

    server = loaded(tmp_path, toml, {"server.port": "3"}, **environ).server

    assert (server.max_body_megabytes, server.host, server.port) == (7, "variable", 3)
    assert server.shutdown_seconds == Settings().server.shutdown_seconds


def test_a_variable_names_the_file_unless_an_argument_does(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('data = "/other"', encoding="utf-8")

    assert load({}, file=None, environ={"UNDERSTUDY_CONFIG": str(other)}).data == "/other"
    assert loaded(tmp_path, 'data = "/x"', UNDERSTUDY_CONFIG=str(other)).data == "/x"


@pytest.mark.parametrize(
    ("variable", "value", "dotted", "expected"),
    [
        ("DATA", "/srv/x", "data", "/srv/x"),
        ("SERVER__PORT", "8021", "server.port", 8021),
        ("SERVER__ALLOW_ANONYMOUS", "true", "server.allow_anonymous", True),
        ("SERVER__SHUTDOWN_SECONDS", "1.5", "server.shutdown_seconds", 1.5),
        ("SERVER", '{"port": 5, "host": "h"}', "server.port", 5),
        ("LOG__LEVEL", "debug", "log.level", "debug"),
        ("MODELS__DEFAULT", "qwen", "models.default", "qwen"),
        ("MODELS__ALIASES", '{"gpt-4*": "qwen", "b": "c"}', "models.aliases", {"gpt-4*": "qwen", "b": "c"}),
        ("UPSTREAMS", "http://a:1", "upstreams", [UpstreamSettings(url="http://a:1")]),
        (
            "UPSTREAMS",
            "http://a:1, https://b/v1",
            "upstreams",
            [UpstreamSettings(url="http://a:1"), UpstreamSettings(url="https://b/v1")],
        ),
        ("UPSTREAMS", '["http://a:1"]', "upstreams", [UpstreamSettings(url="http://a:1")]),
        (
            "UPSTREAMS",
            '[{"url": "http://a:1", "dialect": "vllm", "context_length": 4096}]',
            "upstreams",
            [UpstreamSettings(url="http://a:1", dialect="vllm", context_length=4096)],
        ),
    ],
)
def test_variables(tmp_path: Path, variable: str, value: str, dotted: str, expected: object) -> None:
    found: object = loaded(tmp_path, **{f"UNDERSTUDY_{variable}": value})
    for key in dotted.split("."):
        found = getattr(found, key)
    assert found == expected


def test_a_single_key_wins_over_its_whole_table(tmp_path: Path) -> None:
    environ = {"UNDERSTUDY_SERVER__PORT": "2", "UNDERSTUDY_SERVER": '{"port": 1, "host": "h"}'}
    server = loaded(tmp_path, **environ).server
    assert (server.host, server.port) == ("h", 2)


def test_lists_and_aliases_replace_what_is_weaker(tmp_path: Path) -> None:
    toml = 'upstreams = ["http://a", "http://b"]\n[models.aliases]\n"x" = "y"'
    environ = {"UNDERSTUDY_MODELS__ALIASES": '{"p": "q"}'}
    settings = loaded(tmp_path, toml, {"upstreams": ["http://c"]}, **environ)
    assert settings.upstreams == [UpstreamSettings(url="http://c")]
    assert settings.models.aliases == {"p": "q"}


def test_a_variable_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, UNDERSTUDY_SERVER__PORT="", UNDERSTUDY_CONFIG="") == Settings()


def test_links_of_a_kubernetes_service_are_not_settings(tmp_path: Path) -> None:
    links = {
        "UNDERSTUDY_SERVICE_HOST": "10.0.0.1",
        "UNDERSTUDY_SERVICE_PORT": "8020",
        "UNDERSTUDY_SERVICE_PORT_HTTP": "8020",
        "UNDERSTUDY_PORT": "tcp://10.0.0.1:8020",
        "UNDERSTUDY_PORT_8020_TCP": "tcp://10.0.0.1:8020",
        "UNDERSTUDY_PORT_8020_TCP_ADDR": "10.0.0.1",
    }
    assert loaded(tmp_path, **links) == Settings()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[server]\nprot = 1", "server.prot: no such setting; did you mean server.port? (file /x.toml)"),
        ("port = 1", "port: no such setting; did you mean server.port? (file /x.toml)"),
        ("[runs]\nzzz = 1", "runs.zzz: no such setting (file /x.toml)"),
        ("[models.aliases]\nx = 1", 'models.aliases: expected a table, each value text, got {"x":1} (file /x.toml)'),
        (
            '[server]\nport = "1"',
            'server.port: expected a whole number from 0 to 65535, got "1" (file /x.toml)',
        ),
        (
            "[server]\nmax_body_megabytes = 0",
            "server.max_body_megabytes: expected a whole number, 1 or more, got 0 (file /x.toml)",
        ),
        ("[server]\nallow_anonymous = 1", "server.allow_anonymous: expected true or false, got 1 (file /x.toml)"),
        ("[runs]\nlease_seconds = nan", 'runs.lease_seconds: expected a number above 0, got "nan" (file /x.toml)'),
        ("[runs]\nlease_seconds = inf", 'runs.lease_seconds: expected a number above 0, got "inf" (file /x.toml)'),
        ("log = 2020-02-02", 'log: expected a table of settings (level), got "2020-02-02" (file /x.toml)'),
        (
            '[[upstreams]]\nurl = "http://a"\n[[upstreams]]\nurl = "b:3"',
            'upstreams[1].url: expected an address such as http://127.0.0.1:30000, got "b:3" (file /x.toml)',
        ),
        ('[[upstreams]]\ndialect = "vllm"', "upstreams[0].url: needed, and not given (file /x.toml)"),
        (
            '[[upstreams]]\nurl = "http://a"\ndialct = "vllm"',
            "upstreams[0].dialct: no such setting; did you mean upstreams.dialect? (file /x.toml)",
        ),
        (
            '[[upstreams]]\nurl = "http://a"\napi_key = 12345',
            "upstreams[0].api_key: expected text, got something else (file /x.toml)",
        ),
        ('[launch]\nserver = "vllm"', "launch.model: needed with launch.server (argument --model)"),
        ('[launch]\nmodel = "m"', "launch.model: means nothing without launch.server (argument --launch)"),
        ('[launch]\noptions = ["a"]', "launch.options: means nothing without launch.server (argument --launch)"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, toml: str, message: str) -> None:
    assert refusal(tmp_path, toml) == message


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SERVER__PORT", "abc", 'server.port: expected a whole number from 0 to 65535, got "abc"'),
        ("SERVER__ALLOW_ANONYMOUS", "yes", 'server.allow_anonymous: expected true or false, got "yes"'),
        ("LOG__LEVEL", "loud", 'log.level: expected one of "debug", "error", "info", "warning", got "loud"'),
        ("MODELS__ALIASES", "x", 'models.aliases: expected a table, each value text, got "x"'),
        ("MODELS__ALIASES", "{x", 'models.aliases: expected a table, each value text, got "{x"'),
        ("PORT", "8020", "port: no such setting; did you mean UNDERSTUDY_SERVER__PORT?"),
        ("SERVER__PORTT", "1", "server.portt: no such setting; did you mean UNDERSTUDY_SERVER__PORT?"),
        ("SERVER__PORT__X", "1", "server.port.x: no such setting; did you mean UNDERSTUDY_SERVER__PORT?"),
        ("SERVER", '{"prot": 1}', "server.prot: no such setting; did you mean server.port?"),
        ("ZZZ", "1", "zzz: no such setting"),
    ],
)
def test_mistakes_in_a_variable(tmp_path: Path, variable: str, value: str, message: str) -> None:
    name = f"UNDERSTUDY_{variable}"
    assert refusal(tmp_path, **{name: value}) == f"{message} (environment variable {name})"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ('bucket = "b"\nbucket_access_key_id = "k"', "files.bucket_secret_access_key: needed with the other half of"),
        (
            'bucket = "b"\nbucket_secret_access_key = "hush"',
            "files.bucket_access_key_id: needed with the other half of",
        ),
        ('bucket_endpoint = "http://b"', "files.bucket_endpoint: means nothing without files.bucket"),
        ('bucket_prefix = "p"', "files.bucket_prefix: means nothing without files.bucket"),
        (
            'bucket = "b"\nbucket_secret_access_key = 12345',
            "files.bucket_secret_access_key: expected text, got something",
        ),
    ],
)
def test_what_belongs_to_a_bucket(tmp_path: Path, files: str, message: str) -> None:
    refused = refusal(tmp_path, f"[files]\n{files}")
    assert refused.startswith(message)
    assert "hush" not in refused
    assert "12345" not in refused


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    message = refusal(tmp_path, UNDERSTUDY_UPSTREAMS='[{"url": "http://a", "api_key": "hush"')
    assert message.startswith("upstreams: expected a list")
    assert "hush" not in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"server.port": "70000"},
            'server.port: expected a whole number from 0 to 65535, got "70000" (argument --port)',
        ),
        (
            {"upstreams": ["localhost:3"]},
            'upstreams[0].url: expected an address such as http://127.0.0.1:30000, got "localhost:3" '
            "(argument --upstream)",
        ),
        (
            {"launch.server": "ollama"},
            'launch.server: expected one of "llama-server", "sglang", "vllm", got "ollama" (argument --launch)',
        ),
        ({"runs.max_interruptions": 0}, "runs.max_interruptions: expected a whole number, 1 or more, got 0 (argument)"),
    ],
)
def test_mistakes_in_an_argument(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    assert refusal(tmp_path, None, arguments) == message


def test_a_mistake_in_a_weaker_source_is_told_even_when_it_is_overruled(tmp_path: Path) -> None:
    assert "(file /x.toml)" in refusal(tmp_path, "[server]\nport = -1", {"server.port": "1"})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^cannot read the file .*none\.toml: No such file or directory$"):
        load({}, file=tmp_path / "none.toml", environ={})


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[server\nport = 1").startswith("file /x.toml is not TOML: ")
    (tmp_path / "y.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not TOML"):
        load({}, file=tmp_path / "y.toml", environ={})


def test_settings_survive_their_own_types(tmp_path: Path) -> None:
    """Arguments may already have their types, as tests and other programs give them."""
    upstreams = [msgspec.to_builtins(UpstreamSettings(url="http://a"))]
    settings = loaded(tmp_path, None, {"server.port": 0, "server.allow_anonymous": True, "upstreams": upstreams})
    assert settings.upstreams == [UpstreamSettings(url="http://a")]
    assert (settings.server.port, settings.server.allow_anonymous) == (0, True)
