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
    /// What the dump cost, as CRIU counted it, and how large its parts are. One row. Counts are in pages and times in
    /// microseconds (32 bits: they wrap after 71 minutes).
    pub struct Statistics {
        /// Time until all tasks were frozen.
        pub freezing_us: Option<u32>,
        /// Time that the tasks were frozen.
        pub frozen_us: Option<u32>,
        /// Time to read memory.
        pub memdump_us: Option<u32>,
        /// Time to write memory.
        pub memwrite_us: Option<u32>,
        /// Pages scanned.
        pub pages_scanned: Option<u64>,
        /// Pages skipped because the parent dump has them.
        pub pages_skipped_parent: Option<u64>,
        /// Pages of processes written.
        pub pages_written: Option<u64>,
        /// Pages that could be restored lazily.
        pub pages_lazy: Option<u64>,
        /// Number of pipes that pages went through.
        pub page_pipes: Option<u64>,
        /// Number of buffers of those pipes.
        pub page_pipe_bufs: Option<u64>,
        /// Pages of shared memory scanned.
        pub shpages_scanned: Option<u64>,
        /// Pages of shared memory skipped because the parent dump has them.
        pub shpages_skipped_parent: Option<u64>,
        /// Pages of shared memory written.
        pub shpages_written: Option<u64>,
        /// Size of the archive as given, in bytes. Null for a directory.
        pub archive_size: Option<u64>,
        /// Size of the inflated archive in bytes. Null for a directory.
        pub unpacked_size: Option<u64>,
        /// Size of all pages images of this dump, in bytes.
        pub pages_size: u64,
        /// Size of `rootfs-diff.tar` in bytes. Null if there is none.
        pub rootfs_diff_size: Option<u64>,
        /// Number of ghost files: deleted files, open or mapped, whose contents CRIU stored.
        pub ghost_files: u64,
        /// Number of memfds, without shared anonymous memory.
        pub memfds: u64,
        /// Number of System V segments.
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
    // Anything that is not a memfd has a name that begins with a slash, such as `/dev/zero`.
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
