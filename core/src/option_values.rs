//! Option texts as the values of a typed struct.

use std::collections::BTreeMap;

use serde::de::value::{Error, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads a struct whose fields are named like the options.
pub(crate) fn from_map<T: DeserializeOwned>(values: &BTreeMap<String, String>) -> Result<T, Error> {
    let pairs = values.iter().map(|(k, v)| (k.as_str(), Text(v)));
    T::deserialize(MapDeserializer::new(pairs))
}

/// A text that becomes what the field asks for.
struct Text<'a>(&'a str);

impl<'de> IntoDeserializer<'de> for Text<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $ty:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.trim().parse::<$ty>() {
                Ok(n) => visitor.$visit(n),
                Err(_) => Err(Error::custom(format!("'{}' is not a number that fits", self.0))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.trim() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(Error::custom(format!("'{other}' is not true or false"))),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }
    numbers!(
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64, deserialize_f64 visit_f64 f64
    );
    forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::options::Secret;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Typed {
        topic: String,
        #[serde(rename = "max.rows", default)]
        max_rows: Option<u32>,
        #[serde(default)]
        on: bool,
        password: Secret,
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Typed, Error> {
        from_map(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn a_text_becomes_what_the_field_is() {
        let t = read(&[("topic", "123"), ("max.rows", "7"), ("on", "true"), ("password", "true"), ("x", "y")]).unwrap();
        let expected = Typed { topic: "123".into(), max_rows: Some(7), on: true, password: Secret::new("true") };
        assert_eq!(t, expected);
        assert_eq!(read(&[("topic", "t"), ("password", "p")]).unwrap().max_rows, None);
    }

    #[test]
    fn wrong_values_and_missing_ones_are_errors() {
        assert!(read(&[("topic", "t"), ("password", "p"), ("max.rows", "-1")]).is_err());
        assert!(read(&[("topic", "t")]).is_err());
    }
}
