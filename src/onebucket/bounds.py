"""Limits and timeouts for the server, the database drivers and the mail client, each with its reason.

We set every value that we rely on instead of using a dependency's default; a test finds calls that leave one out.
Names that end in `_SECONDS` are in seconds.
"""

# --- client connections (granian, the kernel)

# Each connection uses a file descriptor. The process raises its limit to this, if the system allows it. More would not
# help: an idle connection takes some kilobytes, so memory would run out first.
MOST_DESCRIPTORS = 65_536
# Descriptors reserved for databases, mail, logs and long responses that are buffered in files.
OWN_DESCRIPTORS = 256
# Connections that wait in the kernel to be accepted. The kernel caps this at net.core.somaxconn.
BACKLOG = 4096

# The time for a new connection's first byte, for the headers of a request, and between two requests: granian has one
# timer for all three in HTTP/1.1. Longer than any round trip, at least the keep-alive of proxies in our docs.
HEAD_SECONDS = 30.0
# Bytes of request line and headers together: the memory that an unauthenticated connection can use.
LONGEST_HEAD = 1 << 17
# The time to receive a whole request body: 1 MiB needs 17 kB/s.
BODY_SECONDS = 60.0
# The longest body that is received although no handler reads it, and the time for that: a client sends a short body
# right after the headers.
MAX_DISCARDED_BYTES = 1 << 16
DISCARD_SECONDS = 1.0
# A connection is closed when the client reads nothing for this long.
STALLED_SECONDS = 60.0

# One thread for sockets and one for Python; more were not faster on any number of cores.
SOCKET_THREADS = 1
PYTHON_THREADS = 1

# The time for running requests at shutdown. Docker kills after 10 seconds and systemd after 90, and closing the
# databases takes time too.
GRACE_SECONDS = 7.0
# The timeout for the server's check of itself over loopback.
LOOPBACK_SECONDS = 1.0

# --- databases (sqlite3, psycopg)

# How long a command waits for another process's write lock before it gives up.
BUSY_SECONDS = 10.0
# How long a request waits for another process's write lock before it gets an error, however many requests wait. Less
# than GRACE_SECONDS, so that requests waiting at shutdown get a response too.
CHANGE_SECONDS = 6.0
# The same for the outbox worker. It is short: the worker retries in its next round, and shutdown waits for this one.
LETTERS_BUSY_SECONDS = 2.0
# The same for the last writes at shutdown, such as the pending uses of app passwords.
CLOSING_SECONDS = 0.5
# SQLite's statement cache for each connection: larger than the number of our statements.
COMPILED_STATEMENTS = 512
# psycopg prepares a statement from its first use on, and keeps this many for each connection.
PREPARED_AFTER, PREPARED_STATEMENTS = 1, 1000

# By default libpq waits minutes, or forever, for a server that has disappeared.
POSTGRES = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Shorter than for the primary, because the request can be served by the primary instead.
REPLICA = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2_000,
}

# --- mail (smtplib)

# By default smtplib waits forever. The times to connect, for one command, and for one mail in all.
SMTP_CONNECT_SECONDS = 10.0
SMTP_COMMAND_SECONDS = 30.0
SMTP_LETTER_SECONDS = 120.0
# The time for QUIT: all mails are sent by then, so its result doesn't matter.
SMTP_FAREWELL_SECONDS = 1.0

# --- certificates for Bitbucket's names

# How often a server looks whether its certificate is due to be replaced: days before it ends.
CERTIFICATE_CHECK_SECONDS = 3600.0

# --- `onebucket run` (asyncio, aiohttp)

# The time to reach another host on behalf of the command.
CONNECT_SECONDS = 30.0
# Connections to the server that are idle for this long aren't used again. Less than HEAD_SECONDS, after which the
# server closes them.
KEPT_ALIVE_SECONDS = 15.0
