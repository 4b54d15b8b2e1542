//! Provenance as a BuildKit of today writes it, in each of its shapes.

use std::fs;
use std::path::Path;

use crate::support::newer_engine::{Engine, Keeps, root};
use crate::support::recorded::{Shop, success};
use crate::support::run;
use crate::support::slow::has;

/// An archive of a directory.
fn packed(directory: &Path) -> Vec<u8> {
    success(run::command("tar").arg("-C").arg(directory).args(["-c", "."])).stdout
}

/// An engine of Debian's next release, which has the first BuildKit that writes SLSA v1, and a
/// recorded program in base images that say of themselves what the record says of this machine.
struct Bench {
    engine: Engine,
    shop: Shop,
    /// `1.95.0`
    rustc: String,
    /// `bookworm`
    suite: String,
}

impl Bench {
    fn new() -> Option<Bench> {
        if !has("git") || !has("busybox") {
            return None;
        }
        let root = root("forky")?;
        let engine = Engine::start(&root, Keeps::InContainerd);
        let shop = Shop::new()?;
        shop.build(&["--embed"]);
        let record: serde_json::Value =
            serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap();
        let internal = &record["predicate"]["buildDefinition"]["internalParameters"];
        let rustc = internal["rustc"].as_str().unwrap();
        let rustc = rustc.lines().find_map(|line| line.strip_prefix("release: ")).unwrap();
        let rustc = rustc.split('-').next().unwrap().to_owned();
        let suite = internal["osRelease"]["VERSION_CODENAME"].as_str().unwrap_or("sid").to_owned();
        let bench = Bench { engine, shop, rustc, suite };
        for suite in [bench.suite.as_str(), "buster"] {
            bench.import(&format!("rust:{}-{suite}", bench.rustc));
            bench.import(&format!("debian:{suite}-slim"));
        }
        bench.import("node:20-buster");
        Some(bench)
    }

    fn docker(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.engine.docker(words, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        output.stdout
    }

    /// A base image that holds its name, the program, and a shell.
    fn import(&self, name: &str) {
        let root = tempfile::tempdir().unwrap();
        for directory in ["src", "bin"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("role"), name).unwrap();
        fs::copy(self.shop.program(), root.path().join("src/shop")).unwrap();
        let busybox = success(run::command("sh").args(["-c", "command -v busybox"])).stdout;
        let busybox = String::from_utf8(busybox).unwrap();
        for program in ["sh", "cp", "mkdir"] {
            fs::copy(busybox.trim(), root.path().join("bin").join(program)).unwrap();
        }
        self.docker(&["import", "-", name], &packed(root.path()));
    }

    /// The image of this Dockerfile, with the program in the context, in `image.tar`.
    fn build(&self, dockerfile: &str, mode: &str, more: &[&str]) {
        let context = self.shop.root.join("context");
        fs::create_dir_all(&context).unwrap();
        fs::copy(self.shop.program(), context.join("shop")).unwrap();
        fs::write(context.join("Dockerfile"), dockerfile).unwrap();
        let words = ["buildx", "build", "--quiet", "--network=none", "-t", "shop:1"];
        let mode = format!("--provenance={mode}");
        let to = ["--output=type=oci,dest=-", "-"];
        let archive = self.docker(&[&words[..], &[&mode], more, &to].concat(), &packed(&context));
        fs::write(self.shop.path("image.tar"), archive).unwrap();
    }

    /// Exit code and report of `verify` beside this Dockerfile.
    fn verify(&self, dockerfile: &str) -> (i32, String) {
        fs::write(self.shop.root.join("Dockerfile"), dockerfile).unwrap();
        let words = ["verify", "oci-archive:image.tar", "--dockerfile", "Dockerfile"];
        let output = self.shop.binlint(&words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

#[test]
fn base_images_of_a_real_engine_are_shown_and_compared_in_every_shape() {
    let Some(bench) = Bench::new() else { return };
    let Bench { rustc, suite, .. } = &bench;
    let dockerfile = format!(
        "ARG SUITE={suite}\nFROM rust:{rustc}-${{SUITE}} AS build\n\n\
         FROM debian:${{SUITE}}-slim\nCOPY --from=build /src/shop /usr/bin/shop\n\
         ENTRYPOINT [\"/usr/bin/shop\"]\n"
    );
    let other = dockerfile.replace("FROM debian", "FROM own/debian");
    for version in ["v0.2", "v1"] {
        for mode in ["min", "max"] {
            let mode = format!("mode={mode},version={version}");
            bench.build(&dockerfile, &mode, &[]);
            let (code, words) = bench.verify(&dockerfile);
            let runtime = format!("note: runtime base: debian:{suite}-slim@sha256:");
            let stage = format!("note: build stage's base: rust:{rustc}-{suite}@sha256:");
            for (line, number) in [(&runtime, 4), (&stage, 2)] {
                let line = words.lines().find(|it| it.contains(line.as_str()));
                let line = line.unwrap_or_else(|| panic!("{mode}: {words}"));
                assert!(line.ends_with(&format!("(Dockerfile:{number})")), "{mode}: {line}");
            }
            assert_eq!(code, 0, "{mode}: {words}");
            assert!(!words.contains("base-image-mismatch"), "{mode}: {words}");
            let (_, words) = bench.verify(&other);
            assert!(words.contains("base-image-mismatch"), "{mode}: {words}");
            assert!(words.contains("own/debian"), "{mode}: {words}");
            // Built with another argument, the stage is not what the record of the program says;
            // without a graph nothing but the tag's own line could tell, and it is not accused.
            bench.build(&dockerfile, &mode, &["--build-arg=SUITE=buster"]);
            let (_, words) = bench.verify(&dockerfile);
            let is_max = mode.contains("max");
            assert_eq!(words.contains("which is buster"), is_max, "{words}");
        }
    }
    // The default of this engine, whatever it is, is read too.
    bench.build(&dockerfile, "true", &[]);
    assert!(bench.verify(&dockerfile).1.contains("runtime base: debian:"));
}

/// Other stages stand on what they like, and only the builder knows some of it.
#[test]
fn an_honest_build_of_any_form_is_not_accused() {
    let Some(bench) = Bench::new() else { return };
    let (rust, debian) =
        (format!("rust:{}-{}", bench.rustc, bench.suite), format!("debian:{}-slim", bench.suite));
    let start = "ENTRYPOINT [\"/usr/bin/shop\"]\n";
    let builder = format!("FROM {rust} AS build\nRUN mkdir -p /out && cp /src/shop /out/shop\n");
    let take = "COPY --from=build /out/shop /usr/bin/shop\n";
    let context = format!("--build-context=node:20-buster=docker-image://{rust}");
    for (what, dockerfile, more) in [
        (
            "another builder",
            format!(
                "FROM node:20-buster AS web\nRUN cp /role /web\n{builder}FROM {debian}\n{take}COPY --from=web /web /www/\n"
            ),
            &[][..],
        ),
        (
            "a link",
            format!("{builder}FROM {debian}\nCOPY --link --from=build /out/shop /usr/bin/\n"),
            &[],
        ),
        (
            "a here-document",
            format!("{builder}RUN <<EOF\nFROM nothing:1\nEOF\nFROM {debian}\n{take}")
                .replace("RUN <<EOF\nFROM nothing:1", "COPY <<EOF /x\nFROM nothing:1"),
            &[],
        ),
        (
            "a stage that nobody needs",
            format!("FROM own/gone:1 AS lint\n{builder}FROM lint AS more\nFROM {debian}\n{take}"),
            &[],
        ),
        (
            "a stage by platform",
            format!(
                "FROM {rust} AS base-amd64\nFROM own/arm AS base-arm64\nFROM base-${{TARGETARCH}} AS build\nRUN mkdir -p /out && cp /src/shop /out/shop\nFROM {debian}\n{take}"
            ),
            &[],
        ),
        (
            "a stage that packs",
            format!(
                "{builder}FROM node:20-buster AS pack\n{take}FROM {debian}\nCOPY --from=pack /usr/bin/shop /usr/bin/shop\n"
            ),
            &[],
        ),
        (
            "a mount",
            format!(
                "{builder}FROM node:20-buster AS pack\nRUN --mount=type=bind,from=build,source=/out,target=/o cp /o/shop /shop\nFROM {debian}\nCOPY --from=pack /shop /usr/bin/shop\n"
            ),
            &[],
        ),
        (
            "arguments of arguments",
            format!(
                "ARG V={}\nARG BASE=rust:$V\nFROM ${{BASE:-none}} AS build\nRUN mkdir -p /out && cp /src/shop /out/shop\nFROM scratch\n{take}",
                rust.split_once(':').unwrap().1
            ),
            &[],
        ),
        (
            "a target",
            format!("{builder}FROM {debian} AS ship\n{take}{start}FROM own/later\n"),
            &["--target=ship"],
        ),
        (
            "a context of that name",
            format!(
                "FROM node:20-buster AS build\nRUN mkdir -p /out && cp /src/shop /out/shop\nFROM {debian}\n{take}"
            ),
            &[context.as_str()],
        ),
        (
            "the build context",
            format!(
                "FROM node:20-buster AS x\nCOPY shop /shop\nFROM {debian}\nCOPY --from=x /shop /usr/bin/shop\n"
            ),
            &[],
        ),
        (
            "a stage by number",
            format!("{builder}FROM {debian}\nCOPY --from=0 /out/ /usr/bin/\n"),
            &[],
        ),
        ("one image for both", format!("{builder}FROM {rust}\n{take}"), &[]),
    ] {
        let dockerfile = dockerfile + start;
        for mode in ["mode=max,version=v1", "mode=min,version=v1"] {
            bench.build(&dockerfile, mode, more);
            let (code, words) = bench.verify(&dockerfile);
            assert_eq!(code, 0, "{what} {mode}: {words}");
            assert!(!words.contains("base-image-mismatch"), "{what} {mode}: {words}");
        }
    }
}
