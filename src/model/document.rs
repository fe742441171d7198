//! JSON documents that engines write next to the images. They are read leniently: a key of the wrong type loses that
//! key, not the document.

use bstr::{BStr, ByteSlice};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::archive::{Absence, Archive, MemberKind, Stop};
use crate::images::join;
use crate::json::{self, Unparsed};
use crate::limits::Limits;
use crate::warning::{About, Code, Place, Warnings};

/// A JSON document of an archive.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) path: &'a BStr,
    pub(crate) value: Value,
    warnings: &'a Warnings,
}

impl<'a> Document<'a> {
    /// Reads a document. `None` if there is none, or if it cannot be read, which is a warning.
    pub(crate) fn read(
        archive: &'a Archive,
        folder: &[u8],
        name: &str,
        limits: &Limits,
        warnings: &'a Warnings,
    ) -> Option<Self> {
        let member = archive.find(&join(folder.as_bstr(), name.as_bytes()))?;
        let file = archive.resolve(member).ok().filter(|file| file.kind == MemberKind::File)?;
        let path = member.path.as_bstr();
        let warn = |message: String| warnings.push(Code::JsonDamaged, Place::member(path), || message);
        let (bytes, stop) = archive.contents(file).prefix(limits.json_bytes);
        match stop {
            // Contents beyond the limit are not even kept from a stream.
            Some(Stop::Limit | Stop::Absent(Absence::NotKept)) if file.size > limits.json_bytes => {
                let (size, limit) = (file.size, limits.json_bytes);
                warnings.push(&Limits::JSON_BYTES, Place::member(path), || {
                    format!("{size} bytes of JSON exceed the limit of {limit}; skipped")
                });
                return None;
            }
            // This has a warning of its own.
            Some(Stop::Absent(Absence::Unreadable)) => return None,
            Some(Stop::Absent(_) | Stop::Limit) => {
                warn("the document is truncated by the end of the archive".to_owned());
            }
            None => {}
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if bytes.trim_ascii().is_empty() {
            warn("the file is empty, not a JSON document".to_owned());
            return None;
        }
        let parsed = match bytes.to_str() {
            Ok(text) => json::parse(text.as_bytes(), limits.json_depth),
            Err(error) => {
                warn(format!("not UTF-8 ({error}); invalid bytes are shown as U+FFFD"));
                json::parse(bytes.to_str_lossy().as_bytes(), limits.json_depth)
            }
        };
        match parsed {
            Ok(value) => Some(Document { path, value, warnings }),
            Err(error) => {
                let code = match error {
                    Unparsed::Deep(_) => About::from(&Limits::JSON_DEPTH),
                    Unparsed::Invalid(_) => Code::JsonDamaged.into(),
                };
                warnings.push(code, Place::member(path), || error.to_string());
                None
            }
        }
    }

    /// Warns if the document as a whole is not an object.
    pub(crate) fn expect_object(self) -> Option<Self> {
        if self.value.is_object() {
            return Some(self);
        }
        self.unexpected("the document", "an object", &self.value);
        None
    }

    /// The value at a path of keys; `None` if it is missing or null.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&Value> {
        let value = keys.iter().try_fold(&self.value, |value, key| value.get(key))?;
        (!value.is_null()).then_some(value)
    }

    /// Text; `None` if it is empty.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<&str> {
        let value = self.get(keys)?;
        let text = value.as_str();
        if text.is_none() {
            self.unexpected(&keys.join("."), "text", value);
        }
        text.filter(|text| !text.is_empty())
    }

    /// An object.
    pub(crate) fn object(&self, keys: &[&str]) -> Option<&Map<String, Value>> {
        let value = self.get(keys)?;
        let object = value.as_object();
        if object.is_none() {
            self.unexpected(&keys.join("."), "an object", value);
        }
        object
    }

    /// An array.
    pub(crate) fn array(&self, keys: &[&str]) -> Option<&[Value]> {
        let value = self.get(keys)?;
        let array = value.as_array();
        if array.is_none() {
            self.unexpected(&keys.join("."), "an array", value);
        }
        array.map(Vec::as_slice)
    }

    /// A boolean.
    pub(crate) fn bool(&self, keys: &[&str]) -> Option<bool> {
        let value = self.get(keys)?;
        if !value.is_boolean() {
            self.unexpected(&keys.join("."), "true or false", value);
        }
        value.as_bool()
    }

    /// A time in RFC 3339. Go's zero time, in the year 1, is `None`.
    pub(crate) fn time(&self, keys: &[&str]) -> Option<Timestamp> {
        let text = self.text(keys)?;
        let time: Option<Timestamp> = text.parse().ok();
        if time.is_none() {
            self.warnings.push(Code::JsonUnexpected, Place::member(self.path), || {
                format!("{} is not a valid time: {text:?}", keys.join("."))
            });
        }
        time.filter(|_| !text.starts_with("0001-"))
    }

    /// A time in nanoseconds since 1970; 0 is `None`.
    pub(crate) fn nanoseconds(&self, keys: &[&str]) -> Option<Timestamp> {
        let value = self.get(keys)?;
        let Some(number) = value.as_i64() else {
            self.unexpected(&keys.join("."), "a number", value);
            return None;
        };
        (number != 0).then(|| Timestamp::from_nanosecond(number.into()).ok()).flatten()
    }

    /// JSON embedded in text, as in annotations.
    pub(crate) fn embedded(&self, keys: &[&str]) -> Option<Value> {
        let text = self.text(keys)?;
        match serde_json::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.warnings.push(Code::JsonDamaged, Place::member(self.path), || {
                    format!("{} is not valid JSON: {error}", keys.join("."))
                });
                None
            }
        }
    }

    /// Warns about impossible or contradictory values.
    pub(crate) fn contradicts(&self, message: impl FnOnce() -> String) {
        self.warnings.push(Code::JsonUnexpected, Place::member(self.path), message);
    }

    /// Warns about a value of the wrong type.
    pub(crate) fn unexpected(&self, what: &str, expected: &str, found: &Value) {
        self.warnings.push(Code::JsonUnexpected, Place::member(self.path), || {
            format!("{what} is {}, not {expected}; skipped", type_of(found))
        });
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
