//! Source files of arbitrary text: what is compiled from one can be told, or why not; what it says
//! of texts and tokens is looked up in a program as it is for a real one.
#![no_main]

use binlint::facts::build::cfg::Cfg;
use binlint::facts::build::{literals, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let cfg = Cfg {
        features: Some(vec!["default".to_owned()]),
        triple: Some("x86_64-unknown-linux-gnu".to_owned()),
    };
    let _ = scan::starts(source);
    if let Ok(scan) = scan::scan(source, &cfg) {
        let texts: Vec<&[u8]> = scan.texts.iter().map(|text| text.bytes.as_slice()).collect();
        let presence = literals::search(&texts, source.as_bytes()).expect("a few texts");
        assert!(presence.found + presence.missing.len() == presence.wanted);
    }
});
