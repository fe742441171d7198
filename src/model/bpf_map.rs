//! BPF maps that the container held open, and their contents: `bpfmap-data.img`.

use std::collections::BTreeMap;

use super::file::File;
use super::ids::FileId;
use super::{EngineFiles, Model};
use crate::images::proto::{BpfmapDataEntry, BpfmapFileEntry};
use crate::images::{Images, Kind, Span};
use crate::warning::Code;

/// A BPF map.
#[derive(Clone, Debug, Default)]
pub struct BpfMap {
    /// The record of an open file of the map.
    pub entry: Option<BpfmapFileEntry>,
    /// CRIU's ids of the map's open files.
    pub files: Vec<FileId>,
    /// Contents of the map, if recorded.
    pub contents: Option<Contents>,
}

/// Contents of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Number of entries.
    pub count: u32,
    /// All keys, one after the other.
    pub keys: Span,
    /// All values, one after the other.
    pub values: Span,
}

/// Reads them, by the kernel's number of the map.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> BTreeMap<u32, BpfMap> {
    let mut maps: BTreeMap<u32, BpfMap> = BTreeMap::new();
    for (id, file) in model.files().iter() {
        if let File::BpfMap(entry) = file {
            let map = maps.entry(entry.map_id()).or_default();
            map.files.push(id);
            map.entry.get_or_insert_with(|| BpfmapFileEntry::clone(entry));
        }
    }
    images.each::<BpfmapDataEntry>(Kind::BpfmapData, 0, |entry, record, place| {
        let map = maps.entry(entry.map_id()).or_default();
        let image = (Kind::BpfmapData, 0);
        let keys = Span::behind(image, record, 0, entry.keys_bytes().into());
        let values = Span::behind(image, record, entry.keys_bytes().into(), entry.values_bytes().into());
        if map.contents.replace(Contents { count: entry.count(), keys, values }).is_some() {
            images.warnings.push(Code::RecordDuplicate, place(), || {
                format!("the contents of map {} are recorded twice; used the last record", entry.map_id())
            });
        }
    });
    maps
}
