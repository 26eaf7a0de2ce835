# The image of one Go service, by SERVICE:
#
#   docker build -f deploy/docker/service.Dockerfile --target service --build-arg SERVICE=auth -t jobpilot/auth .
#   docker build -f deploy/docker/service.Dockerfile --target browser --build-arg SERVICE=resume -t jobpilot/resume .
#
# resume and auto-apply drive a browser. All services are compiled in one stage, which their images share: what they
# have in common is compiled once. The programs are static, so any RUN_IMAGE will do, and any BROWSER_IMAGE that has
# Chromium and Node; tell the service by CHROMIUM_PATH where the former is.
ARG GO_IMAGE=golang:1.26-alpine
ARG RUN_IMAGE=alpine:3.22
ARG NODE_IMAGE=node:22-alpine
ARG BROWSER_IMAGE=mcr.microsoft.com/playwright:v1.52.0-noble

FROM ${GO_IMAGE} AS build
ARG VERSION=dev
ENV GOWORK=off CGO_ENABLED=0
WORKDIR /src
COPY pkg/ pkg/
COPY tools/go.mod tools/go.sum tools/
COPY tools/healthcheck/ tools/healthcheck/
COPY services/ services/
RUN for service in services/*; do \
        go build -C "$service" -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o "/out/$service" . || exit; \
    done \
 && go build -C tools -buildvcs=false -trimpath -ldflags "-s -w" -o /out/healthcheck ./healthcheck

FROM ${RUN_IMAGE} AS service
ARG SERVICE
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/healthcheck /healthcheck
COPY --from=build /out/services/${SERVICE} /service
USER 65532:65532
ENTRYPOINT ["/service"]
CMD ["serve"]

FROM ${NODE_IMAGE} AS driver
WORKDIR /playwright
COPY tools/browser/package.json tools/browser/package-lock.json ./
# As playwright-go looks for it: node and package beside each other.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && ln -s node_modules/playwright-core package \
 && ln -s /usr/bin/node node

FROM ${BROWSER_IMAGE} AS browser
ARG SERVICE
COPY --from=driver /playwright /playwright
COPY --from=build /out/healthcheck /healthcheck
COPY --from=build /out/services/${SERVICE} /service
USER 65532:65532
ENTRYPOINT ["/service"]
CMD ["serve"]
