//! The order of values, for sorting: null, switches, numbers, text, addresses, masks, times, lists, objects.
//!
//! Text is compared by its bytes, objects by their keys and values in the order of the keys. Values of documents are compared
//! by what they are: a number in a document with other numbers. Values that would be alike, but are not equal, keep an order:
//! text comes before bytes, and both before a value of a document.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value as Json};

use super::value::Value;

impl Ord for Value<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (Content::of(self), Content::of(other));
        one.compare(&two).then_with(|| variant(self).cmp(&variant(other))).then_with(|| match (self, other) {
            // Those of documents are equal in any order.
            (Value::Object(one), Value::Object(two)) => one.cmp(two),
            _ => Ordering::Equal,
        })
    }
}

impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Tells values apart that are alike.
fn variant(value: &Value<'_>) -> u8 {
    match value {
        Value::Bytes(_) => 1,
        Value::Json(_) => 2,
        _ => 0,
    }
}

/// A value by what it is, whether it is ours or one of a document.
enum Content<'v> {
    Null,
    Bool(bool),
    Whole(i128),
    Fraction(f64),
    Text(&'v [u8]),
    Address(u64),
    Mask(u64),
    Time(jiff::Timestamp),
    List(Vec<Value<'v>>),
    /// By key.
    Object(Vec<(Cow<'v, str>, Value<'v>)>),
}

impl<'v> Content<'v> {
    fn of(value: &'v Value<'_>) -> Self {
        match value {
            Value::Null => Content::Null,
            Value::Bool(on) => Content::Bool(*on),
            Value::Integer(number) => Content::Whole(*number),
            Value::Text(text) => Content::Text(text.as_bytes()),
            Value::Bytes(bytes) => Content::Text(bytes),
            Value::Address(address) => Content::Address(*address),
            Value::Mask(mask) => Content::Mask(*mask),
            Value::Time(time) => Content::Time(*time),
            Value::List(items) => Content::List(items.iter().map(Value::borrowed).collect()),
            Value::Object(entries) => {
                Content::object(entries.iter().map(|(key, value)| (Cow::Borrowed(&**key), value.borrowed())))
            }
            Value::Json(json) => Content::of_json(json),
        }
    }

    fn of_json(json: &'v Json) -> Self {
        let borrowed = |json: &'v Json| Value::Json(Cow::Borrowed(json));
        match json {
            Json::Null => Content::Null,
            Json::Bool(on) => Content::Bool(*on),
            Json::Number(number) => Content::number(number),
            Json::String(text) => Content::Text(text.as_bytes()),
            Json::Array(items) => Content::List(items.iter().map(borrowed).collect()),
            Json::Object(entries) => {
                Content::object(entries.iter().map(|(key, json)| (Cow::Borrowed(&**key), borrowed(json))))
            }
        }
    }

    fn number(number: &Number) -> Self {
        match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => Content::Whole(whole),
            (None, fraction) => Content::Fraction(fraction.unwrap_or_default()),
        }
    }

    fn object(entries: impl Iterator<Item = (Cow<'v, str>, Value<'v>)>) -> Self {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|(one, _), (two, _)| one.cmp(two));
        Content::Object(entries)
    }

    fn rank(&self) -> u8 {
        match self {
            Content::Null => 0,
            Content::Bool(_) => 1,
            Content::Whole(_) | Content::Fraction(_) => 2,
            Content::Text(_) => 3,
            Content::Address(_) => 4,
            Content::Mask(_) => 5,
            Content::Time(_) => 6,
            Content::List(_) => 7,
            Content::Object(_) => 8,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Content::Bool(one), Content::Bool(two)) => one.cmp(two),
            (Content::Whole(one), Content::Whole(two)) => one.cmp(two),
            (Content::Fraction(one), Content::Fraction(two)) => one.partial_cmp(two).unwrap_or(Ordering::Equal),
            // A whole number comes before the fraction that it is equal to.
            (Content::Whole(one), Content::Fraction(two)) => whole_and_fraction(*one, *two).then(Ordering::Less),
            (Content::Fraction(one), Content::Whole(two)) => {
                whole_and_fraction(*two, *one).reverse().then(Ordering::Greater)
            }
            (Content::Text(one), Content::Text(two)) => one.cmp(two),
            (Content::Address(one), Content::Address(two)) | (Content::Mask(one), Content::Mask(two)) => one.cmp(two),
            (Content::Time(one), Content::Time(two)) => one.cmp(two),
            (Content::List(one), Content::List(two)) => one.cmp(two),
            (Content::Object(one), Content::Object(two)) => one.cmp(two),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// Compares a whole number with a fraction, exactly. The fraction is finite, as all of JSON are.
fn whole_and_fraction(whole: i128, fraction: f64) -> Ordering {
    let truncated = fraction.trunc();
    match format!("{truncated:.0}").parse::<i128>() {
        Ok(number) => whole.cmp(&number).then_with(|| truncated.partial_cmp(&fraction).unwrap_or(Ordering::Equal)),
        // Beyond all whole numbers that a value has.
        Err(_) if fraction > 0.0 => Ordering::Less,
        Err(_) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_json(json: Json) -> Value<'static> {
        Value::Json(Cow::Owned(json))
    }

    /// Values in their order, no two of them equal.
    fn sorted() -> Vec<Value<'static>> {
        let text = |text: &'static str| Value::Text(text.into());
        let list = |items: Vec<Value<'static>>| Value::List(items);
        let object = |entries: Vec<(&'static str, Value<'static>)>| {
            Value::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
        };
        vec![
            Value::Null,
            of_json(json!(null)),
            Value::Bool(false),
            of_json(json!(false)),
            Value::Bool(true),
            of_json(json!(-1e300)),
            Value::Integer(i128::MIN),
            Value::Integer(-3),
            of_json(json!(-2.5)),
            Value::Integer(-2),
            Value::Integer(0),
            of_json(json!(0)),
            of_json(json!(0.0)),
            of_json(json!(0.5)),
            Value::Integer(1 << 53),
            Value::Integer((1 << 53) + 1),
            of_json(json!(9_007_199_254_740_994.0)),
            Value::Integer(u64::MAX.into()),
            of_json(json!(u64::MAX)),
            of_json(json!(1e300)),
            text(""),
            text("10"),
            text("9"),
            Value::Bytes(b"9".into()),
            of_json(json!("9")),
            text("a"),
            Value::Bytes(b"a\xff".into()),
            Value::Address(9),
            Value::Address(0x7fff_0000_0000),
            Value::Mask(1),
            Value::Time(jiff::Timestamp::UNIX_EPOCH),
            list(vec![]),
            of_json(json!([])),
            list(vec![Value::Integer(1)]),
            list(vec![Value::Integer(1), Value::Null]),
            list(vec![of_json(json!(1))]),
            of_json(json!([1])),
            list(vec![Value::Integer(2)]),
            object(vec![("a", Value::Integer(1)), ("b", Value::Null)]),
            object(vec![("b", Value::Null), ("a", Value::Integer(1))]),
            of_json(json!({ "b": null, "a": 1 })),
            object(vec![("b", Value::Null)]),
        ]
    }

    #[test]
    fn the_order_is_total_and_agrees_with_equality() {
        let values = sorted();
        for (i, one) in values.iter().enumerate() {
            for (j, two) in values.iter().enumerate() {
                assert_eq!(one.cmp(two), i.cmp(&j), "{one:?} and {two:?}");
                assert_eq!(one == two, i == j, "{one:?} and {two:?}");
            }
        }
    }

    #[test]
    fn documents_that_are_equal_are_equal_in_the_order() {
        let (one, two) = (of_json(json!({ "a": 1, "b": [2.5] })), of_json(json!({ "b": [2.5], "a": 1 })));
        assert_eq!((one.cmp(&two), one == two), (Ordering::Equal, true));
    }
}
