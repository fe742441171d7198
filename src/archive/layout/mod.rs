//! Checkpoints inside container images: an OCI layout (a directory or an `oci-archive`), a `docker save` tar, the flat
//! directory written by `skopeo copy dir:` and `podman save --format oci-dir`, or the index of blobs that containerd's
//! `ctr` exports.
//!
//! A directory counts as one of these only if it has the parts that its index or manifest names, because any file may
//! be called `manifest.json`. A missing part is a fault, and the rest is read all the same.

mod blob;
mod docker;
mod index;

use std::collections::{BTreeSet, HashSet};

use bstr::{BStr, BString, ByteSlice};
use prost::Message;
use serde_json::{Map, Value};

pub(super) use self::blob::check as check_digest;
use super::absence::Absence;
use super::contents::{Backing, Contents, Stop};
use super::listing::Listing;
use super::path::below;
use crate::int::u64_of;
use crate::json;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Most directories in one list of members that are read as layouts.
const LAYOUTS: usize = 100;
/// Most images and nested indexes that are read. Each is a document of its own, so this also bounds the nesting depth.
const INDEXES: usize = 100;
/// Limit on all JSON in the layouts of an archive, as a multiple of the limit on one document.
const DOCUMENTS: u64 = 4;

/// Whether a member of a stream may be a document of an image, which must be kept until the whole is known.
pub(super) fn is_document(path: &[u8]) -> bool {
    let (folder, name) = path.rsplit_once_str("/").unwrap_or((b"", path));
    let (stem, extension) = name.split_once_str(".").unwrap_or((name, b""));
    match (folder, name) {
        (_, b"index.json" | b"manifest.json" | b"oci-layout" | b"version") => true,
        (folder, b"json") => is_hash(folder.rsplit_once_str("/").map_or(folder, |(_, last)| last)),
        (folder, _) if folder.ends_with(b"blobs/sha256") || folder.ends_with(b"blobs/sha512") => true,
        _ => is_hash(stem) && matches!(extension, b"" | b"json" | b"manifest.json"),
    }
}

fn is_hash(text: &[u8]) -> bool {
    text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit)
}

/// A container image: its layers, and its annotations.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// Directory of the layout.
    pub(super) folder: BString,
    /// Name that distinguishes it in its layout; safe as part of a path.
    pub(super) name: String,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) layers: Vec<Layer>,
}

/// A layer, or another blob of an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Layer {
    path: BString,
    /// Digest that names the layer, `sha256:…`.
    digest: Option<String>,
    kind: LayerKind,
    /// Whether its media type is that of a tar, or unknown.
    says_tar: bool,
}

/// The contents of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LayerKind {
    /// A tar whose root is that of a checkpoint archive.
    Archive,
    /// A tar of a bare image directory.
    Images,
    /// The read-write layer of the container.
    Changes,
    /// A `google.protobuf.Any` with the specification as JSON.
    Specification,
}

impl Layer {
    pub(super) fn path(&self) -> &BString {
        &self.path
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    pub(super) fn kind(&self) -> LayerKind {
        self.kind
    }

    /// Whether it is damage if the layer is not a tar.
    pub(super) fn says_tar(&self) -> bool {
        self.says_tar
    }
}

/// A fault of an image.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) place: Place,
    pub(super) message: String,
}

/// The images of the layouts among some members.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    pub(super) images: Vec<Image>,
    pub(super) faults: Vec<Fault>,
    /// The documents that were read, which are not archives.
    pub(super) documents: HashSet<BString>,
}

/// Reads the layouts among the members of a list below `root`.
pub(super) fn read(
    listing: &Listing,
    root: &BString,
    backings: &[Backing],
    limits: &Limits,
    warnings: &Warnings,
) -> Layouts {
    let is_sign = |name: &[u8]| matches!(name, b"index.json" | b"manifest.json" | b"oci-layout");
    let signs = listing.members.iter().filter(|member| is_sign(member.file_name()));
    let folders: BTreeSet<BString> = signs.map(|member| BString::from(member.folder())).collect();
    let mut layouts = Layouts::default();
    let mut budget = Budget {
        documents: limits.json_bytes.saturating_mul(DOCUMENTS),
        annotations: limits.json_bytes,
        limits,
        warnings,
        full: false,
    };
    if folders.len() > LAYOUTS {
        warnings.push(Code::LimitReached, Place::member(root), || {
            format!("{} directories look like OCI layouts; only the first {LAYOUTS} were read as layouts, the others were searched for archives", folders.len())
        });
    }
    for folder in folders.into_iter().take(LAYOUTS) {
        let mut reader = Reader { listing, folder: &folder, backings, budget: &mut budget, layouts: &mut layouts };
        reader.read();
    }
    same_once(&mut layouts.images);
    named_apart(&mut layouts.images);
    layouts
}

/// Of images with the same layers, keeps the one with the most annotations.
fn same_once(images: &mut Vec<Image>) {
    let mut kept: Vec<Image> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for image in std::mem::take(images) {
        let number = kept.len();
        match seen.entry(image.layers.clone()) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(number);
                kept.push(image);
            }
            std::collections::hash_map::Entry::Occupied(same) => {
                if let Some(before) = kept.get_mut(*same.get()).filter(|before| before.annotations.is_empty()) {
                    *before = image;
                }
            }
        }
    }
    *images = kept;
}

fn named_apart(images: &mut [Image]) {
    let mut seen = HashSet::new();
    for (number, image) in images.iter_mut().enumerate() {
        if !seen.insert((image.folder.clone(), image.name.clone())) {
            image.name = format!("{}-{}", image.name, number.saturating_add(1));
            seen.insert((image.folder.clone(), image.name.clone()));
        }
    }
}

/// Limits on the documents in the layouts of an archive.
struct Budget<'a> {
    /// Remaining bytes of JSON.
    documents: u64,
    /// Remaining bytes of annotations, counted each time an image inherits them.
    annotations: u64,
    limits: &'a Limits,
    warnings: &'a Warnings,
    full: bool,
}

impl Budget<'_> {
    /// Keeps annotations while there is room.
    fn annotations<'v>(
        &mut self,
        all: impl Iterator<Item = (&'v String, &'v String)>,
        place: &BString,
    ) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (key, value) in all {
            let bytes = u64_of(key.len().saturating_add(value.len()));
            let Some(left) = self.annotations.checked_sub(bytes) else {
                let limit = self.limits.json_bytes;
                if !std::mem::replace(&mut self.full, true) {
                    self.warnings.push(&Limits::JSON_BYTES, Place::member(place), || {
                        format!("images inherit more than {limit} bytes of annotations; the rest were skipped")
                    });
                }
                break;
            };
            self.annotations = left;
            kept.push((key.clone(), value.clone()));
        }
        kept
    }
}

/// Why a document was not read.
enum Unread {
    Missing,
    Damaged(String),
}

/// Reads the layout in a directory.
struct Reader<'r, 'a> {
    listing: &'r Listing,
    folder: &'r BString,
    backings: &'r [Backing],
    budget: &'r mut Budget<'a>,
    layouts: &'r mut Layouts,
}

impl Reader<'_, '_> {
    fn read(&mut self) {
        let before = self.layouts.images.len();
        let index = self.document("index.json");
        let manifest = self.document("manifest.json");
        let says_so = self.listing.file(&self.path(b"oci-layout")).is_some();
        match index {
            Ok(index) => {
                let descriptors = list(&index, "manifests");
                // An index from elsewhere names nothing in this archive.
                if says_so || descriptors.iter().any(|descriptor| self.blob(text(descriptor, "digest")).is_some()) {
                    self.index(index);
                }
            }
            Err(Unread::Damaged(why)) if says_so => self.fault("index.json", &why),
            Err(Unread::Missing) if says_so && manifest.is_err() => {
                self.fault("index.json", "the file is missing; export the image again");
            }
            Err(_) => {}
        }
        match manifest {
            Ok(manifest @ Value::Array(_)) => self.docker(&manifest),
            Ok(manifest) => self.flat(manifest),
            Err(Unread::Damaged(why)) if says_so && self.layouts.images.len() == before => {
                self.fault("manifest.json", &why);
            }
            Err(_) => {}
        }
        if says_so && self.layouts.images.len() == before && self.layouts.faults.is_empty() {
            self.fault("index.json", "no image is listed; export the image again");
        }
    }

    fn path(&self, name: &[u8]) -> BString {
        below(BStr::new(self.folder), name)
    }

    /// A JSON document of the layout.
    fn document(&mut self, name: &str) -> Result<Value, Unread> {
        let path = self.path(name.as_bytes());
        self.json(&path)
    }

    fn json(&mut self, path: &BString) -> Result<Value, Unread> {
        let member = self.listing.file(path).ok_or(Unread::Missing)?;
        let limits = self.budget.limits;
        let limit = limits.json_bytes.min(self.budget.documents);
        let (bytes, stop) = Contents { layout: &member.layout, backings: self.backings }.prefix(limit);
        match stop {
            Some(Stop::Limit) => {
                return Err(Unread::Damaged(format!(
                    "the document is larger than {limit} bytes, the limit for one JSON document"
                )));
            }
            Some(Stop::Absent(Absence::Unreadable)) => {
                return Err(Unread::Damaged("the document cannot be read".to_owned()));
            }
            Some(Stop::Absent(_)) => {
                return Err(Unread::Damaged("the document is truncated by the end of the archive".to_owned()));
            }
            None => {}
        }
        self.budget.documents = self.budget.documents.saturating_sub(u64_of(bytes.len()));
        self.layouts.documents.insert(path.clone());
        json::parse(&bytes, limits.json_depth).map_err(|error| Unread::Damaged(error.to_string()))
    }

    /// The blob with a digest, at the paths of all kinds of layouts.
    fn blob(&self, digest: &str) -> Option<BString> {
        let (algorithm, hash) = digest.split_once(':')?;
        let names = [
            format!("blobs/{algorithm}/{hash}"),
            hash.to_owned(),
            format!("{hash}.tar"),
            format!("{hash}.manifest.json"),
        ];
        names.iter().map(|name| self.path(name.as_bytes())).find(|path| self.listing.file(path).is_some())
    }

    /// The expected path of the blob with a digest.
    fn blob_or_missing(&self, digest: &str) -> BString {
        self.blob(digest).unwrap_or_else(|| {
            let (algorithm, hash) = digest.split_once(':').unwrap_or(("sha256", digest));
            self.path(format!("blobs/{algorithm}/{hash}").as_bytes())
        })
    }

    /// The layers of a manifest.
    fn layers(&self, manifest: &Value) -> Vec<Layer> {
        let layers = list(manifest, "layers").iter().map(|layer| {
            let digest = text(layer, "digest");
            let kind = text(layer, "mediaType");
            Layer {
                path: self.blob_or_missing(digest),
                digest: Some(digest.to_owned()),
                kind: LayerKind::Archive,
                says_tar: kind.is_empty() || kind.contains("tar"),
            }
        });
        unique(layers)
    }

    fn fault(&mut self, name: &str, message: &str) {
        let path = self.path(name.as_bytes());
        self.fault_at(&path, message.to_owned());
    }

    fn fault_at(&mut self, path: &BString, message: String) {
        self.layouts.faults.push(Fault { code: Code::LayoutDamaged, place: Place::member(path), message });
    }
}

/// Layers in order, each once: tools repeat a layer if nothing changed.
fn unique(layers: impl Iterator<Item = Layer>) -> Vec<Layer> {
    let mut seen = HashSet::new();
    layers.filter(|layer| seen.insert(layer.clone())).collect()
}

/// A short name from a digest or a file name; safe as part of a path.
fn short(text: &str) -> String {
    let last = text.rsplit(['/', ':']).next().unwrap_or_default();
    let stem = last.split('.').next().unwrap_or_default();
    let name: String = stem.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    if name.is_empty() { "image".to_owned() } else { name }
}

/// The specification in one of containerd's blobs.
///
/// # Errors
///
/// Fails if the blob is not in containerd's form.
pub(super) fn specification(contents: &Contents<'_>, limits: &Limits) -> Result<Vec<u8>, prost::DecodeError> {
    let (bytes, _) = contents.prefix(limits.json_bytes);
    Ok(Any::decode(&*bytes)?.value.unwrap_or_default())
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(bytes = "vec", optional, tag = "2")]
    value: Option<Vec<u8>>,
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The annotations of a descriptor, manifest or index.
fn annotations(value: &Value) -> impl Iterator<Item = (&String, &String)> {
    let entries = value.get("annotations").and_then(Value::as_object).map(Map::iter);
    entries.into_iter().flatten().filter_map(|(key, value)| match value {
        Value::String(value) => Some((key, value)),
        _ => None,
    })
}
