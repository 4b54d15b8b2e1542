//! The diagnosis as the document `binlint.diagnose/1`.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::diagnosis::observation::{End, Observation};
use crate::report::diagnosis::{Cause, Diagnosis, answers};
use crate::report::lines;

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.diagnose/1";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DiagnosisDocument<'a> {
    schema: &'static str,
    observation: ObservationEntry<'a>,
    subjects: Vec<SubjectEntry<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ObservationEntry<'a> {
    exit_code: Option<u8>,
    /// By number.
    signal: Option<u8>,
    output: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SubjectEntry<'a> {
    name: &'a str,
    explains: Vec<CauseEntry<'a>>,
    also_wrong: Vec<CauseEntry<'a>>,
    ruled_out: Vec<CauseEntry<'a>>,
    cannot_tell: Vec<CauseEntry<'a>>,
    answers: Vec<AnswerEntry<'a>>,
    questions: Vec<QuestionEntry>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CauseEntry<'a> {
    rule: &'static str,
    why: &'a str,
    evidence: &'a [String],
    fix: Option<&'a str>,
    seen: &'a [String],
    against: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AnswerEntry<'a> {
    id: &'static str,
    question: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["yes", "no", "cannot tell"])))]
    verdict: &'static str,
    because: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct QuestionEntry {
    question: &'static str,
    how: &'static str,
}

/// Writes the diagnoses as one JSON document.
///
/// # Errors
/// Those of the writer.
pub fn write(
    all: &[Diagnosis<'_>],
    observation: &Observation,
    notes: &[String],
    to: &mut dyn Write,
) -> io::Result<()> {
    let signal = match observation.end() {
        Some(End::Signal(signal)) => Some(signal.0),
        Some(End::Exit(_)) | None => None,
    };
    let document = DiagnosisDocument {
        schema: SCHEMA,
        observation: ObservationEntry {
            exit_code: observation.exit_code,
            signal,
            output: observation.output.as_deref(),
        },
        subjects: all.iter().map(subject_entry).collect(),
        notes,
    };
    lines::json(to, &document, true)
}

fn subject_entry<'a>(diagnosis: &'a Diagnosis<'_>) -> SubjectEntry<'a> {
    let causes = |causes: &'a [Cause]| causes.iter().map(cause_entry).collect();
    SubjectEntry {
        name: &diagnosis.subject.name,
        explains: causes(&diagnosis.explains),
        also_wrong: causes(&diagnosis.also_wrong),
        ruled_out: causes(&diagnosis.ruled_out),
        cannot_tell: causes(&diagnosis.untold),
        answers: diagnosis
            .answers
            .iter()
            .map(|it| AnswerEntry {
                id: it.id,
                question: it.question,
                verdict: answers::verdict(it.verdict),
                because: &it.because,
            })
            .collect(),
        questions: diagnosis
            .questions
            .iter()
            .map(|it| QuestionEntry { question: it.text, how: it.how })
            .collect(),
    }
}

fn cause_entry(cause: &Cause) -> CauseEntry<'_> {
    CauseEntry {
        rule: cause.rule.id,
        why: &cause.why,
        evidence: &cause.evidence,
        fix: cause.fix.as_deref(),
        seen: &cause.seen,
        against: cause.against.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_of_the_diagnosis_is_up_to_date() {
        crate::report::schema::keep_up_to_date::<super::DiagnosisDocument<'_>>("diagnose");
    }
}
