//! `[ … ]` over values that are known.

/// Whether the test succeeds; `None` where a file or an unknown value decides.
pub fn outcome(values: &[Option<String>]) -> Option<bool> {
    let words: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    let words = match words.as_slice() {
        [rest @ .., Some("]")] => rest,
        all => all,
    };
    evaluate(words, 0)
}

fn evaluate(words: &[Option<&str>], depth: usize) -> Option<bool> {
    if depth > 20 {
        return None;
    }
    for (operator, any) in [("-o", true), ("-a", false)] {
        if let Some(at) = words.iter().position(|it| *it == Some(operator)) {
            let left = evaluate(&words[..at], depth + 1);
            let right = evaluate(&words[at + 1..], depth + 1);
            return match (left, right) {
                (Some(left), _) | (_, Some(left)) if left == any => Some(any),
                (Some(_), Some(_)) => Some(!any),
                _ => None,
            };
        }
    }
    match words {
        [Some("!"), rest @ ..] => evaluate(rest, depth + 1).map(|it| !it),
        [] => Some(false),
        [Some("-z"), word] => word.map(str::is_empty),
        [Some("-n"), word] => word.map(|it| !it.is_empty()),
        [word] => word.map(|it| !it.is_empty()),
        [left, Some("=" | "=="), right] => Some((*left)? == (*right)?),
        [left, Some("!="), right] => Some((*left)? != (*right)?),
        _ => None,
    }
}
