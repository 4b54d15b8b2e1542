use crate::fix_line::shell_command;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "foreign-interpreter",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary names a loader that only the build machine has",
    what: "`PT_INTERP` must not be a path that only a build machine has. The toolchains of Nix, \
           Guix, Conda and Linuxbrew, and sysroots in build trees, write such a path. The rule \
           also fails for a path in a home directory, `/workspace` or `/tmp`. It passes if the \
           image has the file.",
    why: "On another machine the kernel does not find the loader, and reports \"no such file or \
           directory\" for a binary that exists.",
    fix: "Build outside that toolchain, or set the usual path: `patchelf --set-interpreter \
           /lib64/ld-linux-x86-64.so.2 FILE`.",
    no_fix_line: Some("for some architectures no usual loader path is known"),
    symptoms: &[Symptom::Stderr("no such file or directory"), Symptom::ExitCode(127)],
    references: &[
        "https://github.com/nix-community/nix-ld/issues/60",
        "https://github.com/elastic/devfiler/issues/95",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Image]), check),
};

/// Prefixes under which a toolchain installs a loader of its own.
const FOREIGN: &[&str] = &[
    "/nix/store/",
    "/gnu/store/",
    "/home/linuxbrew/",
    "/opt/conda/",
    "/root/",
    "/home/",
    "/build/",
    "/builds/",
    "/workspace/",
    "/tmp/",
    "/app/target/",
];

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    let Some(path) = &binary.interpreter else {
        return Outcome::not_applicable("the binary names no loader");
    };
    let foreign = FOREIGN.iter().any(|prefix| path.starts_with(prefix))
        || path.contains("conda") && !path.starts_with("/lib");
    if !foreign || facts.image.as_ref().is_some_and(|image| image.has(path)) {
        return Outcome::pass(format!("loader: {path}"));
    }
    let mut finding = Finding::new(
        Location::Segment("PT_INTERP"),
        format!(
            "the binary names the loader {path}, which belongs to a toolchain of the build machine"
        ),
    )
    .evidence(format!("PT_INTERP is {path}"));
    let arch = binary.machine.as_ref().map_or("", |machine| machine.arch);
    if let Some(usual) = usual(arch) {
        finding = finding.fix(shell_command([
            "patchelf",
            "--set-interpreter",
            usual,
            "--remove-rpath",
            &binary.path,
        ]));
    }
    finding.into()
}

/// The path that the psABI and glibc agree on.
fn usual(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "x86_64" => "/lib64/ld-linux-x86-64.so.2",
        "aarch64" => "/lib/ld-linux-aarch64.so.1",
        "arm" => "/lib/ld-linux-armhf.so.3",
        "x86" => "/lib/ld-linux.so.2",
        "riscv64" => "/lib/ld-linux-riscv64-lp64d.so.1",
        "powerpc64" => "/lib64/ld64.so.2",
        "s390x" => "/lib/ld64.so.1",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn with(path: &str) -> Facts {
        let interpreter = Some(path.to_owned());
        Facts { binary: Some(Binary { interpreter, ..Binary::default() }), ..Facts::default() }
    }

    #[test]
    fn a_store_s_loader_fails_where_the_store_is_not() {
        let nix = "/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2";
        assert_eq!(check(&with(nix)).findings().len(), 1);
        assert_eq!(check(&with("/lib64/ld-linux-x86-64.so.2")).name(), "pass");
        let tree = InMemoryTree::default().file(nix, 0o755, "x");
        let image = Some(Image::from_tree(tree, None));
        assert_eq!(check(&Facts { image, ..with(nix) }).name(), "pass");
    }
}
