//! Conditions on the columns of a row, as `--where` takes them: `uid=0`, `path~^/tmp/`.

mod key;
mod operand;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use cryoscope::tables::{Row, Table, Type, Value};
use regex_automata::meta::{BuildError, Regex};

pub(crate) use self::key::Key;
use self::operand::{Operand, Wrong};
use super::Failure;
use super::shown::shown;

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
    value: Operand,
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
            Operator::Matches => Some(Regex::new(value).map_err(|error| refused(value, &error))?),
            _ => None,
        };
        Ok(Condition { column: column.to_owned(), operator, value: Operand::of(value), is_null, regex })
    }
}

/// Why a regular expression was not accepted.
fn refused(text: &str, error: &BuildError) -> String {
    let text = shown(text);
    if error.size_limit().is_some() {
        return format!("the regular expression {text} is too large; shorten it, or repeat parts of it fewer times");
    }
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
        let (integer, hexadecimal) = (self.value.integer.err(), self.value.hexadecimal.err());
        let what = match of_type {
            _ if self.is_null || self.operator == Operator::Matches => return Ok(()),
            Type::Integer if integer == Some(Wrong::TooLarge) => return Err(self.too_large(&i128::MAX.to_string())),
            Type::Integer if integer.is_some() => "a whole number",
            Type::Bool if self.value.boolean.is_none() => "true or false",
            Type::Time if self.value.period.is_none() => "a time, such as 2026-11-23 or 2026-11-23T11:26:28Z",
            Type::Address | Type::Mask if hexadecimal == Some(Wrong::TooLarge) => {
                return Err(self.too_large(&format!("{:#x}", u64::MAX)));
            }
            Type::Address | Type::Mask if hexadecimal.is_some() => "a hexadecimal number",
            _ => return Ok(()),
        };
        let found = shown(&self.value.text);
        Err(Failure::Usage(format!("--where {}: expected {what}, found {found}", self.column)))
    }

    fn too_large(&self, most: &str) -> Failure {
        let number = shown(&self.value.text);
        Failure::Usage(format!("--where {}: the number {number} is too large; the largest is {most}", self.column))
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
            Value::Integer(number) => Some(number.cmp(&self.value.integer.ok()?)),
            Value::Bool(on) => Some(on.cmp(&self.value.boolean?)),
            Value::Address(number) | Value::Mask(number) => Some(number.cmp(&self.value.hexadecimal.ok()?)),
            Value::Time(time) => self.value.period.map(|(start, end)| match time {
                time if *time < start => Ordering::Less,
                time if *time >= end => Ordering::Greater,
                _ => Ordering::Equal,
            }),
            Value::Json(json) if json.is_number() => match (integer_of(json), self.value.integer) {
                (Some(number), Ok(other)) => Some(number.cmp(&other)),
                _ => json.as_f64()?.partial_cmp(&self.value.decimal?),
            },
            other => Some(text_of(other).as_slice().cmp(self.value.text.as_bytes())),
        }
    }
}

/// A whole number of a JSON document. Those from 2^63 to 2^64 are whole, too.
fn integer_of(json: &serde_json::Value) -> Option<i128> {
    json.as_i64().map(i128::from).or_else(|| json.as_u64().map(i128::from))
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

#[cfg(test)]
mod tests {
    use cryoscope::tables::Column;

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
    fn numbers_of_documents_are_compared_as_numbers() {
        let json = |json| Value::Json(Cow::Owned(json));
        let large = json(serde_json::json!(u64::MAX));
        assert!(holds("n=18446744073709551615", &large) && holds("n>9223372036854775807", &large));
        assert!(holds("n<18446744073709551616", &large) && !holds("n!=0xffffffffffffffff", &large));
        let half = json(serde_json::json!(0.5));
        assert!(holds("n=0.5", &half) && holds("n<1", &half) && holds("n>0", &half) && !holds("n=x", &half));
        assert!(holds("n<1.5", &json(serde_json::json!(1))) && holds("n>-2", &json(serde_json::json!(-1))));
    }

    #[test]
    fn a_value_that_cannot_be_compared_says_why() {
        let table = Table::new("t", vec![Column::new("n", Type::Integer), Column::new("a", Type::Address)]);
        let check = |text: &str| text.parse::<Condition>().unwrap().check(&table).map_err(|error| error.to_string());
        let large = "9".repeat(50);
        let most = "170141183460469231731687303715884105727";
        let message = format!("--where n: the number \"{large}\" is too large; the largest is {most}");
        assert_eq!(check(&format!("n={large}")), Err(message));
        let message = "--where a: the number \"10000000000000000\" is too large; the largest is 0xffffffffffffffff";
        assert_eq!(check("a>10000000000000000"), Err(message.to_owned()));
        assert_eq!(check("n=1.5"), Err("--where n: expected a whole number, found \"1.5\"".to_owned()));
        assert_eq!(check("a=start"), Err("--where a: expected a hexadecimal number, found \"start\"".to_owned()));
        assert_eq!((check("n=null"), check("n~9{60}"), check("other=x")), (Ok(()), Ok(()), Ok(())));
    }

    #[test]
    fn a_regular_expression_that_is_too_large_is_one() {
        let error = r"p~(\w{1000}){1000}".parse::<Condition>().unwrap_err();
        let message =
            r#"the regular expression "(\w{1000}){1000}" is too large; shorten it, or repeat parts of it fewer times"#;
        assert_eq!(error, message);
        let long = format!("p~({}", "x".repeat(10_000)).parse::<Condition>().unwrap_err();
        assert!(long.len() < 300 && long.contains("…"), "{long}");
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
    }
}
