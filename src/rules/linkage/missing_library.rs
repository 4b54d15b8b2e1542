use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::loader::LoadPlan;
use crate::start::loader::Problem;

pub static RULE: Rule = Rule {
    id: "missing-library",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a shared library that the program needs is not in the image",
    what: "Every library of the closure of `DT_NEEDED` has to be found by the image's own loader: \
           `DT_RPATH` and `DT_RUNPATH`, `LD_LIBRARY_PATH` of the image, the loader's cache, its \
           own directories, in its own order. A file that is there but cannot be loaded counts as \
           missing.",
    why: "The loader stops before `main`: \"error while loading shared libraries\" and exit code \
           127.",
    fix: "Install the package that holds the library in the runtime stage, take a base image \
           that has it, or link it in (a `vendored` or `bundled` feature of the -sys crate).",
    symptoms: &[
        Symptom::Stderr("error while loading shared libraries"),
        Symptom::Stderr("Error loading shared library"),
        Symptom::ExitCode(127),
    ],
    references: &[
        "ld.so(8)",
        "glibc elf/dl-load.c, _dl_map_object",
        "musl ldso/dynlink.c, load_library",
    ],
    check: Check::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &LoadPlan) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the program loads no library");
    }
    plan.problems.iter().filter_map(|problem| finding(problem, image, plan)).collect()
}

fn finding(problem: &Problem, image: &Image, plan: &LoadPlan) -> Option<Finding> {
    let (name, at, message, fix) = match problem {
        Problem::LibraryMissing { name, needed_by, refused: Some(path), .. } => {
            let fix = format!("RUN chmod -R a+rX {}", path.rsplit_once('/').unwrap_or_default().0);
            let message = format!("the image's user may not read {path}, which {needed_by} needs");
            (name, Location::ImagePath(path.clone()), message, fix)
        }
        // Files of the wrong machine and std's own library have rules of their own.
        Problem::LibraryMissing { name, needed_by, passed_over, .. }
            if passed_over.is_empty() && !name.starts_with("libstd-") =>
        {
            let message = format!("{name}, which {needed_by} needs, is not in the image");
            (name, Location::Dynamic("DT_NEEDED"), message, fix(name, image))
        }
        Problem::LibraryBroken { path, needed_by, why } => {
            let message = format!("{path}, which {needed_by} needs, cannot be loaded: {why}");
            (path, Location::ImagePath(path.clone()), message, fix(path, image))
        }
        _ => return None,
    };
    let said = plan.errors.iter().find(|line| line.contains(name.as_str())).cloned();
    let said = said.unwrap_or_else(|| "the loader stops at an earlier library".to_owned());
    Some(Finding::new(at, message).evidence(said).fix(fix))
}

/// Where the usual libraries of Rust programs come from, by distribution.
fn fix(name: &str, image: &Image) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    let stem = base.split(".so").next().unwrap_or(base);
    let release = image.release.clone().unwrap_or_default();
    let like = |id: &str| release.id == id || release.id_like.iter().any(|it| it == id);
    let old_openssl = base.ends_with(".so.1.1");
    let (debian, alpine, fedora) = match stem {
        "libgcc_s" => ("libgcc-s1", "libgcc", "libgcc"),
        "libssl" | "libcrypto" if old_openssl => {
            ("libssl1.1", "openssl1.1-compat", "compat-openssl11")
        }
        "libssl" | "libcrypto" if release.codename == "trixie" => {
            ("libssl3t64", "libssl3", "openssl-libs")
        }
        "libssl" | "libcrypto" => ("libssl3", "libssl3", "openssl-libs"),
        "libstdc++" => ("libstdc++6", "libstdc++", "libstdc++"),
        "libz" => ("zlib1g", "zlib", "zlib"),
        "libpq" => ("libpq5", "libpq", "libpq"),
        "libsqlite3" => ("libsqlite3-0", "sqlite-libs", "sqlite-libs"),
        "libmysqlclient" | "libmariadb" => {
            ("libmariadb3", "mariadb-connector-c", "mariadb-connector-c")
        }
        "liblzma" => ("liblzma5", "xz-libs", "xz-libs"),
        "libbz2" => ("libbz2-1.0", "libbz2", "bzip2-libs"),
        "libzstd" => ("libzstd1", "zstd-libs", "libzstd"),
        "libdbus-1" => ("libdbus-1-3", "dbus-libs", "dbus-libs"),
        "libasound" => ("libasound2", "alsa-lib", "alsa-lib"),
        "libudev" => ("libudev1", "eudev-libs", "systemd-libs"),
        "libgit2" => ("libgit2-dev", "libgit2", "libgit2"),
        "libcurl" => ("libcurl4", "libcurl", "libcurl"),
        _ => {
            return format!(
                "find its package in the build stage (`dpkg -S '*/{base}'`, `apk info --who-owns`, `rpm -qf`) \
                 and install that in the runtime stage"
            );
        }
    };
    if like("alpine") {
        format!("RUN apk add --no-cache {alpine}")
    } else if like("fedora") || like("rhel") {
        format!("RUN microdnf install -y {fedora}")
    } else if image.has("/usr/bin/apt-get") {
        format!(
            "RUN apt-get update && apt-get install -y --no-install-recommends {debian} && rm -rf /var/lib/apt/lists/*"
        )
    } else if stem == "libgcc_s" {
        "take a base with libgcc_s: distroless `cc` instead of `base` or `static`, or FROM debian:bookworm-slim".to_owned()
    } else {
        format!(
            "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends {debian}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_library_its_user_and_the_line() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |name: &str| Problem::LibraryMissing {
            name: name.to_owned(),
            needed_by: "/app".to_owned(),
            passed_over: Vec::new(),
            refused: None,
        };
        let plan = LoadPlan {
            problems: vec![
                missing("libgcc_s.so.1"),
                missing("libodd.so.7"),
                missing("libstd-0123456789abcdef.so"),
            ],
            errors: vec![
                "/app: error while loading shared libraries: libgcc_s.so.1: cannot open".to_owned(),
            ],
            ..LoadPlan::default()
        };
        let outcome = check(&binary, &Image::default(), &plan);
        assert_eq!(outcome.findings().len(), 2);
        assert!(outcome.findings()[0].evidence[0].starts_with("/app: error"));
        assert!(outcome.findings()[0].fix.as_deref().unwrap().contains("distroless"));
        assert_eq!(check(&binary, &Image::default(), &LoadPlan::default()), Outcome::Pass);
        assert_eq!(check(&Binary::default(), &Image::default(), &plan).name(), "not-applicable");
    }
}
