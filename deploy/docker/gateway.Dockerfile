# The gateway: NGINX with routes from the contracts, configured by the variables of deploy/nginx/gateway.env.
#
#   docker build -f deploy/docker/gateway.Dockerfile -t jobpilot/gateway .
ARG NODE_IMAGE=node:22-alpine
ARG NGINX_IMAGE=nginx:1.28-alpine

FROM ${NODE_IMAGE} AS docs
WORKDIR /src
COPY deploy/nginx/docs/ .
RUN sh build.sh /out

FROM ${NGINX_IMAGE}
COPY --from=docs /out/ /docs/
COPY deploy/nginx/ /gateway/
ENV DOCS_DIR=/docs
USER 101:101
ENTRYPOINT ["sh", "-c", "sh /gateway/render.sh /tmp/gateway && exec nginx -p /tmp/gateway -c nginx.conf"]
