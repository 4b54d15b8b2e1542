//! Other people's verifiers read our envelopes, bundles and statements; damaged ones are refused.

use std::fs;

use serde_json::{Value, json};

use crate::support::recorded::{ALGORITHMS, Shop, Trixie, python, success};
use crate::support::run;
use crate::support::slow::has;

/// A Sigstore trust root that trusts nobody, so that cosign asks nobody.
const EMPTY_ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[],"certificateAuthorities":[],"ctlogs":[],"timestampAuthorities":[]}"#;

#[test]
fn cosign_verifies_envelopes_and_bundles() {
    let Some(trixie) = Trixie::with("cosign") else { return };
    if !has("openssl") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    fs::write(shop.root.join("root.json"), EMPTY_ROOT).unwrap();
    let other = shop.path("other");
    fs::write(&other, "another program").unwrap();
    for (name, algorithm) in ALGORITHMS {
        let (secret, public) = shop.keys(name, algorithm);
        let (_, stranger) = shop.keys("stranger", algorithm);
        shop.build(&["--key", &secret, "--bundle"]);
        let program = shop.program().to_str().unwrap().to_owned();
        let record = shop.record().to_str().unwrap().to_owned();
        let bundle = shop.path("target/release/shop.sigstore.json");
        let cosign = |what: &[&str], key: &str, kind: &str, program: &str| {
            let mut command = trixie.command("cosign");
            command.current_dir(&shop.root).env("HOME", &shop.root);
            command.args(["verify-blob-attestation", "--insecure-ignore-tlog=true"]);
            command.args(what).args(["--key", key, "--type", kind, program]);
            command.output().unwrap()
        };
        let envelope = ["--signature", record.as_str()];
        let bundle = ["--new-bundle-format", "--bundle", &bundle, "--trusted-root", "root.json"];
        for what in [&envelope[..], &bundle[..]] {
            let good = cosign(what, &public, "slsaprovenance1", &program);
            let words = String::from_utf8_lossy(&good.stderr);
            assert!(good.status.success(), "{name} {what:?}: {words}");
            // The oracle can say no as well.
            assert!(!cosign(what, &stranger, "slsaprovenance1", &program).status.success());
            assert!(!cosign(what, &public, "slsaprovenance1", &other).status.success());
        }
        let bundle = "target/release/shop.sigstore.json";
        let ours = shop.verify(&["target/release/shop", "--record", bundle, "--key", &public]);
        assert_eq!((ours.code, ours.failed), (0, vec![]), "{name}");
        let theirs = shop.verify(&["target/release/shop", "--record", bundle, "--key", &stranger]);
        assert_eq!(theirs.failed, ["bad-signature"], "{name}");
        // cosign looks at the type of a bare envelope only.
        assert!(!cosign(&envelope, &public, "spdxjson", &program).status.success());
    }
}

const REFERENCE: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import MessageToDict, Parse, ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

record, public, stranger = sys.argv[1:]
key = lambda path: SSlibKey.from_crypto(load_pem_public_key(open(path, "rb").read()))
envelope = Envelope.from_dict(json.load(open(record)))
accepted = envelope.verify([key(public)], 1)
assert list(accepted) == [key(public).keyid], accepted
assert list(envelope.signatures) == [key(public).keyid]
try:
    envelope.verify([key(stranger)], 1)
    sys.exit("a stranger's key was accepted")
except VerificationError:
    pass
message = Parse(envelope.payload, Message())
Statement.copy_from_pb(message).validate()
ParseDict(MessageToDict(message.predicate), Provenance())
"#;

#[test]
fn securesystemslib_and_in_toto_accept_what_is_written() {
    let Some(python) = python() else { return };
    if !has("openssl") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    for (name, algorithm) in ALGORITHMS {
        let (secret, public) = shop.keys(name, algorithm);
        let (_, stranger) = shop.keys("stranger", algorithm);
        shop.build(&["--key", &secret]);
        let mut command = run::command(python);
        command.args(["-c", REFERENCE]).arg(shop.record()).args([&public, &stranger]);
        success(&mut command);
        let verified = shop.verify(&["target/release/shop", "--key", &public]);
        assert_eq!((verified.code, verified.failed), (0, vec![]), "{name}");
    }
}

/// Each of these must end in exit code 2 or in a denied finding, with and without the key.
#[test]
fn no_damaged_envelope_is_ever_verified() {
    if !has("openssl") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    let (secret, public) = shop.keys("ours", ALGORITHMS[0].1);
    let (_, stranger) = shop.keys("stranger", ALGORITHMS[1].1);
    shop.build(&["--key", &secret]);
    let text = fs::read_to_string(shop.record()).unwrap();
    let envelope: Value = serde_json::from_str(&text).unwrap();
    let damaged = shop.path("damaged.json");
    let verify = |bytes: &[u8], keys: &[&str]| {
        fs::write(&damaged, bytes).unwrap();
        let mut words = vec!["target/release/shop", "--record", &damaged];
        keys.iter().for_each(|key| words.extend(["--key", key]));
        shop.verify(&words)
    };
    assert_eq!(verify(text.as_bytes(), &[&public]).code, 0);
    assert_eq!(verify(text.as_bytes(), &[&stranger, &public]).code, 0);

    let wrong = verify(text.as_bytes(), &[&stranger]);
    assert_eq!((wrong.code, wrong.failed.as_slice()), (1, &["bad-signature".to_owned()][..]));

    for end in [0, 1, text.len() / 3, text.len() / 2, text.len() - 3] {
        assert_eq!(verify(&text.as_bytes()[..end], &[&public]).code, 2, "cut at {end}");
    }
    let mut twice = envelope.clone();
    let signature = twice["signatures"][0].clone();
    twice["signatures"].as_array_mut().unwrap().push(signature);
    assert_eq!(verify(twice.to_string().as_bytes(), &[]).code, 2);
    assert_eq!(verify(twice.to_string().as_bytes(), &[&public]).code, 1);
    let mut none = envelope.clone();
    none["signatures"] = json!([]);
    assert_eq!(verify(none.to_string().as_bytes(), &[]).code, 2);
    assert_eq!(verify(none.to_string().as_bytes(), &[&public]).code, 1);
    let mut other = envelope.clone();
    other["payloadType"] = json!("application/json");
    assert_eq!(verify(other.to_string().as_bytes(), &[&public]).code, 2);
    let mut swapped = envelope.clone();
    swapped["payload"] = json!("eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==");
    assert_eq!(verify(swapped.to_string().as_bytes(), &[&public]).code, 2);
    let mut unreadable = envelope.clone();
    unreadable["payload"] = json!("not base64!");
    assert_eq!(verify(unreadable.to_string().as_bytes(), &[&public]).code, 2);

    shop.build(&[]);
    let bare = fs::read_to_string(shop.record()).unwrap();
    let unsigned = verify(bare.as_bytes(), &[&public]);
    assert_eq!((unsigned.code, unsigned.failed.as_slice()), (1, &["bad-signature".to_owned()][..]));
    let mut nobody: Value = serde_json::from_str(&bare).unwrap();
    nobody["subject"] = json!([]);
    let nobody = verify(nobody.to_string().as_bytes(), &[]);
    assert_eq!(nobody.code, 2);
    assert!(nobody.said.contains("no subject"), "{}", nobody.said);

    for (key, word) in [("Cargo.toml", "public key"), ("missing.pub", "missing.pub")] {
        let verified = verify(text.as_bytes(), &[key]);
        assert_eq!(verified.code, 2);
        assert!(verified.said.contains(word), "{}", verified.said);
    }
}
