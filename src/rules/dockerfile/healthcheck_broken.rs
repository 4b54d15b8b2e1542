use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::dockerfile::run_commands::{ShellStart, follow, follow_exec};
use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom, settle};

pub static RULE: Rule = Rule {
    id: "healthcheck-broken",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the health check cannot run in its image",
    what: "The rule looks at the last HEALTHCHECK. It fails in four cases: the check is in shell \
           form and the image has no shell; neither the base image nor a package brings the tool, \
           or Python for a script; the first element of the exec form is a whole command line; \
           nothing copies the file that the check runs.",
    why: "The container runs, but is reported as unhealthy. Whatever waits for a healthy container \
           waits forever or restarts it again and again.",
    fix: "Install the tool, or let the program check itself: `HEALTHCHECK CMD [\"/app\", \
           \"healthcheck\"]`.",
    no_fix_line: Some("a file that is missing is the user's to make"),
    symptoms: &[Symptom::Behaviour("the container is unhealthy")],
    references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "nothing is missing that the health check runs";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let Some(instruction) = state.healthcheck.and_then(|it| dockerfile.instruction(it)) else {
        return Outcome::not_applicable("there is no health check");
    };
    let InstructionKind::Healthcheck(Some(form)) = &instruction.kind else {
        return Outcome::pass(PASS);
    };
    let (_, image) = dockerfile.stages.image(dockerfile.stages.last);
    let start = ShellStart {
        variables: state.variables.clone(),
        directory: Some(state.workdir.clone()),
        ..ShellStart::default()
    };
    let absent = |path: &str| dockerfile.is_absent(state, path);
    let finding = |message: String| Finding::in_dockerfile(dockerfile, &instruction.span, message);
    let script = match form {
        Form::Exec(words) => {
            let Some(first) = words.first() else { return Outcome::pass(PASS) };
            if first.value.trim().contains(' ') && !state.files.contains_key(&first.value) {
                return finding(format!(
                    "no program is called `{}`: the exec form has one element a word",
                    first.value
                ))
                .fix(format!("HEALTHCHECK CMD {}", exec_form(first.value.split_whitespace())))
                .into();
            }
            follow_exec(words, &start)
        }
        Form::Shell(text) => {
            if image.is_some_and(|it| !it.shell) && absent("/bin/sh") {
                return finding("the image has no shell for this health check".to_owned())
                    .fix("HEALTHCHECK CMD [\"/app\", \"healthcheck\"]")
                    .into();
            }
            follow(text, &start)
        }
    };
    if let Some((_, why)) = script.unclear {
        return Outcome::open(
            format!("the health check is not understood: {why}"),
            "run it in a container of the image",
        );
    }
    let Some(image) = image else {
        return Outcome::open("the base image is not known", settle::IN_IMAGE);
    };
    let Some(first) = script.commands.first() else { return Outcome::pass(PASS) };
    let program = first.program();
    let path = first.arguments.first().and_then(|it| it.value.as_deref()).unwrap_or_default();
    if Dockerfile::is_tool(program)
        && (!path.starts_with('/') || path == format!("/usr/bin/{program}"))
    {
        let Some(package) = dockerfile.missing_package(state, image, program) else {
            return Outcome::pass(PASS);
        };
        return finding(format!("nothing installs `{program}` in {}", image.name()))
            .fix(install_line(&image.distribution, package))
            .into();
    }
    if path.starts_with('/') && path.contains('.') && absent(path) {
        return finding(format!("nothing copies `{path}` into the image")).into();
    }
    let copied = state.context_path(path).unwrap_or_else(|| path.to_owned());
    let python = path.ends_with(".py") || copied.ends_with(".py");
    let light = Dockerfile::has_light_packages(state);
    if python && light && dockerfile.missing_package(state, image, "python3").is_some() {
        return finding(format!(
            "`{path}` is a Python script, and nothing installs Python in {}",
            image.name()
        ))
        .fix(install_line(&image.distribution, "python3"))
        .into();
    }
    Outcome::pass(PASS)
}

fn install_line(distribution: &str, package: &str) -> String {
    match distribution {
        "alpine" => format!("RUN apk add --no-cache {package}"),
        _ => format!(
            "RUN apt-get update && apt-get install -y --no-install-recommends {package} && rm -rf /var/lib/apt/lists/*"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn what_the_check_needs_is_there() {
        let found = |image: &str, rest: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM {image}\n{rest}\n")))
        };
        let curl = "HEALTHCHECK CMD curl -f http://localhost/ || exit 1";
        for (image, rest, line) in [
            ("debian:bookworm-slim", curl, Some(2)),
            ("alpine:3.20", curl, Some(2)),
            ("scratch", curl, Some(2)),
            ("debian:bookworm-slim", "HEALTHCHECK CMD [\"curl -f http://localhost/\"]", Some(2)),
            ("debian:bookworm-slim", "HEALTHCHECK CMD /check.sh", Some(2)),
            ("alpine:3.20", "COPY entrypoint.sh /c.py\nHEALTHCHECK CMD /c.py", Some(3)),
            (
                "debian:bookworm-slim",
                "RUN apt-get update && apt-get install -y curl\nHEALTHCHECK CMD curl x",
                None,
            ),
            ("alpine:3.20", "HEALTHCHECK CMD wget -q x", None),
            (
                "alpine:3.20",
                "RUN apk add python3\nCOPY entrypoint.sh /c.py\nHEALTHCHECK CMD /c.py",
                None,
            ),
            (
                "scratch",
                "COPY --from=curlimages/curl /usr/bin/curl /usr/bin/curl\nHEALTHCHECK CMD [\"/usr/bin/curl\"]",
                None,
            ),
            ("debian:bookworm-slim", "RUN ./install.sh\nHEALTHCHECK CMD curl x", None),
            (
                "debian:bookworm-slim",
                "HEALTHCHECK CMD [\"/usr/local/bin/my-app\", \"check\"]",
                None,
            ),
            ("own:1", curl, None),
            ("rust:1.95", curl, None),
            ("debian:bookworm-slim", "HEALTHCHECK CMD curl x\nHEALTHCHECK NONE", None),
            (
                "debian:bookworm-slim",
                "COPY entrypoint.sh /check.sh\nHEALTHCHECK CMD /check.sh",
                None,
            ),
        ] {
            let expected: Vec<_> = line.map(|it| (it, Level::Deny)).into_iter().collect();
            assert_eq!(found(image, rest), expected, "{image} {rest}");
        }
    }
}
