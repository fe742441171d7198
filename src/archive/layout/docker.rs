//! The images of a `docker save` tar, whose `manifest.json` is a list, and of a flat directory, whose `manifest.json`
//! is the manifest itself and whose blobs are next to it.

use serde_json::Value;

use super::{Layer, LayerKind, Reader, annotations, list, short, text, unique};

impl Reader<'_, '_> {
    /// The images in a list in the form of `docker save`.
    pub(super) fn docker(&mut self, manifest: &Value) {
        // One of several images with the same layers is enough, so thousands cost only their names.
        let mut seen = std::collections::HashSet::new();
        for entry in manifest.as_array().map_or(&[][..], Vec::as_slice) {
            let layers = unique(list(entry, "Layers").iter().filter_map(Value::as_str).map(|name| Layer {
                path: self.path(name.as_bytes()),
                digest: digest_in(name),
                kind: LayerKind::Archive,
                says_tar: true,
            }));
            // A list from elsewhere names nothing in this archive.
            if layers.iter().any(|layer| self.listing.file(&layer.path).is_some()) && seen.insert(layers.clone()) {
                self.push(short(text(entry, "Config")), Vec::new(), layers);
            }
        }
    }

    /// The image of a flat directory.
    pub(super) fn flat(&mut self, manifest: Value) {
        if !list(&manifest, "manifests").is_empty() {
            // Copied with all platforms: an index, with its manifests next to it.
            if list(&manifest, "manifests").iter().any(|descriptor| self.blob(text(descriptor, "digest")).is_some()) {
                self.index(manifest);
            }
            return;
        }
        let layers = self.layers(&manifest);
        if layers.iter().any(|layer| self.listing.file(&layer.path).is_some()) {
            let place = self.path(b"manifest.json");
            let annotated = self.budget.annotations(annotations(&manifest), &place);
            let name = list(&manifest, "layers").first().map(|layer| short(text(layer, "digest")));
            self.push(name.unwrap_or_default(), annotated, layers);
        }
    }
}

/// The digest in a layer's path: `blobs/sha256/…`.
fn digest_in(path: &str) -> Option<String> {
    let (algorithm, hash) = path.strip_prefix("blobs/")?.split_once('/')?;
    Some(format!("{algorithm}:{hash}"))
}
