//! The facts that reports show without a form of their own, one line each: JSON, its schema, its
//! `evidence` and the table of `inspect` all fold over this list.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::binary::{Binary, LtoShape};
use crate::fact::{Confidence, Fact};

/// Every described fact, in the order of the reports. A new one is one line here.
pub static FACTS: &[Described] = &[
    described("entry_point", Shown::Row("entry point"), Shape::Number, |it| Reading {
        value: it.entry_point.map(Value::Address),
        evidence: None,
    }),
    described("build_id", Shown::Row("build-id"), Shape::Text, |it| (&it.build_id).into()),
    described("allocator", Shown::Row("allocator"), Shape::Text, |it| (&it.allocator).into()),
    described("tls", Shown::Row("TLS"), Shape::Text, |it| (&it.tls).into()),
    described("debug_assertions", Shown::BuiltWith("debug-assertions="), Shape::Flag, |it| {
        (&it.debug_assertions).into()
    }),
    described("overflow_checks", Shown::BuiltWith("overflow-checks="), Shape::Flag, |it| {
        (&it.overflow_checks).into()
    }),
    described("lto", Shown::BuiltWith("lto="), Shape::OneOf(&["fat", "thin-or-off"]), |it| {
        Reading::of(&it.lto, |shape| Value::Text(lto(*shape)))
    }),
    described("cpu_level", Shown::BuiltWith("x86-64-v"), Shape::Number, |it| {
        (&it.cpu_level).into()
    }),
];

/// How a fact is named, shown and read.
pub struct Described {
    /// Its name in JSON; names are only ever added.
    pub name: &'static str,
    /// Where `inspect` shows it.
    pub shown: Shown,
    #[cfg_attr(not(test), allow(dead_code, reason = "a test makes the schema of it"))]
    shape: Shape,
    /// Reads it.
    pub read: fn(&Binary) -> Reading<'_>,
}

/// Where the table of `inspect` shows a fact.
#[derive(Clone, Copy)]
pub enum Shown {
    /// In a row of this name.
    Row(&'static str),
    /// In the row `built with`, behind these characters.
    BuiltWith(&'static str),
}

/// Which values a fact can have in JSON, beside null.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code, reason = "a test makes the schema of it"))]
enum Shape {
    Text,
    Flag,
    Number,
    OneOf(&'static [&'static str]),
}

/// A value as it is written.
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// An address, which a person reads in hexadecimal.
    Address(u64),
}

/// What is known of a fact.
pub struct Reading<'a> {
    /// `None`: it is not known.
    pub value: Option<Value<'a>>,
    /// How sure it is and what shows it, for facts that keep that.
    pub evidence: Option<(Confidence, &'a str)>,
}

const fn described(
    name: &'static str,
    shown: Shown,
    shape: Shape,
    read: fn(&Binary) -> Reading<'_>,
) -> Described {
    Described { name, shown, shape, read }
}

impl<'a> Reading<'a> {
    fn of<T>(fact: &'a Fact<T>, value: impl FnOnce(&'a T) -> Value<'a>) -> Reading<'a> {
        let evidence = Some((fact.confidence, fact.evidence.as_ref()));
        Reading { value: fact.value.as_ref().map(value), evidence }
    }
}

impl<'a> From<&'a Option<String>> for Reading<'a> {
    fn from(text: &'a Option<String>) -> Reading<'a> {
        Reading { value: text.as_deref().map(Value::Text), evidence: None }
    }
}

impl<'a> From<&'a Fact<String>> for Reading<'a> {
    fn from(fact: &'a Fact<String>) -> Reading<'a> {
        Reading::of(fact, |text| Value::Text(text))
    }
}

impl<'a> From<&'a Fact<bool>> for Reading<'a> {
    fn from(fact: &'a Fact<bool>) -> Reading<'a> {
        Reading::of(fact, |flag| Value::Flag(*flag))
    }
}

impl<'a> From<&'a Fact<u8>> for Reading<'a> {
    fn from(fact: &'a Fact<u8>) -> Reading<'a> {
        Reading::of(fact, |number| Value::Number((*number).into()))
    }
}

impl Value<'_> {
    /// For a person to read.
    pub fn words(&self) -> String {
        match self {
            Value::Text(text) => (*text).to_owned(),
            Value::Flag(true) => "yes".to_owned(),
            Value::Flag(false) => "no".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Address(address) => format!("{address:#x}"),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => to.serialize_str(text),
            Value::Flag(flag) => to.serialize_bool(*flag),
            Value::Number(number) | Value::Address(number) => to.serialize_u64(*number),
        }
    }
}

/// The described facts of one binary, as keys of the object around them.
#[derive(Debug)]
pub struct DescribedFacts<'a>(pub &'a Binary);

impl Serialize for DescribedFacts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(FACTS.len()))?;
        for fact in FACTS {
            map.serialize_entry(fact.name, &(fact.read)(self.0).value)?;
        }
        map.end()
    }
}

const fn lto(lto: LtoShape) -> &'static str {
    match lto {
        LtoShape::Fat => "fat",
        LtoShape::ThinOrOff => "thin-or-off",
    }
}

#[cfg(test)]
impl schemars::JsonSchema for DescribedFacts<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DescribedFacts".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let property = |shape: Shape| match shape {
            Shape::Text => serde_json::json!({"type": ["string", "null"]}),
            Shape::Flag => serde_json::json!({"type": ["boolean", "null"]}),
            Shape::Number => serde_json::json!({"type": ["integer", "null"], "minimum": 0}),
            Shape::OneOf(values) => {
                let all: Vec<Option<&str>> =
                    values.iter().copied().map(Some).chain([None]).collect();
                serde_json::json!({"type": ["string", "null"], "enum": all})
            }
        };
        let properties: serde_json::Map<String, serde_json::Value> =
            FACTS.iter().map(|it| (it.name.to_owned(), property(it.shape))).collect();
        let required: Vec<&str> = FACTS.iter().map(|it| it.name).collect();
        schemars::json_schema!({"type": "object", "properties": properties, "required": required})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_described_fact_is_written_as_its_shape_says() {
        let binary = Binary {
            build_id: Some("5e".to_owned()),
            tls: Fact::high("rustls".to_owned(), "a text"),
            overflow_checks: Fact::certain(true, "a text"),
            lto: Fact::high(LtoShape::Fat, "a shape"),
            cpu_level: Fact::high(3, "an instruction"),
            ..Binary::default()
        };
        let json = serde_json::to_value(DescribedFacts(&binary)).unwrap();
        for fact in FACTS {
            let value = &json[fact.name];
            let fits = match fact.shape {
                Shape::Text => value.is_string(),
                Shape::Flag => value.is_boolean(),
                Shape::Number => value.is_u64(),
                Shape::OneOf(values) => values.iter().any(|it| value == it),
            };
            assert!(fits || value.is_null(), "{}: {value}", fact.name);
        }
        assert_eq!((&json["tls"], &json["cpu_level"]), (&"rustls".into(), &3.into()));
        assert_eq!((&json["lto"], &json["overflow_checks"]), (&"fat".into(), &true.into()));
        assert_eq!(json["allocator"], serde_json::Value::Null, "what is not known is null");
    }
}
