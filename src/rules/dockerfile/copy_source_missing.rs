use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::dockerfile::workspace::join;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "copy-source-missing",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "COPY names a file that the builder does not get",
    what: "The rule looks for each source of COPY and ADD in the build context. It fails if the \
           file does not exist, if `.dockerignore` excludes it, or if git does not track it. It \
           does not check patterns, variables and URLs.",
    why: "The step fails with `not found`. If git does not track the file, the step fails only in \
           a fresh checkout.",
    fix: "Correct the name of the file, commit the file, or remove it from `.dockerignore`.",
    no_fix_line: Some("only you know the name or the step that is meant"),
    symptoms: &[Symptom::Stderr("failed to compute cache key")],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#copy",
        "https://docs.docker.com/build/concepts/context/#dockerignore-files",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every source of COPY is in the context";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let context = &dockerfile.context;
    if context.incomplete {
        return Outcome::open(
            "not all files of the build context are known",
            "build the image to see what COPY finds",
        );
    }
    if !context.certain && dockerfile.workspace.guessed {
        return Outcome::open(
            "which directory is the build context is not known",
            "pass it with `cargo binlint dockerfile --context DIR`",
        );
    }
    let mut findings = Vec::new();
    for (stage, _, instruction) in dockerfile.instructions() {
        let InstructionKind::Copy { flags, sources, add, .. } = &instruction.kind else { continue };
        if flags.iter().any(|it| it.name == "from") {
            continue;
        }
        for source in sources {
            // What a pattern or a variable names is for the builder to find.
            if source.value.contains(['$', '*', '?', '[']) || *add && source.value.contains(':') {
                continue;
            }
            let path = join("", source.value.trim_start_matches("/"));
            // git's own directory differs from checkout to checkout; what cargo built is another rule's.
            let other = path == ".git"
                || path.starts_with(".git/")
                || path.split('/').any(|it| it == "target");
            if path.is_empty() || other {
                continue;
            }
            let there = context.has(&path);
            let tracked = context
                .tracked
                .as_ref()
                // Where nothing is in git yet, the repository is new.
                .is_none_or(|it| {
                    it.is_empty() || it.contains(&path) || !context.files.contains(&path)
                });
            let made = context.git_ignores(&path);
            let message = match () {
                () if !there && made && path != "Cargo.lock" => {
                    format!("`{path}` is not in the context; git ignores it: it must be made first")
                }
                () if !there => format!("`{path}` is not in the context"),
                () if !context.sends(&path) && !some_sent(dockerfile, &path) => {
                    format!("`.dockerignore` keeps `{path}` from the builder")
                }
                () if !tracked => format!("git does not track `{path}`: a fresh checkout lacks it"),
                () => continue,
            };
            let is_made = made && path != "Cargo.lock";
            let sure = context.certain && if there { tracked } else { !is_made };
            let mut finding = Finding::in_dockerfile(dockerfile, &source.span, message)
                .sure_only(sure && dockerfile.stages.goes_on_to_last(stage));
            // What is there and only untracked. Where git ignores Cargo.lock, that is the slip.
            if there && !tracked && context.sends(&path) && !is_made {
                let force = made.then_some("-f");
                finding = finding
                    .fix(shell_command(["git", "add"].into_iter().chain(force).chain([&*path])));
            }
            findings.push(finding);
        }
    }
    Outcome::of(findings, PASS)
}

/// An exception lets a part of a directory through.
fn some_sent(dockerfile: &Dockerfile, directory: &str) -> bool {
    dockerfile.context.selected(directory).any(|it| dockerfile.context.sends(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn sources_are_in_the_context() {
        let found = |source: &str, ignore: &str| {
            let text = format!("FROM rust:1.95\nCOPY {source} /x/\n");
            let dockerfile = testing::changed(&text, |_, context| {
                context.ignore = Some(crate::dockerfile::files::ignore_patterns(ignore));
                context.git_ignore = vec!["dist/".to_owned()];
            });
            RULE.of_dockerfile(&dockerfile)
        };
        for (source, ignore, level) in [
            ("renamed", "", Some(Level::Deny)),
            ("Cargo.lock", "Cargo.lock", Some(Level::Deny)),
            ("src", "*", Some(Level::Deny)),
            ("dist", "", Some(Level::Warn)),
            ("src", "*\n!src", None),
            ("src", "src/*.md", None),
            ("./Cargo.toml", "", None),
            (".", "*", None),
            ("renamed*", "", None),
            ("$NAME", "", None),
        ] {
            let expected: Vec<_> = level.map(|it| (2, it)).into_iter().collect();
            assert_eq!(found(source, ignore), expected, "{source} {ignore}");
        }
        let text = "FROM rust:1.95\nCOPY Cargo.lock /x/\n";
        let untracked = testing::changed(text, |_, context| {
            context.tracked = Some(std::iter::once("Cargo.toml".to_owned()).collect());
        });
        assert_eq!(RULE.of_dockerfile(&untracked), [(2, Level::Warn)]);
        let new = testing::changed(text, |_, context| context.tracked = Some(Default::default()));
        assert_eq!(RULE.of_dockerfile(&new), []);
    }

    #[test]
    fn only_what_git_lacks_is_added_to_git() {
        let fixes = |ignored: &str, kept_out: &str| {
            let text = "FROM rust:1.95\nCOPY Cargo.lock /x/\n";
            let dockerfile = testing::changed(text, |_, context| {
                context.tracked = Some(std::iter::once("Cargo.toml".to_owned()).collect());
                context.git_ignore = vec![ignored.to_owned()];
                context.ignore = Some(crate::dockerfile::files::ignore_patterns(kept_out));
            });
            let outcome = check(&dockerfile);
            outcome.findings().iter().flat_map(|it| it.fix.clone()).collect::<Vec<_>>()
        };
        assert_eq!(fixes("dist/", ""), ["git add Cargo.lock"]);
        assert_eq!(fixes("Cargo.lock", ""), ["git add -f Cargo.lock"]);
        assert_eq!(fixes("dist/", "Cargo.lock"), [""; 0]);
    }
}
