# What services that drive a browser run on: Chromium, fonts, Node and Playwright's driver.
#
#   docker build -f deploy/docker/browser.Dockerfile -t jobpilot/browser .
#   docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=resume --build-arg RUN_IMAGE=jobpilot/browser -t jobpilot/resume .
#
# Any base will do that has Chromium and Node; tell the service by CHROMIUM_PATH where the former is.
ARG NODE_IMAGE=node:22-alpine
ARG BROWSER_IMAGE=mcr.microsoft.com/playwright:v1.52.0-noble

FROM ${NODE_IMAGE} AS driver
WORKDIR /playwright
COPY tools/browser/package.json tools/browser/package-lock.json ./
# As playwright-go looks for it: node and package beside each other.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && ln -s node_modules/playwright-core package \
 && ln -s /usr/bin/node node

FROM ${BROWSER_IMAGE}
COPY --from=driver /playwright /playwright
USER 65532:65532
