//! Records of arbitrary bytes: none is taken for signed, and what was read can be written and read
//! again. A record that is put into a program comes out again as it was.
#![no_main]

use binlint::internals::provenance::buildkit::ImageBuild;
use binlint::internals::provenance::keys::{PublicKey, SecretKey};
use binlint::internals::provenance::slsa::Provenance;
use binlint::internals::provenance::statement::Statement;
use binlint::internals::provenance::attestation;
use binlint::internals::provenance::dsse;
use binlint::internals::binary::elf::record_section;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PublicKey::from_pem(text);
        let _ = SecretKey::from_pem(text);
    }
    if let Some(without) = record_section::without(bytes)
        && let Some(record) = record_section::find(bytes)
    {
        let again = record_section::embed(&without, record).expect("it was in there");
        assert_eq!(record_section::find(&again), Some(record));
        assert_eq!(record_section::without(&again).as_ref(), Some(&without));
    }
    let Ok(attestation) = attestation::read(bytes) else { return };
    if let Some(envelope) = attestation.envelope() {
        assert!(envelope.verify(&[]).is_err(), "nobody's key made this");
        let again = dsse::Envelope::from_json(envelope.to_json().as_bytes()).expect("our own");
        assert_eq!(envelope, &again);
    }
    let Ok(payload) = attestation.unverified_payload() else { return };
    let _ = ImageBuild::from_statement(payload);
    if let Ok(statement) = Statement::from_json_leniently(payload) {
        let _ = Provenance::from_statement(&statement);
        let again = Statement::from_json_leniently(&statement.to_json()).expect("our own");
        assert_eq!(statement, again);
    }
});
