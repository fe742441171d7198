//! Table `bpf_maps`.

use std::borrow::Cow;

use bstr::BString;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::content::bytes_of;
use super::holding::Holding;
use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::abi;
use crate::int::{u64_of, usize_of};
use crate::model::bpf_map::{BpfMap, Contents};
use crate::model::ids::Address;

/// Greatest number of entries in a row, and of bytes of their keys and values.
const MOST: usize = 1024;
const MOST_BYTES: usize = 64 << 10;

table! {
    "bpf_maps", key(map_id), brief(map_id, name, type, key_size, value_size, max_entries, count, holders);
    /// BPF maps that were open, and their contents, by the kernel's id.
    pub struct BpfMapRow {
        /// The kernel's id of the map.
        pub map_id: u32,
        /// Name of the map.
        pub name: Option<BString>,
        /// Type of the map: `hash`, `array`, …
        pub r#type: Option<Cow<'static, str>>,
        /// Size of a key in bytes.
        pub key_size: Option<u32>,
        /// Size of a value in bytes.
        pub value_size: Option<u32>,
        /// Greatest number of entries.
        pub max_entries: Option<u32>,
        /// Flags that the map was created with (`BPF_F_*`).
        pub flags: Option<Address>,
        /// Extra parameter of the map's type (`map_extra`).
        pub extra: Option<u64>,
        /// Bytes of memory that the map is charged for.
        pub memlock: Option<u64>,
        /// Whether programs can no longer write to the map.
        pub frozen: Option<bool>,
        /// Index of the network interface that the map is offloaded to. Null if it is not offloaded.
        pub ifindex: Option<u32>,
        /// Who holds the map: `1:8` is descriptor 8 of process 1. At most 256 are listed.
        pub holders: Holding,
        /// Number of entries. Null if the contents are not recorded.
        pub count: Option<u32>,
        /// The entries, with `key` and `value` in hexadecimal: at most the first 1,024 and at most 64 KiB.
        pub entries: Option<Vec<Object>>,
        /// SHA-256 of all keys followed by all values. Null if some are not in the archive.
        pub sha256: Option<String>,
        /// Bytes of keys and values that are missing because the archive is truncated.
        pub missing_bytes: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = BpfMapRow> + '_ {
    checkpoint.bpf_map_table().iter().map(move |(&id, map)| row(checkpoint, id, map))
}

fn row(checkpoint: &Checkpoint, id: u32, map: &BpfMap) -> BpfMapRow {
    let entry = map.entry.as_ref();
    let mut row = BpfMapRow {
        map_id: id,
        name: entry.and_then(|e| e.map_name.clone()).map(BString::from),
        r#type: entry.and_then(|e| e.map_type).map(abi::bpf_map::type_name),
        key_size: entry.and_then(|e| e.key_size),
        value_size: entry.and_then(|e| e.value_size),
        max_entries: entry.and_then(|e| e.max_entries),
        flags: entry.and_then(|e| e.map_flags).map(|flags| Address(flags.into())),
        extra: entry.and_then(|e| e.map_extra),
        memlock: entry.and_then(|e| e.memlock),
        frozen: entry.and_then(|e| e.frozen),
        ifindex: entry.and_then(|e| e.ifindex).filter(|&index| index != 0),
        holders: Holding::of_all(checkpoint, &map.files),
        count: map.contents.map(|contents| contents.count),
        entries: None,
        sha256: None,
        missing_bytes: None,
    };
    if let Some(contents) = map.contents {
        fill(checkpoint, &mut row, contents);
    }
    row
}

fn fill(checkpoint: &Checkpoint, row: &mut BpfMapRow, contents: Contents) {
    let (keys, values) = (bytes_of(checkpoint, contents.keys), bytes_of(checkpoint, contents.values));
    let here = u64_of(keys.len()).saturating_add(u64_of(values.len()));
    let missing = contents.keys.len.saturating_add(contents.values.len).saturating_sub(here);
    row.missing_bytes = Some(missing);
    row.sha256 =
        (missing == 0).then(|| HEXLOWER.encode(&Sha256::new().chain_update(&*keys).chain_update(&*values).finalize()));
    row.entries = Some(entries(&keys, &values, contents.count));
}

/// Pairs keys with values: `count` of each, all of the same length.
fn entries(keys: &[u8], values: &[u8], count: u32) -> Vec<Object> {
    let count = usize_of(count.into());
    let [Some(key_len), Some(value_len)] = [keys.len().checked_div(count), values.len().checked_div(count)] else {
        return Vec::new();
    };
    if key_len == 0 || value_len == 0 {
        return Vec::new();
    }
    let fit = MOST_BYTES.checked_div(key_len.saturating_add(value_len)).unwrap_or_default();
    let pairs = keys.chunks_exact(key_len).zip(values.chunks_exact(value_len));
    let entry = |(key, value): (&[u8], &[u8])| {
        Object(vec![
            ("key", Detail::Text(HEXLOWER.encode(key).into())),
            ("value", Detail::Text(HEXLOWER.encode(value).into())),
        ])
    };
    pairs.take(MOST.min(fit).min(count)).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(keys: &[u8], values: &[u8], count: u32) -> Vec<String> {
        let text = |detail: &Detail| match detail {
            Detail::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        entries(keys, values, count).iter().map(|o| format!("{}={}", text(&o.0[0].1), text(&o.0[1].1))).collect()
    }

    #[test]
    fn keys_stand_before_all_values() {
        assert_eq!(texts(&[1, 0, 2, 0], &[7, 7, 7, 8, 8, 8], 2), ["0100=070707", "0200=080808"]);
    }

    #[test]
    fn counts_that_cannot_be_give_no_entries() {
        assert!(texts(&[1, 2], &[3, 4], 0).is_empty());
        assert!(texts(&[1, 2], &[3, 4], u32::MAX).is_empty());
        assert!(texts(&[], &[3, 4], 2).is_empty());
        assert_eq!(texts(&vec![1; 100_000], &vec![2; 100_000], 2).len(), 0, "too long for a row");
    }
}
