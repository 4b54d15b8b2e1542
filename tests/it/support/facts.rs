//! The facts of a binary as the library gives them to anybody: BINARY of `docs/schema/inspect.json`.

use serde_json::Value;

/// The facts of these bytes; a panic says why there are none.
pub fn of(name: &str, bytes: &[u8]) -> Value {
    try_of(name, bytes).unwrap_or_else(|why| panic!("{why}"))
}

/// The facts of these bytes, or why there are none.
pub fn try_of(name: &str, bytes: &[u8]) -> Result<Value, String> {
    let inspection = binlint::inspect(name, bytes).map_err(|why| why.to_string())?;
    let mut json = Vec::new();
    inspection.write_json(&mut json).expect("memory takes it");
    let mut document: Value = serde_json::from_slice(&json).expect("it is JSON");
    Ok(document["binaries"][0].take())
}
