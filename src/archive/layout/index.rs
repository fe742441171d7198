//! The images of an OCI index: manifests, nested indexes, and the index of blobs that containerd creates.

use std::collections::HashSet;

use serde_json::Value;

use super::{INDEXES, Image, Layer, LayerKind, Reader, Unread, annotations, check_digest, list, short, text, unique};
use crate::archive::contents::Contents;
use crate::warning::Code;

const CRIU_TAR: &str = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
const CONFIG: &str = "application/vnd.containerd.container.checkpoint.config.v1+proto";

/// A descriptor in an index, with the annotations of the indexes around it.
struct Named {
    digest: String,
    annotations: Vec<(String, String)>,
}

impl Reader<'_, '_> {
    /// The images of an index, and of the indexes in it.
    pub(super) fn index(&mut self, index: Value) {
        let mut seen = HashSet::new();
        // The documents are dropped before those that they name are read.
        let mut waiting = self.named(index, &[]);
        waiting.reverse();
        while let Some(Named { digest, annotations: above }) = waiting.pop() {
            if !seen.insert(digest.clone()) {
                self.fault("index.json", &format!("the indexes list {digest} more than once; it was read once"));
                continue;
            }
            if seen.len() > INDEXES {
                self.fault(
                    "index.json",
                    &format!("the indexes list more than {INDEXES} images; the rest were skipped"),
                );
                return;
            }
            if digest.is_empty() {
                self.fault("index.json", "an entry has no digest and was skipped");
                continue;
            }
            let Some(path) = self.blob(&digest) else {
                let path = self.blob_or_missing(&digest);
                let why = if self.budget.warnings.has(Code::MemberUnreadable) {
                    "the index lists it, but it is not among the files that can be read; run as root"
                } else {
                    "the index lists it, but it is missing (perhaps an image of another platform); export all platforms to include it"
                };
                self.fault_at(&path, why.to_owned());
                continue;
            };
            let inner = match self.json(&path) {
                Ok(inner) => inner,
                Err(Unread::Missing) => continue,
                Err(Unread::Damaged(why)) => {
                    self.fault_at(&path, why);
                    continue;
                }
            };
            if let Some(member) = self.listing.file(&path) {
                let contents = Contents { layout: &member.layout, backings: self.backings };
                self.layouts.faults.extend(check_digest(&path, Some(&digest), &contents));
            }
            if inner.get("manifests").is_some() {
                let mut more = self.named(inner, &above);
                more.reverse();
                waiting.extend(more);
                continue;
            }
            let mut annotated = above;
            annotated.extend(self.budget.annotations(annotations(&inner), &path));
            let layers = self.layers(&inner);
            if !layers.is_empty() {
                self.push(short(&digest), annotated, layers);
            }
        }
    }

    /// The descriptors in an index. containerd's blobs form a single image.
    fn named(&mut self, index: Value, above: &[(String, String)]) -> Vec<Named> {
        let place = self.path(b"index.json");
        let mut around = self.budget.annotations(above.iter().map(|(key, value)| (key, value)), &place);
        around.extend(self.budget.annotations(annotations(&index), &place));
        let descriptors = list(&index, "manifests");
        if descriptors.iter().any(|descriptor| text(descriptor, "mediaType") == CRIU_TAR) {
            self.containerd(descriptors, around);
            return Vec::new();
        }
        let mut named = Vec::new();
        for descriptor in descriptors.iter().take(INDEXES.saturating_add(1)) {
            let mut annotated = self.budget.annotations(around.iter().map(|(key, value)| (key, value)), &place);
            annotated.extend(self.budget.annotations(annotations(descriptor), &place));
            named.push(Named { digest: text(descriptor, "digest").to_owned(), annotations: annotated });
        }
        // It may be as large as the limit for a document, and other documents would be read before it is dropped.
        drop(index);
        named
    }

    /// The blobs that containerd creates: images, specification, read-write layer.
    fn containerd(&mut self, descriptors: &[Value], annotations: Vec<(String, String)>) {
        let mut name = String::new();
        let mut layers = Vec::new();
        for descriptor in descriptors {
            let digest = text(descriptor, "digest");
            let kind = match text(descriptor, "mediaType") {
                CRIU_TAR => {
                    name = short(digest);
                    LayerKind::Images
                }
                CONFIG => LayerKind::Specification,
                kind if kind.starts_with("application/vnd.oci.image.layer.") => LayerKind::Changes,
                _ => continue,
            };
            let path = self.blob_or_missing(digest);
            layers.push(Layer { path, digest: Some(digest.to_owned()), kind, says_tar: true });
        }
        self.push(name, annotations, unique(layers.into_iter()));
    }

    pub(super) fn push(&mut self, name: String, annotations: Vec<(String, String)>, layers: Vec<Layer>) {
        self.layouts.images.push(Image { folder: self.folder.clone(), name, annotations, layers });
    }
}
