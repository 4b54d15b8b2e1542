//! A Dockerfile and a Compose file, both the same arbitrary text: every rule has an answer, every
//! correction fits, and what it leaves is a Dockerfile again.
#![no_main]

use binlint::internals::dockerfile::source::SourceText;
use binlint::internals::dockerfile::{Dockerfile, DockerfileOptions, compose, patch};
use binlint::internals::rules;
use binlint::internals::subject::Facts;
use libfuzzer_sys::fuzz_target;

fn read(source: SourceText) -> Option<Dockerfile> {
    Dockerfile::new("Dockerfile", source, None, None, &DockerfileOptions::default()).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = SourceText::decode(bytes) else { return };
    compose::builds(source.text());
    let Some(dockerfile) = read(source) else { return };
    let old = dockerfile.source.text().to_owned();
    let facts = Facts { dockerfile: Some(dockerfile), ..Facts::default() };
    for rule in rules::ALL {
        let outcome = rule.check.run(&facts);
        let edits = outcome.findings().iter().filter_map(|it| it.edit.as_ref());
        let new = patch::apply(&old, edits.map(|it| (it.span.clone(), it.text.as_str())));
        assert!(new == old || read(SourceText::new(&new)).is_some(), "{}: {new:?}", rule.id);
    }
});
