//! Which layers an image has, by its manifest: of an OCI layout, or of `docker save`.

use std::path::Path;

use serde_json::Value;

use super::store::Store;
use crate::error::ErrorKind;
use crate::limits::Limits;

/// Most documents that are read.
const DOCUMENTS: usize = 64;

/// Whether a directory holds an image in layers, and not a root file system.
pub(super) fn is_layout(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("oci-layout")
        || has("index.json") && path.join("blobs").is_dir()
        || has("manifest.json") && !path.join("etc").is_dir()
}

/// The paths of the layers, the lowest first. Empty if there is no manifest.
///
/// # Errors
///
/// If there are several images, or a layer is missing.
pub(super) fn layers(store: &Store<'_>, limits: &Limits) -> Result<Vec<String>, ErrorKind> {
    let read = |path: &str| store.document(path, limits);
    let mut images: Vec<Vec<String>> = Vec::new();
    if let Some(index) = read("index.json") {
        let mut left = DOCUMENTS;
        of_index(&index, &read, &mut images, &mut left);
    }
    if images.is_empty() {
        match read("manifest.json") {
            Some(Value::Array(list)) => images.extend(list.iter().map(|image| texts(image, "Layers"))),
            // The flat form of `skopeo copy dir:`.
            Some(manifest) => images.extend(Some(digests(&manifest)).filter(|layers| !layers.is_empty())),
            None => {}
        }
    }
    images.retain(|layers| !layers.is_empty());
    images.dedup();
    match images.as_slice() {
        [] => Ok(Vec::new()),
        [layers] => layers.iter().map(|layer| blob(store, layer)).collect(),
        several => {
            let count = several.len();
            Err(ErrorKind::NoRootImage(format!("it holds {count} images; export the one of the container by itself")))
        }
    }
}

fn of_index(index: &Value, read: &impl Fn(&str) -> Option<Value>, images: &mut Vec<Vec<String>>, left: &mut usize) {
    for entry in index.get("manifests").and_then(Value::as_array).into_iter().flatten() {
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        let platform = entry.get("platform").and_then(|platform| platform.get("architecture")).and_then(Value::as_str);
        // Statements about an image are kept beside it.
        if platform == Some("unknown") {
            continue;
        }
        let Some(path) = entry.get("digest").and_then(Value::as_str).map(|digest| digest.replacen(':', "/", 1)) else {
            continue;
        };
        // Manifests for other machines may be absent.
        let Some(document) = read(&format!("blobs/{path}")) else { continue };
        if document.get("manifests").is_some() {
            of_index(&document, read, images, left);
        } else {
            images.push(digests(&document));
        }
    }
}

fn digests(manifest: &Value) -> Vec<String> {
    let layers = manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
    layers.filter_map(|layer| layer.get("digest")?.as_str().map(str::to_owned)).collect()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The path of a layer, by its digest or its path.
fn blob(store: &Store<'_>, layer: &str) -> Result<String, ErrorKind> {
    let hash = layer.split_once(':').map_or(layer, |(_, hash)| hash);
    let names =
        [format!("blobs/{}", layer.replacen(':', "/", 1)), layer.to_owned(), hash.to_owned(), format!("{hash}.tar")];
    let gone =
        || ErrorKind::NoRootImage("a layer that its manifest names is missing; export the image again".to_owned());
    names.into_iter().find(|name| store.has(name)).ok_or_else(gone)
}
