//! Checkpoints inside OCI images: an OCI layout (directory or `oci-archive`), a `docker save` tar, or the index of blobs
//! that containerd's `ctr` exports. Their layers are opened in place, and what they hold becomes the archive's members,
//! in the form that the engines' own archives have.

use std::collections::HashSet;
use std::io::BufReader;

use bstr::{BString, ByteSlice};
use prost::Message;
use serde_json::{Map, Value};

use super::contents::{Backing, Layout, Source, Stop};
use super::input::{ContentsInput, End, StreamInput};
use super::member::Member;
use super::select::Select;
use super::sniff::{ENOUGH, Format, sniff};
use super::{Archive, decompress, stream, walk};
use crate::error::ErrorKind;
use crate::int::u64_of;
use crate::json;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Images and indexes in indexes that are looked at. Each is a document of its own, so this also bounds how deep they nest.
const INDEXES: usize = 100;

const CRIU_TAR: &str = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
const CONFIG: &str = "application/vnd.containerd.container.checkpoint.config.v1+proto";

/// Whether a member of a stream may be part of an OCI image, and so has to be kept until the whole is known.
pub(super) fn is_part(path: &[u8]) -> bool {
    let (folder, name) = path.rsplit_once_str("/").unwrap_or((b"", path));
    let is_hash = |text: &[u8]| text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit);
    let (stem, extension) = name.split_once_str(".").unwrap_or((name, b""));
    match (folder, name) {
        (_, b"index.json" | b"manifest.json" | b"oci-layout") => true,
        (folder, b"layer.tar" | b"json") => is_hash(folder.rsplit_once_str("/").map_or(folder, |(_, last)| last)),
        (folder, _) if folder.ends_with(b"blobs/sha256") || folder.ends_with(b"blobs/sha512") => true,
        _ => is_hash(stem) && matches!(extension, b"tar" | b"json" | b"tar.gz"),
    }
}

/// The layers of an image that hold a checkpoint, and what the image says about it.
#[derive(Debug, Default)]
struct Image {
    /// What tells it from others in the same layout.
    name: String,
    annotations: Vec<(String, String)>,
    layers: Vec<Layer>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Layer {
    /// A tar whose root is a checkpoint archive's.
    Archive(BString),
    /// A tar of a bare image directory.
    Images(BString),
    /// The read-write layer of the container.
    Changes(BString),
    /// A `google.protobuf.Any` that holds the specification as JSON.
    Specification(BString),
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(bytes = "vec", optional, tag = "2")]
    value: Option<Vec<u8>>,
}

/// Opens the images of a layout, if the archive is one and holds no image directory of its own; says whether it is.
///
/// # Errors
///
/// [`ErrorKind::Oci`] if it is one and its parts do not fit together.
pub(super) fn open(
    archive: &mut Archive,
    select: &mut dyn Select,
    hash: bool,
    limits: &Limits,
    warnings: &Warnings,
) -> Result<bool, ErrorKind> {
    let Some(root) = root(archive) else { return Ok(false) };
    let reader = Reader { archive, root, limits };
    let images = if reader.json("index.json").is_ok() { reader.layout()? } else { reader.docker()? };
    let several = images.len() > 1;
    let mut members = Vec::new();
    let mut backings = Vec::new();
    let mut left = limits.unpacked(archive.input_bytes);
    for image in &images {
        let prefix = if several { format!("{}/", image.name) } else { String::new() };
        let mut opener = Opener { archive, prefix, select, hash, limits, warnings, left, members, backings };
        let mut seen = HashSet::new();
        for layer in image.layers.iter().filter(|layer| seen.insert(*layer)) {
            opener.layer(layer)?;
        }
        left = opener.left;
        members = opener.members;
        backings = opener.backings;
    }
    archive.members = members;
    archive.backings.append(&mut backings);
    archive.annotations = images.into_iter().next().map(|image| image.annotations).unwrap_or_default();
    Ok(true)
}

/// The folder that holds the layout; `None` if the archive is none.
fn root(archive: &Archive) -> Option<BString> {
    let has = |folder: &[u8], name: &str| archive.find(&join(folder, name)).is_some();
    let candidates = archive.members.iter().filter(|m| matches!(m.file_name(), b"index.json" | b"manifest.json"));
    candidates
        .map(|m| BString::from(m.folder()))
        .find(|folder| has(folder, "oci-layout") || has(folder, "manifest.json") || has(folder, "index.json"))
}

fn join(folder: &[u8], name: &str) -> BString {
    let mut path = BString::from(folder);
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
    path
}

/// Reads the JSON of a layout.
struct Reader<'a> {
    archive: &'a Archive,
    root: BString,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn json(&self, path: &str) -> Result<Value, ErrorKind> {
        let path = join(&self.root, path);
        let member = self
            .archive
            .find(&path)
            .ok_or_else(|| ErrorKind::Oci(format!("{path} is missing; export the image again")))?;
        let limit = self.limits.json_bytes;
        let (bytes, stop) = self.archive.contents(member).prefix(limit);
        if stop == Some(Stop::Limit) {
            return Err(ErrorKind::Oci(format!("{path} has more than {limit} bytes; --max-json raises the limit")));
        }
        json::parse(&bytes, self.limits.json_depth).map_err(|error| ErrorKind::Oci(format!("{path}: {error}")))
    }

    /// The path of a blob.
    fn blob(digest: &str) -> Result<String, ErrorKind> {
        let (algorithm, hash) =
            digest.split_once(':').ok_or_else(|| ErrorKind::Oci(format!("{digest:?} is not a digest")))?;
        Ok(format!("blobs/{algorithm}/{hash}"))
    }

    /// The images of an OCI layout.
    fn layout(&self) -> Result<Vec<Image>, ErrorKind> {
        let index = self.json("index.json")?;
        let mut images = Vec::new();
        self.index(&index, &mut Vec::new(), &mut HashSet::new(), &mut images)?;
        images.retain(|image| !image.layers.is_empty());
        if images.is_empty() {
            return Err(ErrorKind::Oci("its index names no image with layers".to_owned()));
        }
        // Beside checkpoints, a layout may hold ordinary images, as containerd exports the base image.
        let is_checkpoint = |image: &Image| image.annotations.iter().any(|(key, _)| key.contains("checkpoint."));
        if images.iter().any(is_checkpoint) {
            images.retain(is_checkpoint);
        }
        Ok(images)
    }

    fn index(
        &self,
        index: &Value,
        above: &mut Vec<(String, String)>,
        seen: &mut HashSet<String>,
        images: &mut Vec<Image>,
    ) -> Result<(), ErrorKind> {
        let descriptors = list(index, "manifests");
        let inherited = above.len();
        above.extend(strings(index.get("annotations")));
        if descriptors.iter().any(|d| media_type(d) == CRIU_TAR) {
            images.push(self.containerd(descriptors, above.clone())?);
            above.truncate(inherited);
            return Ok(());
        }
        for descriptor in descriptors {
            let digest = text(descriptor, "digest");
            if !seen.insert(digest.to_owned()) {
                return Err(ErrorKind::Oci(format!("its indexes list {digest} again and again")));
            }
            if seen.len() > INDEXES {
                return Err(ErrorKind::Oci(format!("its indexes list more than {INDEXES} images")));
            }
            let inner = self.json(&Self::blob(digest)?)?;
            if inner.get("manifests").is_some() {
                self.index(&inner, above, seen, images)?;
            } else {
                let mut annotations: Vec<_> = strings(descriptor.get("annotations")).collect();
                annotations.extend(strings(inner.get("annotations")));
                let layers = list(&inner, "layers")
                    .iter()
                    .map(|layer| Ok(Layer::Archive(join(&self.root, &Self::blob(text(layer, "digest"))?))))
                    .collect::<Result<_, ErrorKind>>()?;
                let name = digest.rsplit(':').next().unwrap_or_default().chars().take(12).collect();
                images.push(Image { name, annotations, layers });
            }
        }
        above.truncate(inherited);
        Ok(())
    }

    /// The index of blobs that containerd makes: the images, the specification, the read-write layer.
    fn containerd(&self, descriptors: &[Value], annotations: Vec<(String, String)>) -> Result<Image, ErrorKind> {
        let mut layers = Vec::new();
        let mut name = String::new();
        for descriptor in descriptors {
            let digest = text(descriptor, "digest");
            let path = || Ok::<_, ErrorKind>(join(&self.root, &Self::blob(digest)?));
            match media_type(descriptor) {
                CRIU_TAR => {
                    name = digest.rsplit(':').next().unwrap_or_default().chars().take(12).collect();
                    layers.push(Layer::Images(path()?));
                }
                CONFIG => layers.push(Layer::Specification(path()?)),
                kind if kind.starts_with("application/vnd.oci.image.layer.") => layers.push(Layer::Changes(path()?)),
                _ => {}
            }
        }
        Ok(Image { name, annotations, layers })
    }

    /// The images of a `docker save` tar.
    fn docker(&self) -> Result<Vec<Image>, ErrorKind> {
        let manifest = self.json("manifest.json")?;
        let images: Vec<Image> = manifest
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(|entry| {
                let layers = list(entry, "Layers").iter().filter_map(Value::as_str);
                Image {
                    name: text(entry, "Config").chars().take(12).collect(),
                    annotations: Vec::new(),
                    layers: layers.map(|path| Layer::Archive(join(&self.root, path))).collect(),
                }
            })
            .filter(|image| !image.layers.is_empty())
            .collect();
        if images.is_empty() {
            return Err(ErrorKind::Oci("its manifest.json names no layers".to_owned()));
        }
        Ok(images)
    }
}

fn media_type(descriptor: &Value) -> &str {
    text(descriptor, "mediaType")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(object: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let entries: Vec<_> = object.and_then(Value::as_object).map(Map::iter).into_iter().flatten().collect();
    entries.into_iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
}

/// Opens layers and collects their members.
struct Opener<'a> {
    archive: &'a Archive,
    prefix: String,
    select: &'a mut dyn Select,
    hash: bool,
    limits: &'a Limits,
    warnings: &'a Warnings,
    /// Bytes that layers may still inflate to.
    left: u64,
    members: Vec<Member>,
    /// New backings, numbered behind the archive's own.
    backings: Vec<Backing>,
}

impl Opener<'_> {
    fn layer(&mut self, layer: &Layer) -> Result<(), ErrorKind> {
        if u64_of(self.members.len()) >= self.limits.members {
            let limit = self.limits.members;
            self.warnings.push(Code::LimitReached, Place::archive(), || {
                format!("more than {limit} members in its layers; the rest is left out, --max-members raises the limit")
            });
            return Ok(());
        }
        match layer {
            Layer::Archive(path) => self.tar(path, ""),
            Layer::Images(path) => self.tar(path, "checkpoint/"),
            Layer::Changes(path) => {
                let mut member = blob(self.archive, path)?.clone();
                self.rename(&mut member, b"rootfs-diff.tar");
                self.members.push(member);
                Ok(())
            }
            Layer::Specification(path) => {
                let (bytes, _) = self.archive.contents(blob(self.archive, path)?).prefix(self.limits.json_bytes);
                let any = Any::decode(&*bytes)
                    .map_err(|error| ErrorKind::Oci(format!("the specification in {path} is damaged: {error}")))?;
                let json = any.value.unwrap_or_default();
                let number = self.archive.backings.len().saturating_add(self.backings.len());
                let mut member = Member::named(BString::default());
                member.size = u64_of(json.len());
                member.layout = Layout::run(member.size, Source::Backing { number, offset: 0 });
                self.rename(&mut member, b"spec.dump");
                self.backings.push(Backing::Heap(json));
                self.members.push(member);
                Ok(())
            }
        }
    }

    fn rename(&self, member: &mut Member, name: &[u8]) {
        let renamed = Member::named(BString::from(bstr::concat([self.prefix.as_bytes(), name])));
        member.name = renamed.name;
        member.path = renamed.path;
    }

    /// Opens a layer: a tar, plain or compressed.
    fn tar(&mut self, path: &BString, folder: &str) -> Result<(), ErrorKind> {
        let blob = blob(self.archive, path)?;
        let contents = self.archive.contents(blob);
        let head = contents.prefix(u64_of(ENOUGH)).0;
        let mut members = match sniff(&head) {
            Format::Tar => walk::members(&blob.layout, &self.archive.backings, self.limits, self.warnings),
            Format::Compressed(compression) => {
                let bound = self.limits.unpacked(Some(contents.len())).min(self.left);
                let input = BufReader::new(ContentsInput::new(contents));
                let decoder = decompress::decoder(compression, input).map_err(ErrorKind::Io)?;
                let base = self.archive.backings.len().saturating_add(self.backings.len());
                let input = StreamInput::new(decoder, bound, &|| ());
                let mut streamed = stream::read(input, self.select, base, self.hash, self.limits, self.warnings);
                warn_of_end(&streamed.end, path, self.warnings);
                self.left = self.left.saturating_sub(streamed.bytes);
                self.backings.append(&mut streamed.backings);
                streamed.members
            }
            Format::Empty => Vec::new(),
            Format::Other(what) => return Err(ErrorKind::Oci(format!("its layer {path} is {what}, not a tar"))),
        };
        for member in &mut members {
            let name = bstr::concat([folder.as_bytes(), &member.name]);
            self.rename(member, &name);
        }
        self.members.append(&mut members);
        Ok(())
    }
}

fn blob<'a>(archive: &'a Archive, path: &BString) -> Result<&'a Member, ErrorKind> {
    let found = archive.find(path).and_then(|member| archive.resolve(member).ok());
    found.ok_or_else(|| ErrorKind::Oci(format!("its layer {path} is missing; export the image again")))
}

/// Says why the stream of a member ended, if not with it.
pub(super) fn warn_of_end(end: &End, path: &BString, warnings: &Warnings) {
    match end {
        End::Whole => {}
        End::Damaged(error) => warnings.push(Code::CompressedDamaged, Place::member(path), || {
            format!("the compressed data is damaged or cut ({error}); what was inflated before is used")
        }),
        End::Bound(bound) => warnings.push(Code::LimitReached, Place::member(path), || {
            format!("more than {bound} bytes inflated; --max-unpacked and --max-ratio raise the limit")
        }),
    }
}
