//! Table `statistics`: one row.

use super::table::table;
use crate::Checkpoint;
use crate::archive::Member;
use crate::images::{Kind, join, root_of};
use crate::int::u64_of;
use bstr::BStr;

table! {
    "statistics", key(), brief(frozen_us, memdump_us, memwrite_us, pages_scanned, pages_written, archive_size, pages_size),
    event(Event::PLAIN.about(Subject::Record));
    /// What the dump cost, as CRIU counted, and how large its parts are: one row. Counts are pages, times microseconds (of
    /// 32 bits: they wrap after 71 minutes).
    pub struct Statistics {
        /// Until all tasks were frozen.
        pub freezing_us: Option<u32>,
        /// How long they stood still.
        pub frozen_us: Option<u32>,
        /// Reading memory.
        pub memdump_us: Option<u32>,
        /// Writing memory.
        pub memwrite_us: Option<u32>,
        /// Pages looked at.
        pub pages_scanned: Option<u64>,
        /// Pages left to the parent dump.
        pub pages_skipped_parent: Option<u64>,
        /// Pages of tasks written.
        pub pages_written: Option<u64>,
        /// Pages that could be restored lazily.
        pub pages_lazy: Option<u64>,
        /// Pipes that pages went through.
        pub page_pipes: Option<u64>,
        /// Buffers of those pipes.
        pub page_pipe_bufs: Option<u64>,
        /// Pages of shared memory looked at.
        pub shpages_scanned: Option<u64>,
        /// Pages of shared memory left to the parent dump.
        pub shpages_skipped_parent: Option<u64>,
        /// Pages of shared memory written.
        pub shpages_written: Option<u64>,
        /// Bytes of the archive as it was given; null for a directory.
        pub archive_size: Option<u64>,
        /// Bytes of the archive once inflated; null for a directory.
        pub unpacked_size: Option<u64>,
        /// Bytes of all pages images of this dump.
        pub pages_size: u64,
        /// Bytes of `rootfs-diff.tar`; null if there is none.
        pub rootfs_diff_size: Option<u64>,
        /// Deleted files whose contents CRIU kept, open or mapped.
        pub ghost_files: u64,
        /// Memfds, without shared anonymous memory.
        pub memfds: u64,
        /// System V segments.
        pub sysv_segments: u64,
    }
}

/// The row of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Statistics> + use<> {
    std::iter::once(row(checkpoint))
}

/// The one row of a checkpoint.
pub(super) fn row(checkpoint: &Checkpoint) -> Statistics {
    let archive = checkpoint.archive();
    let dump = checkpoint.model().statistics();
    let pages = checkpoint.images().of_kind(archive, Kind::Pages).map(|(_, member)| member.size);
    let root = BStr::new(root_of(&checkpoint.images().folder));
    let model = checkpoint.model();
    // What is no memfd has a name that begins with a slash, `/dev/zero`.
    let memfds = model.files().memfds().filter(|inode| !inode.name().starts_with(b"/"));
    Statistics {
        freezing_us: dump.and_then(|d| d.freezing_time),
        frozen_us: dump.and_then(|d| d.frozen_time),
        memdump_us: dump.and_then(|d| d.memdump_time),
        memwrite_us: dump.and_then(|d| d.memwrite_time),
        pages_scanned: dump.and_then(|d| d.pages_scanned),
        pages_skipped_parent: dump.and_then(|d| d.pages_skipped_parent),
        pages_written: dump.and_then(|d| d.pages_written),
        pages_lazy: dump.and_then(|d| d.pages_lazy),
        page_pipes: dump.and_then(|d| d.page_pipes),
        page_pipe_bufs: dump.and_then(|d| d.page_pipe_bufs),
        shpages_scanned: dump.and_then(|d| d.shpages_scanned),
        shpages_skipped_parent: dump.and_then(|d| d.shpages_skipped_parent),
        shpages_written: dump.and_then(|d| d.shpages_written),
        archive_size: archive.input_bytes(),
        unpacked_size: archive.unpacked_bytes(),
        pages_size: pages.fold(0, u64::saturating_add),
        rootfs_diff_size: archive.find(&join(root, b"rootfs-diff.tar")).map(|member: &Member| member.size),
        ghost_files: u64_of(checkpoint.images().of_kind(archive, Kind::GhostFile).count()),
        memfds: u64_of(memfds.count()),
        sysv_segments: u64_of(model.segments().count()),
    }
}
