//! Layers of an image, put on each other: files by path, with their contents in a temporary file.

use std::collections::BTreeMap;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::store::Store;
use super::{HOPS, manifest, parts};
use crate::archive::{Archive, Member, MemberKind, NestedArchive, Piece};
use crate::error::ErrorKind;
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::Warnings;

/// Prefix of an entry that stands for a deletion.
const WHITEOUT: &[u8] = b".wh.";
/// Whiteout of everything that a directory had.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    /// Where the contents are in the temporary file.
    File {
        at: u64,
        len: u64,
    },
    Link(BString),
    Other,
}

/// The files of an image.
pub(super) struct Layers {
    /// By path without a leading slash; links in the parents are resolved.
    nodes: BTreeMap<BString, Node>,
    /// The temporary file, as an archive with one member.
    contents: Arc<Archive>,
}

impl Layers {
    /// Reads the layers of an image. A tar without a manifest is a root file system.
    pub(super) fn read(store: &Store<'_>, limits: &Limits, warnings: &Warnings) -> Result<Self, ErrorKind> {
        let mut builder =
            Builder { nodes: BTreeMap::new(), contents: BufWriter::new(tempfile::tempfile()?), len: 0, limits };
        let layers = manifest::layers(store, limits)?;
        for path in &layers {
            let archive = store.layer(path, limits)?;
            let layer = archive.members().first().and_then(|member| archive.nested(member, limits, warnings));
            builder.layer(&layer.ok_or_else(|| ErrorKind::NoRootImage("a layer is not a tar".to_owned()))?)?;
        }
        if let (true, Store::Tar(tar)) = (layers.is_empty(), store) {
            builder.layer(tar)?;
        }
        if !builder.nodes.values().any(|node| matches!(node, Node::File { .. })) {
            return Err(ErrorKind::NoRootImage("it has no files".to_owned()));
        }
        let contents = builder.contents.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(Layers { nodes: builder.nodes, contents: Arc::new(Archive::of_unlinked(contents)?) })
    }

    /// The first bytes of a file.
    pub(super) fn read_file(&self, path: &[u8], most: u64) -> Option<Vec<u8>> {
        let (at, len) = self.file(path)?;
        let member = self.contents.members().first()?;
        let end = at.saturating_add(len.min(most));
        self.contents.contents(member).slice(at, end).map(std::borrow::Cow::into_owned)
    }

    /// Where a file is.
    pub(super) fn place(&self, path: &[u8]) -> Option<(Arc<Archive>, u64, u64)> {
        let (at, len) = self.file(path)?;
        Some((Arc::clone(&self.contents), at, len))
    }

    /// The size of a file.
    pub(super) fn size(&self, path: &[u8]) -> Option<u64> {
        self.file(path).map(|(_, len)| len)
    }

    fn file(&self, path: &[u8]) -> Option<(u64, u64)> {
        match self.nodes.get(&resolve(&self.nodes, path, true)?)? {
            Node::File { at, len } => Some((*at, *len)),
            _ => None,
        }
    }
}

/// A path with its links followed; that of the last part only with `last`. `None` if there are too many.
fn resolve(nodes: &BTreeMap<BString, Node>, path: &[u8], last: bool) -> Option<BString> {
    let mut left: Vec<Vec<u8>> = parts(path).map(<[u8]>::to_vec).collect();
    left.reverse();
    let mut here: Vec<Vec<u8>> = Vec::new();
    let mut hops = 0_usize;
    while let Some(part) = left.pop() {
        if part == b".." {
            here.pop();
            continue;
        }
        here.push(part);
        let Some(Node::Link(target)) = nodes.get(bstr::join("/", &here).as_bstr()) else { continue };
        if left.is_empty() && !last {
            continue;
        }
        hops = hops.saturating_add(1);
        if hops > HOPS {
            return None;
        }
        here.pop();
        if target.starts_with(b"/") {
            here.clear();
        }
        let mut target: Vec<Vec<u8>> = parts(target).map(<[u8]>::to_vec).collect();
        target.reverse();
        left.extend(target);
    }
    Some(bstr::join("/", &here).into())
}

struct Builder<'l> {
    nodes: BTreeMap<BString, Node>,
    contents: BufWriter<std::fs::File>,
    len: u64,
    limits: &'l Limits,
}

impl Builder<'_> {
    /// Puts a layer on those below it.
    fn layer(&mut self, layer: &NestedArchive<'_>) -> Result<(), ErrorKind> {
        // Whiteouts are about the layers below, wherever they stand in the tar.
        for (_, member) in layer.entries() {
            let name = member.file_name();
            let Some(folder) = resolve(&self.nodes, member.folder(), true) else { continue };
            if name == OPAQUE {
                self.remove_below(&folder);
            } else if let Some(name) = name.strip_prefix(WHITEOUT).filter(|name| !name.starts_with(WHITEOUT)) {
                let path = join(&folder, name);
                self.remove_below(&path);
                self.nodes.remove(&path);
            }
        }
        for (number, member) in layer.entries().filter(|(_, member)| !member.file_name().starts_with(WHITEOUT)) {
            let node = match member.kind {
                MemberKind::Hardlink => {
                    let target = layer.first_name(number).and_then(|first| layer.get(first));
                    match target {
                        Some(target) => self.file(&layer.contents(target))?,
                        // The first name is in a layer below.
                        None => match member
                            .link
                            .as_ref()
                            .and_then(|link| self.nodes.get(&resolve(&self.nodes, link, true)?))
                        {
                            Some(node) => node.clone(),
                            None => Node::Other,
                        },
                    }
                }
                MemberKind::File => self.file(&layer.contents(member))?,
                _ => node(member),
            };
            self.add(&member.path, node);
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8], node: Node) {
        let Some(path) = resolve(&self.nodes, path, false).filter(|path| !path.is_empty()) else { return };
        if node != Node::Folder {
            self.remove_below(&path);
        } else if matches!(self.nodes.get(&path), Some(Node::Folder)) {
            return;
        }
        self.nodes.insert(path, node);
    }

    fn remove_below(&mut self, folder: &[u8]) {
        let (from, to) = (join(folder, b""), join(folder, b"\xff"));
        let inside: Vec<BString> = if folder.is_empty() {
            self.nodes.keys().cloned().collect()
        } else {
            self.nodes.range(from..to).map(|(path, _)| path.clone()).collect()
        };
        for path in inside {
            self.nodes.remove(&path);
        }
    }

    /// Copies the contents of a file.
    fn file(&mut self, contents: &crate::archive::Contents<'_>) -> Result<Node, ErrorKind> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let (at, limit) = (self.len, self.limits.nested_bytes);
        if contents.len() > limit.saturating_sub(self.len) {
            return Err(ErrorKind::NoRootImage(format!("its files have more than {limit} bytes; raise --max-nested")));
        }
        for piece in contents.pieces(0, contents.len()) {
            match piece {
                Piece::Bytes(bytes) => self.contents.write_all(bytes)?,
                Piece::Hole(len) => {
                    let mut left = len;
                    while left > 0 {
                        let part = ZEROS.get(..crate::int::usize_of(left).min(ZEROS.len())).unwrap_or_default();
                        self.contents.write_all(part)?;
                        left = left.saturating_sub(u64_of(part.len()));
                    }
                }
                // A file that is cut is none: what is missing would look like a difference.
                Piece::Absent(..) => {
                    self.contents.seek(SeekFrom::Start(at))?;
                    return Ok(Node::Other);
                }
            }
        }
        self.len = at.saturating_add(contents.len());
        Ok(Node::File { at, len: contents.len() })
    }
}

fn node(member: &Member) -> Node {
    match member.kind {
        MemberKind::Directory => Node::Folder,
        MemberKind::Symlink => Node::Link(member.link.clone().unwrap_or_default()),
        _ => Node::Other,
    }
}

fn join(folder: &[u8], name: &[u8]) -> BString {
    if folder.is_empty() { name.into() } else { bstr::concat([folder, b"/", name]).into() }
}
