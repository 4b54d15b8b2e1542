//! The features of the processor that rustc was told to use.

use super::Build;

/// The features of each level beyond the first (x86-64 psABI, table 3.1), by rustc's names.
const FEATURES: &[(u8, &[&str])] = &[
    (2, &["cmpxchg16b", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"]),
    (3, &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"]),
    (4, &["avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"]),
];

impl Build {
    /// A feature that is switched on and that no x86-64 level up to this one has: its level, its
    /// name, and where the flag is.
    pub fn feature_above(&self, level: u8) -> Option<(u8, &'static str, String)> {
        let words = self.rustc_arguments();
        FEATURES.iter().filter(|(of, _)| *of > level).find_map(|(of, names)| {
            names.iter().find_map(|name| {
                // The last word on a feature counts.
                let last = words.iter().rev().find_map(|(word, source)| {
                    let (_, features) = word.split_once("target-feature=")?;
                    let last = features
                        .rsplit(',')
                        .find(|it| it.strip_prefix(['+', '-']).is_some_and(|it| it == *name))?;
                    Some((last.starts_with('+'), source))
                });
                last.filter(|(on, _)| *on).map(|(_, source)| (*of, *name, source.clone()))
            })
        })
    }
}
