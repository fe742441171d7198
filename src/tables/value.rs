//! The values of columns. Formats turn values into text; rows never do.

use std::borrow::Cow;
use std::sync::Arc;

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::model::ids::{Address, Fd, FileId, NamespaceId, Pid, Tid};
use crate::model::signal::SignalSet;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Not in the archive.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Integer(i128),
    /// Our own text, or text from a JSON document.
    Text(Cow<'a, str>),
    /// Bytes from the kernel, such as a name. Usually UTF-8.
    Bytes(Cow<'a, [u8]>),
    /// An address: `0x7ffc3a1e2000`.
    Address(u64),
    /// A mask of capabilities or signals: 16 hexadecimal digits.
    Mask(u64),
    /// A time.
    Time(Timestamp),
    /// Several values.
    List(Vec<Value<'a>>),
    /// Named values.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A value from a JSON document, unchanged.
    Json(Cow<'a, Json>),
}

impl Value<'_> {
    /// Converts to a value that owns its data.
    pub fn into_owned(self) -> Value<'static> {
        let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Value::Null => Value::Null,
            Value::Bool(on) => Value::Bool(on),
            Value::Integer(number) => Value::Integer(number),
            Value::Text(value) => Value::Text(text(value)),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::Address(address) => Value::Address(address),
            Value::Mask(mask) => Value::Mask(mask),
            Value::Time(time) => Value::Time(time),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(entries) => {
                Value::Object(entries.into_iter().map(|(key, value)| (text(key), value.into_owned())).collect())
            }
            Value::Json(json) => Value::Json(Cow::Owned(json.into_owned())),
        }
    }

    /// Returns a value that borrows from this one. No text is copied.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(on) => Value::Bool(*on),
            Value::Integer(number) => Value::Integer(*number),
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Value::Address(address) => Value::Address(*address),
            Value::Mask(mask) => Value::Mask(*mask),
            Value::Time(time) => Value::Time(*time),
            Value::List(items) => Value::List(items.iter().map(Value::borrowed).collect()),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (Cow::Borrowed(&**key), value.borrowed()));
                Value::Object(entries.collect())
            }
            Value::Json(json) => Value::Json(Cow::Borrowed(json)),
        }
    }

    /// The JSON value, if it is one.
    pub fn json(&self) -> Option<&Json> {
        match self {
            Value::Json(json) => Some(json),
            _ => None,
        }
    }
}

/// The type of a column, for documentation and schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// Text. For bytes that are not UTF-8, `<column>_hex` has all of them.
    Text,
    /// Text of an address.
    Address,
    /// Text of a mask.
    Mask,
    /// Text of a time, RFC 3339 in UTC.
    Time,
    /// An array.
    List,
    /// An object.
    Object,
    /// Any type: it may differ between rows, as in the result of SQL.
    Any,
}

impl Type {
    /// `bool`, `int`, `text`, `address`, `mask`, `time`, `list`, `object` or `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Integer => "int",
            Type::Text => "text",
            Type::Address => "address",
            Type::Mask => "mask",
            Type::Time => "time",
            Type::List => "list",
            Type::Object => "object",
            Type::Any => "any",
        }
    }
}

/// A capability or signal mask, as `/proc/PID/status` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask(pub u64);

/// Named values, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(pub Vec<(&'static str, Detail)>);

/// A value in an [`Object`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Detail {
    /// A boolean.
    Bool(bool),
    /// A number.
    Integer(i128),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes from the kernel.
    Bytes(Vec<u8>),
    /// An address or cookie.
    Address(u64),
    /// A mask.
    Mask(u64),
    /// Several values.
    List(Vec<Detail>),
    /// Named values.
    Object(Object),
}

/// A type of column.
pub(crate) trait Cell {
    /// Its name in documentation and schemas.
    const TYPE: Type;
    /// The type of its items, for a list.
    const ITEM: Option<Type> = None;
    /// Whether it is a number that may exceed an `i64`.
    const WIDE: bool = false;
    /// The value.
    fn value(&self) -> Value<'_>;

    /// Size of its data on the heap in bytes.
    fn weight(&self) -> usize {
        0
    }
}

impl<T: Cell> Cell for Option<T> {
    const TYPE: Type = T::TYPE;
    const ITEM: Option<Type> = T::ITEM;
    const WIDE: bool = T::WIDE;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Cell::value)
    }

    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Cell::weight)
    }
}

impl<T: Cell> Cell for Vec<T> {
    const TYPE: Type = Type::List;
    const ITEM: Option<Type> = Some(T::TYPE);

    fn value(&self) -> Value<'_> {
        Value::List(self.iter().map(Cell::value).collect())
    }

    fn weight(&self) -> usize {
        self.iter().fold(size_of_val(self.as_slice()), |sum, cell| sum.saturating_add(cell.weight()))
    }
}

/// A list that rows share.
impl<T: Cell> Cell for Arc<[T]> {
    const TYPE: Type = Type::List;
    const ITEM: Option<Type> = Some(T::TYPE);

    fn value(&self) -> Value<'_> {
        Value::List(self.iter().map(Cell::value).collect())
    }

    fn weight(&self) -> usize {
        self.iter().fold(size_of_val::<[T]>(self), |sum, cell| sum.saturating_add(cell.weight()))
    }
}

impl Cell for bool {
    const TYPE: Type = Type::Bool;

    fn value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

/// Types that are integers.
macro_rules! integers {
    ($($type:ty => $value:expr $(, wide: $wide:literal)?;)+) => {
        $(impl Cell for $type {
            const TYPE: Type = Type::Integer;
            $(const WIDE: bool = $wide;)?

            fn value(&self) -> Value<'_> {
                let number: fn(&$type) -> i128 = $value;
                Value::Integer(number(self))
            }
        })+
    };
}

integers! {
    u32 => |n| (*n).into();
    i32 => |n| (*n).into();
    u64 => |n| (*n).into(), wide: true;
    i64 => |n| (*n).into();
    Pid => |n| n.0.into();
    Tid => |n| n.0.into();
    Fd => |n| n.0.into();
    FileId => |n| n.0.into();
    NamespaceId => |n| n.0.into();
}

impl Cell for String {
    const TYPE: Type = Type::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }

    fn weight(&self) -> usize {
        self.len()
    }
}

impl Cell for Cow<'static, str> {
    const TYPE: Type = Type::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }

    fn weight(&self) -> usize {
        self.len()
    }
}

impl Cell for &'static str {
    const TYPE: Type = Type::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl Cell for BString {
    const TYPE: Type = Type::Text;

    fn value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self.as_bytes()))
    }

    fn weight(&self) -> usize {
        self.len()
    }
}

impl Cell for Address {
    const TYPE: Type = Type::Address;

    fn value(&self) -> Value<'_> {
        Value::Address(self.0)
    }
}

impl Cell for Mask {
    const TYPE: Type = Type::Mask;

    fn value(&self) -> Value<'_> {
        Value::Mask(self.0)
    }
}

impl Cell for SignalSet {
    const TYPE: Type = Type::Mask;

    /// With 128 signals, `/proc/PID/status` prints 32 digits.
    fn value(&self) -> Value<'_> {
        match self.high {
            Some(high) => Value::Text(Cow::Owned(format!("{high:016x}{:016x}", self.low))),
            None => Value::Mask(self.low),
        }
    }
}

impl Cell for Timestamp {
    const TYPE: Type = Type::Time;

    fn value(&self) -> Value<'_> {
        Value::Time(*self)
    }
}

impl Cell for serde_json::Map<String, Json> {
    const TYPE: Type = Type::Object;

    fn value(&self) -> Value<'_> {
        Value::Object(
            self.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), Value::Json(Cow::Borrowed(value)))).collect(),
        )
    }
}

impl Object {
    /// The value.
    pub fn value(&self) -> Value<'_> {
        Value::Object(self.0.iter().map(|(key, detail)| (Cow::Borrowed(*key), detail.value())).collect())
    }
}

impl Cell for Object {
    const TYPE: Type = Type::Object;

    fn value(&self) -> Value<'_> {
        self.value()
    }

    fn weight(&self) -> usize {
        let of = |(_, detail): &(_, Detail)| detail.weight();
        self.0.iter().map(of).fold(size_of_val(self.0.as_slice()), usize::saturating_add)
    }
}

impl Detail {
    fn weight(&self) -> usize {
        match self {
            Detail::Text(text) => text.len(),
            Detail::Bytes(bytes) => bytes.len(),
            Detail::List(list) => {
                list.iter().map(Detail::weight).fold(size_of_val(list.as_slice()), usize::saturating_add)
            }
            Detail::Object(object) => Cell::weight(object),
            _ => 0,
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Detail::Bool(on) => Value::Bool(*on),
            Detail::Integer(number) => Value::Integer(*number),
            Detail::Text(text) => Value::Text(Cow::Borrowed(text)),
            Detail::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Detail::Address(address) => Value::Address(*address),
            Detail::Mask(mask) => Value::Mask(*mask),
            Detail::List(list) => Value::List(list.iter().map(Detail::value).collect()),
            Detail::Object(object) => object.value(),
        }
    }
}
