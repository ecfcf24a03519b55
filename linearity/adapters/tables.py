"""Tables of the state database."""

import sqlalchemy as sa

metadata = sa.MetaData()

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("kind", sa.String, primary_key=True),  # "model", "dataset" or "log"
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("reference", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("record", sa.JSON(none_as_null=True)),
    sa.Column("problem", sa.JSON(none_as_null=True)),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", sa.String),  # set while somebody inspects it
    sa.Column("heartbeat", sa.String),
    # How it is to be read, as the user confirmed it: encoding, columns, sample, masking.
    sa.Column("options", sa.JSON(none_as_null=True)),
    sa.Column("owner", sa.String, nullable=False, server_default="local"),
    sa.Column("series", sa.String),  # several revisions of one model carry the same text
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("model_id", sa.String, nullable=False, index=True),
    sa.Column("dataset_id", sa.String, nullable=False, index=True),
    sa.Column("model_name", sa.String, nullable=False),
    sa.Column("dataset_name", sa.String, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created", sa.String, nullable=False, index=True),
    sa.Column("started", sa.String),
    sa.Column("finished", sa.String),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("result", sa.String),
    sa.Column("seconds", sa.Float),
    sa.Column("quarantined", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("owner", sa.String, nullable=False, server_default="local"),  # who asked first
    # Of a run that came in a bundle: when, from which version, and what its inputs were.
    sa.Column("imported", sa.JSON(none_as_null=True)),
    # [{"sha256", "bytes"}]: what it keeps in the store beside its result, healed weights or files.
    sa.Column("objects", sa.JSON(none_as_null=True)),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String),
    sa.Column("started", sa.String, nullable=False),
    sa.Column("heartbeat", sa.String, nullable=False),
    sa.Column("ended", sa.String),
    sa.Column("outcome", sa.String),
)

shards = sa.Table(
    "shards",
    metadata,
    # Parts of the text of a wide run, from the moment it is divided until it is over.
    sa.Column("run_id", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),  # 0, or the number of a repeat
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("plan", sa.String, nullable=False),  # digest of what is divided, and how
    sa.Column("stream", sa.String, nullable=False),  # digest of the text in its batches
    sa.Column("opening", sa.String, nullable=False),  # digest of what its shards share
    # Of the owner: "cpu" or "cuda".
    sa.Column("device", sa.String, nullable=False, server_default="cpu"),
    sa.Column("start", sa.Integer, nullable=False),  # from this batch
    sa.Column("stop", sa.Integer, nullable=False),  # to the one before this
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),  # tokens
    sa.Column("claim", sa.Integer, nullable=False, server_default="0"),  # how often it was claimed
    sa.Column("worker", sa.String),  # who computes or has computed it
    sa.Column("heartbeat", sa.String),
    sa.Column("sha256", sa.String),  # of the stored shard, once it is handed in
)

openings = sa.Table(
    "openings",
    metadata,
    # No foreign key: an opening of split B stays, whatever becomes of its run.
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("model", sa.String, nullable=False, index=True),
    sa.Column("dataset", sa.String, nullable=False),
    sa.Column("opened", sa.String, nullable=False),
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.String, primary_key=True),  # 32 hexadecimal digits, also its address
    sa.Column("kind", sa.String, nullable=False),  # of the input it belongs to
    sa.Column("input", sa.String, nullable=False, index=True),
    sa.Column("owner", sa.String, nullable=False, index=True),
    sa.Column("name", sa.String, nullable=False),  # a name from the list of allowed ones
    sa.Column("size", sa.BigInteger, nullable=False),  # as declared
    sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),  # and on the disk
    sa.Column("sha256", sa.String),  # of the whole file, once every byte is here
    sa.Column("touched", sa.String, nullable=False),  # abandoned ones expire after this
)

shares = sa.Table(
    "shares",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("token_hash", sa.String, nullable=False, unique=True),  # sha256; never the token
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("mode", sa.String, nullable=False),  # "live" or "frozen"
    sa.Column("result", sa.String, index=True),  # digest of the frozen result
    sa.Column("frozen", sa.JSON(none_as_null=True)),  # how the run stood when it was frozen
    sa.Column("view", sa.JSON, nullable=False),
    sa.Column("lang", sa.String),  # of the reader; none: whatever the browser prefers
    sa.Column("texts", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("note", sa.String, nullable=False, server_default=""),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("expires", sa.String, nullable=False),
    sa.Column("revoked", sa.String),
    sa.Column("last_opened", sa.String),
    sa.Column("opened", sa.Integer, nullable=False, server_default="0"),
)

access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("token_hash", sa.String, nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False),  # who; the owner of what is made with it
    sa.Column("role", sa.String, nullable=False),  # "viewer", "analyst" or "admin"
    sa.Column("created", sa.String, nullable=False),
    sa.Column("expires", sa.String),
    sa.Column("last_used", sa.String),
    sa.Column("revoked", sa.String),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("session_hash", sa.String, primary_key=True),  # sha256 of what the cookie holds
    # Of the token that it was begun with; when that is revoked, its sessions are over.
    sa.Column("token_hash", sa.String, nullable=False, index=True),
    sa.Column("expires", sa.String, nullable=False),
)

removals = sa.Table(
    "removals",
    metadata,
    # Objects of the store that a deleted row named; they go as soon as nothing names them.
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("since", sa.String, nullable=False),
)
