package main

import (
	"maps"
	"slices"
)

// Every port that this machine's servers listen on, all on 127.0.0.1. This is
// the one place to change one.
const (
	portPostgres     = 15432
	portPgBouncer    = 16432
	portRedis        = 16379
	portRabbit       = 15673
	portRabbitAdmin  = 15674
	portRabbitDist   = 15675 // Erlang distribution: rabbitmqctl to the node
	portEPMD         = 15676 // Erlang port mapper, apart from the system's 4369
	portSearch       = 19200
	portSearchNodes  = 19300 // OpenSearch's node-to-node transport
	portS3           = 17070
	portSMTP         = 11025
	portMailWeb      = 11080
	portBoard        = 18080 // tools/jobboard, the local job site
	portGatewayHTTP  = 8080
	portGatewayHTTPS = 8443
	portTraces       = 4318 // a test's collector of spans, in the instance "test"

	// adminOffset is added to a service's port for its admin listener.
	adminOffset = 1000
	// testOffset is added to the ports of gateway and services in the instance "test".
	testOffset = 20000
)

// servicePorts are the ports the specification gives the nine services.
var servicePorts = map[string]int{
	"ai":           8000,
	"auth":         8001,
	"user":         8002,
	"resume":       8003,
	"job":          8004,
	"auto-apply":   8005,
	"analytics":    8006,
	"notification": 8007,
	"orchestrator": 8008,
}

// sortedServices are the nine services by name.
func sortedServices() []string { return slices.Sorted(maps.Keys(servicePorts)) }
