//! Sizes of the parts of an archive, as checkpointctl counts them.

use cryoscope::Checkpoint;
use cryoscope::archive::MemberKind;
use cryoscope::checkpointctl::Sizes;

/// Sizes of the parts of an archive, in bytes. Only files in the image directory itself count.
pub(crate) fn sizes(checkpoint: &Checkpoint) -> Sizes {
    let folder = &checkpoint.images().folder;
    let statistics = checkpoint.rows().statistics();
    let files = checkpoint.archive().members().iter().filter(|member| member.kind == MemberKind::File);
    let mut sizes = Sizes {
        pages: statistics.pages_size,
        rootfs_diff: statistics.rootfs_diff_size.unwrap_or(0),
        ..Sizes::default()
    };
    for member in files.filter(|member| member.folder() == folder.as_slice()) {
        sizes.images = sizes.images.saturating_add(member.size);
        if member.file_name().starts_with(b"amdgpu-pages-") {
            sizes.gpu_pages = sizes.gpu_pages.saturating_add(member.size);
        }
    }
    sizes
}
