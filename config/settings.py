"""Every setting, with its default. Units are in the names. Frozen: read once at start, passed on as values."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]
Address = Annotated[str, Meta(pattern=r"^https?://[^/\s]+")]
ToolCallParsing = Literal["auto", "always", "never"]
DialectName = Literal["auto", "generic", "sglang", "vllm", "llamacpp", "ollama", "demo"]


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8020
    allow_anonymous: bool = False
    """Serve without keys on an address that others can reach."""
    max_body_megabytes: Annotated[int, Meta(ge=1)] = 64
    shutdown_seconds: Seconds = 20.0
    """How long streams may go on after SIGTERM."""
    strict: bool = False
    """Refuse requests without `OpenAI-Beta: assistants=v2`, and those of version 1, as the real service did."""


class UpstreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model server."""

    url: Address
    """Its base address, with or without `/v1`."""
    dialect: DialectName = "auto"
    """Which server it is; `auto` asks it."""
    api_key: str | None = None
    """Sent as `Authorization: Bearer` where the server wants one."""
    connect_timeout_seconds: Seconds = 5.0
    first_token_timeout_seconds: Seconds = 300.0
    idle_timeout_seconds: Seconds = 60.0
    """Silence within an answer after which the server is given up."""
    context_length: Annotated[int, Meta(ge=256)] | None = None
    """Tokens of prompt and answer, where the server does not tell."""
    parse_tool_calls: ToolCallParsing = "auto"
    """Whether calls that the model wrote into its text are made into calls. `auto`: those with a marker always, those
    without one where the server has no parser of its own."""
    begins_thinking: bool = False
    """Answers begin inside the model's thinking, because its chat template has opened it."""
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    """Further attempts before the first byte of an answer, on 429, 502, 503 and failed connections."""
    max_concurrent: Annotated[int, Meta(ge=1)] = 64
    """Runs that talk to it at one time; more wait as `queued`, projects taking turns."""


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default: str | None = None
    """The model for names that no alias and no server knows; the first served one when not set."""
    allow_unknown: bool = True
    """Whether unknown names fall to the default model, or are refused."""
    aliases: dict[str, str] = {}
    """Name or pattern (`gpt-4o*`) -> served model, or `default`. The first that fits wins."""
    retired_openai_names: bool = True
    """Answer for the model names that the real service had, by the default model."""


class RunSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    expires_after_seconds: Annotated[int, Meta(ge=1)] = 600
    lease_seconds: Seconds = 30.0
    """A run whose process has not renewed its claim for so long is taken over."""
    max_interruptions: Annotated[int, Meta(ge=1)] = 3
    """After so many interruptions (crash, restart) a run fails instead of starting again."""
    frames_kept_seconds: Seconds = 30.0
    """How long a finished run's stream stays in memory for those who are still reading it, or come back to it."""
    when_thread_is_busy: Literal["reject", "wait", "cancel"] = "reject"
    """What happens to a message or a run for a thread that has an active run."""
    busy_wait_seconds: Seconds = 60.0
    """How long such a request waits, for the run to end or to be cancelled, before it is rejected after all."""


class FileSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_file_megabytes: Annotated[int, Meta(ge=1)] = 512
    """The largest file that is taken in one request."""
    max_upload_megabytes: Annotated[int, Meta(ge=1)] = 8192
    """The largest file that is taken in parts."""
    keep_free_megabytes: Annotated[int, Meta(ge=0)] = 256
    """So much of the disk is not given to files: the database needs room to go on."""
    refuse_downloads: bool = False
    """Keep the contents of files of the purposes `assistants` and `user_data` here, as the real service did."""
    bucket: str | None = None
    """An S3-compatible bucket for the contents of files; when not set, they are in the data directory."""
    bucket_prefix: str = ""
    """The folder of the bucket that is this server's own."""
    bucket_endpoint: Address | None = None
    """The address of the server that has the bucket; AWS when not set."""
    bucket_region: str | None = None
    bucket_access_key_id: str | None = None
    """When not set, AWS's usual places are looked at: its environment variables, its files, the machine's role."""
    bucket_secret_access_key: str | None = None
    bucket_addressing: Literal["path", "virtual"] | None = None
    """Whether the bucket's name is in the path or in the host's name; path with an endpoint, when not set."""


class RetrievalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files are read into vector stores."""

    readers: Annotated[int, Meta(ge=1, le=64)] = 2
    """Processes that read files, at the most; there is none while there is nothing to read."""
    file_timeout_seconds: Annotated[int, Meta(ge=1)] = 300
    """Silence of a reader after which its file fails."""
    max_file_tokens: Annotated[int, Meta(ge=1)] = 5_000_000
    """A file with more fails."""
    embeddings_model: str = "built-in"
    """What makes vectors of texts, so that passages are found by meaning as well as by words: `built-in`, where it is
    installed; the name of a model that a server has; or `none`."""
    embeddings_url: Address | None = None
    """The server that has the model, as in `upstreams`; the first of those when not set."""
    embeddings_api_key: str | None = None


class LaunchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model server that is started, and stopped, with this one."""

    server: Literal["sglang", "vllm", "llama-server"] | None = None
    model: str | None = None
    port: Port = 0
    """0 takes a free one."""
    options: list[str] = []
    """Passed on as they are."""
    max_concurrent: Annotated[int, Meta(ge=1)] = 64
    """As in `upstreams`."""
    ready_timeout_seconds: Seconds = 600.0


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: str = "./data"
    """The directory that holds everything a server keeps."""
    server: ServerSettings = ServerSettings()
    upstreams: list[UpstreamSettings] = []
    """Empty: look for model servers on this machine, and fall back to the built-in demo."""
    launch: LaunchSettings = LaunchSettings()
    models: ModelSettings = ModelSettings()
    runs: RunSettings = RunSettings()
    files: FileSettings = FileSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    log: LogSettings = LogSettings()
