"""The tables of an institution's vault database, version by version. Nothing in them is a record in the clear.

Records and the transactions that carry them are in one database, so that a signed transaction and what it registers
are stored by one commit.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE wrapped_keys (
        number INTEGER PRIMARY KEY,
        purpose TEXT NOT NULL CHECK (purpose IN ('seal', 'digest')),
        wrapped BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        schema TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        accepted INTEGER NOT NULL DEFAULT 0,
        repeated INTEGER NOT NULL DEFAULT 0,
        rejected INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE transactions (
        id INTEGER PRIMARY KEY,
        sender TEXT NOT NULL,
        nonce INTEGER NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        raw BLOB NOT NULL,
        data BLOB NOT NULL,
        action TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('stored', 'mined', 'final', 'failed', 'lost')),
        signed_at INTEGER NOT NULL,
        block_number INTEGER,
        block_hash BLOB,
        gas_used INTEGER,
        error TEXT
    ) STRICT;

    CREATE UNIQUE INDEX transactions_nonce ON transactions (sender, nonce) WHERE state <> 'lost';
    CREATE INDEX transactions_open ON transactions (id) WHERE state IN ('stored', 'mined');

    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL REFERENCES files (id),
        line INTEGER NOT NULL,
        schema TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        record_hash BLOB NOT NULL,
        commitment BLOB NOT NULL,
        key_number INTEGER NOT NULL REFERENCES wrapped_keys (number),
        sealed BLOB NOT NULL,
        tx INTEGER REFERENCES transactions (id),
        found INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE INDEX records_hash ON records (record_hash);
    CREATE INDEX records_tx ON records (tx) WHERE tx IS NOT NULL;
    CREATE INDEX records_waiting ON records (id) WHERE tx IS NULL AND found = 0
    """,
    # Each key and each record keeps the suite that it was made for (`types.Suite`), whatever the settings say later.
    """
    ALTER TABLE wrapped_keys ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE records ADD COLUMN suite INTEGER NOT NULL DEFAULT 1
    """,
    # Whom a record is about, by a keyed digest of each identifier.
    """
    CREATE TABLE record_subjects (
        subject BLOB NOT NULL,
        record INTEGER NOT NULL REFERENCES records (id),
        PRIMARY KEY (subject, record)
    ) STRICT, WITHOUT ROWID
    """,
    # A rotation seals records anew; what is retired leaves its number behind, which is never given again.
    """
    CREATE TABLE retired_keys (
        number INTEGER PRIMARY KEY,
        purpose TEXT NOT NULL,
        suite INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        retired_at INTEGER NOT NULL
    ) STRICT;

    CREATE INDEX records_key ON records (key_number)
    """,
    # Subjects: found by keyed digests of their identifiers, all that is said of them sealed (`Vault.seal_row`).
    """
    CREATE TABLE subjects (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('person', 'firm')),
        registered_at INTEGER NOT NULL,
        key_number INTEGER NOT NULL REFERENCES wrapped_keys (number),
        sealed BLOB NOT NULL
    ) STRICT;

    CREATE INDEX subjects_kind ON subjects (kind);

    CREATE TABLE subject_identifiers (
        digest BLOB PRIMARY KEY,
        subject INTEGER NOT NULL REFERENCES subjects (id)
    ) STRICT, WITHOUT ROWID
    """,
    # Uploads: `place` recognises a file of the intake folder that is still to be removed; the bytes lie by themselves,
    # so that a list does not read them.
    """
    CREATE TABLE uploads (
        id INTEGER PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'rejected', 'refused', 'duplicate')),
        digest BLOB NOT NULL,
        place BLOB,
        received_at INTEGER NOT NULL,
        key_number INTEGER NOT NULL REFERENCES wrapped_keys (number),
        sealed BLOB NOT NULL
    ) STRICT;

    CREATE INDEX uploads_digest ON uploads (digest);
    CREATE INDEX uploads_place ON uploads (place) WHERE place IS NOT NULL;
    CREATE INDEX uploads_state ON uploads (state, id);

    CREATE TABLE upload_contents (
        id INTEGER PRIMARY KEY REFERENCES uploads (id),
        key_number INTEGER NOT NULL REFERENCES wrapped_keys (number),
        sealed BLOB NOT NULL
    ) STRICT
    """,
    # A list of one file's records, and of those found on the chain, reads no others.
    """
    CREATE INDEX records_file ON records (file);
    CREATE INDEX records_found ON records (id) WHERE found = 1
    """,
    # What was submitted is not altered: a rotation seals it anew, a transaction is given to it, it may wait longer.
    """
    CREATE TRIGGER records_fixed
    BEFORE UPDATE OF id, file, line, schema, digest, record_hash, commitment, suite ON records
    BEGIN SELECT raise(ABORT, 'a record in the vault is never altered'); END;

    CREATE TRIGGER records_kept BEFORE DELETE ON records
    BEGIN SELECT raise(ABORT, 'a record in the vault is never deleted'); END;

    CREATE TRIGGER files_fixed BEFORE UPDATE OF id, name, digest, schema ON files
    BEGIN SELECT raise(ABORT, 'a file in the vault is never altered'); END
    """,
    # Who reviewed what: `review_log`. A number is one more than the last, so that nothing is put in between.
    """
    CREATE TABLE review_log (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        account TEXT NOT NULL,
        action TEXT NOT NULL,
        batch INTEGER NOT NULL,
        record BLOB,
        reason INTEGER,
        plan BLOB,
        tx BLOB,
        note BLOB,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;

    CREATE INDEX review_log_batch ON review_log (batch);

    CREATE TABLE review_plans (hash BLOB PRIMARY KEY, plan TEXT NOT NULL) STRICT;

    CREATE TRIGGER review_log_fixed BEFORE UPDATE ON review_log
    BEGIN SELECT raise(ABORT, 'the review log is never altered'); END;

    CREATE TRIGGER review_log_kept BEFORE DELETE ON review_log
    BEGIN SELECT raise(ABORT, 'the review log is never shortened'); END;

    CREATE TRIGGER review_log_last BEFORE INSERT ON review_log
    WHEN new.number <> 1 + (SELECT coalesce(max(number), 0) FROM review_log)
    BEGIN SELECT raise(ABORT, 'the review log only grows at its end'); END;

    CREATE TRIGGER review_plans_fixed BEFORE UPDATE ON review_plans
    BEGIN SELECT raise(ABORT, 'a plan that was in force is never altered'); END;

    CREATE TRIGGER review_plans_kept BEFORE DELETE ON review_plans
    BEGIN SELECT raise(ABORT, 'a plan that was in force is never deleted'); END
    """,
    # What was signed stays as it was: only what became of it is told.
    """
    CREATE TRIGGER transactions_fixed
    BEFORE UPDATE OF id, sender, nonce, hash, raw, data, action, signed_at ON transactions
    BEGIN SELECT raise(ABORT, 'a transaction in the vault is never altered'); END;

    CREATE TRIGGER transactions_kept BEFORE DELETE ON transactions
    BEGIN SELECT raise(ABORT, 'a transaction in the vault is never deleted'); END
    """,
)

# What whoever reviews may write, by table: `INSERT`, or columns that may be updated. Nothing that was submitted.
REVIEWERS_WRITES = {
    "review_log": frozenset(("INSERT",)),
    "review_plans": frozenset(("INSERT",)),
    "transactions": frozenset(("INSERT", "state", "block_number", "block_hash", "gas_used", "error")),
    # What a transaction that failed, or a reorg, takes a record back to.
    "records": frozenset(("tx", "found")),
}

# Tables besides `records` whose rows are sealed by `Vault.seal_row`, in the columns id, key_number and sealed.
SEALED_TABLES = ("subjects", "uploads", "upload_contents")
