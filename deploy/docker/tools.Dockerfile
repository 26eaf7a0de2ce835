# Migrations and preparation: what runs once, before the services of a release; and the local job site.
#
#   docker build -f deploy/docker/tools.Dockerfile -t jobpilot/tools .
ARG GO_IMAGE=golang:1.26-alpine
ARG RUN_IMAGE=alpine:3.22

FROM ${GO_IMAGE} AS build
ENV GOWORK=off CGO_ENABLED=0
WORKDIR /src
COPY pkg/ pkg/
COPY tools/ tools/
RUN go build -C tools -buildvcs=false -trimpath -ldflags "-s -w" -o /out/ ./migrate ./stack ./jobboard

FROM ${RUN_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
COPY migrations/ /migrations/
COPY deploy/rabbitmq/topology.gen.json /topology.json
ENV TOPOLOGY_FILE=/topology.json
USER 65532:65532
ENTRYPOINT ["/migrate", "-dir", "/migrations"]
