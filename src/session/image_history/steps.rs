//! What the steps around a build do to its sources and to its program, as far as a history tells.
//! A step that is not known to be harmless leaves the build open.

use std::collections::BTreeSet;

use super::{HistoryError, instruction, shell_script};
use crate::rootfs::document::config::HistoryStep;

/// Programs that change neither sources nor settings of a build, nor a program that was built.
const HARMLESS: &[&str] = &[
    ":", "addgroup", "adduser", "apk", "apt", "apt-get", "chgrp", "chmod", "chown", "groupadd",
    "ldconfig", "ls", "mkdir", "rustc", "rustup", "set", "test", "touch", "true", "useradd",
];
/// Subcommands of cargo that are as harmless; builds are compared with each other.
const OF_CARGO: &[&str] =
    &["build", "check", "clean", "clippy", "fetch", "--version", "-V", "version"];
/// What moves a program that was built, or takes out what is not loaded.
const BEHIND: &[&str] = &["cp", "install", "ln", "mv", "rm", "strip"];
/// What a step before the sources names that writes a configuration of cargo, or fetches sources.
const OF_SOURCES: &[&str] =
    &[".cargo", "cargo/config", "config.toml", "cargo.toml", "cargo.lock", "git clone"];
/// Instructions that change no file.
const WITHOUT_FILES: &[&str] = &[
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
];

/// A directory of the context, and where in the image it lies.
type Laid = (String, String);

/// Looks at the steps around the last build, which stands at a position.
///
/// # Errors
/// A step may have changed what was compiled, or what was made; or no step brings the sources.
pub fn check(steps: &[HistoryStep], build: usize) -> Result<(), HistoryError> {
    let at_build = directories(&steps[..build]).pop().unwrap_or_default();
    let mut directory = "/".to_owned();
    // Until the first directory or copy that is the program's own, a step is of the base.
    let mut is_base = true;
    let mut laid: Option<BTreeSet<Laid>> = None;
    for (index, step) in steps.iter().enumerate() {
        let text = instruction(&step.created_by);
        let other = || match index > build {
            true => HistoryError::After(text.to_owned()),
            false => HistoryError::Before(text.to_owned()),
        };
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "WORKDIR" => {
                directory = joined(&directory, rest);
                is_base &= directory == "/";
            }
            "COPY" | "ADD" if index > build => return Err(other()),
            "COPY" | "ADD" if is_base && has_absolute_destination(rest) => {
                if names_sources(rest, &at_build) {
                    return Err(other());
                }
            }
            "COPY" => {
                is_base = false;
                let pairs = copied(rest, &directory).ok_or_else(other)?;
                let both = laid.take().map_or_else(|| pairs.clone(), |known| &known & &pairs);
                if both.is_empty() {
                    return Err(other());
                }
                laid = Some(both);
            }
            _ if WITHOUT_FILES.contains(&word) => {}
            _ if is_base && index < build => {
                if names_sources(text, &at_build) {
                    return Err(other());
                }
            }
            "ADD" => return Err(other()),
            _ => {
                let script = shell_script(&step.created_by).ok_or_else(other)?;
                check_script(&script, index.cmp(&build)).map_err(|()| other())?;
            }
        }
    }
    let is_at_build =
        |(_, place): &Laid| is_inside(place, &at_build) || is_inside(&at_build, place);
    match laid.is_some_and(|laid| laid.iter().any(is_at_build)) {
        true => Ok(()),
        false => Err(HistoryError::NoSources(at_build)),
    }
}

/// The working directories of steps, one after another.
pub fn directories(steps: &[HistoryStep]) -> Vec<String> {
    let mut all = vec!["/".to_owned()];
    for step in steps {
        let Some(("WORKDIR", to)) = instruction(&step.created_by).split_once(char::is_whitespace)
        else {
            continue;
        };
        all.push(joined(all.last().map_or("/", String::as_str), to));
    }
    all
}

/// Whether each command of a script is harmless where it stands: before the last build, or behind.
fn check_script(script: &str, order: std::cmp::Ordering) -> Result<(), ()> {
    let commands: Vec<&str> =
        script.split(['&', ';', '\n']).map(str::trim).filter(|it| !it.is_empty()).collect();
    let builds =
        |it: &&str| it.split_whitespace().any(|word| word == "build") && it.contains("cargo");
    let last = commands.iter().rposition(builds);
    for (index, command) in commands.iter().enumerate() {
        let is_behind = order.is_gt() || (order.is_eq() && Some(index) > last);
        if !is_harmless(command, is_behind) {
            return Err(());
        }
    }
    Ok(())
}

fn is_harmless(command: &str, is_behind: bool) -> bool {
    let is_set = |word: &&str| word.split_once('=').is_some_and(|(name, _)| is_name(name));
    let mut words = command.split_whitespace().skip_while(is_set);
    let Some(program) = words.next() else { return false };
    let program = program.rsplit('/').next().unwrap_or_default();
    let is_list = |word: &str| word.starts_with("/var/lib/apt/") || word.starts_with("/var/cache/");
    if command.contains(['>', '<', '|', '$', '`', '(', '{', '\\']) {
        return false;
    }
    match program {
        "cargo" => {
            words.find(|word| !word.starts_with('+')).is_some_and(|it| OF_CARGO.contains(&it))
        }
        "rm" if !is_behind => words.all(|word| word.starts_with('-') || is_list(word)),
        _ => HARMLESS.contains(&program) || (is_behind && BEHIND.contains(&program)),
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// Whether a step of the base names what the build reads.
fn names_sources(text: &str, directory: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    OF_SOURCES.iter().any(|it| lower.contains(it)) || (directory != "/" && text.contains(directory))
}

/// The words of a copy without its flags; `None` with one that leaves open what is copied.
fn words_of(rest: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (flags, words): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|it| it.starts_with("--"));
    let known = ["--chown=", "--chmod=", "--link"];
    let is_known = |flag: &&str| known.iter().any(|it| flag.starts_with(it));
    (flags.iter().all(is_known) && words.len() >= 2).then_some(words)
}

fn has_absolute_destination(rest: &str) -> bool {
    rest.split_whitespace().last().is_some_and(|it| it.starts_with('/'))
}

/// Which directory of the context a copy lays where, if all of it keeps its name. A source whose name
/// has a dot may be a file, which keeps its name in a directory, or a directory, whose contents are
/// copied: there are two readings. Without a dot it counts as a directory.
fn copied(rest: &str, directory: &str) -> Option<BTreeSet<Laid>> {
    let words = words_of(rest)?;
    let (destination, sources) = words.split_last()?;
    let into_directory = destination.ends_with(['/', '.']) || sources.len() > 1;
    let to = joined(directory, destination);
    let mut all: Option<BTreeSet<Laid>> = None;
    for source in sources {
        let is_directory = source.ends_with('/');
        let source = joined("/", source);
        let mut readings = BTreeSet::from([without_common_end(&source, &to)]);
        let (parent, name) = source.rsplit_once('/')?;
        if into_directory && !is_directory && name.find('.') > Some(0) {
            readings.insert(without_common_end(parent, &to));
        }
        all = Some(all.map_or_else(|| readings.clone(), |known| &known & &readings));
    }
    all
}

fn without_common_end(source: &str, place: &str) -> Laid {
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let (mut source, mut place) = (parts(source), parts(place));
    while source.last().is_some() && source.last() == place.last() {
        source.pop();
        place.pop();
    }
    (source.join("/"), format!("/{}", place.join("/")))
}

fn joined(directory: &str, path: &str) -> String {
    let path = path.trim();
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn is_inside(path: &str, top: &str) -> bool {
    let rest = path.strip_prefix(top.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: &str = "RUN /bin/sh -c cargo build --release --locked # buildkit";

    /// As BuildKit writes an image of Rust's with a program in it; `steps` stand around the build.
    fn check_all(before: &[&str], after: &[&str]) -> Result<(), HistoryError> {
        let base = [
            "# debian.sh --arch 'amd64' out/ 'bookworm' '@1760313600'",
            "RUN /bin/sh -c apt-get update; apt-get install -y gcc; rm -rf /var/lib/apt/lists/* # buildkit",
            "ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/bin",
            "RUN /bin/sh -c set -eux; arch=\"$(dpkg --print-architecture)\"; wget \"$url\"; \
             echo \"$sum *rustup-init\" | sha256sum -c -; ./rustup-init -y; \
             chmod -R a+w $RUSTUP_HOME $CARGO_HOME; cargo --version # buildkit",
        ];
        let all = base.iter().chain(before).chain(&[BUILD]).chain(after);
        let step = |it: &&str| HistoryStep { created_by: (*it).to_owned(), empty_layer: false };
        let steps: Vec<HistoryStep> = all.map(step).collect();
        check(&steps, base.len() + before.len())
    }

    #[test]
    fn copies_that_keep_each_name_bring_the_checkout() {
        for before in [
            &["WORKDIR /app", "COPY . . # buildkit"][..],
            &[
                "WORKDIR /app",
                "COPY Cargo.toml Cargo.lock ./ # buildkit",
                "COPY src ./src # buildkit",
            ],
            &["WORKDIR /app", "COPY app/Cargo.toml app/Cargo.lock ./", "COPY app/src ./src"],
            &["WORKDIR /srv", "WORKDIR app", "COPY --chown=0:0 ./app/ ./"],
            &["COPY entry.sh /usr/bin/", "WORKDIR /app", "COPY . /app"],
            &[
                "WORKDIR /app",
                "RUN /bin/sh -c apt-get update && apt-get install -y clang && rm -rf /var/lib/apt/lists/* # buildkit",
                "COPY . .",
                "RUN /bin/sh -c mkdir -p /data && touch src/main.rs && cargo fetch # buildkit",
            ],
            &["COPY . ."],
        ] {
            assert_eq!(check_all(before, &[]), Ok(()), "{before:?}");
        }
        let after =
            ["RUN /bin/sh -c cp target/release/a /a && useradd x # buildkit", "CMD [\"/a\"]"];
        assert_eq!(check_all(&["WORKDIR /app", "COPY . ."], &after), Ok(()));
    }

    #[test]
    fn a_step_that_may_change_sources_or_settings_leaves_the_build_open() {
        let sources = ["WORKDIR /app", "COPY . ."];
        for step in [
            "RUN /bin/sh -c sed -i s/lto/lot/ Cargo.toml # buildkit",
            "RUN /bin/sh -c echo 'fn main() {}' > src/main.rs # buildkit",
            "RUN /bin/sh -c rm -rf .cargo # buildkit",
            "RUN /bin/sh -c ./configure # buildkit",
            "RUN /bin/sh -c cargo add anyhow # buildkit",
            "RUN python3 edit.py",
            "COPY docker/Cargo.toml Cargo.toml",
            "COPY overrides/ ./",
            "COPY overrides .",
            "COPY conf.d/ ./",
            "COPY --from=web /dist ./dist",
            "COPY --exclude=*.md . .",
            "ADD https://example.org/a.tar.gz .",
            "ADD sources.tar.gz ./",
            "/bin/sh -c #(nop) COPY dir:1b2c in . ",
            "SOMETHING new",
        ] {
            let said = check_all(&[sources[0], sources[1], step], &[]).unwrap_err();
            assert!(matches!(said, HistoryError::Before(_)), "{step}: {said}");
        }
        // Before the sources, what writes cargo's configuration.
        for step in [
            "RUN /bin/sh -c printf '[profile.release]' > $CARGO_HOME/config.toml",
            "COPY cargo-config.toml /usr/local/cargo/config.toml",
            "RUN /bin/sh -c git clone https://example.org/a /app",
            "RUN /bin/sh -c make -C /app",
        ] {
            let said = check_all(&[step, sources[0], sources[1]], &[]).unwrap_err();
            assert!(matches!(said, HistoryError::Before(_)), "{step}: {said}");
        }
        let nowhere = check_all(&["WORKDIR /app"], &[]).unwrap_err();
        assert_eq!(nowhere, HistoryError::NoSources("/app".to_owned()));
    }

    #[test]
    fn a_step_that_may_change_the_program_leaves_the_build_open() {
        for step in [
            "COPY --from=other /bin/my-app /usr/bin/my-app",
            "COPY /bin/my-app /usr/bin/my-app # buildkit",
            "RUN /bin/sh -c upx target/release/my-app # buildkit",
            "RUN /bin/sh -c patchelf --set-rpath /lib target/release/my-app",
        ] {
            let said = check_all(&["WORKDIR /app", "COPY . ."], &[step]).unwrap_err();
            assert!(matches!(said, HistoryError::After(_)), "{step}: {said}");
        }
    }
}
