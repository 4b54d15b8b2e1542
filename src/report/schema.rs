//! JSON Schemas, written into `docs/schema/` from the types that are serialised.

use std::fs;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// Rewrites the schema when it is out of date, and then fails.
pub fn keep_up_to_date<T: JsonSchema>(name: &str) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let path = format!("docs/schema/{name}.json");
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        fs::create_dir_all("docs/schema").unwrap();
        fs::write(&path, text).unwrap();
        panic!("rewrote {path}; look it over, run the tests again and commit");
    }
}
