//! What somebody would hand in to be believed: none of it is ever verified.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::recorded::{ALGORITHMS, Shop, Verified, success};
use crate::support::slow::has;

/// A signed record, its key, and somebody else's.
struct Signed {
    shop: Shop,
    envelope: Value,
    bare: Value,
    public: String,
    other_secret: String,
    other_public: String,
}

impl Signed {
    fn new() -> Option<Signed> {
        if !has("openssl") {
            return None;
        }
        let shop = Shop::new()?;
        let (secret, public) = shop.keys("ours", ALGORITHMS[0].1);
        let (other_secret, other_public) = shop.keys("theirs", ALGORITHMS[1].1);
        let read = |shop: &Shop| -> Value {
            serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap()
        };
        shop.build(&[]);
        let bare = read(&shop);
        shop.build(&["--key", &secret, "--bundle"]);
        let envelope = read(&shop);
        Some(Signed { shop, envelope, bare, public, other_secret, other_public })
    }

    fn verify(&self, record: &[u8], more: &[&str]) -> Verified {
        let path = self.shop.path("handed-in.json");
        fs::write(&path, record).unwrap();
        self.shop.verify(&[&["target/release/shop", "--record", &path], more].concat())
    }

    /// Not believed with our key: exit code 2, or a denied finding.
    fn refuses(&self, what: &str, record: &str) {
        let answer = self.verify(record.as_bytes(), &["--key", &self.public]);
        assert!(answer.code == 2 || answer.code == 1, "{what}: {answer:?}");
    }
}

#[test]
fn signatures_count_only_alone_and_by_the_given_key() {
    let Some(it) = Signed::new() else { return };
    let text = it.envelope.to_string();
    assert_eq!(it.verify(text.as_bytes(), &["--key", &it.public]).code, 0);
    let ours = it.envelope["signatures"][0].clone();
    // A second envelope over the same payload by somebody else.
    success(&mut it.shop.binlint(&["record", "--release", "--key", &it.other_secret]));
    let theirs: Value = serde_json::from_slice(&fs::read(it.shop.record()).unwrap()).unwrap();
    assert_eq!(theirs["payload"], it.envelope["payload"]);
    let theirs = theirs["signatures"][0].clone();
    let broken = json!({ "keyid": ours["keyid"], "sig": "AAAA" });
    let stolen = json!({ "keyid": ours["keyid"], "sig": theirs["sig"] });
    for (what, signatures) in [
        ("both valid", vec![ours.clone(), theirs.clone()]),
        ("the same twice", vec![ours.clone(), ours.clone()]),
        ("one valid, one broken", vec![ours.clone(), broken.clone()]),
        ("one broken, one valid", vec![broken.clone(), ours.clone()]),
        ("none", vec![]),
        ("another's alone", vec![theirs]),
        ("another's under our keyid", vec![stolen]),
        ("broken under our keyid", vec![broken]),
        ("nothing under our keyid", vec![json!({ "keyid": ours["keyid"], "sig": "" })]),
    ] {
        let mut envelope = it.envelope.clone();
        envelope["signatures"] = Value::Array(signatures);
        let envelope = envelope.to_string();
        it.refuses(what, &envelope);
        // Both keys given make no second signature good.
        let words = ["--key", &it.public, "--key", &it.other_public];
        let both = it.verify(envelope.as_bytes(), &words);
        let is_one = what.starts_with("another's");
        assert_eq!(both.code == 0, is_one, "{what}: {both:?}");
    }
    // A key that the record brings along counts for nothing.
    let pem = fs::read_to_string(&it.other_public).unwrap();
    success(&mut it.shop.binlint(&["record", "--release", "--bundle", "--key", &it.other_secret]));
    let bundle = fs::read(it.shop.path("target/release/shop.sigstore.json")).unwrap();
    let mut bundle: Value = serde_json::from_slice(&bundle).unwrap();
    bundle["verificationMaterial"]["publicKey"] = json!({ "hint": ours["keyid"], "rawBytes": pem });
    it.refuses("a bundle with its own key", &bundle.to_string());
    bundle["dsseEnvelope"]["signatures"][0]["publicKey"] = json!(pem);
    it.refuses("a signature with its own key", &bundle.to_string());
}

#[test]
fn what_could_be_read_in_two_ways_is_not_read() {
    let Some(it) = Signed::new() else { return };
    let payload = it.envelope["payload"].as_str().unwrap();
    let text = it.envelope.to_string();
    let twice = text.replacen("\"payload\":", "\"payload\":\"e30=\",\"payload\":", 1);
    for (what, record) in [
        ("two payloads", twice),
        ("two documents", format!("{text}\n{text}")),
        ("a statement around the envelope", {
            let mut both = it.envelope.clone();
            both["_type"] = it.bare["_type"].clone();
            both.to_string()
        }),
        ("another payload type", text.replace("application/vnd.in-toto+json", "application/json")),
        ("no payload type", text.replace("payloadType", "type")),
        (
            "a payload in a list",
            text.replace(&format!("\"{payload}\""), &format!("[\"{payload}\"]")),
        ),
        (
            "base64 with spaces in it",
            text.replace(payload, &format!("{} {}", &payload[..8], &payload[8..])),
        ),
        ("deep", "[".repeat(200_000)),
        ("deeper", format!("{{\"_type\":{}", "{\"a\":".repeat(200_000))),
        ("nothing", String::new()),
    ] {
        it.refuses(what, &record);
    }
    // More than there is room for: refused before it is read.
    let giant = format!("{{\"_type\":\"{}\"}}", "x".repeat(65 << 20));
    assert_eq!(it.verify(giant.as_bytes(), &[]).code, 2);
    let wide = format!("{{\"_type\":[{}0]}}", "0,".repeat(9_000_000));
    assert_eq!(it.verify(wide.as_bytes(), &[]).code, 2);
}

#[test]
fn a_record_of_something_else_vouches_for_nothing() {
    let Some(it) = Signed::new() else { return };
    let own = it.bare["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
    let change = |act: &dyn Fn(&mut Value)| {
        let mut changed = it.bare.clone();
        act(&mut changed);
        it.verify(changed.to_string().as_bytes(), &[])
    };
    let other = "5a".repeat(32);
    for (what, act) in [
        (
            "the name alone",
            &(|record: &mut Value| {
                record["subject"][0]["digest"] = json!({ "sha256": other });
                record["subject"][0]["annotations"] = json!({});
            }) as &dyn Fn(&mut Value),
        ),
        ("an upper-case digest", &|record| {
            record["subject"][0]["digest"]["sha256"] = json!(own.to_uppercase());
        }),
        ("another algorithm", &|record| {
            record["subject"][0]["digest"] =
                json!({ "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709" });
        }),
        ("another algorithm's digest under the right one's name", &|record| {
            record["subject"][0]["digest"] = json!({ "sha256": other, "sha512": own });
            record["subject"][0]["annotations"] = json!({});
        }),
        ("one of several subjects", &|record| {
            let mut second = record["subject"][0].clone();
            second["digest"]["sha256"] = json!(other);
            record["subject"].as_array_mut().unwrap().insert(0, second);
        }),
        ("no digest", &|record| record["subject"][0]["digest"] = json!({})),
        ("no subject", &|record| record["subject"] = json!([])),
        ("another predicate", &|record| {
            record["predicateType"] = json!("https://slsa.dev/provenance/v0.2");
        }),
        ("an old statement", &|record| {
            record["_type"] = json!("https://in-toto.io/Statement/v0.1")
        }),
        ("another builder", &|record| {
            record["predicate"]["runDetails"]["builder"]["id"] = json!("https://forge.example/");
        }),
        ("another build type", &|record| {
            record["predicate"]["buildDefinition"]["buildType"] = json!("https://forge.example/");
        }),
    ] {
        let answer = change(act);
        assert!(answer.code == 2 || answer.code == 1, "{what}: {answer:?}");
    }
    // What is loaded is the recorded program, so it passes for stripped, and never for the same.
    let digest = |record: &mut Value| record["subject"][0]["digest"]["sha256"] = json!(other);
    assert_eq!(change(&digest).failed, ["stripped-after-build"]);
    // A record that says which program cargo should start is obeyed in nothing.
    let evil = it.shop.path("evil.sh");
    fs::write(&evil, "#!/bin/sh\ntouch \"$0.ran\"\nexec rustc \"$@\"\n").unwrap();
    success(&mut it.shop.command("chmod", &["+x", &evil]));
    let mut changed = it.bare.clone();
    let external = &mut changed["predicate"]["buildDefinition"]["externalParameters"];
    external["config"] = json!([
        format!("build.rustc=\"{evil}\""),
        format!("build.rustc-wrapper=\"{evil}\""),
        "evil.toml",
    ]);
    external["target"] = json!("--version");
    external["profile"] = json!("../../../../etc");
    fs::write(it.shop.path("evil.toml"), format!("build.rustc = \"{evil}\"\n")).unwrap();
    let words = ["--manifest-path", "Cargo.toml"];
    assert_eq!(it.verify(changed.to_string().as_bytes(), &words).code, 1);
    assert!(!Path::new(&format!("{evil}.ran")).exists(), "a program of the record was started");
}

#[test]
fn a_record_in_an_image_is_the_image_s_own() {
    let Some(it) = Signed::new() else { return };
    let root = it.shop.root.join("rootfs");
    fs::create_dir_all(root.join("opt")).unwrap();
    fs::create_dir_all(it.shop.root.join("outside")).unwrap();
    fs::copy(it.shop.program(), root.join("opt/shop")).unwrap();
    fs::write(it.shop.path("outside/record.json"), it.bare.to_string()).unwrap();
    let verify =
        |path: &str| it.shop.verify(&["dir:rootfs", "--at", "/opt/shop", "--image-record", path]);
    // Links that lead out of the image lead nowhere.
    for target in ["../../outside/record.json", &it.shop.path("outside/record.json")] {
        let link = root.join("opt/record.json");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).unwrap();
        let answer = verify("/opt/record.json");
        assert_eq!(answer.code, 2, "{target}: {answer:?}");
    }
    assert_eq!(verify("../outside/record.json").code, 2);
    std::os::unix::fs::symlink(it.shop.path("outside"), root.join("dir")).unwrap();
    assert_eq!(verify("/dir/record.json").code, 2);
    success(&mut it.shop.command("mkfifo", &["rootfs/opt/pipe"]));
    assert_eq!(verify("/opt/pipe").code, 2);
    // The program itself may be such a link as well.
    std::os::unix::fs::symlink(it.shop.program(), root.join("opt/linked")).unwrap();
    assert_eq!(it.shop.verify(&["dir:rootfs", "--at", "/opt/linked"]).code, 2);
    fs::write(root.join("opt/inside.json"), it.bare.to_string()).unwrap();
    assert_eq!(verify("/opt/inside.json").code, 0);
}

#[test]
fn keys_that_cannot_be_used_say_what_to_do() {
    let Some(it) = Signed::new() else { return };
    let make = |name: &str, words: &[&str]| {
        let path = it.shop.path(name);
        success(&mut it.shop.command("openssl", &[words, &["-out", &path]].concat()));
        path
    };
    let encrypted = make(
        "encrypted.pem",
        &["genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:secret"],
    );
    let rsa =
        make("rsa.pem", &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-384"];
    let p384 = make("p384.pem", &[&["genpkey", "-algorithm", "EC"][..], &curve].concat());
    let sec1 = make("sec1.pem", &["ecparam", "-name", "prime256v1", "-genkey", "-noout"]);
    let public = it.public.clone();
    for (key, word) in [
        (&encrypted, "encrypted"),
        (&rsa, "neither ed25519 nor P-256"),
        (&p384, "neither ed25519 nor P-256"),
        (&sec1, "openssl pkcs8"),
        (&public, "public key"),
    ] {
        let before = fs::read(it.shop.record()).unwrap();
        let words = ["record", "--release", "--key", key];
        let output = it.shop.binlint(&words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(word), "{key}: {said}");
        assert_eq!(fs::read(it.shop.record()).unwrap(), before, "nothing is written without a key");
    }
}

#[test]
fn a_record_for_another_target_is_verified_by_its_own_words() {
    let Some(shop) = Shop::new() else { return };
    let host = success(&mut shop.command("rustc", &["-vV"]));
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let words = ["--target", &host, "--features", "extra", "--config", "profile.release.lto=true"];
    shop.build(&words);
    let program = format!("target/{host}/release/shop");
    let record = fs::read(shop.path(&format!("{program}.intoto.jsonl"))).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let external = &record["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(external["target"], json!(host));
    assert_eq!(external["config"], json!(["profile.release.lto=true"]));
    let workspace = ["--manifest-path", "Cargo.toml"];
    let verified = shop.verify(&[&[program.as_str()][..], &workspace].concat());
    assert_eq!((verified.code, &verified.failed), (0, &vec![]), "{}", verified.said);
    // Words that are given are an expectation.
    let other = [&[program.as_str()][..], &workspace, &["--features", "rare"]].concat();
    let verified = shop.verify(&other);
    assert_eq!((verified.code, verified.failed), (1, vec!["parameter-mismatch".to_owned()]));
    // Where nothing is built, the record says what to look at.
    fs::copy(shop.path(&program), shop.path("alone")).unwrap();
    fs::write(shop.path("alone.intoto.jsonl"), record.to_string()).unwrap();
    fs::remove_dir_all(shop.path("target")).unwrap();
    let verified = shop.verify(&[&["alone"][..], &workspace].concat());
    assert_eq!((verified.code, &verified.failed), (0, &vec![]), "{}", verified.said);
}
