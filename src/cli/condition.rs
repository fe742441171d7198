//! Conditions on the columns of a row, as `--where` takes them: `uid=0`, `path~^/tmp/`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use cryoscope::tables::{Row, Table, Type, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use regex_automata::meta::Regex;

use super::Failure;

/// The operators. Those of two characters come first.
const OPERATORS: [(&str, Operator); 8] = [
    ("!=", Operator::Differs),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equals),
    ("=", Operator::Equals),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("~", Operator::Matches),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    Differs,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Matches,
}

/// A comparison of a column with a value.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    column: String,
    operator: Operator,
    value: String,
    /// Whether the value is `null` without quotation marks.
    is_null: bool,
    regex: Option<Regex>,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || "write COLUMN=VALUE, or use != < <= > >= or ~ in place of =".to_owned();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let text = text.trim();
        let (column, rest) = text.split_at(text.find(|c| !is_name(c)).ok_or_else(usage)?);
        let rest = rest.trim_start();
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?.trim())));
        let (operator, value) = found.filter(|_| !column.is_empty()).ok_or_else(usage)?;
        let quoted = ['\'', '"'].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
        let is_null = quoted.is_none() && value.eq_ignore_ascii_case("null");
        let value = quoted.unwrap_or(value);
        let regex = match operator {
            Operator::Matches => Some(Regex::new(value).map_err(|error| not_a_regex(value, &error))?),
            _ => None,
        };
        Ok(Condition { column: column.to_owned(), operator, value: value.to_owned(), is_null, regex })
    }
}

fn not_a_regex(text: &str, error: &regex_automata::meta::BuildError) -> String {
    let why = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
    let last = why.lines().last().unwrap_or_default();
    format!("{text} is not a regular expression: {}", last.trim_start_matches("error: "))
}

impl Condition {
    /// The column that is compared.
    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    /// Refuses a value that cannot be compared with the table's column.
    pub(crate) fn check(&self, table: &Table) -> Result<(), Failure> {
        let Some(column) = table.column(&self.column).and_then(|number| table.columns.get(number)) else {
            return Ok(());
        };
        let of_type = match (column.column_type, column.item) {
            (Type::List, Some(item)) => item,
            (of_type, _) => of_type,
        };
        let what = match of_type {
            _ if self.is_null || self.operator == Operator::Matches => return Ok(()),
            Type::Integer if integer(&self.value).is_none() => "a number",
            Type::Bool if boolean(&self.value).is_none() => "true or false",
            Type::Time if period(&self.value).is_none() => "a time, such as 2026-11-23 or 2026-11-23T11:26:28Z",
            Type::Address | Type::Mask if hexadecimal(&self.value).is_none() => "a hexadecimal number",
            _ => return Ok(()),
        };
        Err(Failure::Usage(format!("--where {}: expected {what}, found {:?}", self.column, self.value)))
    }

    /// Whether the condition holds for a row. It never holds for tables without the column.
    pub(crate) fn holds(&self, row: &dyn Row) -> bool {
        row.table().column(&self.column).is_some_and(|number| self.holds_for(&row.value(number)))
    }

    fn holds_for(&self, value: &Value<'_>) -> bool {
        let items = items_of(value);
        if self.is_null && self.operator != Operator::Matches {
            return (self.operator == Operator::Equals) == items.is_empty();
        }
        // A list matches if one of its items does. It differs if no item is equal.
        if self.operator == Operator::Differs {
            return items.iter().all(|item| self.order_of(item) != Some(Ordering::Equal));
        }
        items.iter().any(|item| self.holds_for_one(item))
    }

    fn holds_for_one(&self, value: &Value<'_>) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(&text_of(value));
        }
        let Some(order) = self.order_of(value) else { return false };
        match self.operator {
            Operator::Equals => order.is_eq(),
            Operator::Less => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
            Operator::Differs | Operator::Matches => false,
        }
    }

    /// Compares a value with that of the condition.
    fn order_of(&self, value: &Value<'_>) -> Option<Ordering> {
        match value {
            Value::Integer(number) => Some(number.cmp(&integer(&self.value)?)),
            Value::Bool(on) => Some(on.cmp(&boolean(&self.value)?)),
            Value::Address(number) | Value::Mask(number) => Some(number.cmp(&hexadecimal(&self.value)?)),
            Value::Time(time) => period(&self.value).map(|(start, end)| match time {
                time if *time < start => Ordering::Less,
                time if *time >= end => Ordering::Greater,
                _ => Ordering::Equal,
            }),
            Value::Json(json) if json.is_number() => Some(i128::from(json.as_i64()?).cmp(&integer(&self.value)?)),
            other => Some(text_of(other).as_slice().cmp(self.value.as_bytes())),
        }
    }
}

/// The values that are compared: the items of a list or an object, or the value itself. Null has none.
fn items_of<'v>(value: &Value<'v>) -> Vec<Value<'v>> {
    match value {
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().flat_map(items_of).collect(),
        Value::Object(fields) => fields.iter().flat_map(|(_, value)| items_of(value)).collect(),
        Value::Json(json) => items_of_json(json),
        other => vec![other.clone()],
    }
}

/// The values of a JSON value that are compared.
fn items_of_json(json: &serde_json::Value) -> Vec<Value<'static>> {
    match json {
        serde_json::Value::Null => Vec::new(),
        serde_json::Value::Array(items) => items.iter().flat_map(items_of_json).collect(),
        serde_json::Value::Object(fields) => fields.values().flat_map(items_of_json).collect(),
        other => vec![Value::Json(Cow::Owned(other.clone()))],
    }
}

/// A value as text, as in NDJSON but without quotation marks.
fn text_of(value: &Value<'_>) -> Vec<u8> {
    match value {
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Integer(number) => number.to_string().into_bytes(),
        Value::Bool(on) => on.to_string().into_bytes(),
        Value::Address(address) => format!("{address:#x}").into_bytes(),
        Value::Mask(mask) => format!("{mask:016x}").into_bytes(),
        Value::Time(time) => time.to_string().into_bytes(),
        Value::Json(json) => json.as_str().map_or_else(|| json.to_string(), str::to_owned).into_bytes(),
        _ => Vec::new(),
    }
}

/// The time from which and to which a text goes: a day, a minute, a second, or a nanosecond, in UTC unless it says.
fn period(text: &str) -> Option<(Timestamp, Timestamp)> {
    let time = text.split_once(['T', 't', ' ']).map(|(_, time)| time.trim_end_matches(['Z', 'z']));
    let length = match time {
        None => Span::new().hours(24),
        Some(time) if time.contains('.') => Span::new().nanoseconds(1),
        Some(time) if time.split(['+', '-']).next().unwrap_or_default().matches(':').count() < 2 => {
            Span::new().minutes(1)
        }
        Some(_) => Span::new().seconds(1),
    };
    let in_utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let start = text.parse::<Timestamp>().ok().or_else(in_utc)?;
    Some((start, start.checked_add(length).unwrap_or(Timestamp::MAX)))
}

fn integer(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A sort key. Null comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A number, an address, a time or a boolean.
    Number(i128),
    /// Text, or the items of a list.
    Text(Vec<u8>),
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
            other => {
                let items = items_of(other);
                if items.is_empty() {
                    Key::Null
                } else {
                    Key::Text(items.iter().map(text_of).collect::<Vec<_>>().join(&b','))
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn len(&self) -> usize {
        if let Key::Text(text) = self { text.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, value: &Value<'_>) -> bool {
        condition.parse::<Condition>().unwrap().holds_for(value)
    }

    #[test]
    fn values_are_compared_by_their_types() {
        let number = Value::Integer(10);
        for (condition, expected) in
            [("n=10", true), ("n==0xa", true), ("n < 9", false), ("n>=10", true), ("n != 10", false), ("n~^1", true)]
        {
            assert_eq!(holds(condition, &number), expected, "{condition}");
        }
        let text = Value::Bytes(b"/tmp/.x\xff".as_slice().into());
        assert!(holds("p~^/tmp/", &text) && !holds("p~^/usr", &text) && holds("p>/a", &text));
        assert!(holds("p='a b'", &Value::Text("a b".into())) && holds("p=\"null\"", &Value::Text("null".into())));
        assert!(holds("a=0x7f00", &Value::Address(0x7f00)) && holds("a<8000", &Value::Address(0x7f00)));
        assert!(holds("b=true", &Value::Bool(true)) && holds("b!=1", &Value::Bool(false)));
        let time = Value::Time("2026-11-23T11:16:48Z".parse().unwrap());
        assert!(
            holds("t>=2026-11-23", &time)
                && holds("t<2026-11-23T12:16:49+01:00", &time)
                && !holds("t<2026-11-23", &time)
        );
    }

    #[test]
    fn null_equals_nothing_but_null() {
        assert!(holds("x=null", &Value::Null) && !holds("x!=null", &Value::Null));
        assert!(holds("x!=1", &Value::Null) && !holds("x=1", &Value::Null) && !holds("x<1", &Value::Null));
        assert!(!holds("x~.*", &Value::Null) && holds("x!=null", &Value::Integer(0)));
    }

    #[test]
    fn one_item_of_a_list_will_do() {
        let list = Value::List(vec![Value::Integer(1), Value::Integer(5)]);
        assert!(holds("l=5", &list) && holds("l>4", &list) && !holds("l=2", &list));
        assert!(!holds("l!=5", &list) && holds("l!=2", &list));
        let object = Value::Object(vec![("mode".into(), Value::Text("rw".into()))]);
        assert!(holds("o=rw", &object) && !holds("o=null", &object));
    }

    #[test]
    fn what_is_no_condition_says_how_to_write_one() {
        for text in ["pid", "=1", "pid 1", "", "a-b=1"] {
            assert!(text.parse::<Condition>().unwrap_err().starts_with("write COLUMN=VALUE"), "{text}");
        }
        assert!("p~(".parse::<Condition>().unwrap_err().contains("is not a regular expression: unclosed group"));
    }

    #[test]
    fn keys_have_an_order_with_null_last() {
        let mut keys = [Value::Null, Value::Integer(10), Value::Integer(9)].map(|value| Key::of(&value));
        keys.sort();
        assert_eq!(keys, [Key::Number(9), Key::Number(10), Key::Null]);
        assert_eq!(Key::of(&Value::List(vec![])), Key::Null);
    }

    #[test]
    fn times_are_periods_of_what_they_leave_open() {
        let holds = |text: &str, time: &str| {
            let condition: Condition = text.parse().unwrap();
            condition.holds_for_one(&Value::Time(time.parse().unwrap()))
        };
        let time = "2026-11-23T11:26:28.25Z";
        for (condition, expected) in [
            ("t=2026-11-23", true),
            ("t<=2026-11-23", true),
            ("t>2026-11-23", false),
            ("t>2026-11-22", true),
            ("t<2026-11-24", true),
            ("t=2026-11-23T11:26", true),
            ("t=2026-11-23 11:26:28", true),
            ("t>2026-11-23 12:00:00", false),
            ("t<2026-11-23 12:00:00", true),
            ("t=2026-11-23T11:26:28Z", true),
            ("t=2026-11-23T12:26:28+01:00", true),
            ("t<2026-11-23T11:26:28.5Z", true),
            ("t=2026-11-23T11:26:28.25Z", true),
            ("t=2026-11-23T11:26:28.3Z", false),
        ] {
            assert_eq!(holds(condition, time), expected, "{condition}");
        }
        for wrong in ["yesterday", "1", "2026-13-45", ""] {
            assert_eq!(period(wrong), None, "{wrong}");
        }
    }
}
