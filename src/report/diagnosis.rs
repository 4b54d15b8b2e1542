//! What was seen of a program that went wrong, held against everything that the rules say of it: what explains
//! it, what is ruled out, what cannot be told, and which answer would tell more.

use std::cmp::Reverse;

use crate::binary::MainVerdict;
use crate::report::SubjectReport;
use crate::rule::{Level, Outcome, Rule, Symptom};

pub mod answers;
pub mod json;
pub mod observation;
pub mod table;

use answers::Answer;
use observation::{Fit, Observation};

/// The diagnosis of one subject.
#[derive(Debug)]
pub struct Diagnosis<'a> {
    /// The subject.
    pub subject: &'a SubjectReport,
    /// Rules that fail and whose symptoms are what was seen, the best explanation first.
    pub explains: Vec<Cause>,
    /// Rules that fail, but would be seen otherwise, or nothing that was said tells.
    pub also_wrong: Vec<Cause>,
    /// Rules whose symptoms are what was seen, and that do not fail.
    pub ruled_out: Vec<Cause>,
    /// Rules whose symptoms are what was seen, and that could not decide.
    pub untold: Vec<Cause>,
    /// The questions that such a program raises, each with its answer.
    pub answers: Vec<Answer>,
    /// What the user should answer next, where that would tell more.
    pub questions: Vec<Question>,
}

/// A rule, and why it stands where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: &'static Rule,
    /// What the rule found, or why it could not decide.
    pub why: String,
    /// The facts behind it.
    pub evidence: Vec<String>,
    /// The line that fixes it.
    pub fix: Option<String>,
    /// The symptoms that were seen.
    pub seen: Vec<String>,
    /// What would have been seen instead.
    pub against: Option<String>,
    /// How much of what was seen it explains, the level, and how specific it is: larger is better.
    rank: (usize, Level),
}

/// Something that only the user knows, and how they find it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A question.
    pub text: &'static str,
    /// The command that tells, and the option that takes its answer.
    pub how: &'static str,
}

/// Diagnoses one subject.
pub fn diagnose<'a>(subject: &'a SubjectReport, observation: &Observation) -> Diagnosis<'a> {
    let mut diagnosis = Diagnosis {
        subject,
        explains: Vec::new(),
        also_wrong: Vec::new(),
        ruled_out: Vec::new(),
        untold: Vec::new(),
        answers: answers::answers(subject, observation),
        questions: Vec::new(),
    };
    for result in &subject.results {
        let mut fit = observation.fit(result.rule.symptoms);
        if result.rule.symptoms.contains(&Symptom::Silence)
            && observation.is_silent() == Some(true)
            && prints_before_it_returns(subject)
            && matches!(result.outcome, Outcome::Fail(_))
        {
            fit.against = Some("its `main` would print a text first".to_owned());
        }
        let cause = |why: &str| Cause {
            rule: result.rule,
            why: why.to_owned(),
            evidence: Vec::new(),
            fix: None,
            seen: fit.seen.clone(),
            against: fit.against.clone(),
            rank: (fit.seen.len(), result.level),
        };
        match &result.outcome {
            Outcome::Fail(findings) => {
                let causes = findings.iter().map(|finding| Cause {
                    evidence: finding.evidence.clone(),
                    fix: finding.fix.clone(),
                    ..cause(&finding.message)
                });
                let to = if fit.explains() {
                    &mut diagnosis.explains
                } else {
                    &mut diagnosis.also_wrong
                };
                to.extend(causes);
            }
            _ if !fit.explains() => {}
            Outcome::Pass(found) => diagnosis.ruled_out.push(cause(found)),
            Outcome::Open(why) => diagnosis.untold.push(cause(&why.to_string())),
            Outcome::NotApplicable(why) => match result.rule.check.missing_input(&subject.facts) {
                Some(_) => diagnosis.untold.push(cause(why)),
                None => diagnosis.ruled_out.push(cause(why)),
            },
        }
    }
    diagnosis.explains.sort_by_key(|it| Reverse(it.rank));
    diagnosis.also_wrong.sort_by_key(|it| Reverse(it.rank));
    diagnosis.questions = questions(&diagnosis, observation);
    diagnosis
}

/// Whether `main` is a placeholder that prints something: such a program is not silent.
fn prints_before_it_returns(subject: &SubjectReport) -> bool {
    let main = subject.facts.binary.as_ref().and_then(|binary| binary.main.value);
    matches!(main, Some(MainVerdict::HelloWorld | MainVerdict::PlaceholderText))
}

/// What would tell more: what was not said of the end, an input that rules miss, and, where a silent end
/// is explained by nothing, which command it was.
fn questions(diagnosis: &Diagnosis<'_>, observation: &Observation) -> Vec<Question> {
    let facts = &diagnosis.subject.facts;
    let mut questions = Vec::new();
    if observation.end().is_none() {
        questions.push(Question {
            text: "With which exit code did it end?",
            how: "docker inspect --format '{{.State.ExitCode}}' CONTAINER, then --exit-code N",
        });
    }
    if observation.output.is_none() {
        questions.push(Question {
            text: "Did it print anything?",
            how: "docker logs CONTAINER > app.log 2>&1, then --log app.log, or --silent if it is empty",
        });
    }
    if facts.image.is_none() {
        questions.push(Question {
            text: "In which image does it run?",
            how: "docker save IMAGE -o image.tar, then --image image.tar",
        });
    }
    if facts.build.is_none() && diagnosis.explains.is_empty() {
        questions.push(Question {
            text: "Which sources should it be built from?",
            how: "run this command in the checkout",
        });
    }
    let is_image_known = facts.image.as_ref().is_some_and(|it| it.config.is_some());
    if is_image_known && diagnosis.explains.is_empty() {
        questions.push(Question {
            text: "Does the container run the command of its image?",
            how: "docker inspect --format '{{.Path}} {{json .Args}}' CONTAINER, beside Entrypoint and Cmd",
        });
    }
    questions
}

impl Cause {}

impl Fit {
    /// Something was seen that the rule predicts, and nothing that it excludes.
    pub fn explains(&self) -> bool {
        !self.seen.is_empty() && self.against.is_none()
    }
}

#[cfg(test)]
mod tests;
