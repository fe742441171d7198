//! System V shared memory: `ipcns-shm-NS.img`.

use std::collections::BTreeMap;

use crate::images::proto::IpcShmEntry;
use crate::images::{Images, Kind};
use crate::int::u64_of;

/// A System V segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its id, as `shmget(2)` returned it. 0 is a valid one.
    pub id: u32,
    /// Its key; 0 for private ones.
    pub key: u32,
    /// Bytes.
    pub size: u64,
    /// The IPC namespace that it is in (CRIU's id).
    pub namespace: u64,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Who made it.
    pub creator_uid: Option<u32>,
    /// Group of who made it.
    pub creator_gid: Option<u32>,
    /// Permissions.
    pub mode: Option<u32>,
    /// Its size of huge pages, as `shmget(2)` takes it; `None` of ordinary ones.
    pub huge_pages: Option<u32>,
    /// Where its contents lie in the image, if they are there and not in pages: offset and length.
    pub(crate) embedded: Option<(u64, u64)>,
}

/// Reads the segments of all IPC namespaces, by id: CRIU dumps one such namespace.
pub(super) fn segments(images: Images<'_>) -> BTreeMap<u64, Segment> {
    let mut segments = BTreeMap::new();
    let namespaces: Vec<u64> = images.set.of_kind(images.archive, Kind::IpcnsShm).map(|(number, _)| number).collect();
    for namespace in namespaces {
        images.each::<IpcShmEntry>(Kind::IpcnsShm, namespace, |entry, record, _| {
            let desc = entry.desc.unwrap_or_default();
            let offset = record.offset.saturating_add(4).saturating_add(u64_of(record.message.len()));
            let len = entry.size().min(u64_of(record.payload.len()));
            let embedded = (!entry.in_pagemaps()).then_some((offset, len));
            let segment = Segment {
                id: desc.id(),
                key: desc.key(),
                size: entry.size(),
                namespace,
                uid: desc.uid,
                gid: desc.gid,
                creator_uid: desc.cuid,
                creator_gid: desc.cgid,
                mode: desc.mode,
                huge_pages: entry.hugetlb_flag.filter(|&flag| flag != 0),
                embedded,
            };
            segments.insert(segment.id.into(), segment);
        });
    }
    segments
}
