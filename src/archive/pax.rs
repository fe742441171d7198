//! PAX extended headers: records `LENGTH KEY=VALUE\n` that override the fields of the header that follows.
//!
//! `tar::PaxExtensions` is not used: it splits records at newlines, which the values of names and extended attributes may
//! have in them, and it does not say where the damage is.

use bstr::{BString, ByteSlice};
use jiff::{SignedDuration, Timestamp};

use super::number::decimal;
use super::sparse::Region;
use crate::int::{u64_of, usize_of};

/// Facts from extended headers about a member. A field that is `None` was not given or is not a valid number
/// (`invalid`).
#[derive(Clone, Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<BString>,
    pub(super) link: Option<BString>,
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) xattrs: Vec<(BString, BString)>,
    pub(super) sparse: PaxSparse,
    /// Records that should be numbers but are not, as `key=value`.
    pub(super) invalid: Vec<BString>,
    /// Whether the size record is among them, so that the end of the contents is unknown.
    pub(super) size_invalid: bool,
}

/// The records of GNU's three ways to store a sparse member in PAX.
#[derive(Clone, Debug, Default)]
pub(super) struct PaxSparse {
    pub(super) name: Option<BString>,
    /// Size with holes (`GNU.sparse.size`, `GNU.sparse.realsize`).
    pub(super) size: Option<u64>,
    /// Regions of forms 0.0 and 0.1.
    pub(super) regions: Option<Vec<Region>>,
    /// Form 1.0: the map comes before the contents.
    pub(super) in_contents: bool,
    /// An offset of form 0.0 that still needs its length.
    offset: Option<u64>,
}

impl Pax {
    /// Reads records on top of the known facts. `Err` gives the offset of the first invalid record; the records before
    /// it are used.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), usize> {
        let whole = bytes.len();
        while !bytes.is_empty() {
            let at = whole.saturating_sub(bytes.len());
            let (record, rest) = split_record(bytes).ok_or(at)?;
            let (key, value) = record.split_once_str("=").ok_or(at)?;
            self.set(key, value);
            bytes = rest;
        }
        Ok(())
    }

    /// Number of bytes needed to remember all this.
    pub(super) fn bytes(&self) -> u64 {
        let texts = [&self.path, &self.link, &self.sparse.name].into_iter().flatten();
        let pairs = self.xattrs.iter().flat_map(|(name, value)| [name, value]);
        let texts = texts.chain(pairs).chain(&self.invalid).map(|text| u64_of(text.len()));
        let regions = self.sparse.regions.as_ref().map_or(0, |regions| u64_of(size_of_val(regions.as_slice())));
        texts.fold(regions, u64::saturating_add)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"path" => self.path = Some(value.into()),
            b"linkpath" => self.link = Some(value.into()),
            b"size" => {
                self.size = self.number(key, value);
                self.size_invalid = self.size.is_none();
            }
            b"uid" => self.uid = self.number(key, value),
            b"gid" => self.gid = self.number(key, value),
            b"mtime" => {
                self.mtime = time(value);
                if self.mtime.is_none() {
                    self.not_a_number(key, value);
                }
            }
            b"GNU.sparse.name" => self.sparse.name = Some(value.into()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = self.number(key, value),
            b"GNU.sparse.major" => self.sparse.in_contents = value == b"1",
            b"GNU.sparse.offset" => self.sparse.offset = self.number(key, value),
            b"GNU.sparse.numbytes" => {
                let region = self.sparse.offset.take().zip(self.number(key, value));
                self.sparse.regions.get_or_insert_default().extend(region.map(|(at, len)| Region { at, len }));
            }
            b"GNU.sparse.map" => {
                let numbers: Option<Vec<u64>> = value.split_str(",").map(decimal).collect();
                match numbers {
                    Some(numbers) => self.sparse.regions = Some(Region::pairs(&numbers)),
                    None => self.not_a_number(key, value),
                }
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.into(), value.into()));
                }
            }
        }
    }

    fn number(&mut self, key: &[u8], value: &[u8]) -> Option<u64> {
        let number = decimal(value);
        if number.is_none() {
            self.not_a_number(key, value);
        }
        number
    }

    fn not_a_number(&mut self, key: &[u8], value: &[u8]) {
        self.invalid.push(bstr::join("=", [key, value]).into());
    }
}

/// The first record, without its length and newline, and what follows it.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, _) = bytes.split_once_str(" ")?;
    let len = usize_of(decimal(digits)?);
    let (record, rest) = bytes.split_at_checked(len)?;
    let body = record.strip_suffix(b"\n")?.get(digits.len().checked_add(1)?..)?;
    Some((body, rest))
}

/// Seconds since 1970 with a sign and a fraction, to nanoseconds.
fn time(text: &[u8]) -> Option<Timestamp> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let (seconds, fraction) = text.split_once_str(".").unwrap_or((text, b""));
    let seconds = i64::try_from(decimal(seconds)?).ok()?;
    let mut nanoseconds = 0_i32;
    let mut scale = 100_000_000_i32;
    for digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        nanoseconds = nanoseconds.checked_add(scale.checked_mul(i32::from(digit & 15))?)?;
        scale = scale.checked_div(10)?;
    }
    let since = SignedDuration::new(seconds, nanoseconds);
    Timestamp::from_duration(if negative { since.checked_neg()? } else { since }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_override_fields() {
        let mut pax = Pax::default();
        let records = b"12 path=a=b\n10 size=5\n27 mtime=1795432612.250000\n27 SCHILY.xattr.user.x=1\n\xff\n";
        assert_eq!(pax.read(records), Ok(()));
        assert_eq!(pax.path.unwrap(), "a=b");
        assert_eq!(pax.size, Some(5));
        assert_eq!(pax.mtime.unwrap().to_string(), "2026-11-23T11:16:52.25Z");
        assert_eq!(pax.xattrs, [("user.x".into(), BString::from(b"1\n\xff".as_slice()))]);
    }

    #[test]
    fn records_that_lie_about_their_length_end_the_reading() {
        for records in [&b"999 path=a\n"[..], b"0 path=x\n", b"path=x\n", b"8 path=a", b"-5 path=x\n", b"6 path\n"] {
            assert_eq!(Pax::default().read(records), Err(0), "{}", records.as_bstr());
        }
        let mut pax = Pax::default();
        assert_eq!(pax.read(b"10 path=a\n?"), Err(10));
        assert_eq!(pax.path.unwrap(), "a", "what stands before the damage counts");
    }

    #[test]
    fn numbers_that_are_none_are_named() {
        let mut pax = Pax::default();
        assert_eq!(pax.read(b"11 size=-5\n"), Ok(()));
        assert!(pax.size.is_none() && pax.size_invalid);
        assert_eq!(pax.invalid, ["size=-5"]);
    }

    #[test]
    fn times_before_1970_and_with_many_digits() {
        assert_eq!(time(b"-1.5").unwrap().to_string(), "1969-12-31T23:59:58.5Z");
        assert_eq!(time(b"0.1234567899").unwrap().to_string(), "1970-01-01T00:00:00.123456789Z");
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b"99999999999999"), None);
    }

    #[test]
    fn sparse_maps_of_both_forms() {
        let mut pax = Pax::default();
        pax.set(b"GNU.sparse.map", b"0,512,4096,100");
        assert_eq!(
            pax.sparse.regions.as_deref(),
            Some(&[Region { at: 0, len: 512 }, Region { at: 4096, len: 100 }][..])
        );
        let mut pax = Pax::default();
        for (key, value) in [("offset", "0"), ("numbytes", "512"), ("offset", "4096"), ("numbytes", "100")] {
            pax.set(format!("GNU.sparse.{key}").as_bytes(), value.as_bytes());
        }
        assert_eq!(pax.sparse.regions.unwrap().len(), 2);
    }
}
