//! Finds checkpoints wherever they are in an archive: next to other files, in the layers of an image, in a nested
//! archive. Contents decide what a file is, not its name.
//!
//! Each place that holds a checkpoint is a **volume**: its members get the path of the place before theirs. An image
//! that is alone in the archive takes the place of the layout that carried it, so that it reads like the engine's own
//! archive.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bstr::{BString, ByteSlice};

use super::Annotations;
use super::contents::{Backing, Contents};
use super::kind::MemberKind;
use super::layout::{self, Fault, Image};
use super::listing::{Folders, Listing};
use super::member::Member;
use super::nested::Reading;
use super::path::{below, is_below};
use super::select::Select;
use super::sniff::{ENOUGH, Format, PEEK, is_archive, sniff};
use super::stream::{Below, Streamed};
use crate::error::ErrorKind;
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Greatest nesting depth of archives.
const DEPTH: usize = 4;
/// Bytes of a layer's name that distinguish it from others.
const LAYER_NAME: usize = 12;
/// Members of layers shared by several images that are listed again for each further image.
const REPEATED: u64 = 100_000;

/// Looks through an archive.
pub(super) struct Search<'a> {
    pub(super) select: &'a mut dyn Select,
    pub(super) hash: bool,
    pub(super) limits: &'a Limits,
    pub(super) warnings: &'a Warnings,
    /// Size of the input as given, if known.
    pub(super) input_bytes: Option<u64>,
}

/// The members of an archive and of those nested archives that hold a checkpoint.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) listing: Listing,
    pub(super) backings: Vec<Backing>,
    pub(super) volumes: Vec<Inner>,
}

/// A nested archive or container image.
#[derive(Debug)]
pub(super) struct Inner {
    /// The directory that contains its members.
    pub(super) root: BString,
    /// The range of its members.
    pub(super) members: Range<usize>,
    /// Annotations of the image.
    pub(super) annotations: Annotations,
}

impl Search<'_> {
    /// Searches the members of an archive.
    ///
    /// If it is a container image of which nothing can be read.
    ///
    /// [`ErrorKind::Oci`] if it is a container image of which nothing can be read.
    pub(super) fn run(self, outer: Listing, backings: Vec<Backing>) -> Result<Found, ErrorKind> {
        let own = self.select.wants(&outer.members);
        let mut work = Work {
            select: self.select,
            hash: self.hash,
            limits: self.limits,
            warnings: self.warnings,
            backings,
            volumes: Vec::new(),
            faults: Vec::new(),
            checked: HashSet::new(),
            images: 0,
            replaced: false,
            layers_left: self.limits.unpacked(self.input_bytes),
            nested_left: self.limits.nested_bytes,
            members_left: self.limits.members.saturating_sub(u64_of(outer.members.len())),
            listed: HashMap::new(),
            repeated_left: REPEATED,
            opened: 0,
            full: false,
        };
        work.look_into(&outer, &Scope { root: BString::default(), own, depth: 0 });
        let Work { backings, volumes, faults, images, replaced, .. } = work;
        if volumes.is_empty() {
            if !own && (images > 0 || !faults.is_empty()) {
                return Err(ErrorKind::Oci(why_nothing(images, &faults)));
            }
            warn(faults, self.warnings);
            return Ok(Found { listing: outer, backings, volumes: Vec::new() });
        }
        warn(faults, self.warnings);
        if own {
            for volume in &volumes {
                self.warnings.push(Code::ArchiveInner, Place::member(&volume.root), || {
                    "this contains another checkpoint; both are shown".to_owned()
                });
            }
        }
        let mut members = if replaced { Vec::new() } else { outer.members };
        let mut inner = Vec::new();
        for volume in volumes {
            let first = members.len();
            members.extend(volume.listing.members);
            inner.push(Inner { root: volume.root, members: first..members.len(), annotations: volume.annotations });
        }
        // Duplicate names in one place were warned about when that place was listed.
        let unheard = Warnings::new(self.limits);
        Ok(Found { listing: Listing::new(members, &unheard), backings, volumes: inner })
    }
}

fn warn(faults: Vec<Fault>, warnings: &Warnings) {
    for fault in faults {
        warnings.push(fault.code, fault.place, || fault.message);
    }
}

/// Why an image does not hold a checkpoint.
fn why_nothing(images: usize, faults: &[Fault]) -> String {
    let why = faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect::<Vec<_>>().join("; ");
    match (images, why.is_empty()) {
        (0, true) => "the index lists no image".to_owned(),
        (0, false) => why,
        (_, true) => format!(
            "none of its images holds CRIU data ({images} searched); export the image of the checkpoint, not the image that the container was created from"
        ),
        (_, false) => format!("none of its images holds CRIU data ({images} searched); {why}"),
    }
}

/// A place that holds a checkpoint.
#[derive(Debug)]
struct Volume {
    root: BString,
    listing: Listing,
    annotations: Annotations,
}

/// The place of a list of members.
#[derive(Debug)]
struct Scope {
    /// Prefix of their paths.
    root: BString,
    /// Whether a checkpoint is among them.
    own: bool,
    depth: usize,
}

struct Work<'a> {
    select: &'a mut dyn Select,
    hash: bool,
    limits: &'a Limits,
    warnings: &'a Warnings,
    backings: Vec<Backing>,
    volumes: Vec<Volume>,
    faults: Vec<Fault>,
    /// Blobs that were compared with their digests.
    checked: HashSet<BString>,
    /// Number of images that were searched.
    images: usize,
    /// Whether an image replaced its layout.
    replaced: bool,
    /// Bytes that layers may still inflate to, or that may still be walked over.
    layers_left: u64,
    /// The same for nested archives.
    nested_left: u64,
    members_left: u64,
    /// Number of members of each opened layer.
    listed: HashMap<BString, u64>,
    /// Members of shared layers that may still be listed again.
    repeated_left: u64,
    opened: u64,
    /// Whether a limit was reached and warned about.
    full: bool,
}

impl Work<'_> {
    fn look_into(&mut self, listing: &Listing, scope: &Scope) {
        let mut used = HashSet::new();
        self.layouts(listing, scope, &mut used);
        self.archives(listing, scope, &used);
    }

    /// Opens the images of the layouts among some members.
    fn layouts(&mut self, listing: &Listing, scope: &Scope, used: &mut HashSet<BString>) {
        let read = layout::read(listing, &scope.root, &self.backings, self.limits, self.warnings);
        self.faults.extend(read.faults);
        used.extend(read.documents);
        let mut images = read.images;
        let most = usize_of(self.limits.checkpoints);
        if images.len() > most {
            images.truncate(most);
            self.warnings.push(&Limits::CHECKPOINTS, Place::member(&scope.root), || {
                format!("more than {most} images; the rest were not opened")
            });
        }
        let alone = images.len() == 1;
        let mut names = HashSet::new();
        for image in images {
            let root = match (alone && !scope.own, scope.own) {
                (true, _) => scope.root.clone(),
                (false, own) => {
                    let folder = if own { image.folder.as_bstr() } else { scope.root.as_bstr() };
                    unused(below(folder, image.name.as_bytes()), |root| !names.contains(root))
                }
            };
            names.insert(root.clone());
            used.extend(image.layers.iter().map(|layer| layer.path().clone()));
            self.images = self.images.saturating_add(1);
            self.image(listing, &image, root, scope);
        }
    }

    /// Opens an image, and keeps it if it holds a checkpoint. Its layers together make one archive. If two layers each
    /// hold a checkpoint, neither replaces the other.
    fn image(&mut self, listing: &Listing, image: &Image, root: BString, scope: &Scope) {
        let (volumes, backings) = (self.volumes.len(), self.backings.len());
        let mut members = Vec::new();
        let mut taken = HashSet::new();
        let mut own = false;
        for layer in &image.layers {
            let at = if own {
                let name = layer.path().rsplit_once_str("/").map_or(layer.path().as_slice(), |(_, name)| name);
                let name = below(root.as_bstr(), name.get(..LAYER_NAME).unwrap_or(name));
                // Many layers are named `layer.tar`, and one may contain a directory named like another layer.
                let is_free = |at: &BString| {
                    !taken.contains(at) && !members.iter().any(|member: &Member| is_below(&member.path, at))
                };
                unused(name, is_free)
            } else {
                root.clone()
            };
            taken.insert(at.clone());
            let Some(mut layer) = self.layer(listing, layer, &at) else { continue };
            let wanted = self.select.wants(&layer);
            if wanted && own {
                self.volume(layer, at, &image.annotations, scope);
                continue;
            }
            if own {
                for member in &mut layer {
                    member.move_up(at.as_bstr(), root.as_bstr());
                }
            }
            own |= wanted;
            members.extend(layer);
        }
        // Layers may hold a checkpoint only together.
        if own || self.select.wants(&members) {
            self.replaced |= scope.depth == 0 && !scope.own;
            self.volume(members, root, &image.annotations, scope);
        } else {
            let layers = Listing::new(members, self.warnings);
            let depth = scope.depth.saturating_add(1);
            self.archives(&layers, &Scope { root, own: false, depth }, &HashSet::new());
        }
        self.forget(volumes, backings);
    }

    /// Keeps the members of layers, and searches them for archives.
    fn volume(&mut self, members: Vec<Member>, root: BString, annotations: &Annotations, scope: &Scope) {
        let listing = Listing::new(members, self.warnings);
        let depth = scope.depth.saturating_add(1);
        self.archives(&listing, &Scope { root: root.clone(), own: true, depth }, &HashSet::new());
        self.keep(Volume { root, listing, annotations: annotations.clone() });
    }

    /// Opens the archives among some members.
    fn archives(&mut self, listing: &Listing, scope: &Scope, used: &HashSet<BString>) {
        let mut folders = None;
        for member in &listing.members {
            if member.kind != MemberKind::File
                || member.size == 0
                || listing.number_of(member).is_none()
                || used.contains(&member.path)
            {
                continue;
            }
            let folders: &Folders = folders.get_or_insert_with(|| listing.folders());
            if !self.select.may_be_archive(member, &|folder| folders.has(folder)) {
                continue;
            }
            let contents = Contents { layout: &member.layout, backings: &self.backings };
            if !is_archive(&contents.prefix(u64_of(PEEK)).0) {
                continue;
            }
            if scope.depth >= DEPTH {
                self.warnings.push(Code::LimitReached, Place::member(&member.path), || {
                    format!("archives are nested more than {DEPTH} deep; this one was not opened: extract it and give it on its own")
                });
                return;
            }
            if !self.may_open(&member.path) {
                return;
            }
            let (volumes, backings) = (self.volumes.len(), self.backings.len());
            let root = unused(member.path.clone(), |root| !folders.leads_through(root));
            let Some(members) = self.archive(member, &root) else { continue };
            let own = self.select.wants(&members);
            let inner = Listing::new(members, self.warnings);
            self.look_into(&inner, &Scope { root: root.clone(), own, depth: scope.depth.saturating_add(1) });
            if own {
                self.keep(Volume { root, listing: inner, annotations: Annotations::new() });
            }
            self.forget(volumes, backings);
        }
    }

    /// Keeps data of an archive only if something was found in it.
    fn forget(&mut self, volumes: usize, backings: usize) {
        if self.volumes.len() == volumes {
            self.backings.truncate(backings);
        }
    }

    fn keep(&mut self, volume: Volume) {
        self.volumes.push(volume);
    }

    /// Whether one more archive may be opened.
    fn may_open(&mut self, path: &BString) -> bool {
        let (most, checkpoints) = (self.limits.inner_archives, self.limits.checkpoints);
        if self.opened < most && u64_of(self.volumes.len()) < checkpoints && self.members_left > 0 {
            self.opened = self.opened.saturating_add(1);
            return true;
        }
        if !self.full {
            self.full = true;
            let (limit, what) = if self.members_left == 0 {
                let most = self.limits.members;
                (&Limits::MEMBERS, format!("nested archives have more than {most} members; the rest were not opened"))
            } else if self.opened >= most {
                (
                    &Limits::INNER_ARCHIVES,
                    format!("more than {most} nested archives; this and the following ones were not opened"),
                )
            } else {
                (
                    &Limits::CHECKPOINTS,
                    format!(
                        "nested archives have more than {checkpoints} checkpoints; this and the following archives were not opened"
                    ),
                )
            };
            self.warnings.push(limit, Place::member(path), || what);
        }
        false
    }

    /// The members of a nested archive.
    fn archive(&mut self, member: &Member, root: &BString) -> Option<Vec<Member>> {
        let left = self.nested_left;
        let (members, bytes) = self.tar(member, root, left)?;
        self.nested_left = left.saturating_sub(bytes);
        Some(members)
    }

    /// The members of a layer. A fault of the layer is a fault of the image.
    fn layer(&mut self, listing: &Listing, layer: &layout::Layer, root: &BString) -> Option<Vec<Member>> {
        let path = layer.path();
        let Some(blob) = listing.file(path) else {
            self.fault(path, "the layer is missing; export the image again".to_owned());
            return None;
        };
        if !self.may_open(path) {
            return None;
        }
        if let Some(again) = self.listed.get(path) {
            let Some(left) = self.repeated_left.checked_sub(*again) else {
                self.warnings.push(Code::LimitReached, Place::member(path), || {
                    format!("layers shared by several images have more than {REPEATED} members; this one is listed for the first image only")
                });
                return None;
            };
            self.repeated_left = left;
        }
        let contents = Contents { layout: &blob.layout, backings: &self.backings };
        let checked = contents.len().min(self.layers_left);
        self.layers_left = self.layers_left.saturating_sub(checked);
        if self.checked.insert(path.clone()) {
            self.faults.extend(layout::check_digest(path, layer.digest(), &contents));
        }
        match layer.kind() {
            layout::LayerKind::Archive | layout::LayerKind::Images => {
                let root = match layer.kind() {
                    layout::LayerKind::Images => below(root.as_bstr(), b"checkpoint"),
                    _ => root.clone(),
                };
                match sniff(&contents.prefix(u64_of(ENOUGH)).0) {
                    Format::Other(what) | Format::Foreign(what) => {
                        // Attestations and the like are layers too, but not tars.
                        if layer.says_tar() {
                            self.fault(path, format!("the layer is {what}, not a tar"));
                        }
                        None
                    }
                    _ => {
                        let left = self.layers_left;
                        let (members, bytes) = self.tar(blob, &root, left)?;
                        self.layers_left = left.saturating_sub(bytes);
                        self.listed.insert(path.clone(), u64_of(members.len()));
                        Some(members)
                    }
                }
            }
            layout::LayerKind::Changes => {
                // A layer with this type may be a checkpoint all the same.
                let (backings, left) = (self.backings.len(), self.layers_left);
                if let Some((members, bytes)) = self.tar(blob, root, left) {
                    self.layers_left = left.saturating_sub(bytes);
                    if self.select.wants(&members) {
                        return Some(members);
                    }
                }
                self.backings.truncate(backings);
                let mut member = blob.clone();
                member.rename(below(root.as_bstr(), b"rootfs-diff.tar"));
                Some(vec![member])
            }
            layout::LayerKind::Specification => match layout::specification(&contents, self.limits) {
                Ok(json) => {
                    let name = below(root.as_bstr(), b"spec.dump");
                    let member = Member::from_bytes(name, u64_of(json.len()), self.backings.len());
                    self.backings.push(Backing::Heap(json));
                    Some(vec![member])
                }
                Err(error) => {
                    self.fault(path, format!("the specification is damaged: {error}"));
                    None
                }
            },
        }
    }

    fn fault(&mut self, path: &BString, message: String) {
        self.faults.push(Fault { code: Code::LayoutDamaged, place: Place::member(path), message });
    }

    /// The members of a plain or compressed tar, below a root, and the number of bytes that it inflated to.
    fn tar(&mut self, member: &Member, root: &BString, left: u64) -> Option<(Vec<Member>, u64)> {
        let limits = Limits { members: self.members_left, ..self.limits.clone() };
        let reading = Reading {
            select: self.select,
            below: Below { root: root.clone(), base: self.backings.len(), share: None },
            place: root.as_bstr(),
            hash: self.hash,
            left,
            limits: &limits,
            warnings: self.warnings,
        };
        let Streamed { members, mut backings, bytes, .. } = reading.tar(member, &self.backings)?;
        self.backings.append(&mut backings);
        self.members_left = self.members_left.saturating_sub(u64_of(members.len()));
        Some((members, bytes))
    }
}

/// A path that is not in use: itself, or with a number after it.
fn unused(path: BString, is_free: impl Fn(&BString) -> bool) -> BString {
    if is_free(&path) {
        return path;
    }
    let numbered = (2_u32..).map(|number| BString::from(format!("{path}-{number}")));
    numbered.into_iter().find(is_free).unwrap_or(path)
}
