//! Source files of arbitrary text: what is compiled from one can be told, or why not; what it says
//! of texts and tokens is looked up in a program as it is for a real one.
#![no_main]

use binlint::internals::cargo::source::cfg::Cfg;
use binlint::internals::cargo::source::{string_literals, module_tree, tokens};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    // The parser recurses; the product too reads on a thread with a stack for that.
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().stack_size(module_tree::STACK);
        let reading = reading.spawn_scoped(scope, || read(source)).expect("a thread");
        reading.join().expect("an answer");
    });
});

fn read(source: &str) {
    let cfg = Cfg {
        features: Some(vec!["default".to_owned()]),
        triple: Some("x86_64-unknown-linux-gnu".to_owned()),
    };
    let _ = tokens::starts(source);
    if let Ok(scan) = tokens::scan(source, &cfg) {
        let texts: Vec<&[u8]> = scan.string_literals.iter().map(|text| text.bytes.as_slice()).collect();
        let searched = string_literals::search(&texts, source.as_bytes()).expect("a few texts");
        let presence = searched.of(&texts, |_| true);
        assert_eq!(presence.found + presence.missing.len(), presence.wanted);
    }
}
