//! A program of arbitrary bytes: any answer, no panic, both ways of reading agree on the headers,
//! and every rule about a program has an answer too.
#![no_main]

use std::io::Cursor;

use binlint::internals::binary::Binary;
use binlint::internals::subject::Facts;
use binlint::internals::rules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let quick = Binary::quick("x", Cursor::new(bytes));
    let full = Binary::full("x", bytes, false);
    assert_eq!(quick.is_ok(), full.is_ok());
    if let (Ok(quick), Ok(full)) = (quick, full) {
        assert_eq!(
            (quick.format, quick.kind, &quick.needed),
            (full.format, full.kind, &full.needed)
        );
        let facts = Facts { binary: Some(full), ..Facts::default() };
        for rule in rules::ALL {
            rule.check.run(&facts);
        }
    }
});
