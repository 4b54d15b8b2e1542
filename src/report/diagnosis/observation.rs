//! What was seen: how the program ended and what it printed.

use std::fmt;

use crate::rule::Symptom;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The exit code that the engine or the shell shows.
    pub exit_code: Option<u8>,
    /// The signal that ended it.
    pub signal: Option<Signal>,
    /// What it printed; empty for nothing at all, `None` where that was not said.
    pub output: Option<String>,
}

/// A signal of Linux, by its number (`signal(7)`, as on x86 and ARM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(pub u8);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, or by its loader or engine.
    Exit(u8),
    /// By a signal.
    Signal(Signal),
}

/// How well symptoms agree with what was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// The symptoms that were seen.
    pub seen: Vec<String>,
    /// What would have been seen instead.
    pub against: Option<String>,
}

/// `signal(7)`: the names of x86 and ARM, without `SIG`.
const SIGNALS: &[(u8, &str)] = &[
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (16, "STKFLT"),
    (17, "CHLD"),
    (18, "CONT"),
    (19, "STOP"),
    (20, "TSTP"),
    (21, "TTIN"),
    (22, "TTOU"),
    (23, "URG"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (26, "VTALRM"),
    (27, "PROF"),
    (28, "WINCH"),
    (29, "IO"),
    (30, "PWR"),
    (31, "SYS"),
];

/// The highest signal: `SIGRTMAX`.
const HIGHEST: u8 = 64;

impl Signal {
    /// A signal by its number or its name: `11`, `SEGV`, `SIGSEGV`.
    pub fn parse(text: &str) -> Option<Signal> {
        if let Ok(number) = text.parse::<u8>() {
            return (1..=HIGHEST).contains(&number).then_some(Signal(number));
        }
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        SIGNALS.iter().find(|(_, known)| *known == name).map(|(number, _)| Signal(*number))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIGNALS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl Observation {
    /// How it ended. Engines and shells show a signal as 128 and its number.
    pub fn end(&self) -> Option<End> {
        match (self.signal, self.exit_code) {
            (Some(signal), _) => Some(End::Signal(signal)),
            (None, Some(code)) => Some(match code.checked_sub(128) {
                Some(signal @ 1..=HIGHEST) => End::Signal(Signal(signal)),
                _ => End::Exit(code),
            }),
            (None, None) => None,
        }
    }

    /// The exit code as an engine or a shell shows it.
    fn code(&self) -> Option<u8> {
        self.end().map(|end| match end {
            End::Exit(code) => code,
            End::Signal(Signal(number)) => number.saturating_add(128),
        })
    }

    /// Whether nothing was printed; `None` where that is not known.
    pub fn is_silent(&self) -> Option<bool> {
        self.output.as_deref().map(|it| it.trim().is_empty())
    }

    /// Whether this text was printed.
    pub fn has_printed(&self, text: &str) -> bool {
        self.output.as_deref().is_some_and(|it| it.contains(text))
    }

    /// Compares symptoms with what was seen.
    ///
    /// An exit code that is none of the rule's speaks against it, and so does a log without any of its
    /// messages; what a client sees and what is told in words says nothing either way.
    pub fn fit(&self, symptoms: &[Symptom]) -> Fit {
        let mut fit = Fit::default();
        self.fit_code(symptoms, &mut fit);
        self.fit_output(symptoms, &mut fit);
        fit
    }

    fn fit_code(&self, symptoms: &[Symptom], fit: &mut Fit) {
        let Some(code) = self.code() else { return };
        let codes = symptoms.iter().filter_map(|it| match it {
            Symptom::ExitCode(code) => Some(*code),
            _ => None,
        });
        let codes: Vec<i32> = codes.collect();
        if codes.contains(&i32::from(code)) {
            fit.seen.push(format!("exit code {code}"));
        } else if !codes.is_empty() {
            let codes: Vec<String> = codes.iter().map(i32::to_string).collect();
            fit.against = Some(format!("it would end with exit code {}", codes.join(" or ")));
        }
    }

    fn fit_output(&self, symptoms: &[Symptom], fit: &mut Fit) {
        let Some(silent) = self.is_silent() else { return };
        let is_silence = symptoms.contains(&Symptom::Silence);
        let messages: Vec<&str> = symptoms
            .iter()
            .filter_map(|it| match it {
                Symptom::Stderr(text) => Some(*text),
                _ => None,
            })
            .collect();
        if silent && is_silence {
            fit.seen.push("no output at all".to_owned());
            return;
        }
        let printed = messages.iter().find(|it| self.has_printed(it));
        match (printed, messages.first()) {
            (Some(text), _) => {
                fit.seen.push(format!("the message `{text}`"));
                // Its own message outweighs the code, which a script around it may replace.
                fit.against = None;
            }
            (None, Some(text)) => fit.against = Some(format!("it would print `{text}`")),
            (None, None) if is_silence => fit.against = Some("it would print nothing".to_owned()),
            (None, None) => {}
        }
    }
}

/// `exit code 139 (SIGSEGV), no output`.
impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.end(), self.exit_code) {
            (Some(End::Exit(code)), _) => write!(f, "exit code {code}")?,
            (Some(End::Signal(signal)), Some(code)) => write!(f, "exit code {code} ({signal})")?,
            (Some(End::Signal(signal)), None) => write!(f, "ended by {signal}")?,
            (None, _) => f.write_str("end unknown")?,
        }
        f.write_str(match self.is_silent() {
            Some(true) => ", no output",
            Some(false) => ", with output",
            None => ", output unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(code: Option<u8>, output: Option<&str>) -> Observation {
        Observation { exit_code: code, signal: None, output: output.map(str::to_owned) }
    }

    #[test]
    fn signals_have_numbers_and_names() {
        for text in ["11", "SEGV", "SIGSEGV", "sigsegv"] {
            assert_eq!(Signal::parse(text), Some(Signal(11)), "{text}");
        }
        for text in ["0", "65", "SIG", "NOPE", "", "-1"] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
        assert_eq!(
            (Signal(9).to_string(), Signal(40).to_string()),
            ("SIGKILL".into(), "signal 40".into())
        );
    }

    #[test]
    fn an_exit_code_above_128_is_a_signal() {
        assert_eq!(seen(Some(139), None).end(), Some(End::Signal(Signal(11))));
        assert_eq!(seen(Some(128), None).end(), Some(End::Exit(128)));
        assert_eq!(seen(Some(255), None).end(), Some(End::Exit(255)), "no signal has number 127");
        assert_eq!(seen(None, None).end(), None);
    }

    #[test]
    fn what_was_seen_speaks_for_or_against() {
        let silent = [Symptom::Silence, Symptom::ExitCode(0)];
        let loud = [Symptom::Stderr("cannot open"), Symptom::ExitCode(127)];
        let fits = |symptoms: &[Symptom], code, output| seen(code, output).fit(symptoms).explains();
        assert!(fits(&silent, Some(0), Some("")));
        assert!(fits(&silent, None, Some(" \n")));
        assert!(!fits(&silent, Some(0), Some("listening")));
        assert!(!fits(&silent, Some(1), Some("")));
        assert!(fits(&loud, Some(127), None));
        assert!(fits(&loud, Some(1), Some("x: cannot open y")), "a script may replace the code");
        assert!(!fits(&loud, Some(127), Some("")));
        assert!(!fits(&loud, None, None), "nothing was seen");
        assert!(!fits(&[Symptom::Behaviour("slow")], Some(0), Some("")));
    }
}
