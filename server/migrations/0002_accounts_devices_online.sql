-- The online authority. Seats become devices; what was held stays held. One text for SQLite and PostgreSQL.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    admin INTEGER NOT NULL CHECK (admin IN (0, 1)),
    created_at BIGINT NOT NULL,
    password_changed_at BIGINT NOT NULL
);

ALTER TABLE seats RENAME TO devices;
DROP INDEX seats_one_held;

ALTER TABLE devices ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN key_level TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN roll_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN roll_random TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN roll_previous_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN roll_previous_random TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN roll_previous_rid TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN last_seen_at BIGINT;
ALTER TABLE devices ADD COLUMN conflict_at BIGINT;
ALTER TABLE devices ADD COLUMN bots_in_use BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN bots_leased BIGINT NOT NULL DEFAULT 0 CHECK (bots_leased >= 0);
ALTER TABLE devices ADD COLUMN leased_until BIGINT;
ALTER TABLE devices ADD COLUMN document_sequence BIGINT;
ALTER TABLE devices ADD COLUMN document_issued_at BIGINT;
ALTER TABLE devices ADD COLUMN document_fresh_until BIGINT;
ALTER TABLE devices ADD COLUMN document_grace_s BIGINT;

CREATE INDEX devices_of_license ON devices (license_id, device_id);
CREATE UNIQUE INDEX devices_held_once ON devices (license_id, device_id) WHERE released_at IS NULL;

ALTER TABLE licenses ADD COLUMN status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'revoked'));
ALTER TABLE licenses ADD COLUMN status_changed_at BIGINT;
ALTER TABLE licenses ADD COLUMN account_id TEXT REFERENCES accounts (id);
ALTER TABLE licenses ADD COLUMN device_limit INTEGER NOT NULL DEFAULT 1 CHECK (device_limit BETWEEN 1 AND 1000000);
ALTER TABLE licenses ADD COLUMN total_bots BIGINT CHECK (total_bots >= 0);

-- Never more seats than sold, whatever the code above it does.
ALTER TABLE licenses ADD COLUMN devices_held INTEGER NOT NULL DEFAULT 0 CHECK (devices_held BETWEEN 0 AND device_limit);
UPDATE licenses SET devices_held =
    (SELECT COUNT(*) FROM devices WHERE devices.license_id = licenses.id AND devices.released_at IS NULL);

CREATE INDEX licenses_of_account ON licenses (account_id);

ALTER TABLE authority ADD COLUMN last_event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE authority ADD COLUMN revocation_epoch BIGINT NOT NULL DEFAULT 0;

-- Until when a document signed with a key, and kept nowhere, may still be in use.
CREATE TABLE signing_uses (
    signing_key_id TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);

-- Of an account, or of a device's hold on a license.
CREATE TABLE tokens (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
    account_id TEXT REFERENCES accounts (id),
    license_id TEXT,
    device_number INTEGER,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    FOREIGN KEY (license_id, device_number) REFERENCES devices (license_id, number),
    CHECK ((account_id IS NULL) <> (license_id IS NULL)),
    CHECK ((device_number IS NULL) = (license_id IS NULL))
);
CREATE INDEX tokens_of_account ON tokens (account_id);
CREATE INDEX tokens_of_device ON tokens (license_id, device_number);
CREATE INDEX tokens_by_end ON tokens (expires_at);

CREATE TABLE transfers (
    license_id TEXT NOT NULL REFERENCES licenses (id),
    device_number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX transfers_of_license ON transfers (license_id, kind, at);

CREATE TABLE approvals (
    number BIGINT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    device_id TEXT NOT NULL,
    host_label TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'denied', 'used')),
    decided_at BIGINT,
    decided_by TEXT
);
CREATE INDEX approvals_of_device ON approvals (license_id, device_id);
CREATE UNIQUE INDEX approvals_one_waiting ON approvals (license_id, device_id) WHERE state = 'waiting';

-- A trial once per account and per machine.
CREATE TABLE trial_accounts (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    license_id TEXT NOT NULL REFERENCES licenses (id)
);
CREATE TABLE trial_marks (
    mark TEXT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id)
);

CREATE INDEX attempts_by_time ON attempts (at);

-- Attempts with a key that leads to no license.
CREATE TABLE refusals (
    at BIGINT NOT NULL,
    device_id TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX refusals_by_time ON refusals (at);

CREATE TABLE events (
    number BIGINT PRIMARY KEY,
    license_id TEXT NOT NULL,
    what TEXT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE revocations (
    epoch BIGINT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    what TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX revocations_of_license ON revocations (license_id, epoch);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
