//! A validator for the part of JSON Schema that `docs/schema/` is written in.

use serde_json::Value;

/// Every way in which `value` is not what `schema` says, as `pointer: what`.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target =
            root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
        return check(root, target, value, at, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried: Vec<Vec<String>> = choices
            .iter()
            .map(|choice| {
                let mut found = Vec::new();
                check(root, choice, value, at, &mut found);
                found
            })
            .collect();
        // The nearest choice says what is wrong.
        if let Some(nearest) = tried.into_iter().min_by_key(Vec::len) {
            found.extend(nearest);
        }
        return;
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        found.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is(value, name)) {
        found.push(format!("{at}: {value} is not of type {}", types.join(" or ")));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            check(root, items, value, &format!("{at}/{index}"), found);
        }
    }
    let Some(fields) = value.as_object() else { return };
    for (name, value) in fields {
        match schema["properties"].get(name) {
            Some(schema) => check(root, schema, value, &format!("{at}/{name}"), found),
            // A reader must bear new names, so the schema forbids none; what is printed today is
            // named to the last member all the same.
            None => match schema.get("additionalProperties") {
                Some(any) => check(root, any, value, &format!("{at}/{name}"), found),
                None => found.push(format!("{at}/{name}: not in the schema")),
            },
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{at}/{name}: missing"));
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a type that no schema of ours has: {other}"),
    }
}
