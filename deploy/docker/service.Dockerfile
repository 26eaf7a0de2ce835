# The image of one Go service:
#
#   docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=auth -t jobpilot/auth .
#
# The program is static, so the last stage needs nothing but certificates; any base will do.
ARG GO_IMAGE=golang:1.26-alpine
ARG RUN_IMAGE=alpine:3.22

FROM ${GO_IMAGE} AS build
ARG SERVICE
ARG VERSION=dev
ENV GOWORK=off CGO_ENABLED=0
WORKDIR /src
COPY pkg/ pkg/
COPY tools/go.mod tools/go.sum tools/
COPY tools/healthcheck/ tools/healthcheck/
COPY services/${SERVICE}/ services/${SERVICE}/
RUN go build -C services/${SERVICE} -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/service . \
 && go build -C tools -buildvcs=false -trimpath -ldflags "-s -w" -o /out/healthcheck ./healthcheck

FROM ${RUN_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
USER 65532:65532
ENTRYPOINT ["/service"]
CMD ["serve"]
