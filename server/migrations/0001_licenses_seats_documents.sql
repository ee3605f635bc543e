-- Times are UTC seconds since 1970, given by the caller. Lists are words separated by one space.
-- Every statement ends with a semicolon at the end of its line. A migration is never edited once released.

CREATE TABLE authority (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id TEXT NOT NULL,
    founded_at BIGINT NOT NULL,
    last_serial BIGINT NOT NULL CHECK (last_serial BETWEEN 0 AND 1099511627775)
);

CREATE TABLE key_sets (
    version BIGINT PRIMARY KEY CHECK (version > 0),
    token TEXT NOT NULL,
    issued_at BIGINT NOT NULL
);

CREATE TABLE licenses (
    id TEXT PRIMARY KEY,
    key_index TEXT NOT NULL UNIQUE CHECK (length(key_index) = 64),
    key_secret_id INTEGER NOT NULL CHECK (key_secret_id BETWEEN 0 AND 7),
    serial BIGINT NOT NULL UNIQUE,
    key_type INTEGER NOT NULL,
    key_flags INTEGER NOT NULL,
    key_expiry_day INTEGER NOT NULL,
    key_salt INTEGER NOT NULL,
    type TEXT NOT NULL,
    plan TEXT NOT NULL,
    features TEXT NOT NULL,
    max_bots BIGINT NOT NULL CHECK (max_bots >= -1),
    duration_s BIGINT CHECK (duration_s > 0),
    ends_at BIGINT,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL CHECK (last_sequence >= 0)
);

CREATE TABLE seats (
    license_id TEXT NOT NULL REFERENCES licenses (id),
    number INTEGER NOT NULL CHECK (number > 0),
    device_id TEXT NOT NULL,
    device_key TEXT NOT NULL,
    host_label TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    released_at BIGINT,
    PRIMARY KEY (license_id, number)
);

-- One device per license, whatever the code above it does.
CREATE UNIQUE INDEX seats_one_held ON seats (license_id) WHERE released_at IS NULL;

CREATE TABLE documents (
    license_id TEXT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    seat INTEGER NOT NULL,
    request_hash TEXT NOT NULL CHECK (length(request_hash) = 64),
    signing_key_id TEXT NOT NULL,
    key_set_version BIGINT NOT NULL REFERENCES key_sets (version),
    issued_at BIGINT NOT NULL,
    fresh_until BIGINT NOT NULL,
    grace_s BIGINT NOT NULL,
    host_label TEXT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (license_id, sequence),
    FOREIGN KEY (license_id, seat) REFERENCES seats (license_id, number)
);

-- One request, one document.
CREATE UNIQUE INDEX documents_one_answer ON documents (license_id, request_hash);
CREATE INDEX documents_by_signing_key ON documents (signing_key_id);

CREATE TABLE attempts (
    license_id TEXT NOT NULL REFERENCES licenses (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    device_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (license_id, number)
);
