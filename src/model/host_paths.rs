//! Paths on the host: where the runtime says that the first process's descriptors led, and where CRIU found watched
//! files.

use super::Model;
use super::engine_files::EngineFiles;
use crate::abi::device::Device;
use crate::images::proto::IrmapCacheEntry;
use crate::images::{Image, Images, Kind};
use crate::model::document::Document;

/// Paths on the host.
#[derive(Clone, Debug, Default)]
pub struct HostPaths {
    /// What descriptors 0, 1, 2 of the first process led to, in their order.
    pub descriptors: Vec<String>,
    /// Paths of inodes, in the order of the cache.
    pub paths: Vec<InodePath>,
}

/// An inode and its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InodePath {
    /// Device of the file system.
    pub device: Device,
    /// The inode.
    pub inode: u64,
    /// Path of the inode.
    pub path: Vec<u8>,
}

/// Reads `descriptors.json`, which runc and crun write, and `irmap-cache`, which is in the work directory of CRIU.
pub(crate) fn read(images: Images<'_>, _: &Model, engine_files: &EngineFiles<'_>) -> HostPaths {
    let folder = images.set.folder.as_slice();
    let document = Document::read(images.archive, folder, "descriptors.json", images.limits, images.warnings);
    HostPaths {
        descriptors: document.map(|document| descriptors(&document)).unwrap_or_default(),
        paths: paths(images, engine_files),
    }
}

fn descriptors(document: &Document<'_>) -> Vec<String> {
    let Some(list) = document.value.as_array() else {
        document.unexpected("the document", "an array of strings", &document.value);
        return Vec::new();
    };
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).unwrap_or_default();
    list.iter().map(text).collect()
}

fn paths(images: Images<'_>, engine_files: &EngineFiles<'_>) -> Vec<InodePath> {
    let mut paths = Vec::new();
    let Some(member) = engine_files.work_file("irmap-cache") else { return paths };
    let Some(file) = images.file(member) else { return paths };
    let contents = images.archive.contents(file);
    let image = Image::open(Kind::IrmapCache, &member.path, contents, images.limits, images.warnings);
    let Some(image) = image else { return paths };
    for record in image.records(images.limits, images.warnings) {
        let entry = images.decode::<IrmapCacheEntry>(record.message, || image.place_of(&record));
        paths.extend(entry.map(|entry| InodePath {
            device: Device::from_kernel(entry.dev()),
            inode: entry.inode(),
            path: entry.path.unwrap_or_default(),
        }));
    }
    paths
}
