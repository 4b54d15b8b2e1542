use crate::dockerfile::Dockerfile;
use crate::similar_name::is_one_slip;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "unknown-command",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a command is mistyped",
    what: "The rule looks at the names of programs in RUN. It fails if a name is not known, is one \
           typing error away from the name of a common program, and no step before installs or \
           copies a program of this name.",
    why: "The step fails with exit code 127. If the failure is hidden, the step does nothing.",
    fix: "Correct the name of the program.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(127)],
    references: &[
        "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no command is near to a common one without being it";

/// What RUN lines of Rust projects run most, and what a mistyped name must be near to.
const COMMON: &str = "cargo apt-get rustup mkdir touch chmod chown strip rustc useradd adduser groupadd \
    addgroup update-ca-certificates rm cp mv echo curl wget find apk";

/// Programs with such names that there are.
const OTHERS: &str = "cargo-chef uv jq yq go gh ls ln cd sh su id ps df du tr cat cut nm rg fd bc dd ar as \
    ld cc vi w3m mc pip npm apt dpkg rdc rsync rpm rmdir cmp cpp mtr mvn kind fine test \
    true case time type tee env exec eval exit set let lua man nl nc od pr sc tc wc xz \
    gpg git ssh scp ip curls cro rv rc rz ck cs ct mb mm mt mx pc rx sv ed ex ul hg adk \
    ack awk ask zip tar";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, _, trace) in dockerfile.used() {
        for step in &trace.steps {
            let Some(first) = step.ran.arguments.first() else { continue };
            let Some(name) =
                first.value.as_deref().filter(|it| !it.contains('/') && *it == first.raw)
            else {
                continue;
            };
            let known = |list: &str| list.split_whitespace().any(|it| it == name);
            if known(COMMON) || known(OTHERS) || step.ran.conditional {
                continue;
            }
            let Some(meant) = COMMON.split_whitespace().find(|it| is_slip(name, it)) else {
                continue;
            };
            let state = &trace.state;
            let opaque = state.unknown_installs && name.len() > 3;
            let installed = state.packages.iter().any(|it| it == name)
                || state.files.keys().any(|it| it.ends_with(&format!("/{name}")));
            // Two letters are near to many names: the arguments must be of the same kind.
            let short = meant.len() <= 3 && !step.ran.rest().iter().any(|it| it.raw.contains('/'));
            if installed || opaque || short {
                continue;
            }
            let message = format!("no program is called `{name}`: `{meant}` is meant");
            findings.push(
                Finding::in_dockerfile(dockerfile, &first.span, message)
                    .fix(format!(
                        "RUN {}",
                        dockerfile.text(&step.ran.span).replacen(name, meant, 1)
                    ))
                    .edit(first.span.clone(), meant),
            );
        }
    }
    Outcome::of(findings, PASS)
}

/// One slip away; of a short name no letter is missing or too much.
fn is_slip(name: &str, meant: &str) -> bool {
    is_one_slip(name, meant) && (meant.len() > 4 || name.len() == meant.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn names_are_written_as_they_are() {
        let found =
            |run: &str| RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\nRUN {run}\n")));
        assert_eq!(found("cargp build --release"), [(2, Level::Deny)]);
        assert_eq!(found("rn src/*.rs"), [(2, Level::Deny)]);
        assert_eq!(
            found("aptget update && apt-gte install -y x"),
            [(2, Level::Deny), (2, Level::Deny)]
        );
        for good in [
            "cargo build",
            "uv pip",
            "jq . /x",
            "rm -rf /x",
            "apt install -y x",
            "pacman -S x",
            "./cargp",
            "$X build",
            "mold /x",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
        assert_eq!(found("apt-get install -y cargp && cargp x"), []);
    }
}
