//! Finds the engine that wrote an archive and reads its documents. One engine per file.

mod containerd;
mod crio;
mod docker;
pub mod network;
mod podman;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::document::Document;
use super::engine_files::EngineFiles;

/// A container engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// Podman.
    Podman,
    /// CRI-O.
    CriO,
    /// containerd, through the CRI or `ctr`.
    Containerd,
    /// Docker.
    Docker,
}

impl Engine {
    /// `Podman`, `CRI-O`, `containerd` or `Docker`.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Podman => "Podman",
            Engine::CriO => "CRI-O",
            Engine::Containerd => "containerd",
            Engine::Docker => "Docker",
        }
    }
}

/// Facts about a container from its engine's documents.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The container's name. In Kubernetes, its name in the pod.
    pub name: Option<String>,
    /// The container's full id.
    pub id: Option<String>,
    /// Name of the container image.
    pub image: Option<String>,
    /// Id of the container image.
    pub image_id: Option<String>,
    /// Digest of the container image.
    pub image_digest: Option<String>,
    /// The runtime, without its directory.
    pub runtime: Option<String>,
    /// Version of the runtime.
    pub runtime_version: Option<String>,
    /// Version of the engine.
    pub engine_version: Option<String>,
    /// When the container was created.
    pub created: Option<Timestamp>,
    /// When its first process started.
    pub started: Option<Timestamp>,
    /// Whether the container had itself been restored from a checkpoint.
    pub restored: Option<bool>,
    /// When the container was restored.
    pub restored_at: Option<Timestamp>,
    /// Kubernetes: the pod.
    pub pod: Option<String>,
    /// Kubernetes: the namespace.
    pub namespace: Option<String>,
    /// Kubernetes: the pod's unique id.
    pub pod_uid: Option<String>,
    /// Labels.
    pub labels: Option<Map<String, Value>>,
    /// Annotations that are not in the specification.
    pub annotations: Option<Map<String, Value>>,
}

impl Facts {
    /// Fills in missing facts from elsewhere.
    fn or(self, other: Facts) -> Facts {
        Facts {
            name: self.name.or(other.name),
            id: self.id.or(other.id),
            image: self.image.or(other.image),
            image_id: self.image_id.or(other.image_id),
            image_digest: self.image_digest.or(other.image_digest),
            runtime: self.runtime.or(other.runtime),
            runtime_version: self.runtime_version.or(other.runtime_version),
            engine_version: self.engine_version.or(other.engine_version),
            created: self.created.or(other.created),
            started: self.started.or(other.started),
            restored: self.restored.or(other.restored),
            restored_at: self.restored_at.or(other.restored_at),
            pod: self.pod.or(other.pod),
            namespace: self.namespace.or(other.namespace),
            pod_uid: self.pod_uid.or(other.pod_uid),
            labels: self.labels.or(other.labels),
            annotations: self.annotations.or(other.annotations),
        }
    }
}

/// The documents written by engines.
#[derive(Debug)]
pub(in crate::model) struct Documents<'a> {
    /// `config.dump`.
    pub(super) config: Option<Document<'a>>,
    /// `spec.dump`, or `config.json` of a bundle: the OCI runtime specification.
    pub(super) spec: Option<Document<'a>>,
    /// `network.status`.
    pub(super) network: Option<Document<'a>>,
    /// containerd's `status`.
    pub(super) status: Option<Document<'a>>,
    /// containerd's `status.dump`.
    pub(super) cri_status: Option<Document<'a>>,
    /// Docker's `config.v2.json`.
    pub(super) docker: Option<Document<'a>>,
}

impl<'a> Documents<'a> {
    pub(super) fn read(engine_files: &EngineFiles<'a>) -> Self {
        let object = |name| engine_files.document(name).and_then(Document::expect_object);
        // A bundle's specification lies with the images, or above them.
        let bundle = || {
            let candidates = [engine_files.document("config.json"), engine_files.document_above(1, "config.json")];
            candidates.into_iter().flatten().find(|d| d.value.get("ociVersion").is_some_and(Value::is_string))
        };
        Documents {
            config: object("config.dump"),
            spec: object("spec.dump").or_else(bundle),
            network: engine_files.document("network.status"),
            status: object("status"),
            cri_status: object("status.dump"),
            // containers/ID/config.v2.json, and the images in containers/ID/checkpoints/NAME.
            docker: engine_files.document_above(2, "config.v2.json").and_then(Document::expect_object),
        }
    }
}

/// Which engine wrote an archive. The rules are those of `docs/engines.md`, in order; what fits none is a bare set.
pub(super) fn detect(documents: &Documents<'_>, engine_files: &EngineFiles<'_>) -> Option<Engine> {
    let spec = documents.spec.as_ref();
    let annotations = spec.and_then(|spec| spec.object(&["annotations"]));
    let has_prefix = |prefix| annotations.is_some_and(|a| a.keys().any(|key| key.starts_with(prefix)));
    match annotations.and_then(|a| a.get("io.container.manager")?.as_str()) {
        Some("libpod") => return Some(Engine::Podman),
        Some("cri-o") => return Some(Engine::CriO),
        _ => {}
    }
    let config_has = |key| documents.config.as_ref().is_some_and(|c| c.value.get(key).is_some());
    let status_is_containerds = documents.cri_status.is_some()
        || documents.status.as_ref().is_some_and(|s| s.value.get("CreatedAt").is_some_and(Value::is_number));
    if has_prefix("io.kubernetes.cri-o.")
        || engine_files.has_image_annotation("io.kubernetes.cri-o.annotations.checkpoint.")
    {
        Some(Engine::CriO)
    } else if has_prefix("io.kubernetes.cri.") || status_is_containerds {
        Some(Engine::Containerd)
    } else if config_has("spec")
        || config_has("staticDir")
        || engine_files.has_image_annotation("io.podman.annotations.checkpoint.")
    {
        Some(Engine::Podman)
    } else if engine_files.has_image_annotation("io.containerd.checkpoint.") {
        Some(Engine::Containerd)
    } else if documents.docker.is_some() {
        Some(Engine::Docker)
    } else {
        None
    }
}

/// What the documents say, by the rules of the engine and then by what all have in common.
pub(super) fn facts(engine: Option<Engine>, documents: &Documents<'_>, engine_files: &EngineFiles<'_>) -> Facts {
    let own = match engine {
        Some(Engine::Podman) => podman::facts(documents),
        Some(Engine::CriO) => crio::facts(documents),
        Some(Engine::Containerd) => containerd::facts(documents, engine_files),
        Some(Engine::Docker) => docker::facts(documents),
        None => Facts::default(),
    };
    let mut facts = own.or(kubernetes(documents)).or(common(documents)).or(of_image(engine_files));
    facts.runtime = facts.runtime.map(|runtime| runtime.rsplit('/').next().unwrap_or_default().to_owned());
    facts
}

/// Facts from Kubernetes annotations, which all engines have.
fn kubernetes(documents: &Documents<'_>) -> Facts {
    let annotation = |key| documents.spec.as_ref().and_then(|spec| spec.text(&["annotations", key])).map(str::to_owned);
    Facts {
        name: annotation("io.kubernetes.container.name"),
        pod: annotation("io.kubernetes.pod.name"),
        namespace: annotation("io.kubernetes.pod.namespace"),
        pod_uid: annotation("io.kubernetes.pod.uid"),
        ..Facts::default()
    }
}

/// The keys of `config.dump` that all engines share.
fn common(documents: &Documents<'_>) -> Facts {
    let Some(config) = &documents.config else { return Facts::default() };
    let text = |key| config.text(&[key]).map(str::to_owned);
    let of_pod = text("name").as_deref().and_then(PodContainer::parse);
    let (name, pod, namespace, uid) = match of_pod {
        Some(parts) => (Some(parts.name), Some(parts.pod), Some(parts.namespace), Some(parts.uid)),
        None => (text("name"), None, None, None),
    };
    let reference = text("rootfsImageRef");
    let (restored, restored_at) = restored(config);
    Facts {
        name,
        pod,
        namespace,
        pod_uid: uid,
        id: text("id"),
        image: text("rootfsImageName").or_else(|| text("rootfsImage")),
        image_id: text("rootfsImageID").or_else(|| reference.clone().filter(|r| !r.contains('@'))),
        image_digest: reference.and_then(|r| r.split_once('@').map(|(_, digest)| digest.to_owned())),
        runtime: text("runtime"),
        created: config.time(&["createdTime"]),
        restored,
        restored_at,
        ..Facts::default()
    }
}

/// Whether and when the container was restored. A time alone means that it was.
fn restored(config: &Document<'_>) -> (Option<bool>, Option<Timestamp>) {
    let (said, time) = (config.bool(&["restored"]), config.time(&["restoredTime"]));
    match (said, time) {
        (Some(false), Some(time)) => {
            config.contradicts(|| format!("restored is false, but restoredTime is {time}; the time was ignored"));
            (said, None)
        }
        _ => (said.or(time.map(|_| true)), time),
    }
}

/// What the OCI image that held the archive is annotated with.
fn of_image(engine_files: &EngineFiles<'_>) -> Facts {
    const PREFIXES: [&str; 3] =
        ["io.podman.annotations.checkpoint.", "io.kubernetes.cri-o.annotations.checkpoint.", "org.criu.checkpoint."];
    let get = |names: &[&str]| {
        let keys = PREFIXES.iter().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
        keys.into_iter().find_map(|key| engine_files.image_annotation(&key)).map(str::to_owned)
    };
    Facts {
        name: get(&["container.name", "name"]),
        image: get(&["rootfsImageName", "rootfsImageUserRequested"]),
        image_id: get(&["rootfsImageID"]),
        image_digest: get(&["rootfsImageSha"]),
        runtime: get(&["runtime.name"]),
        // Runtimes print more lines than their version.
        runtime_version: get(&["runtime.version"]).and_then(|v| v.lines().next().map(str::to_owned)),
        engine_version: get(&["podman.version", "cri-o.version", "engine.version"]),
        pod: get(&["pod.name"]),
        namespace: get(&["pod.namespace"]),
        pod_uid: get(&["pod.uid"]),
        ..Facts::default()
    }
}

/// The name that CRI-O gives a container, `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`; containerd omits `k8s_`.
/// Kubernetes names have no underscores.
#[derive(Debug, PartialEq, Eq)]
struct PodContainer {
    name: String,
    pod: String,
    namespace: String,
    uid: String,
}

impl PodContainer {
    fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_prefix("k8s_").unwrap_or(name).split('_').collect();
        let [name, pod, namespace, uid, attempt] = parts.as_slice() else { return None };
        let is_attempt = !attempt.is_empty() && attempt.bytes().all(|b| b.is_ascii_digit());
        let is_uid = uid.len() >= 32 && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        (is_attempt && is_uid).then(|| PodContainer {
            name: (*name).to_owned(),
            pod: (*pod).to_owned(),
            namespace: (*namespace).to_owned(),
            uid: (*uid).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_containers_in_pods() {
        let uid = "250f61d0-ef80-543c-8103-43c450bdf11a";
        let expected = PodContainer {
            name: "api".to_owned(),
            pod: "shop-api-7d9f8b6c5-x2x4k".to_owned(),
            namespace: "prod".to_owned(),
            uid: uid.to_owned(),
        };
        let name = format!("api_shop-api-7d9f8b6c5-x2x4k_prod_{uid}_2");
        assert_eq!(PodContainer::parse(&name).as_ref(), Some(&expected));
        assert_eq!(PodContainer::parse(&format!("k8s_{name}")), Some(expected));
        assert_eq!(PodContainer::parse("my_own_container_name_1"), None);
        assert_eq!(PodContainer::parse("web"), None);
    }
}
