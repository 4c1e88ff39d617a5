-- Every object is one JSON document, `doc`, as it is answered. Columns repeat what is filtered, ordered, joined or
-- locked on, and are written by the same statement. `seq` is the order of insertion: created_at has whole seconds.
-- No constraint is deferred: at a shared commit, one transaction's mistake would fail the others'.

CREATE TABLE assistants (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    doc        TEXT NOT NULL
);

CREATE INDEX assistants_listed ON assistants (project, created_at, seq);

CREATE TABLE threads (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    project      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    -- The lock: the run that may write to the thread. No foreign key, because the lock is taken before the run is there.
    active_run   TEXT,
    -- The seq of the first message that prompts begin with.
    window_start INTEGER NOT NULL DEFAULT 0 CHECK (window_start >= 0),
    doc          TEXT NOT NULL
);

CREATE INDEX threads_listed ON threads (project, created_at, seq);

CREATE TABLE messages (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    thread_id  TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    run_id     TEXT,
    created_at INTEGER NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    status     TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'incomplete')),
    -- How many tokens the message is in a prompt; null until somebody counted.
    tokens     INTEGER CHECK (tokens >= 0),
    doc        TEXT NOT NULL
);

CREATE INDEX messages_listed ON messages (thread_id, created_at, seq);
CREATE INDEX messages_listed_by_run ON messages (run_id, created_at, seq) WHERE run_id IS NOT NULL;
CREATE INDEX messages_in_order ON messages (thread_id, seq);

CREATE TABLE runs (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    project       TEXT NOT NULL,
    thread_id     TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    created_at    INTEGER NOT NULL,
    status        TEXT NOT NULL CHECK (status IN (
        'queued', 'in_progress', 'requires_action', 'cancelling',
        'cancelled', 'failed', 'completed', 'incomplete', 'expired'
    )),
    expires_at    INTEGER,
    -- The process that works on the run, until when its claim holds (Unix seconds), and how many lost theirs.
    owner         TEXT,
    lease_until   REAL,
    interruptions INTEGER NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
    -- What the run remembers between its turns; never answered.
    progress      BLOB NOT NULL,
    doc           TEXT NOT NULL,
    CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CHECK (owner IS NULL OR status IN ('queued', 'in_progress', 'requires_action', 'cancelling'))
);

CREATE INDEX runs_listed ON runs (thread_id, created_at, seq);
-- Small ones, over the few runs that are under way. Their conditions are those of the questions, word for word.
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_leased ON runs (seq, lease_until) WHERE status IN ('queued', 'in_progress', 'cancelling');
CREATE INDEX runs_expiring ON runs (expires_at)
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');

CREATE TABLE steps (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    thread_id  TEXT NOT NULL,
    run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    doc        TEXT NOT NULL
);

CREATE INDEX steps_listed ON steps (run_id, created_at, seq);

CREATE TABLE keys (
    id         TEXT PRIMARY KEY NOT NULL,
    project    TEXT NOT NULL,
    name       TEXT NOT NULL,
    -- The first characters of the key, to find it by, and the SHA-256 of all of it. The key itself is kept nowhere.
    hint       TEXT NOT NULL,
    digest     TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);

CREATE INDEX keys_hinted ON keys (hint);
