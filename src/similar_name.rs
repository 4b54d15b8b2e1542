//! The name that was meant where an unknown one was written.

/// The known name that is most like this one, if one is like it at all: at most every third letter
/// differs, is missing, is too much, or has changed places with the next.
pub fn find_similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The end of a sentence that calls the name unknown: the similar one, or else what `otherwise` says.
pub fn suggest<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    match find_similar(name, known) {
        Some(similar) => format!("; did you mean `{similar}`?"),
        None => otherwise(),
    }
}

/// Whether one letter is another, is missing, is too much, or has changed places with the next.
pub fn is_one_slip(name: &str, meant: &str) -> bool {
    strsim::damerau_levenshtein(name, meant) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_most_similar_name() {
        let known = ["server", "worker", "glibc-too-new"];
        assert_eq!(find_similar("sever", known), Some("server"));
        assert_eq!(find_similar("glibc-to-new", known), Some("glibc-too-new"));
        assert_eq!(find_similar("zzzzzz", known), None);
        assert_eq!(find_similar("x", []), None);
        let others = || "; there are others".to_owned();
        assert_eq!(suggest("worekr", known, others), "; did you mean `worker`?");
        assert_eq!(suggest("zzzzzz", known, others), "; there are others");
    }

    #[test]
    fn one_slip_is_one_letter() {
        for (name, meant, is_slip) in [
            ("cargp", "cargo", true),
            ("crago", "cargo", true),
            ("carg", "cargo", true),
            ("carrgo", "cargo", true),
            ("cargo", "cargo", false),
            ("crgoa", "cargo", false),
            ("gcaro", "cargo", false),
        ] {
            assert_eq!(is_one_slip(name, meant), is_slip, "{name}");
        }
    }
}
