// Command stack runs all of JobPilot on one machine: PostgreSQL, PgBouncer,
// Redis, RabbitMQ, a search engine, an S3 server, a mail catcher, NGINX and
// JobPilot's own services.
//
// It only prepares, generates, waits and reports. Processes are kept alive by
// supervisord, started as an instance of its own with one generated
// configuration, so restarting, log files and their rotation are not ours.
//
// # Life cycle
//
//	up      install what is missing (apt, only then) → fetch tools → build
//	        → write configuration → start supervisord → wait until each server
//	        answers → prepare the instance (roles, database, migrations, vhost,
//	        buckets, certificate, keys) → start its services → wait → print URLs
//	down    stop everything, wait, and end whatever outlived supervisord
//	clean   down, then remove the data (ALL=1: the downloaded tools too)
//
// Every step looks first and acts only on a difference, so a second up changes
// nothing. Each program's configuration carries a hash of its binary, its
// environment and its files; supervisord restarts exactly the programs whose
// hash differs.
//
// # Instances
//
// The data servers are shared. An instance is a set of services, a gateway and
// their names on the servers: a database, a RabbitMQ vhost, a Redis database
// and buckets. "dev" is what a person works with; "test" is what the system
// tests use, with ports 20000 higher, so that both can run at once.
//
// # The data folder
//
// All state is in .data beside the sources. When root runs this from a folder
// that the servers' unprivileged user cannot reach, .data is a link to
// /var/lib/jobpilot/<hash of the checkout's path>.
//
//	.data/
//	  bin/       stack, migrate and the services, as built last
//	  tools/     downloaded once: versitygw, maildev, the search engine, linters
//	  env/       servers.env, <instance>.env, <instance>.<service>.env (secrets, 0600)
//	  tls/       local certificate authority and the gateway's certificate
//	  conf/      generated configuration; supervisord.conf includes *.ini
//	  run/       sockets, pid files, the lock of "up"
//	  log/       one file a program, rotated
//	  state/     what the servers keep: postgres, redis, rabbitmq, search, s3 …
//
// A pid file holds a pid and the time its process started, so that a pid which
// the kernel has given to somebody else since is never signalled.
package main
