//! containerd: through the CRI, a short `config.dump`, annotations in the specification, `status` and `status.dump`;
//! from `ctr`, only an index of blobs with the specification.

use super::{Documents, Facts};
use crate::model::engine_files::EngineFiles;

pub(super) fn facts(documents: &Documents<'_>, engine_files: &EngineFiles<'_>) -> Facts {
    let spec = documents.spec.as_ref();
    let annotation = |name: &str| {
        spec.and_then(|spec| spec.text(&["annotations", &format!("io.kubernetes.cri.{name}")])).map(str::to_owned)
    };
    let cri = documents.cri_status.as_ref();
    let label = |key| cri.and_then(|cri| cri.text(&["labels", key])).map(str::to_owned);
    let status = documents.status.as_ref();
    let reference = cri.and_then(|cri| cri.text(&["image_ref"]));
    let is_ctr = engine_files.has_image_annotation("io.containerd.checkpoint.");
    // `ctr` records the container's name only as the last part of its cgroup, /NAMESPACE/NAME.
    let cgroup = || spec?.text(&["linux", "cgroupsPath"])?.rsplit('/').next().filter(|name| !name.is_empty());
    let config_created = documents.config.as_ref().and_then(|config| config.time(&["createdTime"]));
    Facts {
        name: annotation("container-name")
            .or_else(|| label("io.kubernetes.container.name"))
            .or_else(|| is_ctr.then(cgroup).flatten().map(str::to_owned)),
        id: is_ctr.then(cgroup).flatten().map(str::to_owned),
        image: documents
            .config
            .as_ref()
            .and_then(|c| c.text(&["rootfsImageName"]))
            .map(str::to_owned)
            .or_else(|| annotation("image-name"))
            .or_else(|| {
                engine_files.image_annotation("org.opencontainers.image.ref.name").filter(|_| is_ctr).map(str::to_owned)
            }),
        image_id: cri
            .and_then(|cri| cri.text(&["image_id"]))
            .or(reference.filter(|reference| !reference.contains('@')))
            .map(str::to_owned),
        image_digest: reference.and_then(|r| r.split_once('@').map(|(_, digest)| digest.to_owned())),
        runtime: engine_files.image_annotation("io.containerd.checkpoint.runtime").map(str::to_owned),
        created: config_created
            .or_else(|| status.and_then(|status| status.nanoseconds(&["CreatedAt"])))
            .or_else(|| cri.and_then(|cri| cri.nanoseconds(&["created_at"]))),
        started: status
            .and_then(|status| status.nanoseconds(&["StartedAt"]))
            .or_else(|| cri.and_then(|cri| cri.nanoseconds(&["started_at"]))),
        // Containers that were not restored have this key too; `config.dump` has the time.
        restored: status.and_then(|status| status.bool(&["Restore"])).filter(|&restored| restored),
        pod: annotation("sandbox-name").or_else(|| label("io.kubernetes.pod.name")),
        namespace: annotation("sandbox-namespace").or_else(|| label("io.kubernetes.pod.namespace")),
        pod_uid: annotation("sandbox-uid").or_else(|| label("io.kubernetes.pod.uid")),
        labels: cri.and_then(|cri| cri.object(&["labels"])).cloned(),
        annotations: cri.and_then(|cri| cri.object(&["annotations"])).cloned(),
        ..Facts::default()
    }
}
