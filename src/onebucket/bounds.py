"""Limits and deadlines that a dependency would otherwise choose for us, each with its reason.

The server program, the drivers of the databases and the mail client have defaults of their own, made for somebody else.
What we rely on is chosen here, and a test finds calls that leave such a choice to a dependency.
"""

# --- connections of callers (granian, the kernel)

# Each connection is a descriptor. The limit of the process is raised to so many where the system allows that: with some
# kilobytes for an idle connection, more would cost memory before they run out.
MOST_DESCRIPTORS = 65_536
# Of these the databases, letters, logs and long answers put aside in files need some.
OWN_DESCRIPTORS = 256
# So many connections wait in the kernel until they are taken. The kernel cuts it to net.core.somaxconn.
BACKLOG = 4096

# A connection has so long to send its first byte, and each request's headers from its first byte on; so long it may be
# idle between two requests. HTTP/1.1 has one clock for all three. Longer than a round trip on any network, and no
# shorter than what proxies are told to keep connections for.
HEAD_SECONDS = 30.0
# Request line and headers together. Each connection may fill so much memory before anybody knows who it is.
LONGEST_HEAD = 1 << 17
# From the moment it is asked for, the whole body of a request has so long: 1 MiB needs 17 kB/s.
BODY_SECONDS = 60.0
# A connection whose other side takes nothing for so long is cut, however much is left to send.
STALLED_SECONDS = 60.0

# One thread reads and writes sockets and one runs Python; more were not faster on any number of cores.
SOCKET_THREADS = 1
PYTHON_THREADS = 1

# Requests under way have so long when the server is told to stop. Docker kills after ten seconds, systemd after ninety;
# what is done afterwards takes its time too.
GRACE_SECONDS = 7.0
# The server reaches itself over loopback to see that it answers.
LOOPBACK_SECONDS = 1.0

# --- databases (sqlite3, psycopg)

# How long a command waits for a change that another process makes before it gives up.
BUSY_SECONDS = 10.0
# A caller whose change waits for another process hears after so long, however many wait with them. It is less than the
# grace, so that whoever waits when the server is told to stop hears too.
CHANGE_SECONDS = 6.0
# Letters can wait: what isn't kept now is kept in the next round, and stopping waits for this round.
LETTERS_BUSY_SECONDS = 2.0
# When the server stops it writes what else it has gathered, if that can be done at once.
CLOSING_SECONDS = 0.5
# Statements that SQLite keeps compiled on each connection: more than we have.
COMPILED_STATEMENTS = 512
# From the first time on PostgreSQL keeps a statement compiled, and so many of them.
PREPARED_AFTER, PREPARED_STATEMENTS = 1, 1000

# libpq would wait for minutes, or for ever, for a server that is gone without a word.
POSTGRES = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Whoever waits for a replica could have asked the primary meanwhile.
REPLICA = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2_000,
}

# --- mail (smtplib)

# smtplib would wait for ever. A mail server has so long to be reached, to answer one command, and to take one letter in
# all.
SMTP_CONNECT_SECONDS = 10.0
SMTP_COMMAND_SECONDS = 30.0
SMTP_LETTER_SECONDS = 120.0
# Whatever was to be sent has been: nobody waits long for a farewell.
SMTP_FAREWELL_SECONDS = 1.0
