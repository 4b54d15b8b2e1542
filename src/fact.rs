//! One thing that was asked: its value, how sure it is, and what says so.

use std::borrow::Cow;

/// One thing that was asked of the bytes: its answer or none, and what says so.
///
/// ```
/// let fact: binlint::Fact<u8> = binlint::Fact::unknown("the section is cut off");
/// assert_eq!((fact.value, fact.evidence.as_ref()), (None, "the section is cut off"));
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// `None`: could not be told.
    pub value: Option<T>,
    /// How sure the value is; the measurements behind it are in `docs/accuracy.md`.
    pub confidence: Confidence,
    /// Where it was read, or why it could not be.
    pub evidence: Cow<'static, str>,
}

/// How sure a fact is.
///
/// ```
/// assert!(binlint::Confidence::High > binlint::Confidence::Low);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing is known.
    None,
    /// A hint: wrong in some of the measured programs.
    Low,
    /// Never wrong in the measured programs, but not a matter of definition.
    High,
    /// What the format's specification says.
    Certain,
}

impl<T> Fact<T> {
    /// A value that the format's specification settles.
    pub fn certain(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::Certain, evidence: evidence.into() }
    }

    /// A value inferred by a method that was never wrong where it was measured.
    pub fn high(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::High, evidence: evidence.into() }
    }

    /// A hint.
    pub fn low(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::Low, evidence: evidence.into() }
    }

    /// No value, and why.
    pub fn unknown(why: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: None, confidence: Confidence::None, evidence: why.into() }
    }
}

impl<T> Default for Fact<T> {
    fn default() -> Fact<T> {
        Fact::unknown("not looked at")
    }
}
