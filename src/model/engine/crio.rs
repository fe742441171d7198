//! CRI-O: a short `config.dump`; the rest is in annotations in the specification.

use serde_json::Value;

use super::{Documents, Facts};
use crate::model::engine_files::text_of;

pub(super) fn facts(documents: &Documents<'_>) -> Facts {
    let Some(spec) = &documents.spec else { return Facts::default() };
    let key = |name: &str| format!("io.kubernetes.cri-o.{name}");
    let text = |name: &str| spec.text(&["annotations", &key(name)]).map(str::to_owned);
    let embedded = |name: &str| spec.embedded(&["annotations", &key(name)]);
    let object = |name: &str| match embedded(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    let created = documents.config.as_ref().and_then(|config| config.time(&["createdTime"]));
    Facts {
        name: embedded("Metadata").as_ref().and_then(|m| text_of(m, "name")).map(str::to_owned),
        id: text("ContainerID"),
        image: documents
            .config
            .as_ref()
            .and_then(|c| c.text(&["rootfsImageName"]))
            .map(str::to_owned)
            .or_else(|| text("ImageName")),
        image_id: text("ImageRef"),
        image_digest: text("ImageRepoDigests").and_then(|digests| {
            let first = digests.split(&[',', ' '][..]).next()?.to_owned();
            first.split_once('@').map(|(_, digest)| digest.to_owned())
        }),
        // The annotation has the time of the request, about 50 ms earlier.
        created: created.or_else(|| spec.time(&["annotations", &key("Created")])),
        labels: object("Labels"),
        annotations: object("Annotations"),
        ..Facts::default()
    }
}
