//! JSON that means one thing to every reader: no key twice in one map, and no more values than any
//! attestation has.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Maps, lists, texts and numbers in one document, a map as `MAP` of them. A statement that lists
/// 40,000 source files has about 1.5 million; each takes some 50 bytes of memory once it is read.
pub const MAX_VALUES: usize = 2_000_000;

/// What a map counts for: it takes some 600 bytes, whatever is in it.
const MAP: usize = 12;

/// Refuses what readers could read in two ways, before anything is kept in memory. Nesting is
/// bounded by the parser (128).
///
/// # Errors
/// No JSON, more than one document, a key given twice, too many values.
pub fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    ValueVisitor { left: &mut { MAX_VALUES } }.deserialize(&mut reader)?;
    reader.end()
}

/// Reads a value whose every map is one in the text too: serde alone would also take a list of a
/// map's values in their order, which no other reader does.
///
/// # Errors
/// Another shape, or a list where a map is wanted.
pub fn read<T: DeserializeOwned + Serialize>(value: &Value) -> Result<T, serde_json::Error> {
    let read = T::deserialize(value)?;
    match list_for_a_map(value, &serde_json::to_value(&read)?) {
        true => Err(serde_json::Error::custom("a list stands where a map is wanted")),
        false => Ok(read),
    }
}

fn list_for_a_map(value: &Value, read: &Value) -> bool {
    match (value, read) {
        (Value::Array(_), Value::Object(_)) => true,
        (Value::Array(all), Value::Array(read)) => {
            all.iter().zip(read).any(|(value, read)| list_for_a_map(value, read))
        }
        (Value::Object(all), Value::Object(read)) => read
            .iter()
            .any(|(key, read)| all.get(key).is_some_and(|value| list_for_a_map(value, read))),
        _ => false,
    }
}

struct ValueVisitor<'a> {
    left: &'a mut usize,
}

impl ValueVisitor<'_> {
    fn take<E: serde::de::Error>(&mut self, values: usize) -> Result<(), E> {
        *self.left = self
            .left
            .checked_sub(values)
            .ok_or_else(|| E::custom(format_args!("it has more than {MAX_VALUES} values")))?;
        Ok(())
    }

    fn again(&mut self) -> ValueVisitor<'_> {
        ValueVisitor { left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for ValueVisitor<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(mut self, from: D) -> Result<(), D::Error> {
        self.take(1)?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.take(MAP)?;
        let mut keys: HashSet<String> = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self.again())?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format_args!("the field {twice:?} is given twice")));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_passes() {
        let plain = br#"{"a":[1,-1,1.5,true,null,"x",{"a":{}}],"b":{"a":1}}"#;
        assert!(check(plain).is_ok());
    }

    #[test]
    fn a_key_given_twice_is_named_however_deep_and_however_written() {
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert!(check(twice.as_bytes()).unwrap_err().to_string().contains(r#""a" is given"#));
        }
    }

    #[test]
    fn a_list_is_no_map() {
        use crate::provenance::slsa::Provenance;
        let whole = Provenance::default().to_value();
        assert!(read::<Provenance>(&whole).is_ok());
        for at in ["", "/buildDefinition", "/runDetails", "/runDetails/builder"] {
            let mut listed = whole.clone();
            let map = listed.pointer_mut(at).unwrap();
            *map = match at {
                "" => serde_json::json!([map["buildDefinition"], map["runDetails"]]),
                "/buildDefinition" => serde_json::json!([map["buildType"], {}, {}, []]),
                "/runDetails" => serde_json::json!([map["builder"]]),
                _ => serde_json::json!([map["id"]]),
            };
            assert!(read::<Provenance>(&listed).is_err(), "{at:?}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
        let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(check(wide.as_bytes()).unwrap_err().to_string().contains("more than"));
        let maps = format!("[{}0]", r#"{"sig":""},"#.repeat(MAX_VALUES / MAP));
        assert!(check(maps.as_bytes()).unwrap_err().to_string().contains("more than"));
        let source = r#"{"uri":"file:src/main.rs","digest":{"sha256":""},"name":"x"},"#;
        assert!(check(format!("[{}0]", source.repeat(40_000)).as_bytes()).is_ok());
        assert!(check(b"{} {}").is_err());
    }
}
