# The linter as one static program, for every stage of every image: docs/dockerfile.md.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --target "$(uname -m)-unknown-linux-gnu"

FROM scratch
COPY --from=build /src/target/*/release/cargo-binlint /
ENTRYPOINT ["/cargo-binlint"]
