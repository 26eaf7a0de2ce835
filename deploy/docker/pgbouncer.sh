#!/bin/sh
# Starts PgBouncer as tools/stack does natively: transaction pooling, roles looked up in PostgreSQL.
set -eu
umask 077
conf=$(mktemp -d)
printf '"pgbouncer" "%s"\n' "$PGBOUNCER_PASSWORD" > "$conf/userlist.txt"
cat > "$conf/pgbouncer.ini" <<EOF
[databases]
* = host=postgres port=5432

[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $conf/userlist.txt
auth_user = pgbouncer
auth_query = SELECT usename, passwd FROM pgbouncer.get_auth(\$1)
pool_mode = transaction
max_client_conn = 2000
default_pool_size = 25
max_db_connections = 80
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
EOF
exec pgbouncer "$conf/pgbouncer.ini"
