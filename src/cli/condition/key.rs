//! Sort keys of values.

use cryoscope::tables::Value;

use super::{integer_of, items_of, text_of};

/// A sort key. Null comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A number, an address, a time or a boolean.
    Number(i128),
    /// Text.
    Text(Vec<u8>),
    /// The items of a list or an object, compared one after another.
    List(Vec<Key>),
    /// No value.
    Null,
}

impl Key {
    /// The key of a value.
    pub(crate) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Integer(number) => Key::Number(*number),
            Value::Bool(on) => Key::Number((*on).into()),
            Value::Address(number) | Value::Mask(number) => Key::Number((*number).into()),
            Value::Time(time) => Key::Number(time.as_nanosecond()),
            Value::Null => Key::Null,
            Value::Json(json) if !json.is_array() && !json.is_object() => match integer_of(json) {
                Some(number) => Key::Number(number),
                None if json.is_null() => Key::Null,
                None => Key::Text(text_of(value)),
            },
            Value::List(_) | Value::Object(_) | Value::Json(_) => {
                let items: Vec<Key> = items_of(value).iter().map(Key::of).collect();
                if items.is_empty() { Key::Null } else { Key::List(items) }
            }
            other => Key::Text(text_of(other)),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn len(&self) -> usize {
        match self {
            Key::Number(_) | Key::Null => 0,
            Key::Text(text) => text.len(),
            Key::List(items) => {
                items.iter().map(|item| item.len().saturating_add(size_of::<Key>())).fold(0, usize::saturating_add)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;

    #[test]
    fn keys_have_an_order_with_null_last() {
        let mut keys = [Value::Null, Value::Integer(10), Value::Integer(9)].map(|value| Key::of(&value));
        keys.sort();
        assert_eq!(keys, [Key::Number(9), Key::Number(10), Key::Null]);
        assert_eq!(Key::of(&Value::List(vec![])), Key::Null);
        assert_eq!(Key::of(&Value::List(vec![Value::Null])), Key::Null);
    }

    #[test]
    fn lists_are_compared_item_by_item() {
        let list = |numbers: &[i128]| Key::of(&Value::List(numbers.iter().copied().map(Value::Integer).collect()));
        assert!(list(&[9]) < list(&[10]), "numbers are not text");
        assert!(list(&[1, 10]) > list(&[1, 9]) && list(&[1]) < list(&[1, 0]));
        let texts =
            |texts: &[&'static str]| Key::of(&Value::List(texts.iter().map(|&t| Value::Text(t.into())).collect()));
        assert!(texts(&["a", "z"]) < texts(&["a!"]), "the comma between items is no part of them");
        let json = |json| Key::of(&Value::Json(Cow::Owned(json)));
        assert!(json(json!([9])) < json(json!([10])) && json(json!(u64::MAX)) > json(json!(i64::MAX)));
        assert_eq!((json(json!(null)), json(json!("a"))), (Key::Null, Key::Text(b"a".to_vec())));
        assert!(list(&[1, 2]).len() >= 2 * size_of::<Key>());
    }
}
