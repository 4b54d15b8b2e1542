# The linter as one static program, for every stage of every image: docs/dockerfile.md.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The target is named: without it the flag goes to build scripts and procedural macros as well, which
# cannot be static.
RUN RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --profile dist --locked --target "$(uname -m)-unknown-linux-gnu"

FROM scratch
COPY --from=build /src/target/*/dist/cargo-binlint /
ENTRYPOINT ["/cargo-binlint"]
