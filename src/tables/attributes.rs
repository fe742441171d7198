//! Extended attributes of files, as rows show them.

use std::borrow::Cow;

use bstr::{BString, ByteSlice};
use data_encoding::HEXLOWER;

use super::value::{Cell, Type, Value};
use crate::abi::file_capability::FileCapabilities;

/// Greatest number of attributes in a row.
const MOST: usize = 256;
/// Greatest number of bytes shown of a value.
const LONGEST: usize = 4096;

/// The attribute that gives a file capabilities.
const CAPABILITY: &[u8] = b"security.capability";

/// Extended attributes: names and values. Text is printed as it is, capabilities as `getcap` prints them, and other
/// bytes in hexadecimal after `0x`, as `getfattr` prints them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(super) fn of(attributes: &[(BString, BString)]) -> Self {
        let shown = attributes.iter().take(MOST).map(|(name, value)| {
            let capabilities = (*name == CAPABILITY).then(|| FileCapabilities::parse(value)).flatten();
            let text = capabilities.map_or_else(|| shown(value), |capabilities| capabilities.text());
            (name.to_str_lossy().into_owned(), text)
        });
        Attributes(shown.collect())
    }
}

/// The capabilities that attributes give to a file.
pub(super) fn capabilities(attributes: &[(BString, BString)]) -> Option<String> {
    let (_, value) = attributes.iter().rfind(|(name, _)| *name == CAPABILITY)?;
    FileCapabilities::parse(value).map(|capabilities| capabilities.text())
}

fn shown(value: &[u8]) -> String {
    let value = value.get(..LONGEST).unwrap_or(value);
    // SELinux labels end with a NUL.
    let text = value.strip_suffix(b"\0").unwrap_or(value);
    match text.to_str() {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("0x{}", HEXLOWER.encode(value)),
    }
}

impl Cell for Attributes {
    const TYPE: Type = Type::Object;

    fn value(&self) -> Value<'_> {
        let pairs = self.0.iter();
        Value::Object(pairs.map(|(name, value)| (Cow::from(name), Value::Text(Cow::from(value)))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_capabilities_or_hexadecimal() {
        let pairs = |list: &[(&str, &[u8])]| -> Vec<(BString, BString)> {
            list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let capability: Vec<u8> = [0x0200_0001_u32, 1 << 13, 0, 0, 0].iter().flat_map(|w| w.to_le_bytes()).collect();
        let list = pairs(&[
            ("user.note", b"planted"),
            ("security.selinux", b"system_u:object_r:x:s0\0"),
            ("security.capability", &capability),
            ("user.raw", b"\xff\x00"),
            ("user.line", b"a\nb"),
        ]);
        let shown: Vec<String> = Attributes::of(&list).0.into_iter().map(|(_, value)| value).collect();
        assert_eq!(shown, ["planted", "system_u:object_r:x:s0", "cap_net_raw+ep", "0xff00", "0x610a62"]);
        assert_eq!(capabilities(&list).as_deref(), Some("cap_net_raw+ep"));
        assert_eq!(capabilities(&pairs(&[("security.capability", b"?")])), None, "not one");
    }
}
