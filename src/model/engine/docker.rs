//! Docker: a checkpoint is a directory inside the container's own directory, whose `config.v2.json` has the rest.

use super::{Documents, Facts};

pub(super) fn facts(documents: &Documents<'_>) -> Facts {
    let Some(config) = &documents.docker else { return Facts::default() };
    let text = |keys: &[&str]| config.text(keys).map(str::to_owned);
    Facts {
        name: text(&["Name"]).map(|name| name.trim_start_matches('/').to_owned()),
        id: text(&["ID"]),
        image: text(&["Config", "Image"]),
        image_id: text(&["Image"]),
        created: config.time(&["Created"]),
        started: config.time(&["State", "StartedAt"]),
        labels: config.object(&["Config", "Labels"]).cloned(),
        ..Facts::default()
    }
}
