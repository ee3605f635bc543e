-- What administrators did. Never changed and never swept; written in the transaction of what it tells of.

CREATE TABLE admin_actions (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    request_id TEXT NOT NULL
);
