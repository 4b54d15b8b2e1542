//! The questions that a program raises which ends and says nothing, each answered by a fact of it.

use crate::binary::{Binary, BinaryKind, MainVerdict};
use crate::report::SubjectReport;
use crate::report::diagnosis::observation::{End, Observation};
use crate::report::labels;
use crate::rule::Outcome;
use crate::start::loader::StartVerdict;
use crate::subject::Facts;

/// A question and what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its name in JSON.
    pub id: &'static str,
    /// As a person asks it.
    pub question: &'static str,
    /// `None`: cannot be told.
    pub verdict: Option<bool>,
    /// Why, as one sentence.
    pub because: String,
}

/// Crates that are an async runtime, or bring one.
const RUNTIMES: &[&str] =
    &["tokio", "async-std", "smol", "actix-rt", "monoio", "glommio", "compio", "embassy-executor"];

/// What `#[tokio::main]` panics with when it cannot start.
const RUNTIME_FAILED: &str = "Failed building the Runtime";

/// `yes`, `no`, or that it cannot be told.
pub const fn verdict(verdict: Option<bool>) -> &'static str {
    match verdict {
        Some(true) => "yes",
        Some(false) => "no",
        None => "cannot tell",
    }
}

/// Every question, in the order in which a program starts.
pub fn answers(subject: &SubjectReport, observation: &Observation) -> Vec<Answer> {
    let answer = |id, question, (verdict, because): (Option<bool>, String)| Answer {
        id,
        question,
        verdict,
        because,
    };
    vec![
        answer("executable", "Is it a valid executable?", executable(&subject.facts)),
        answer("architecture", "Was it built for another architecture?", architecture(subject)),
        answer("missing-library", "Is a library missing at run time?", library(subject)),
        answer("early-exit", "Does it end before it reaches `main`?", early_exit(&subject.facts)),
        answer("minimal-main", "Is its `main` only a placeholder?", minimal_main(&subject.facts)),
        answer(
            "runtime",
            "Does its async runtime fail to start?",
            runtime(&subject.facts, observation),
        ),
        answer("signal", "Did a signal end it?", signal(observation)),
    ]
}

type Known = (Option<bool>, String);

const NO_PROGRAM: &str = "there is no program among what was given";

fn executable(facts: &Facts) -> Known {
    let Some(binary) = &facts.binary else { return (None, NO_PROGRAM.to_owned()) };
    if let Some(whole) = binary.cut_off() {
        let size = binary.size;
        return (Some(false), format!("it is cut off: {size} bytes of at least {whole} are there"));
    }
    let Some(format) = binary.format else {
        return (Some(false), "its format is none that is known".to_owned());
    };
    let format = labels::format(format);
    if binary.kind != BinaryKind::Executable {
        return (
            Some(false),
            format!("it is {format}, but no program: {}", labels::kind(binary.kind)),
        );
    }
    let entry = match binary.entry_point {
        Some(entry) => format!(", entry point {entry:#x}"),
        None => String::new(),
    };
    let loader = match &binary.interpreter {
        Some(loader) => format!(", loaded by {loader}"),
        None => String::new(),
    };
    (Some(true), format!("{format} executable{entry}{loader}"))
}

/// What the rules of this question say: yes where one fails, no where all that apply pass.
fn by_rules(subject: &SubjectReport, rules: &[&str]) -> Option<Known> {
    let named = |id: &str| subject.results.iter().find(|it| it.rule.id == id);
    let results: Vec<_> = rules.iter().copied().filter_map(named).collect();
    let failed = results.iter().find_map(|it| Some((it.rule.id, it.outcome.findings().first()?)));
    if let Some((id, finding)) = failed {
        return Some((Some(true), format!("{} ({id})", finding.message)));
    }
    let open = results.iter().find_map(|it| match &it.outcome {
        Outcome::Open(why) => Some((None, format!("{why} ({})", it.rule.id))),
        _ => None,
    });
    open.or_else(|| {
        results.iter().find_map(|it| match &it.outcome {
            Outcome::Pass(found) => Some((Some(false), found.to_string())),
            _ => None,
        })
    })
}

fn architecture(subject: &SubjectReport) -> Known {
    let rules = ["wrong-architecture", "wrong-platform-in-index", "triple-mismatch"];
    let machine = subject.facts.binary.as_ref().and_then(|it| it.machine.as_ref());
    match (by_rules(subject, &rules), machine) {
        (Some(known), _) => known,
        (None, Some(machine)) => (
            None,
            format!(
                "it is for {}; which machine runs it, only its image or you can tell",
                machine.arch
            ),
        ),
        (None, None) => (None, NO_PROGRAM.to_owned()),
    }
}

fn library(subject: &SubjectReport) -> Known {
    let rules = ["missing-library", "missing-interpreter", "symbol-version-missing"];
    let Some(binary) = &subject.facts.binary else { return (None, NO_PROGRAM.to_owned()) };
    if let Some(known) = by_rules(subject, &rules) {
        return known;
    }
    match (binary.interpreter.is_none(), binary.needed.len()) {
        (true, 0) => (Some(false), "it needs none: it is linked statically".to_owned()),
        (_, needed) => (
            None,
            format!("it needs {needed} libraries; whether they are there, only its image can tell"),
        ),
    }
}

fn early_exit(facts: &Facts) -> Known {
    let Some(binary) = &facts.binary else { return (None, NO_PROGRAM.to_owned()) };
    let image = facts.image.as_ref();
    if let Some(failure) = image.and_then(|image| image.start()?.failure()) {
        return (Some(true), format!("its image's command does not start: {}", failure.message));
    }
    let load = facts.load.as_ref();
    let starts = image.and_then(|image| image.starts(binary));
    match load.map(|load| (load.verdict, load)) {
        Some((StartVerdict::Fails, load)) => (
            Some(true),
            load.errors.first().cloned().unwrap_or_else(|| "the start fails".to_owned()),
        ),
        _ if starts == Some(false) => {
            (Some(true), "its image's command starts another program".to_owned())
        }
        Some((StartVerdict::Starts, load)) => (
            Some(false),
            match load.libraries.len() {
                0 => "the kernel starts it without a loader, and it reaches `main`".to_owned(),
                count => format!("the loader finds all {count} libraries, and it reaches `main`"),
            },
        ),
        Some((StartVerdict::Unknown, load)) => {
            (None, load.open.clone().unwrap_or_else(|| "the start cannot be predicted".to_owned()))
        }
        None => (None, "only its image can tell what happens before `main`".to_owned()),
    }
}

fn minimal_main(facts: &Facts) -> Known {
    let Some(binary) = &facts.binary else { return (None, NO_PROGRAM.to_owned()) };
    let evidence = binary.main.evidence.as_ref();
    match binary.main.value {
        Some(MainVerdict::Real) => {
            (Some(false), format!("it does more than a placeholder would: {evidence}"))
        }
        Some(MainVerdict::Empty) => {
            (Some(true), format!("it does nothing and returns: {evidence}"))
        }
        Some(MainVerdict::HelloWorld) => {
            (Some(true), format!("it prints cargo's own greeting and returns: {evidence}"))
        }
        Some(MainVerdict::PlaceholderText) => {
            (Some(true), format!("it prints a placeholder's text and returns: {evidence}"))
        }
        None => (None, evidence.to_owned()),
    }
}

fn returns_at_once(binary: &Binary) -> bool {
    binary.main.value.is_some_and(|it| it != MainVerdict::Real)
}

fn runtime(facts: &Facts, observation: &Observation) -> Known {
    let Some(binary) = &facts.binary else { return (None, NO_PROGRAM.to_owned()) };
    if observation.has_printed(RUNTIME_FAILED) {
        return (Some(true), format!("it printed `{RUNTIME_FAILED}`"));
    }
    if returns_at_once(binary) {
        return (Some(false), "`main` starts no runtime: it returns at once".to_owned());
    }
    match facts.has_one_of(RUNTIMES) {
        Some(None) => (Some(false), "the list of its crates names no async runtime".to_owned()),
        Some(Some(name)) => (
            None,
            format!(
                "{name} is inside; where `#[tokio::main]` cannot start it, the program prints \
                 `{RUNTIME_FAILED}` and ends with exit code 101"
            ),
        ),
        None => (
            None,
            "nothing lists its crates; run this in the checkout, or build with cargo-auditable"
                .to_owned(),
        ),
    }
}

fn signal(observation: &Observation) -> Known {
    match observation.end() {
        Some(End::Signal(signal)) => (Some(true), format!("{signal}")),
        Some(End::Exit(code)) => {
            (Some(false), format!("exit code {code}; a signal shows as 128 and its number"))
        }
        None => (None, "the exit code was not given".to_owned()),
    }
}
