//! Every field of a record changed, taken away, and every place for one more: caught and named.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::recorded::{ALGORITHMS, Shop, Verified};
use crate::support::slow::{self, Need, has};

/// A record that somebody changed in one place.
#[derive(Debug)]
struct Tampered {
    /// The place, as a JSON pointer.
    at: String,
    /// Words of which the answer has at least one.
    words: Vec<String>,
    record: Value,
}

/// Changes that nothing but a signature can show: another of the words that the build could have
/// said of a crate. `docs/provenance.md` says so.
const ONLY_BY_SIGNATURE: &[&str] = &["/compiled/bin shop", "/compiled/lib till"];

/// What a record of this shop must at least hold, so that the walk cannot go past it.
const FEWEST_PLACES: usize = 60;

/// Every scalar and every empty list or map, as a JSON pointer.
fn leaves(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                leaves(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), into);
            }
        }
        _ => into.push(at.to_owned()),
    }
}

/// Every map and list on the way to a leaf, as a JSON pointer.
fn inner(leaves: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for leaf in leaves {
        let mut at = leaf.as_str();
        while let Some((parent, _)) = at.rsplit_once('/') {
            all.push(parent.to_owned());
            at = parent;
        }
    }
    all.sort();
    all.dedup();
    all
}

/// What an answer has to name: the field, its value, or the dependency that it stands in.
fn words(record: &Value, at: &str, value: &Value) -> Vec<String> {
    let parts: Vec<&str> = at.split('/').collect();
    let mut words: Vec<String> = value.as_str().map(str::to_owned).into_iter().collect();
    if let Some(place) = parts.iter().position(|part| *part == "resolvedDependencies")
        && let Some(index) = parts.get(place + 1)
    {
        let entry = record.pointer(&format!("{}/{index}", parts[..=place].join("/")));
        words.extend(entry.and_then(|it| it["name"].as_str()).map(str::to_owned));
        // The digest of all files is what no longer fits when one of them is renamed.
        words.push("digest of all sources".to_owned());
        return words;
    }
    let key = parts.iter().rev().find(|part| part.parse::<usize>().is_err() && !part.is_empty());
    let key = key.copied().unwrap_or("statement").replace("~1", "/").replace("~0", "~");
    words.extend(match key.as_str() {
        "_type" => Some("statement type".to_owned()),
        "predicateType" => Some("predicate type".to_owned()),
        "predicate" => Some("provenance".to_owned()),
        "sha256" => Some("digest".to_owned()),
        _ => None,
    });
    words.push(key);
    words
}

fn changed(record: &Value, leaves: &[String]) -> Vec<Tampered> {
    let change = |at: &String| {
        let mut changed = record.clone();
        let place = changed.pointer_mut(at).unwrap();
        *place = match place {
            Value::Bool(is) => Value::Bool(!*is),
            Value::String(text) if text.len() == 64 => Value::String("5a".repeat(32)),
            Value::String(text) => Value::String(format!("{text}-tampered")),
            Value::Number(number) => json!(number.as_u64().unwrap() + 1),
            Value::Array(_) => json!(["tampered"]),
            Value::Null | Value::Object(_) => json!("tampered"),
        };
        let words = words(record, at, &place.clone());
        Tampered { at: at.clone(), words, record: changed }
    };
    leaves.iter().map(change).collect()
}

fn less(record: &Value, places: &[String]) -> Vec<Tampered> {
    let take = |at: &String| {
        let mut changed = record.clone();
        let (parent, key) = at.rsplit_once('/')?;
        match changed.pointer_mut(parent)? {
            Value::Object(fields) => fields.remove(&key.replace("~1", "/"))?,
            Value::Array(items) => items.remove(key.parse().ok()?),
            _ => return None,
        };
        Some(Tampered { at: at.clone(), words: words(record, at, &Value::Null), record: changed })
    };
    places.iter().filter_map(take).collect()
}

fn more(record: &Value, inner: &[String]) -> Vec<Tampered> {
    let add = |at: &String| {
        let mut changed = record.clone();
        match changed.pointer_mut(at).unwrap() {
            Value::Object(fields) => drop(fields.insert("tampered".to_owned(), json!("tampered"))),
            Value::Array(items) if items.first().is_some_and(Value::is_object) => {
                items.push(json!({ "name": "tampered", "digest": { "sha256": "5a".repeat(32) } }));
            }
            Value::Array(items) => items.push(json!("tampered")),
            _ => unreachable!("an inner place holds others"),
        }
        let mut words = words(record, at, &Value::Null);
        words.push("tampered".to_owned());
        Tampered { at: format!("{at}/+"), words, record: changed }
    };
    inner.iter().map(add).collect()
}

/// Runs `verify` over each on every processor.
fn each(all: &[Tampered], verify: impl Fn(&Tampered, usize) -> Verified + Sync) -> Vec<Verified> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut answers: Vec<(usize, Verified)> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let (next, verify) = (&next, &verify);
            move || {
                let mut answers = Vec::new();
                while let Some((index, one)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    all.get(index).map(|one| (index, one))
                } {
                    answers.push((index, verify(one, thread)));
                }
                answers
            }
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[test]
fn every_field_tampered_with_is_caught_and_named() {
    if !has("openssl") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    let (secret, public) = shop.keys("ours", ALGORITHMS[0].1);
    // Words in every list, so that no list is empty by chance.
    let words = ["--features", "extra", "--config", "profile.release.opt-level=1"];
    shop.build(&[&words[..], &["--embed"]].concat());
    let record: Value = serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap();
    let mut leaf_places = Vec::new();
    leaves(&record, "", &mut leaf_places);
    assert!(leaf_places.len() >= FEWEST_PLACES, "{}: {leaf_places:#?}", leaf_places.len());
    let inner_places = inner(&leaf_places);
    let mut removable = leaf_places.clone();
    removable.extend(inner_places.iter().filter(|at| !at.is_empty()).cloned());
    let mut all = changed(&record, &leaf_places);
    all.extend(less(&record, &removable));
    all.extend(more(&record, &inner_places));
    if slow::is_left_out(Need::Time) {
        all = all.into_iter().step_by(8).collect();
    }

    let verify = |bytes: String, key: Option<&str>, thread: usize| {
        let path = shop.path(&format!("tampered-{thread}.json"));
        fs::write(&path, bytes).unwrap();
        let mut words = vec!["target/release/shop", "--record", &path];
        words.extend(["--manifest-path", "Cargo.toml"]);
        words.extend(key.iter().flat_map(|key| ["--key", key]));
        shop.verify(&words)
    };
    // The words of the build are the record's own: they need not be given again.
    let clean = verify(record.to_string(), None, 0);
    assert_eq!((clean.code, &clean.failed), (0, &vec![]), "{}", clean.said);
    let answers = each(&all, |one, thread| verify(one.record.to_string(), None, thread));
    let mut missed = Vec::new();
    for (one, answer) in all.iter().zip(&answers) {
        if answer.code == 0 && answer.failed.is_empty() {
            missed.push(format!("{} went unnoticed", one.at));
        } else if !one.words.iter().any(|word| answer.said.contains(word)) {
            missed.push(format!("{}: none of {:?} is named: {}", one.at, one.words, answer.said));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));

    // Signed, every change is denied, and what the evidence contradicts is named all the same.
    shop.build(&[&words[..], &["--embed", "--key", &secret]].concat());
    let envelope: Value = serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap();
    assert_eq!(verify(envelope.to_string(), Some(&public), 0).code, 0);
    let base64 = base64::engine::general_purpose::STANDARD;
    let signed = |record: &Value| {
        let mut changed = envelope.clone();
        changed["payload"] = json!(base64.encode(record.to_string()));
        changed.to_string()
    };
    let answers = each(&all, |one, thread| verify(signed(&one.record), Some(&public), thread));
    for (one, answer) in all.iter().zip(&answers) {
        let denied = answer.code == 2
            || (answer.code == 1 && answer.failed.contains(&"bad-signature".to_owned()));
        if !denied || !one.words.iter().any(|word| answer.said.contains(word)) {
            missed.push(format!("signed, {}: {:?}, {}", one.at, one.words, answer.said));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));

    // What nothing but the signature shows, and that it shows it.
    for place in ONLY_BY_SIGNATURE {
        let at = leaf_places.iter().find(|at| at.ends_with(place)).unwrap();
        let mut better = record.clone();
        *better.pointer_mut(at).unwrap() = json!("proven");
        assert_eq!(verify(better.to_string(), None, 0).failed, [""; 0], "{place}");
        let answer = verify(signed(&better), Some(&public), 0);
        assert_eq!((answer.code, answer.failed), (1, vec!["bad-signature".to_owned()]), "{place}");
    }
}
