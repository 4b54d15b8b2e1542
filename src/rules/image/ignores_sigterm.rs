use crate::binary::CrateSource;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::start::command::ResolvedCommand;
use crate::start::image::Image;
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "ignores-sigterm",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is process 1 and does not handle SIGTERM",
    what: "The rule looks at images that expose a port and run the binary without an init process. \
           It passes if code of `signal-hook-registry` (which `tokio::signal` uses), `signal-hook` \
           or `ctrlc` is in the binary. It fails if all crates are known and none of them can \
           register a handler. If a crate can, such as `libc`, `nix` or `rustix`, and nothing shows \
           that it does, the rule is inconclusive.",
    why: "The kernel delivers SIGTERM to process 1 only if the process handles it. Otherwise the \
           engine waits ten seconds at every stop and then kills the process, together with \
           requests and data in flight.",
    fix: "Handle the signal (`tokio::signal::unix`, `ctrlc`), or start the binary through an init \
           process (`docker run --init`, or `tini` from the package `tini`).",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(137), Symptom::Behaviour("`docker stop` takes ten seconds")],
    references: &[
        "kill(2)",
        "https://docs.docker.com/reference/cli/docker/container/stop/",
        "https://github.com/redlib-org/redlib/issues/205",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

/// An init process before the image's own command: its own, if it has one.
fn init(image: &Image, start: &ResolvedCommand) -> String {
    let own = ["/usr/bin/tini", "/sbin/tini", "/usr/bin/dumb-init"];
    let program = start.program().unwrap_or_default();
    match (own.iter().find(|path| image.has(path)), image.has("/usr/bin/apt-get")) {
        (Some(path), _) => format!("ENTRYPOINT [\"{path}\", \"--\", \"{program}\"]"),
        (None, true) => format!(
            "RUN apt-get update && apt-get install -y --no-install-recommends tini\n\
             ENTRYPOINT [\"/usr/bin/tini\", \"--\", \"{program}\"]"
        ),
        (None, false) => "docker run --init".to_owned(),
    }
}

/// Crates that do nothing but register handlers: their code in the binary is evidence.
const REGISTRARS: &[&str] = &["signal-hook-registry", "signal-hook", "ctrlc"];

/// Crates through which code can register a handler. That they are there proves nothing.
const ABLE: &[&str] = &[
    "signal-hook-registry",
    "signal-hook",
    "ctrlc",
    "libc",
    "nix",
    "rustix",
    "async-signal",
    "linux-raw-sys",
    "syscalls",
    "sc",
];

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    if image.exposed_ports().is_empty() {
        return Outcome::not_applicable(
            "the image exposes no port, so nothing says that the process keeps running",
        );
    }
    let Some(start) = image.start() else {
        return Outcome::not_applicable("the image runs nothing");
    };
    if image.starts(binary) != Some(true) {
        return Outcome::not_applicable("the image does not start this binary");
    }
    if !start.is_process_one() {
        return Outcome::not_applicable("another process is process 1");
    }
    let linked = |it: &&crate::binary::NamedCrate| {
        it.from == CrateSource::PanicPath && REGISTRARS.contains(&it.name.as_str())
    };
    if let Some(found) = binary.crates.iter().find(linked) {
        return Outcome::pass(format!("code of {}, which handles signals, is inside", found.name));
    }
    match facts.has_one_of(ABLE) {
        Some(Some(name)) => Outcome::open(
            format!("the crate {name} can handle signals, and nothing shows whether it does"),
            "see whether `docker stop` ends a container at once",
        ),
        Some(None) => {
            Finding::new(Location::ImageConfig(start.field), "process 1 does not handle SIGTERM")
                .evidence("no crate of the binary can handle signals")
                .evidence(format!(
                    "the image runs {} without an init process",
                    start.words.join(" ")
                ))
                .fix(init(image, start))
                .into()
        }
        None => Outcome::open(
            "the crates of the binary are not all known",
            "lint in its workspace, or build with `cargo auditable build`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::NamedCrate;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(name: &str, from: CrateSource, entrypoint: &[&str]) -> Outcome {
        let crates = vec![NamedCrate { name: name.into(), version: "1.0.0".into(), from }];
        let entrypoint = entrypoint.iter().map(|word| (*word).to_owned()).collect();
        let config = ImageConfig {
            entrypoint,
            exposed_ports: vec!["80/tcp".into()],
            ..ImageConfig::default()
        };
        let tree = InMemoryTree::default()
            .elf("/app", DynamicInfo::default())
            .elf("/bin/tini", DynamicInfo::default());
        check(&Facts {
            binary: Some(Binary { path: "/app".into(), crates, ..Binary::default() }),
            image: Some(Image::from_tree(tree, Some(config))),
            ..Facts::default()
        })
    }

    #[test]
    fn process_one_needs_a_handler() {
        assert_eq!(outcome("serde", CrateSource::DepV0, &["/app"]).name(), "fail");
        assert_eq!(outcome("serde", CrateSource::PanicPath, &["/app"]).name(), "open");
        assert_eq!(outcome("ctrlc", CrateSource::PanicPath, &["/app"]).name(), "pass");
        for able in ["libc", "nix", "rustix", "async-signal", "signal-hook", "ctrlc"] {
            assert_eq!(outcome(able, CrateSource::DepV0, &["/app"]).name(), "open", "{able}");
        }
        assert_eq!(
            outcome("serde", CrateSource::DepV0, &["tini", "--", "/app"]).name(),
            "not-applicable"
        );
    }
}
