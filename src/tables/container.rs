//! Table `container`: one row.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::Lsmtype;
use crate::model::container::NoTime;
use crate::model::engine::Engine;
use bstr::BString;

table! {
    "container", key(), brief(name, image, engine, runtime, created, checkpointed, hostname, pod, namespace),
    event(Event::state(&["host"], "container-state").about(Subject::Device).under("container"));
    /// The container, as its engine recorded it and as the images show it. One row.
    pub struct Container {
        /// The container's name. In Kubernetes, its name in the pod.
        #[to(ecs("container.name"), ocsf("container.name"), timesketch("container_name"))]
        pub name: Option<String>,
        /// The container's full id.
        #[to(ecs("container.id"), ocsf("container.uid"), timesketch("container_id"))]
        pub id: Option<String>,
        /// Name of the container image, as the engine recorded it.
        #[to(ecs("container.image.name").form(Form::Image), ocsf("container.image.name"), timesketch("image"))]
        pub image: Option<String>,
        /// Id of the container image.
        #[to(ocsf("container.image.uid"))]
        pub image_id: Option<String>,
        /// Digest of the container image in its registry.
        #[to(ecs("container.image.hash.all").form(Form::Digest))]
        pub image_digest: Option<String>,
        /// The engine: `Podman`, `CRI-O`, `containerd` or `Docker`. Null for a bare image set.
        #[to(ecs("container.runtime").form(Form::Lower), ocsf("container.runtime").form(Form::Lower))]
        pub engine: Option<&'static str>,
        /// The runtime, as recorded: `runc`, `crun` or `io.containerd.runc.v2`.
        pub runtime: Option<String>,
        /// Version of the runtime.
        pub runtime_version: Option<String>,
        /// Version of the engine.
        pub engine_version: Option<String>,
        /// Version of CRIU.
        pub criu_version: Option<String>,
        /// When the container was created.
        #[to(moment("Container Created"))]
        pub created: Option<Timestamp>,
        /// When its first process started.
        #[to(moment("Container Started"))]
        pub started: Option<Timestamp>,
        /// Whether the container had itself been restored from a checkpoint. Null if the engine does not say.
        pub restored: Option<bool>,
        /// When the container was restored. Null if it was not, or if the engine does not say.
        #[to(moment("Container Restored"))]
        pub restored_at: Option<Timestamp>,
        /// When the dump was made.
        #[to(moment("Checkpoint Created"))]
        pub checkpointed: Option<Timestamp>,
        /// Where `checkpointed` comes from: `config.dump`, `inventory` or `members` (modification times from a tar), or
        /// `file name` (the kubelet's). If `checkpointed` is null, the reason: `copied` (only the times of files in a
        /// directory, which may be those of a copy) or `not recorded`.
        pub checkpointed_from: Option<&'static str>,
        /// Host name, from the UTS namespace or else from the specification.
        #[to(ocsf("hostname"), timesketch("hostname"))]
        pub hostname: Option<BString>,
        /// Kubernetes: the pod.
        #[to(ecs("orchestrator.resource.name"), timesketch("pod_name"))]
        pub pod: Option<String>,
        /// Kubernetes: the namespace.
        #[to(ecs("orchestrator.namespace"), timesketch("namespace"))]
        pub namespace: Option<String>,
        /// Kubernetes: the pod's unique id.
        #[to(ecs("orchestrator.resource.id"), ocsf("container.pod_uuid").form(Form::Uuid))]
        pub pod_uid: Option<String>,
        /// IP addresses, without loopback and link-local addresses. Empty if the container had none. Null if unknown.
        #[to(ocsf("ip").form(Form::First))]
        pub ip_addresses: Option<Vec<String>>,
        /// Hardware (MAC) addresses.
        #[to(ocsf("mac").form(Form::First))]
        pub mac_addresses: Option<Vec<String>>,
        /// Labels, as recorded.
        #[to(ecs("container.labels").form(Form::Labels), ocsf("container.labels").form(Form::Pairs).own())]
        pub labels: Option<Map<String, Json>>,
        /// Annotations, as recorded.
        pub annotations: Option<Map<String, Json>>,
        /// Architecture, as `uname -m` prints it.
        #[to(ecs("host.architecture"))]
        pub architecture: Option<&'static str>,
        /// Security module of the host: `none`, `selinux` or `apparmor`. Null before CRIU 1.6 and if there is no
        /// inventory.
        pub security_module: Option<&'static str>,
        /// CRIU plugins that took part in the dump. With `cuda_plugin` or `amdgpu_plugin`, the checkpoint holds GPU
        /// state. Null before CRIU 4.1, which does not record plugins.
        pub criu_plugins: Option<Vec<BString>>,
        /// Page size of the machine, in bytes. Null if no process records it.
        pub page_size: Option<u64>,
        /// Process id of the root task.
        pub root_pid: Option<u32>,
    }
}

/// The row of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Container> + use<> {
    std::iter::once(row(checkpoint))
}

/// The one row of a checkpoint.
pub(super) fn row(checkpoint: &Checkpoint) -> Container {
    let model = checkpoint.model();
    let container = model.container().clone();
    let facts = container.facts;
    let annotations = match (container.annotations, facts.annotations) {
        (Some(mut own), Some(more)) => {
            for (key, value) in more {
                own.entry(key).or_insert(value);
            }
            Some(own)
        }
        (own, more) => own.or(more),
    };
    Container {
        name: facts.name,
        id: facts.id,
        image: facts.image,
        image_id: facts.image_id,
        image_digest: facts.image_digest,
        engine: container.engine.map(Engine::as_str),
        runtime: facts.runtime,
        runtime_version: facts.runtime_version,
        engine_version: facts.engine_version,
        criu_version: container.criu_version,
        created: facts.created,
        started: facts.started,
        restored: facts.restored,
        restored_at: facts.restored_at,
        checkpointed: container.checkpointed.ok().map(|(time, _)| time),
        checkpointed_from: Some(container.checkpointed.map_or_else(NoTime::as_str, |(_, source)| source.as_str())),
        hostname: container.hostname.map(BString::from),
        pod: facts.pod,
        namespace: facts.namespace,
        pod_uid: facts.pod_uid,
        ip_addresses: container.ip_addresses.map(|list| list.iter().map(ToString::to_string).collect()),
        mac_addresses: container.mac_addresses,
        labels: facts.labels,
        annotations,
        architecture: model.arch().map(crate::abi::arch::Arch::as_str),
        security_module: model.inventory().and_then(|inventory| inventory.lsmtype).and_then(|number| {
            Some(match Lsmtype::try_from(number).ok()? {
                Lsmtype::NoLsm => "none",
                Lsmtype::Selinux => "selinux",
                Lsmtype::Apparmor => "apparmor",
            })
        }),
        criu_plugins: model.plugins().map(|plugins| plugins.into_iter().map(BString::from).collect()),
        page_size: model.processes().iter().any(|p| p.mm.is_some()).then(|| model.page_size()),
        root_pid: model.processes().first().map(|root| root.pid().0),
    }
}
